"""The configured metrics, built and tried before any data are read."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch

from fer.common.errors import ConfigError, FerError
from fer.common.labels import EMOTIONS
from fer.config.instantiate import Node, build, located_class
from fer.models.epoch_metrics import EpochMetrics

TAKEN: Final = ("loss",)
"""Names under `valid/` that are there without a metric."""


def build_metrics(nodes: Mapping[str, Node], *, labels: Sequence[str] = EMOTIONS) -> EpochMetrics:
    """The metrics of a configuration, each tried on faces of every class.

    A class that takes `num_classes` and is not told it gets the number of classes that is trained.

    Raises:
        ConfigError: a metric that cannot be built, or that does not take probabilities (N, K) and labels (N,).
    """
    from torchmetrics import Metric

    metrics: dict[str, Any] = {}
    for name, node in nodes.items():
        if name in TAKEN:
            raise ConfigError(f"metrics.{name}: valid/{name} is there without it: choose another name")
        target = located_class(node["_target_"], f"metrics.{name}", kind=Metric)
        filled = {**node}
        if "num_classes" in inspect.signature(target).parameters:
            filled.setdefault("num_classes", len(labels))
        metrics[name] = build(filled, f"metrics.{name}")
    for name, metric in metrics.items():
        _try(name, metric, count=len(labels))
    try:
        return EpochMetrics(metrics, classes=labels)
    except (KeyError, ValueError) as error:
        raise ConfigError(f"metrics: {' '.join(str(error).split())[:300]}: choose another name") from error


def _try(name: str, metric: Any, *, count: int) -> None:
    """Refuses a metric of another task, before the first epoch finds out."""
    probabilities_NK = torch.softmax(torch.arange(2.0 * count * count).reshape(-1, count).sin(), dim=1)
    label_N = torch.arange(2 * count) % count
    try:
        metric.update(probabilities_NK, label_N)
        value = metric.compute()
        metric.reset()
    except FerError:
        raise
    except Exception as error:  # somebody else's class
        reason = " ".join(str(error).split())[:300]
        raise ConfigError(
            f"metrics.{name}: {type(metric).__name__} does not take probabilities (faces, {count}) and labels "
            f"(faces,): {reason}"
        ) from error
    if not isinstance(value, torch.Tensor):
        raise ConfigError(
            f"metrics.{name}: {type(metric).__name__}.compute gives {type(value).__name__}, no tensor of one number, "
            "one a class or one table"
        )
