"""The length of the weights after every epoch: a callback is Lightning's."""

import pytorch_lightning as pl
import torch


class WeightNorm(pl.Callback):
    """Logs the Euclidean norm of all weights under `name`.

    Args:
        name: of the metric.
    """

    def __init__(self, *, name: str = "weights/norm") -> None:
        self.name = name

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's hook."""
        squares = [parameter.detach().float().square().sum() for parameter in pl_module.parameters()]
        pl_module.log(self.name, torch.stack(squares).sum().sqrt(), sync_dist=True)
