"""`metrics.jsonl`: one line an epoch, the run's own record, independent of any logger."""

import json
import logging
import math
import time
from pathlib import Path
from typing import Any, Final

import pytorch_lightning as pl

from fer.common.files import append_line, write_atomic

log = logging.getLogger(__name__)

_FACTS: Final = ("epoch", "undefined", "tables", "size", "lr", "seconds", "images_per_second")
"""Names in a line that no logged number may take."""


class EpochLog(pl.Callback):
    """Appends everything that is logged of an epoch to `path`; a resumed run continues where its checkpoint stands.

    Attributes:
        train_seconds: wall seconds spent in training batches so far, resumed parts included.
        train_images: images trained on so far.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.train_seconds = 0.0
        self.train_images = 0
        self._epoch_start = 0.0
        self._epoch_images = 0
        self._train_end: float | None = None

    def state_dict(self) -> dict[str, Any]:
        """Lightning's hook."""
        return {"train_seconds": self.train_seconds, "train_images": self.train_images}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Lightning's hook."""
        self.train_seconds = state_dict["train_seconds"]
        self.train_images = state_dict["train_images"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Drops the lines of epochs that the checkpoint does not hold."""
        if trainer.is_global_zero and self.path.exists():
            lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if line.endswith("\n") and json.loads(line)["epoch"] < trainer.current_epoch]
            write_atomic(self.path, "".join(kept))

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's hook."""
        self._epoch_start = time.perf_counter()
        self._epoch_images = 0
        self._train_end = None

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Lightning's hook."""
        self._epoch_images += len(batch["label"]) * trainer.world_size

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validation time is not training time."""
        self._train_end = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Writes the line."""
        seconds = (self._train_end or time.perf_counter()) - self._epoch_start
        self.train_seconds += seconds
        self.train_images += self._epoch_images
        rate = _learning_rate(trainer)
        if rate is not None:
            # For every logger; this line has it of its own.
            pl_module.log("lr", rate)
        if not trainer.is_global_zero:
            return
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items() if name not in _FACTS}
        reasons, tables = getattr(pl_module, "undefined", {}), getattr(pl_module, "tables", {})
        undefined = {
            name: reasons.get(name, f"it was {value}") for name, value in metrics.items() if not math.isfinite(value)
        }
        line = {
            "epoch": trainer.current_epoch,
            **{name: None if name in undefined else value for name, value in metrics.items()},
            # JSON has no word for what a loss that diverged is.
            **({"undefined": undefined} if undefined else {}),
            **({"tables": tables} if tables else {}),
            "size": getattr(pl_module, "train_size", None),
            "lr": rate,
            "seconds": round(seconds, 3),
            "images_per_second": round(self._epoch_images / seconds, 1),
        }
        append_line(self.path, json.dumps(line, allow_nan=False))
        log.debug("epoch %d written", line["epoch"], extra={"epoch": line["epoch"], "seconds": line["seconds"]})


def _learning_rate(trainer: pl.Trainer) -> float | None:
    """The highest learning rate of all parameter groups; None for a net with nothing to learn."""
    rates = [group["lr"] for optimizer in trainer.optimizers for group in optimizer.param_groups if "lr" in group]
    return max(rates, default=None)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The epochs in a `metrics.jsonl` that this process writes, in order; none where there is no file yet."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
