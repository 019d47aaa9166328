"""Test-time augmentation: a face is shown to the model in four views, and what it says of them is averaged.

They are those of `fer-report`'s `tta=zoom` (`fer.data.views`): the face, its mirror image, the face enlarged, and the
mirror image of that.
"""

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

ZOOM: Final = 1.1
"""Magnification of the enlarged face, as `fer.data.views.ZOOM`."""


def averaged(
    predict: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]], faces: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float32]:
    """float32 array (N, C): the mean of the probabilities of a face's four views.

    Args:
        predict: grey faces uint8 (N, S, S) -> probabilities (N, C).
        faces: uint8 (N, S, S).
    """
    larger = enlarged(faces)
    views = (faces, faces[..., ::-1], larger, larger[..., ::-1])
    mean: npt.NDArray[np.float32] = np.mean([predict(np.ascontiguousarray(view)) for view in views], axis=0)
    return mean.astype(np.float32)


def enlarged(faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The faces (N, S, S), enlarged by `ZOOM` about their centre and cut to their old size."""
    larger = np.empty_like(faces)
    middle = (faces.shape[-1] - 1) / 2
    # Maps pixels of the result to those of the face.
    matrix = np.array([[1 / ZOOM, 0.0, middle - middle / ZOOM], [0.0, 1 / ZOOM, middle - middle / ZOOM]])
    size = (faces.shape[2], faces.shape[1])
    for row, face in enumerate(faces):
        larger[row] = cv2.warpAffine(face, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return larger
