"""The order of an epoch: a function of (labels, seed, epoch), so that a resumed run goes on as it would have."""

import numpy as np
import numpy.typing as npt


def square_root_order(labels: npt.NDArray[np.int64], *, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """Positions in `labels`, classes drawn by the square root of their counts; as many as there are, int64 (N,)."""
    rng = np.random.default_rng([seed, epoch])
    share_N = 1 / np.sqrt(np.bincount(labels)[labels])
    return rng.choice(len(labels), size=len(labels), p=share_N / share_N.sum())
