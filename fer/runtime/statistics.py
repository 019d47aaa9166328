"""How bright and how sharp faces are: the numbers a drift log compares, counted in one way at export and in service."""

from typing import Any

import numpy as np
import numpy.typing as npt


def brightness(faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """float64 array (N,) in [0, 1]: the mean grey level of each face.

    Args:
        faces: uint8 (N, H, W), grey.
    """
    means: npt.NDArray[np.float64] = faces.mean(axis=(1, 2), dtype=np.float64) / 255
    return means


def sharpness(faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """float64 array (N,), 0 and above: the standard deviation of each face's Laplacian, as a share of the grey range.

    Its square is the "variance of the Laplacian" (Pech-Pacheco et al., ICPR 2000, section 2, LAP4), the usual measure
    of focus. The standard deviation spreads less from face to face, so that means of it compare. Faces differ in it by
    their size: compare those of one size only. Noise counts as sharpness.

    Args:
        faces: uint8 (N, H, W), grey, at least 3 pixels a side.
    """
    grey: npt.NDArray[Any] = faces.astype(np.int16)
    neighbours = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    laplacian = neighbours - 4 * grey[:, 1:-1, 1:-1]
    stds: npt.NDArray[np.float64] = laplacian.std(axis=(1, 2), dtype=np.float64) / 255
    return stds
