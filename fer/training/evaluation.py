"""What a finished training is judged by: its best checkpoint on the selection rows."""

import math
from typing import Any

import torch

from fer.data.datamodule import FERDataModule
from fer.folders.run import RunFolder
from fer.metrics import Predictions, headline, undefined_reason
from fer.models.checkpoint import load_model
from fer.models.epoch_metrics import EpochMetrics


def evaluate_best(folder: RunFolder, data: FERDataModule, *, metrics: EpochMetrics) -> dict[str, Any]:
    """Metrics of the best checkpoint on the selection rows, which are also saved as predictions.

    `metrics` add to those of every run what bears another name. A metric that these rows leave undefined is None, and
    `undefined` says why, by its name; it is there where any is.
    """
    valid = data.valid_rows()
    name = data.split.valid_name
    predictions = Predictions(
        ids=valid.ids,
        labels=valid.labels,
        probabilities=load_model(folder.best).probabilities(valid.images),
        split=name,
        classes=data.labels,
    )
    predictions.write(folder.predictions(name))
    return judged(predictions, prefix=name, metrics=metrics)


def judged(predictions: Predictions, *, prefix: str, metrics: EpochMetrics | None = None) -> dict[str, Any]:
    """The headline metrics of predictions, and `metrics`, as JSON holds them, each named `prefix.metric`."""
    values = {f"{prefix}.{metric}": value for metric, value in headline(predictions).items()}
    undefined = {name: undefined_reason(predictions) for name, value in values.items() if not math.isfinite(value)}
    if metrics is not None:
        scores = metrics.cpu()(torch.from_numpy(predictions.probabilities), torch.from_numpy(predictions.labels))
        more = {f"{prefix}.{name.replace('/', '.')}": (name, float(value)) for name, value in scores.values.items()}
        more = {name: told for name, told in more.items() if name not in values}
        values |= {name: value for name, (_, value) in more.items()}
        undefined |= {name: scores.undefined[told] for name, (told, _) in more.items() if told in scores.undefined}
    defined = {name: None if name in undefined else value for name, value in values.items()}
    return {**defined, "undefined": undefined} if undefined else defined
