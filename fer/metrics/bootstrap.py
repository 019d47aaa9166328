"""Bootstrap resamples of faces (Efron 1979), as counts: how often each face, or each kind of prediction, is drawn."""

import zlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

# Resamples per block: at 3,589 faces one block of weights is 0.9 MB as float32 and stays in the processor's cache.
_BLOCK = 64


def stream(name: str, *, seed: int) -> np.random.Generator:
    """The random numbers of one kind of draw: the same name and seed draw the same, wherever a statistic is counted.

    So a statistic that stands in two places has one interval, and adding another moves none.

    Args:
        name: what is drawn ("confusion matrix", "faces").
        seed: 0 or more.
    """
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def resampled_confusions(
    confusion: npt.NDArray[np.int64], *, resamples: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """int64 array (B, C, C): confusion matrices of B bootstrap resamples.

    Drawing N faces with replacement and counting them by (true, predicted) is, cell for cell, one multinomial draw
    with the observed shares: the same bootstrap, without touching the faces.

    Args:
        confusion: int64 array (C, C), of at least one face.
        resamples: B.
        rng: makes the draws.
    """
    n = int(confusion.sum())
    draws = rng.multinomial(n, confusion.ravel() / n, size=resamples)
    return draws.reshape(resamples, *confusion.shape)


def bootstrap_counts(n: int, *, resamples: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
    """How often each of `n` faces is drawn in each resample, in blocks: int64 arrays (n, up to 64)."""
    rng = stream("faces", seed=seed)
    for start in range(0, resamples, _BLOCK):
        block = min(_BLOCK, resamples - start)
        drawn = rng.integers(0, n, size=(n, block)) * block + np.arange(block)
        yield np.bincount(drawn.ravel(), minlength=n * block).reshape(n, block)
