"""SIGTERM for the command's own handler, also in a training on several processes."""

import signal
import threading
from typing import Any

import pytorch_lightning as pl


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
