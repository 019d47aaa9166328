"""The learning rate over a run."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Discriminator, Field, Tag

from fer.common.arguments import checked_arguments, parameters
from fer.common.errors import ConfigError
from fer.common.plugins import located
from fer.common.section import OwnPart, Section, own_or_ours

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

    @property
    def without_effect(self) -> list[str]:
        """What is set, as "key=value", though a schedule of this name does not know it."""
        fields = type(self).model_fields
        unknown = [key for key in fields if key != "name" and key not in _KNOWS[self.name]]
        return [f"{key}={getattr(self, key)}" for key in unknown if getattr(self, key) != fields[key].default]


_KNOWS: Final[Mapping[str, tuple[str, ...]]] = {
    "onecycle": ("warmup", "final"),
    "cosine": ("warmup", "final"),
    "plateau": ("factor", "patience"),
    "constant": ("warmup",),
}
"""Schedule -> the settings that shape it."""


class OwnSchedulerConfig(OwnPart):
    """A schedule of one's own: a class derived from torch's LRScheduler, and its arguments beside `_target_`.

    Attributes:
        target: dotted name of the class (`_target_` in YAML). Where it takes `total_steps` or `T_max`, and is not told,
            these are the run's steps, or its epochs.
        interval: whether it moves on after every `step` or after every `epoch`.
        monitor: what a schedule that waits for a metric to stall looks at.
    """

    interval: Literal["step", "epoch"] = "epoch"
    monitor: str = "valid/loss"

    def found(self, *, length: int) -> tuple[type[Any], dict[str, Any]]:
        """The class, and its arguments but the optimiser.

        Args:
            length: of the run, in steps or epochs as `interval` says.

        Raises:
            ConfigError: no such class, none of a schedule, or arguments it does not take.
        """
        from torch.optim.lr_scheduler import LRScheduler

        found = located(self.target, "scheduler._target_", libraries=True)
        if not (isinstance(found, type) and issubclass(found, LRScheduler)):
            raise ConfigError(
                f"scheduler._target_={self.target} is no class derived from torch.optim.lr_scheduler.LRScheduler: "
                "scheduler takes such classes only"
            )
        told = {name: length for name in _LENGTHS if name in parameters(found)} | self.arguments
        return found, checked_arguments(found, told, key="scheduler", given=("optimizer",))


_LENGTHS: Final = ("total_steps", "T_max")
"""What torch's schedules call the length of a run."""

AnySchedulerConfig = Annotated[
    Annotated[SchedulerConfig, Tag("ours")] | Annotated[OwnSchedulerConfig, Tag("own")], Discriminator(own_or_ours)
]


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


def build_scheduler(
    config: SchedulerConfig | OwnSchedulerConfig, optimizer: "Optimizer", *, steps: int, epochs: int
) -> dict[str, Any]:
    """Lightning's `lr_scheduler` dict for a run of `steps` optimiser steps in `epochs` epochs.

    Raises:
        ConfigError: a class of one's own refused its arguments.
    """
    # A configuration is checked before torch loads.
    from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

    if isinstance(config, OwnSchedulerConfig):
        found, arguments = config.found(length=steps if config.interval == "step" else epochs)
        try:
            own = found(optimizer, **arguments)
        # Whatever the code of others raises; FER_DEBUG=1 shows where.
        except Exception as error:
            raise ConfigError(f"scheduler._target_={config.target}: {type(error).__name__}: {error}") from error
        return {"scheduler": own, "interval": config.interval, "monitor": config.monitor}
    if config.name == "plateau":
        plateau = ReduceLROnPlateau(optimizer, mode="min", factor=config.factor, patience=config.patience)
        return {"scheduler": plateau, "interval": "epoch", "monitor": "valid/loss"}
    schedule = LambdaLR(optimizer, lambda step: rate(config, min(step / max(steps, 1), 1.0)))
    return {"scheduler": schedule, "interval": "step"}
