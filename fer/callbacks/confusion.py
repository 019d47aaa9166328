"""The confusion matrix of the validation faces, as a picture."""

from typing import Any

import pytorch_lightning as pl
import torch

from fer.callbacks.drawing import confusion_figure
from fer.callbacks.every_n_epochs import EveryNEpochs
from fer.callbacks.figure_log import show


class Confusion(EveryNEpochs):
    """Draws which label is taken for which, of all processes' validation faces.

    Args:
        run_dir: the run folder; the picture is `figures/confusion/epoch_NNN.png`.
        every_n_epochs: 1 or more.
    """

    def __init__(self, run_dir: str, *, every_n_epochs: int = 5) -> None:
        super().__init__(run_dir, every_n_epochs=every_n_epochs)
        self._counts: torch.Tensor | None = None

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's hook."""
        self._counts = None

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Counts a batch."""
        if trainer.sanity_checking or not self.is_due(trainer):
            return
        logits_BK, label_B = outputs["logits"], outputs["label"]
        classes = logits_BK.shape[1]
        cells = torch.bincount(label_B * classes + logits_BK.argmax(dim=1), minlength=classes * classes)
        counts_KK = cells.reshape(classes, classes)
        self._counts = counts_KK if self._counts is None else self._counts + counts_KK

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draws."""
        if self._counts is None:
            return
        counts: Any = self._counts
        if trainer.world_size > 1:
            counts = trainer.strategy.reduce(counts, reduce_op="sum")
        if trainer.is_global_zero:
            counts_CC = counts.cpu().numpy()
            share = counts_CC.trace() / counts_CC.sum()
            title = f"epoch {trainer.current_epoch + 1}: {100 * share:.1f} % of {counts_CC.sum():,} validation faces"
            described: Any = pl_module.description
            figure = confusion_figure(counts_CC, names=described["labels"], title=title)
            show(trainer, figure, self.picture("confusion", trainer), name="figures/confusion")
