"""What makes a training that is told to stop end well, and go on as if it had not been stopped."""

import signal
import threading
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping
from pytorch_lightning.callbacks.early_stopping import EarlyStoppingReason

from fer.common.seeding import epoch_seed, seed_everything


class EpochSeed(pl.Callback):
    """Reseeds torch, NumPy and Python before every training epoch (dropout, drop-path, anything a callback draws).

    Randomness then depends on (seed, epoch) alone, so that a resumed run reproduces the uninterrupted one. Each process
    of a distributed training draws its own.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's hook."""
        seed_everything(epoch_seed(self.seed, trainer.current_epoch, use="layers", process=trainer.global_rank))


class OwnSignals(pl.Callback):
    """Gives SIGTERM back to the handler it had before Lightning's Trainer took it.

    On several processes Lightning's handler makes them all wait for each other inside it; where one of them already
    waits for the others' gradients, none comes out again. On Slurm it ignores the signal altogether.
    """

    def __init__(self) -> None:
        self._before: Any = None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Lightning's hook, before it takes the signals."""
        self._before = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's hook, after it took them; it restores all of them at the end."""
        if trainer.world_size > 1 and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._before)


class Stopping(pl.Callback):
    """What a training that goes on from a checkpoint does with the early stopping that the checkpoint knows of.

    The same run stays stopped where its checkpoint is that of the epoch at which it stopped: Lightning saves what its
    `EarlyStopping` counted, and not the decision, and a run killed between its last checkpoint and its final numbers
    would train one epoch more than the uninterrupted one.

    A new run that learns on from another's has its own patience, and all of it: with what Lightning restores, one that
    stopped early would stop again after an epoch, whatever the configuration says. The score to beat stays.

    Args:
        last: the run's own checkpoint.
    """

    def __init__(self, last: Path) -> None:
        self.last = last
        self._patience: list[int] = []

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Lightning's hook, before any callback's state is restored."""
        self._patience = [stopping.patience for stopping in _stoppings(trainer)]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's hook, with every callback's state restored and before the first epoch."""
        if trainer.ckpt_path is None:
            return
        same = Path(trainer.ckpt_path) == self.last
        for stopping, patience in zip(_stoppings(trainer), self._patience, strict=True):
            # A stop at the first epoch (a loss that is not finite) cannot be told from none: the next one repeats it.
            if same and 0 < stopping.stopped_epoch == trainer.current_epoch - 1:
                trainer.should_stop = True
            if not same:
                stopping.patience = patience
                stopping.wait_count = stopping.stopped_epoch = 0
                stopping.stopping_reason, stopping.stopping_reason_message = EarlyStoppingReason.NOT_STOPPED, None


def _stoppings(trainer: pl.Trainer) -> list[EarlyStopping]:
    return [callback for callback in trainer.early_stopping_callbacks if isinstance(callback, EarlyStopping)]
