"""Heat maps of a report's faces by several methods, and why a method has none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from fer.explain.heat_maps import HeatMaps
    from fer.explain.methods import Explainable


@dataclass(frozen=True, kw_only=True)
class MapsByMethod:
    """Maps of the same faces.

    Attributes:
        maps: method -> maps, in the order asked for; methods without a readable map are left out.
        missing: method -> why it has none, in a sentence.
    """

    maps: "Mapping[str, HeatMaps]"
    missing: Mapping[str, str]


def maps_by_method(
    model: "Explainable",
    images: npt.NDArray[np.uint8],
    classes: npt.NDArray[np.int64],
    *,
    methods: Sequence[str],
) -> MapsByMethod:
    """Asks each method; one that does not apply, or whose grid is too coarse to be read, is named with its reason."""
    from fer.explain.attribution import NotApplicableError
    from fer.explain.methods import METHODS, explain

    maps: dict[str, HeatMaps] = {}
    missing: dict[str, str] = {}
    for method in methods:
        try:
            found = explain(model, images, classes, method=method)
        except NotApplicableError as error:
            missing[method] = f"{METHODS[method].title} does not apply to this net: {error.reason}."
            continue
        if found.too_coarse:
            missing[method] = (
                f"{METHODS[method].title} has {found.grid[0]} x {found.grid[1]} cells for the whole face in this net: "
                "too coarse to say where it looks, so it is left out."
            )
        else:
            maps[method] = found
    return MapsByMethod(maps=maps, missing=missing)


def for_the_eye(found: "HeatMaps") -> npt.NDArray[np.float32]:
    """Maps (N, H, W) as they are drawn: those of single pixels smoothed by a forty-eighth of the side, strongest 1.

    Single pixels of a 48 px face are specks to the eye; every number is taken from the maps as they are.
    """
    import cv2

    if found.grid != found.maps.shape[1:]:
        return found.maps
    sigma = max(found.grid) / 48
    soft = np.array([cv2.GaussianBlur(heat, (0, 0), sigma) for heat in found.maps], dtype=np.float32)
    soft = soft.reshape(found.maps.shape)
    peak = soft.max(axis=(1, 2), keepdims=True, initial=0.0)
    smooth: npt.NDArray[np.float32] = np.divide(soft, peak, out=np.zeros_like(soft), where=peak > 0)
    return smooth
