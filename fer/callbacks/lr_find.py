"""A learning rate to begin with, before the first epoch."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from fer.callbacks.drawing import rate_curve
from fer.callbacks.figure_log import show
from fer.common.errors import ConfigError
from fer.common.files import write_json

log = logging.getLogger(__name__)


class RateFinder(pl.Callback):
    """Tries rising learning rates on a copy of the net, draws the loss and tells which rate it falls fastest at.

    The training itself goes on as if nothing had been tried, with the rate that is set: take the suggestion with
    `optimizer.lr=`. A resumed run is not tried again.

    Args:
        run_dir: the run folder; it gets `figures/lr_find.png` and `lr_find.json`.
        low: the lowest rate that is tried, above 0.
        high: the highest.
        steps: batches that are trained on, 10 or more.
    """

    def __init__(self, run_dir: str, *, low: float = 1e-5, high: float = 1.0, steps: int = 100) -> None:
        if not 0 < low < high:
            raise ConfigError(f"low={low} must be above 0 and below high={high}")
        if steps < 10:
            raise ConfigError(f"steps={steps} must be at least 10")
        self.run_dir = Path(run_dir)
        self.low, self.high, self.steps = low, high, steps

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's hook.

        Raises:
            ConfigError: the net has nothing to learn.
        """
        if not trainer.is_global_zero or trainer.current_epoch > 0:
            return
        system: Any = pl_module
        if system.optimizer is None:
            raise ConfigError("callbacks.lr_find: this net has nothing to learn, so no learning rate: leave it out")
        from fer.models.rate_finder import range_test

        found = range_test(
            system, _batches(trainer, pl_module.device, system), low=self.low, high=self.high, steps=self.steps
        )
        suggested = found.suggested
        figure = rate_curve(found.rates, found.losses, configured=found.configured, suggested=suggested)
        show(trainer, figure, self.run_dir / "figures" / "lr_find.png", name="figures/lr_find")
        write_json(
            self.run_dir / "lr_find.json",
            {
                "configured": found.configured,
                "suggested": suggested,
                "rates": found.rates.tolist(),
                "losses": found.losses.tolist(),
            },
        )
        if suggested is None:
            log.warning("lr_find: the loss falls at no rate between %g and %g", self.low, self.high)
        else:
            log.info("lr_find: set %.3g, suggested optimizer.lr=%.3g", found.configured, suggested)


def _batches(trainer: pl.Trainer, device: torch.device, system: Any) -> Iterator[dict[str, torch.Tensor]]:
    """Training batches on the device, augmented with random numbers of their own, over and over."""
    datamodule: Any = trainer.datamodule  # type: ignore[attr-defined]
    generator = torch.Generator(device=device).manual_seed(0)
    while True:
        for loaded in datamodule.train_dataloader():
            batch = {name: tensor.to(device) for name, tensor in loaded.items()}
            if datamodule.augment is not None:
                batch = datamodule.augment.batch(batch, size=system.train_size, generator=generator)
            yield batch
