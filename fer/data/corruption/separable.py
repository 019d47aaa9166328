"""Linear maps of pictures that act on rows and on columns alone, as small matrices: whole batches in two products."""

from functools import lru_cache

import cv2
import numpy as np

from fer.data.corruption.streams import Floats, Streams, normal


def separable(x_BCHW: Floats, rows_IH: Floats, columns_JW: Floats) -> Floats:
    """float32 (B, C, H, W) -> (B, C, I, J): `rows_IH @ x @ columns_JW.T` for every plane."""
    y: Floats = rows_IH @ (x_BCHW @ columns_JW.T)
    return y


@lru_cache(maxsize=64)
def gaussian_matrix(n: int, sigma: float) -> Floats:
    """float32 (n, n): Gaussian blur of standard deviation `sigma` pixels; beyond the edge the picture is mirrored."""
    reach = max(1, int(np.ceil(4 * sigma)))
    offset = np.arange(-reach, reach + 1)
    weight = np.exp(-0.5 * (offset / max(sigma, 1e-6)) ** 2)
    place = np.abs((np.arange(n)[:, None] + offset + n) % (2 * n) - n + 0.5) - 0.5
    matrix = np.zeros((n, n))
    np.add.at(matrix, (np.arange(n)[:, None], place.astype(np.int64)), weight / weight.sum())
    return matrix.astype(np.float32)


@lru_cache(maxsize=64)
def zoom_matrix(n: int, factor: float) -> Floats:
    """float32 (n, n): enlargement by `factor` >= 1 about the centre, with linear interpolation."""
    centre = (n - 1) / 2
    source = (np.arange(n) - centre) / factor + centre
    matrix: Floats = np.maximum(0.0, 1.0 - np.abs(source[:, None] - np.arange(n))).astype(np.float32)
    return matrix


@lru_cache(maxsize=64)
def pixelate_matrix(n: int, cells: int) -> Floats:
    """float32 (n, n): mean over `cells` equal stretches, then the nearest of them for each place."""
    edge = np.arange(n + 1)
    cell = np.linspace(0, n, cells + 1)
    shared = np.minimum(edge[None, 1:], cell[1:, None]) - np.maximum(edge[None, :-1], cell[:-1, None])
    means_MN = np.maximum(shared, 0.0) * cells / n
    nearest_N = ((np.arange(n) + 0.5) * cells / n).astype(np.int64)
    matrix: Floats = means_MN[nearest_N].astype(np.float32)
    return matrix


@lru_cache(maxsize=64)
def enlarge_matrix(m: int, n: int, *, cubic: bool) -> Floats:
    """float32 (n, m): cubic or linear interpolation from `m` places to `n`."""
    order = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.eye(m, dtype=np.float32), (m, n), interpolation=order), dtype=np.float32)


def smooth_noise(rngs: Streams, planes: int, height: int, width: int, sigma: float) -> Floats:
    """float32 (B, planes, height, width): normal noise of variance 1, smoothed by a Gaussian of `sigma` pixels."""
    rows, columns = (
        matrix / np.sqrt((matrix**2).sum(axis=1, keepdims=True))
        for matrix in (gaussian_matrix(height, sigma), gaussian_matrix(width, sigma))
    )
    return separable(normal(rngs, planes, height, width), rows, columns)
