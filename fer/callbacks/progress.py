"""What a person sees of a training: a bar on a terminal, a line an epoch elsewhere."""

import sys
import time

import pytorch_lightning as pl
from pytorch_lightning.callbacks import RichProgressBar


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


def progress_callbacks() -> list[pl.Callback]:
    """One line an epoch, and above it, on a terminal, a bar of the running one."""
    return [EpochLines(), EpochBar()] if sys.stdout.isatty() else [EpochLines()]
