"""The corruptions and changes of light by name, and the one function that applies them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from fer.common.errors import ConfigError, nearest
from fer.data.corruption import blur, digital, lighting, noise, weather
from fer.data.corruption.streams import Floats, Streams, streams

Kind = Literal["corruption", "lighting"]
Group = Literal["noise", "blur", "weather", "digital", "lighting"]

SEVERITIES: Final = (1, 2, 3, 4, 5)

# Values (float32) of one block: intermediate results of any corruption stay under 100 MB.
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Corruption:
    """One way to spoil a picture.

    Attributes:
        name: its key in `CORRUPTIONS`.
        title: for tables.
        kind: "corruption" for one of the fifteen of arXiv 1903.12261, "lighting" for a change of light.
        group: the paper's family, or "lighting".
        random: whether it draws from the image's stream.
        apply: float32 images (B, C, H, W) in [0, 1], severity 1 to 5, a generator an image -> spoilt images, which
            may leave [0, 1].
    """

    name: str
    title: str
    kind: Kind
    group: Group
    random: bool
    apply: Callable[[Floats, int, Streams], Floats]


def _all() -> dict[str, Corruption]:
    rows: list[tuple[Group, str, bool, Callable[[Floats, int, Streams], Floats]]] = [
        ("noise", "Gaussian noise", True, noise.gaussian_noise),
        ("noise", "Shot noise", True, noise.shot_noise),
        ("noise", "Impulse noise", True, noise.impulse_noise),
        ("blur", "Defocus blur", False, blur.defocus_blur),
        ("blur", "Glass blur", True, blur.glass_blur),
        ("blur", "Motion blur", True, blur.motion_blur),
        ("blur", "Zoom blur", False, blur.zoom_blur),
        ("weather", "Snow", True, weather.snow),
        ("weather", "Frost", True, weather.frost),
        ("weather", "Fog", True, weather.fog),
        ("weather", "Brightness", False, weather.brightness),
        ("digital", "Contrast", False, digital.contrast),
        ("digital", "Elastic transform", True, digital.elastic_transform),
        ("digital", "Pixelate", False, digital.pixelate),
        ("digital", "JPEG compression", False, digital.jpeg_compression),
        ("lighting", "Brighter", False, lighting.brighter),
        ("lighting", "Darker", False, lighting.darker),
        ("lighting", "Low contrast", False, lighting.low_contrast),
        ("lighting", "Gamma up (darker)", False, lighting.gamma_up),
        ("lighting", "Gamma down (lighter)", False, lighting.gamma_down),
        ("lighting", "Light from left", False, lighting.light_from_left),
        ("lighting", "Light from right", False, lighting.light_from_right),
        ("lighting", "Light from above", False, lighting.light_from_above),
        ("lighting", "Light from below", False, lighting.light_from_below),
    ]
    return {
        apply.__name__: Corruption(
            name=apply.__name__,
            title=title,
            kind="lighting" if group == "lighting" else "corruption",
            group=group,
            random=random,
            apply=apply,
        )
        for group, title, random, apply in rows
    }


CORRUPTIONS: Final[Mapping[str, Corruption]] = MappingProxyType(_all())
"""The fifteen corruptions in the paper's order, then the changes of light."""


def of_kind(kind: Kind) -> tuple[str, ...]:
    """Names of one kind, in order."""
    return tuple(name for name, corruption in CORRUPTIONS.items() if corruption.kind == kind)


def corrupt(images: npt.NDArray[np.uint8], *, name: str, severity: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Spoilt copies of stored images.

    Each result depends on its own pixels, the name, the severity and the seed alone: not on the batch, the order, or
    what was called before.

    Args:
        images: uint8 array (N, C, H, W), C = 1 (grey) or 3 (RGB), sides of at least 8 pixels.
        name: a key of `CORRUPTIONS`.
        severity: 1 (slight) to 5 (hard).
        seed: of the random ones.

    Returns:
        uint8 array of the same shape.

    Raises:
        ConfigError: an unknown name, or a severity outside 1 to 5.
    """
    if name not in CORRUPTIONS:
        raise ConfigError(f"unknown corruption {name!r}{nearest(name, CORRUPTIONS)}: one of {', '.join(CORRUPTIONS)}")
    if severity not in SEVERITIES:
        raise ConfigError(f"severity={severity}: give a whole number from 1 (slight) to 5 (hard)")
    assert images.dtype == np.uint8, images.dtype
    assert images.ndim == 4, images.shape
    assert images.shape[1] in (1, 3), images.shape
    corruption = CORRUPTIONS[name]
    spoilt = np.empty(images.shape, np.uint8)
    block = max(1, _BLOCK // max(1, int(np.prod(images.shape[1:]))))
    for start in range(0, len(images), block):
        part = np.ascontiguousarray(images[start : start + block])
        rngs = streams(part, name=name, severity=severity, seed=seed) if corruption.random else ()
        x_BCHW = corruption.apply(part.astype(np.float32) / np.float32(255), severity, rngs)
        spoilt[start : start + block] = np.clip(x_BCHW * 255 + 0.5, 0, 255).astype(np.uint8)
    return spoilt
