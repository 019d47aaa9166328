"""The curves of a training so far, as a picture."""

import pytorch_lightning as pl

from fer.callbacks.drawing import learning_curves
from fer.callbacks.epoch_log import read_lines
from fer.callbacks.every_n_epochs import EveryNEpochs
from fer.callbacks.figure_log import show


class LearningCurve(EveryNEpochs):
    """Draws loss, scores and learning rate by epoch, earlier parts of a resumed run included.

    Args:
        run_dir: the run folder; the picture is `figures/learning_curve.png`.
        every_n_epochs: 1 or more.
    """

    def __init__(self, run_dir: str, *, every_n_epochs: int = 1) -> None:
        super().__init__(run_dir, every_n_epochs=every_n_epochs)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's hook; the epoch's line is written by then."""
        if trainer.is_global_zero and self.is_due(trainer):
            self._draw(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's hook: the last epoch of a training that stopped early is in the picture too."""
        if trainer.is_global_zero:
            self._draw(trainer)

    def _draw(self, trainer: pl.Trainer) -> None:
        epochs = read_lines(self.run_dir / "metrics.jsonl")
        show(trainer, learning_curves(epochs), self.picture("learning_curve"), name="figures/learning_curve")
