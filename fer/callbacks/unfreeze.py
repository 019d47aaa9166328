"""Frozen backbone and gradual unfreezing, for nets that start from weights trained elsewhere."""

import pytorch_lightning as pl
from torch import nn

from fer.common.errors import ConfigError
from fer.models.layers import head_parameters, set_norm_modes, unfreeze


class GradualUnfreezing(pl.Callback):
    """Trains the classifier head alone at first, then one more share of the layers below it at a time.

    From the head downwards (ULMFiT, arXiv 1801.06146, 3.3), so that the fresh head's first, large gradients do not
    wash out what the backbone knows. What trains in an epoch depends on its number alone, so a resumed run goes on
    where it was. Frozen batch norms keep their statistics.

    Args:
        start_epoch: the first epoch, from 0, that trains more than the head; null keeps the backbone frozen.
        every_n_epochs: epochs from one share to the next.
        shares: into how many shares the backbone's layers are divided; 1 unfreezes it at once.
    """

    def __init__(self, *, start_epoch: int | None = 1, every_n_epochs: int = 1, shares: int = 4) -> None:
        for name, value, least in (("every_n_epochs", every_n_epochs, 1), ("shares", shares, 1)):
            if value < least:
                raise ConfigError(f"{name}={value} must be at least {least}")
        if start_epoch is not None and start_epoch < 0:
            raise ConfigError(f"start_epoch={start_epoch} must be at least 0, or null to keep the backbone frozen")
        self.start_epoch = start_epoch
        self.every_n_epochs = every_n_epochs
        self.shares = shares

    def fraction(self, epoch: int) -> float:
        """The share of the backbone's layers that trains in an epoch, in [0, 1]."""
        if self.start_epoch is None or epoch < self.start_epoch:
            return 0.0
        return min(1.0, (1 + (epoch - self.start_epoch) // self.every_n_epochs) / self.shares)

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Lightning's hook: refuses what would train wrongly.

        Raises:
            ConfigError: a net without a head, or training on several devices, whose gradient exchange is fixed at the
                start and would leave out what is unfrozen later.
        """
        if trainer.world_size > 1:
            raise ConfigError(f"gradual unfreezing works on one device, not on {trainer.world_size}: trainer.devices=1")
        if not head_parameters(_net(pl_module)):
            raise ConfigError(
                f"{type(_net(pl_module)).__name__} has no classifier head that could be trained alone: a net of your "
                "own calls its last layer `head`, or has a method get_classifier()"
            )

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's hook."""
        unfreeze(_net(pl_module), fraction=self.fraction(trainer.current_epoch))

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: object, batch_idx: int
    ) -> None:
        """Lightning's hook: whoever put the net into training mode since, frozen batch norms stay as they are."""
        if batch_idx == 0:
            set_norm_modes(_net(pl_module))


def _net(system: pl.LightningModule) -> nn.Module:
    net = system.net
    assert isinstance(net, nn.Module)
    return net
