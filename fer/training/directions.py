"""Which way a monitored metric is better: a training that keeps its worst epoch says nothing of it."""

import inspect
from collections.abc import Mapping
from typing import Any, Final

from fer.common.errors import ConfigError
from fer.common.plugins import located
from fer.config.instantiate import located_class
from fer.config.saved import monitored_metric
from fer.config.schema import TrainConfig
from fer.models.schedule import OwnSchedulerConfig

_LOSSES: Final = ("train/loss", "valid/loss", "plain/loss")


def check_directions(config: TrainConfig) -> None:
    """Refuses a `mode` that takes the worse value of what is monitored for the better one.

    Raises:
        ConfigError: naming the key, and the mode that it has to be.
    """
    for name, node in config.callbacks.items():
        target = located_class(node["_target_"], f"callbacks.{name}", kind=object)
        _refuse(f"callbacks.{name}", target, node, config)
    if isinstance(config.scheduler, OwnSchedulerConfig):
        target = located(config.scheduler.target, "scheduler._target_", libraries=True)
        _refuse("scheduler", target, {"monitor": config.scheduler.monitor, **config.scheduler.arguments}, config)


def _refuse(key: str, target: Any, told: Mapping[str, Any], config: TrainConfig) -> None:
    parameter = inspect.signature(target).parameters.get("mode")
    mode = told.get("mode", None if parameter is None else parameter.default)
    better = _higher_is_better(told.get("monitor"), config)
    if better is None or mode not in ("min", "max") or (mode == "max") == better:
        return
    raise ConfigError(
        f"{key}.monitor={told['monitor']}: of that the {'higher' if better else 'lower'} value is the better one, and "
        f"mode={mode} would take the worst for the best: give {key}.mode={'max' if better else 'min'}"
    )


def _higher_is_better(monitor: object, config: TrainConfig) -> bool | None:
    """What a monitored number's metric says of itself; None where it says nothing."""
    if monitor in _LOSSES:
        return False
    node = config.metrics.get(monitored_metric(monitor) or "")
    if node is None:
        return None
    better = getattr(located_class(node["_target_"], "metrics", kind=object), "higher_is_better", None)
    return better if isinstance(better, bool) else None
