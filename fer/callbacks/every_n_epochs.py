"""Callbacks that act in some epochs only."""

from pathlib import Path

import pytorch_lightning as pl

from fer.common.errors import ConfigError


class EveryNEpochs(pl.Callback):
    """Acts in every n-th epoch, and in the last one that is planned.

    Args:
        run_dir: the run folder; pictures go into its `figures`.
        every_n_epochs: 1 or more.
    """

    def __init__(self, run_dir: str, *, every_n_epochs: int) -> None:
        if every_n_epochs < 1:
            raise ConfigError(f"every_n_epochs={every_n_epochs} must be at least 1")
        self.run_dir = Path(run_dir)
        self.every_n_epochs = every_n_epochs

    def is_due(self, trainer: pl.Trainer) -> bool:
        """Whether the running epoch is one of them."""
        done = trainer.current_epoch + 1
        return done % self.every_n_epochs == 0 or done == trainer.max_epochs

    def picture(self, name: str, trainer: pl.Trainer | None = None) -> Path:
        """The file of a picture in the run folder: one for all epochs, or that of the trainer's epoch.

        Numbers have as many digits as the last planned one, and three at least, so that names sort as the epochs do.
        """
        figures = self.run_dir / "figures"
        if trainer is None:
            return figures / f"{name}.png"
        digits = max(3, len(str((trainer.max_epochs or 1) - 1)))
        return figures / name / f"epoch_{trainer.current_epoch:0{digits}}.png"
