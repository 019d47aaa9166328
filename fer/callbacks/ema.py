"""Exponential moving average of the weights."""

from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor


class EMA(WeightAveraging):
    """Validates and saves an exponential moving average of weights and batch statistics (Polyak & Juditsky, 1992).

    The decay grows with the number of updates n as min(decay, (1 + n) / (10 + n)), so a short run is not held back
    by its random start.

    Args:
        decay: the average's memory in steps is about 1 / (1 - decay); in [0, 1).
    """

    def __init__(self, decay: float = 0.99) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay={decay} must be in [0, 1)")
        self.decay = decay
        super().__init__(use_buffers=True, multi_avg_fn=self._update)

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Lightning's hook; a net without parameters has nothing to average."""
        if any(parameter.requires_grad for parameter in pl_module.parameters()):
            super().setup(trainer, pl_module, stage)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any) -> None:
        """Lightning's hook."""
        if self._average_model is not None:
            super().on_train_batch_end(trainer, pl_module, *args)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's hook."""
        if self._average_model is not None:
            super().on_train_end(trainer, pl_module)

    @torch.no_grad()
    def _update(self, averaged: Any, current: Any, count: Any) -> None:
        updates = float(count)
        weight = 1.0 - min(self.decay, (1.0 + updates) / (10.0 + updates))
        floats: tuple[list[Tensor], list[Tensor]] = ([], [])
        for average, now in zip(averaged, current, strict=True):
            if average.is_floating_point():
                floats[0].append(average)
                floats[1].append(now)
            else:
                # Counters, such as batch norm's number of batches.
                average.copy_(now)
        if floats[0]:
            torch._foreach_lerp_(floats[0], floats[1], weight)
