"""Which samples an epoch shows, and in which order; balanced modes against class imbalance.

NumPy alone. The order is a function of (labels, mode, seed, epoch), so a resumed run continues with the order that the
interrupted one would have had.
"""

from typing import Literal, assert_never

import numpy as np
import numpy.typing as npt

SamplingMode = Literal["shuffle", "balanced", "oversample"]


def epoch_order(
    labels: npt.NDArray[np.int64], *, mode: SamplingMode = "shuffle", seed: int, epoch: int
) -> npt.NDArray[np.int64]:
    """Positions in `labels`, in the order in which an epoch shows them; int64 (M,).

    - "shuffle": every sample once; M = N.
    - "balanced": as many samples as there are, M = N, in equal shares of the classes (within one sample). A sample of a
      small class comes several times, one of a large class not in every epoch.
    - "oversample": every class repeated up to the count of the largest, M = classes x that count; every sample at least
      once (the recipe "augment the small classes up to equal shares", with fresh augmentation for every repetition).

    Within a class no sample comes more than once more often than another. Classes without samples have no share.

    Args:
        labels: class indices, int64 (N,).
        mode: see above.
        seed: 0 or more.
        epoch: 0 or more; each has its own order.
    """
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, epoch])))
    if mode == "shuffle" or len(labels) == 0:
        return rng.permutation(len(labels)).astype(np.int64)
    members = [np.flatnonzero(labels == k) for k in np.unique(labels)]
    if mode == "balanced":
        shares = np.full(len(members), len(labels) // len(members))
        # The remainder goes to other classes every epoch.
        shares[rng.permutation(len(members))[: len(labels) % len(members)]] += 1
    elif mode == "oversample":
        shares = np.full(len(members), max(len(rows) for rows in members))
    else:
        assert_never(mode)
    chosen = [_repeat(rows, int(share), rng) for rows, share in zip(members, shares, strict=True)]
    return rng.permutation(np.concatenate(chosen)).astype(np.int64)


def epoch_counts(labels: npt.NDArray[np.int64], *, mode: SamplingMode, classes: int) -> npt.NDArray[np.int64]:
    """int64 (classes,): how many samples of each class an epoch shows; under "balanced" one more or less from epoch to
    epoch."""
    return np.bincount(labels[epoch_order(labels, mode=mode, seed=0, epoch=0)], minlength=classes)


def _repeat(rows: npt.NDArray[np.int64], count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """`count` of `rows`: whole copies, then a random part of one without repetition."""
    copies, rest = divmod(count, len(rows))
    return np.concatenate([np.tile(rows, copies), rng.permutation(rows)[:rest]])
