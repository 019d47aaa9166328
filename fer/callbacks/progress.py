"""What a person sees of a training: a bar on a terminal and in a notebook, and a line an epoch."""

import sys
import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import RichProgressBar

from fer.common.notebook_bar import NotebookBar, in_notebook


class EpochLines(pl.Callback):
    """Prints one quiet line an epoch, for logs and pipes."""

    def __init__(self) -> None:
        self._start = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's hook."""
        self._start = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's hook."""
        if not trainer.is_global_zero:
            return
        metrics = trainer.callback_metrics
        parts = [
            f"{label} {float(metrics[name]):.4f}"
            for label, name in (
                ("train loss", "train/loss"),
                ("valid loss", "valid/loss"),
                ("accuracy", "valid/accuracy"),
                ("macro F1", "valid/macro_f1"),
            )
            if name in metrics
        ]
        seconds = time.perf_counter() - self._start
        print(
            f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}  {'  '.join(parts)}  {seconds:.1f} s", flush=True
        )


class EpochBar(RichProgressBar):
    """Lightning's bar, with epochs counted from 1, as in the lines above it."""

    def _get_train_description(self, current_epoch: int) -> str:
        # No narrower than what alternates with it, so that it does not flicker.
        return f"epoch {current_epoch + 1}/{self.trainer.max_epochs}".ljust(len(self.validation_description))


class BatchesInNotebook(pl.Callback):
    """A bar of the batches of the whole training, which goes when it ends."""

    def __init__(self) -> None:
        self._bar = NotebookBar()
        self._total: int | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's hook."""
        total = trainer.estimated_stepping_batches
        self._total = int(total) if total < float("inf") else None

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Lightning's hook."""
        words = f"epoch {trainer.current_epoch + 1}, batches:"
        self._bar.show(trainer.global_step, total=self._total, words=words)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's hook."""
        self._bar.clear()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Lightning's hook."""
        self._bar.clear()


def progress_callbacks() -> list[pl.Callback]:
    """One line an epoch; on a terminal a bar of the running one, in a notebook a bar of all."""
    if in_notebook():
        return [EpochLines(), BatchesInNotebook()]
    return [EpochLines(), EpochBar()] if sys.stdout.isatty() else [EpochLines()]
