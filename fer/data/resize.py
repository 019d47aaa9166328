"""One way to bring faces to a common size and colour: every import and every merged set goes through it.

Shrinking averages areas (OpenCV's INTER_AREA), which neither aliases nor rings; enlarging is bilinear. Colour becomes
grey by Rec. 601 luma, as in `fer.models.preprocess`; grey becomes colour by repetition.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

INTERPOLATION: Final = "area averaging to shrink, bilinear to enlarge"
"""How `fit_image` resizes, in the words of a note."""


def fit_image(image: npt.NDArray[np.uint8], *, size: int, channels: int) -> npt.NDArray[np.uint8]:
    """One image, uint8 (H, W) grey or (H, W, 3) RGB -> uint8 (channels, size, size).

    What is not square is cut to its central square first: a face keeps its proportions.
    """
    import cv2

    if image.ndim == 3 and channels == 1:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    image = image[top : top + side, left : left + side]
    if side != size:
        how = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
        image = cv2.resize(image, (size, size), interpolation=how).astype(np.uint8, copy=False)
    if image.ndim == 3:
        return np.ascontiguousarray(image.transpose(2, 0, 1))
    return np.broadcast_to(image, (channels, size, size))


def fit_images(images_NCHW: npt.NDArray[np.uint8], *, size: int, channels: int) -> npt.NDArray[np.uint8]:
    """uint8 (N, C, H, W) -> (N, channels, size, size), image by image; the array itself where it fits already."""
    if images_NCHW.shape[1:] == (channels, size, size):
        return images_NCHW
    fitted = np.empty((len(images_NCHW), channels, size, size), dtype=np.uint8)
    for row, image_CHW in enumerate(images_NCHW):
        image = image_CHW[0] if len(image_CHW) == 1 else np.ascontiguousarray(image_CHW.transpose(1, 2, 0))
        fitted[row] = fit_image(image, size=size, channels=channels)
    return fitted
