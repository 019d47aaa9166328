"""A training that early stopping ended stays ended, also where it was killed before it could say so."""

from pathlib import Path

import pytorch_lightning as pl


class StayStopped(pl.Callback):
    """Trains no further epoch where the checkpoint gone on from is that of the epoch at which early stopping stopped.

    Lightning saves what its `EarlyStopping` counted, and not the decision: a run killed between its last checkpoint and
    its final numbers would train one epoch more than the uninterrupted one.

    Args:
        last: the run's own checkpoint; a new run that learns on from another run's is not stopped.
    """

    def __init__(self, last: Path) -> None:
        self.last = last

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's hook, with every callback's state restored and before the first epoch."""
        if trainer.ckpt_path is None or Path(trainer.ckpt_path) != self.last:
            return
        for stopping in trainer.early_stopping_callbacks:
            assert isinstance(stopping, pl.callbacks.EarlyStopping)
            # A stop at the first epoch (a loss that is not finite) cannot be told from none: the next one repeats it.
            if 0 < stopping.stopped_epoch == trainer.current_epoch - 1:
                trainer.should_stop = True
