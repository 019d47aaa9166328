"""The learning rate over a run."""

import math
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from fer.common.section import Section

if TYPE_CHECKING:
    from torch.optim import Optimizer


class SchedulerConfig(Section):
    """The learning rate over the run.

    Attributes:
        name: `onecycle` (straight up, then straight down to `final`; arXiv 1708.07120), `cosine` (straight up, then
            half a cosine down; arXiv 1608.03983), `plateau` (shrinks when `valid/loss` stalls) or `constant`.
        warmup: share of all steps spent rising, in [0, 1).
        final: last learning rate as a share of the peak.
        factor: what `plateau` multiplies the rate by.
        patience: epochs `plateau` waits.
    """

    name: Literal["onecycle", "cosine", "plateau", "constant"]
    warmup: float = Field(default=0.0, ge=0, lt=1)
    final: float = Field(default=1e-3, ge=0, le=1)
    factor: float = Field(default=0.5, gt=0, lt=1)
    patience: int = Field(default=3, ge=0)


def rate(config: SchedulerConfig, done: float) -> float:
    """Learning rate as a share of its peak when the share `done` in [0, 1] of all steps is over."""
    if done < config.warmup:
        return max(done / config.warmup, 1e-3)
    if config.name == "constant":
        return 1.0
    left = 1.0 - (done - config.warmup) / (1.0 - config.warmup)
    if config.name == "cosine":
        left = 0.5 * (1.0 - math.cos(math.pi * left))
    return config.final + (1.0 - config.final) * left


def build_scheduler(config: SchedulerConfig, optimizer: "Optimizer", *, steps: int) -> dict[str, Any]:
    """Lightning's `lr_scheduler` dict for a run of `steps` optimiser steps."""
    # A configuration is checked before torch loads.
    from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

    if config.name == "plateau":
        plateau = ReduceLROnPlateau(optimizer, mode="min", factor=config.factor, patience=config.patience)
        return {"scheduler": plateau, "interval": "epoch", "monitor": "valid/loss"}
    schedule = LambdaLR(optimizer, lambda step: rate(config, min(step / max(steps, 1), 1.0)))
    return {"scheduler": schedule, "interval": "step"}
