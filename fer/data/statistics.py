"""Numbers that describe the pictures of a data set: how bright, how contrasted."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer.data.samples import FaceSamples, Split

_EVEN = 0.05


@dataclass(frozen=True, kw_only=True)
class ImageStatistics:
    """Grey levels of one split, scaled to [0, 1].

    Attributes:
        images: number of images.
        mean: of all pixels; what `fer.models.preprocess` shifts to 0.
        std: of all pixels, about `mean`; what `fer.models.preprocess` scales to 1.
        dark, median, bright: 5th, 50th and 95th percentile of the images' own means.
        contrast: mean of the images' own standard deviations.
        equalised: share of the images whose grey levels are spread as evenly as histogram equalisation leaves them
            (Kolmogorov-Smirnov distance to the uniform distribution below 0.05). Photographs hardly ever are.
    """

    images: int
    mean: float
    std: float
    dark: float
    median: float
    bright: float
    contrast: float
    equalised: float


def image_statistics(samples: FaceSamples) -> dict[str, ImageStatistics]:
    """Split -> statistics, for the splits that have samples; colour images count every channel."""
    statistics = {}
    for split in Split:
        rows = np.flatnonzero(samples.splits == split)
        if len(rows) > 0:
            statistics[split.value] = _of_rows(samples.images, rows)
    return statistics


def _of_rows(images_NCHW: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64]) -> ImageStatistics:
    means, squares, distances = [], [], []
    for start in range(0, len(rows), 2048):
        levels = images_NCHW[rows[start : start + 2048]].reshape(-1, images_NCHW[0].size)
        distances.append(_distance_to_uniform(levels))
        block = levels.astype(np.float32) / 255
        means.append(block.mean(axis=1, dtype=np.float64))
        squares.append((block**2).mean(axis=1, dtype=np.float64))
    mean_N, square_N = np.concatenate(means), np.concatenate(squares)
    mean = float(mean_N.mean())
    dark, median, bright = np.percentile(mean_N, [5, 50, 95]).tolist()
    return ImageStatistics(
        images=len(rows),
        mean=mean,
        std=float(np.sqrt(max(0.0, square_N.mean() - mean**2))),
        dark=dark,
        median=median,
        bright=bright,
        contrast=float(np.sqrt(np.clip(square_N - mean_N**2, 0, None)).mean()),
        equalised=float((np.concatenate(distances) < _EVEN).mean()),
    )


def _distance_to_uniform(levels_NP: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Greatest gap between each image's cumulative histogram and the straight line; uint8 (N, pixels) -> (N,)."""
    n, pixels = levels_NP.shape
    bins = levels_NP.astype(np.int64) + 256 * np.arange(n)[:, None]
    histogram = np.bincount(bins.ravel(), minlength=256 * n).reshape(n, 256)
    gaps = np.abs(histogram.cumsum(axis=1) / pixels - (np.arange(256) + 1) / 256)
    return np.asarray(gaps.max(axis=1))
