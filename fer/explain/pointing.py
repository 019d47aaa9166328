"""The pointing game: does a map's strongest place lie on the part it should? (Zhang et al. 2016, arXiv 1608.00507,
section 4.1)
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class Pointing:
    """The game on N faces, and what chance would do.

    Attributes:
        hits: float64 array (N,), 1 where the strongest place lies within `tolerance` of the true parts, 0 elsewhere;
            where several places are equally strong, the share of them that does; an empty map is a miss.
        chance: float64 array (N,), hits of a place drawn at random: the share of the picture within `tolerance` of
            the parts.
        centre: float64 array (N,), hits of the middle of the picture, as good as a map that knows nothing but framing.
        inside: float64 array (N,), share of the map's total heat on the parts themselves; 0 for an empty map.
        area: float64 array (N,), share of the picture that the parts take, which a flat map would put there.
    """

    hits: npt.NDArray[np.float64]
    chance: npt.NDArray[np.float64]
    centre: npt.NDArray[np.float64]
    inside: npt.NDArray[np.float64]
    area: npt.NDArray[np.float64]


def pointing_game(
    maps: npt.NDArray[np.float32], *, masks: npt.NDArray[np.bool_], tolerance: int | None = None
) -> Pointing:
    """Plays the game.

    Args:
        maps: float32 array (N, H, W) of at least 0, the heat maps.
        masks: bool array (N, H, W), True on the parts that make the class; at least one pixel a face.
        tolerance: pixels beside a part that still count; None for a sixteenth of the side (3 of 48), the paper's 15 px
            on its images.
    """
    import cv2

    side = min(masks.shape[1:])
    reach = round(side / 16) if tolerance is None else tolerance
    assert masks.any(axis=(1, 2)).all(), "a face without its parts has no ground truth to point at"
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    near = np.array([cv2.dilate(mask.astype(np.uint8), disc) for mask in masks], dtype=bool).reshape(masks.shape)
    peak = maps.max(axis=(1, 2), keepdims=True, initial=0.0)
    strongest = (maps == peak) & (peak > 0)
    total = maps.sum(axis=(1, 2), dtype=np.float64)
    filled = total > 0
    middle = near[:, masks.shape[1] // 2, masks.shape[2] // 2]
    return Pointing(
        hits=(strongest & near).sum(axis=(1, 2)) / np.maximum(strongest.sum(axis=(1, 2)), 1),
        chance=near.mean(axis=(1, 2)),
        centre=middle.astype(np.float64),
        inside=np.where(filled, (maps * masks).sum(axis=(1, 2), dtype=np.float64) / np.where(filled, total, 1), 0.0),
        area=masks.mean(axis=(1, 2)),
    )
