"""Every random number of a run, from its one `seed`.

| what | drawn from | by |
|---|---|---|
| weights at the start | seed | `seed_everything`, before the net is built |
| which rows are held out (`stratified`, `kfold`) | seed | `fer.data.protocol` |
| order of the training rows | seed, epoch | `fer.data.sampling.epoch_order` |
| labels drawn from annotators' votes | seed, epoch | `fer.data.vote_targets` |
| augmentation, mixup, CutMix | seed, epoch | `epoch_seed(..., use="augmentation")` |
| dropout, drop path, whatever a layer or a callback draws | seed, epoch, process | `epoch_seed(..., use="layers")` |

Nothing random depends on an earlier epoch, so a run that goes on after an interruption draws what the uninterrupted one
would have drawn. The number of processes of a distributed training enters the last row alone: order, augmentation and
weights are the same on one process as on many.
"""

import random
from typing import Final, Literal

import numpy as np

Use = Literal["augmentation", "layers"]

_KEYS: Final[dict[Use, tuple[int, ...]]] = {"augmentation": (), "layers": (1,)}
"""Words that keep the streams of one epoch apart."""


def seed_everything(seed: int) -> None:
    """Seeds Python's `random`, NumPy's global generator, and torch on every device.

    Args:
        seed: in [0, 2**32).
    """
    import torch

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def epoch_seed(seed: int, epoch: int, *, use: Use, process: int = 0) -> int:
    """The seed of one use in one epoch, in [0, 2**32); unrelated to that of any other (NumPy's SeedSequence).

    Args:
        seed: the run's.
        epoch: from 0.
        use: what is drawn.
        process: rank of the process, for what each process draws on its own.
    """
    words = np.random.SeedSequence([seed, epoch, process, *_KEYS[use]]).generate_state(1)
    return int(words[0])
