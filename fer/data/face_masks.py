"""The masks of the occlusion study, by name: what of a face a model is shown at test time.

Import-light; torch comes with the first face.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from fer.data.regions import EXTENTS, HALVES, Part

Faces = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class FaceMask:
    """One way to hide a part of every face.

    Attributes:
        key: its name in files ("upper", "mouth_hidden", "patches_30").
        title: its name for readers ("upper half visible").
        kind: `keep` hides all but `region`, `hide` hides `region`, `patches` hides random cells of an 8 x 8 grid.
        region: of `keep` and `hide`.
        hidden: share of the picture that is hidden, in [0, 1].
    """

    key: str
    title: str
    kind: Literal["keep", "hide", "patches"]
    region: Part | Literal["full"] = "full"
    hidden: float


def _area(region: str) -> float:
    top, bottom, left, right = EXTENTS[region]
    return (bottom - top) * (right - left)


WHOLE: Final = FaceMask(key="full", title="whole face", kind="keep", hidden=0.0)

HALF_MASKS: Final = tuple(
    FaceMask(key=half, title=f"{half} half visible", kind="keep", region=half, hidden=1 - _area(half))
    for half in HALVES
)
"""Nothing but one half visible, in the order of `HALVES`."""

PART_MASKS: Final = (
    FaceMask(key="eyes_hidden", title="eyes hidden", kind="hide", region="eyes", hidden=_area("eyes")),
    FaceMask(key="mouth_hidden", title="mouth hidden", kind="hide", region="mouth", hidden=_area("mouth")),
)

PATCH_MASKS: Final = tuple(
    FaceMask(key=f"patches_{percent}", title=f"{percent} % in patches", kind="patches", hidden=percent / 100)
    for percent in (10, 20, 30, 40, 50)
)

STUDY_MASKS: Final = (WHOLE, *HALF_MASKS)
"""Rows and columns of the study's table."""

FACE_MASKS: Final = (*STUDY_MASKS, *PART_MASKS, *PATCH_MASKS)
"""Every mask, in reading order."""


def masked(images_NCHW: Faces, mask: FaceMask, *, seed: int = 0) -> Faces:
    """The faces with a part of each hidden under the mean of what stays visible of it.

    Args:
        images_NCHW: uint8 (N, C, H, W); at least 8 x 8 pixels for `patches`.
        mask: what to hide.
        seed: of `patches`, which differ from face to face; with one seed, what 10 % hides is hidden by 20 % too.

    Returns:
        uint8 (N, C, H, W); the images themselves where nothing is hidden.
    """
    if mask.hidden == 0:
        return images_NCHW
    import torch

    from fer.data.occlusion import apply_occlusion, hide, keep, random_patches

    faces = torch.from_numpy(np.ascontiguousarray(images_NCHW))
    if mask.kind == "patches":
        height, width = faces.shape[-2:]
        generator = torch.Generator().manual_seed(seed)
        hidden_NHW = random_patches(len(faces), fraction=mask.hidden, height=height, width=width, generator=generator)
        done = apply_occlusion(faces, hidden_NHW)
    else:
        change: Callable[..., torch.Tensor] = keep if mask.kind == "keep" else hide
        done = change(faces, mask.region)
    result: Faces = done.numpy()
    return result
