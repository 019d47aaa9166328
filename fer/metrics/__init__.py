"""Numbers counted on prediction tables. NumPy only; nothing here knows a net."""

from fer.metrics.estimate import Estimate
from fer.metrics.predictions import Predictions
from fer.metrics.scores import (
    METRICS,
    ClassScores,
    confusion_matrix,
    evaluate,
    evaluate_classes,
    headline,
    normalise_rows,
    undefined_reason,
    weighted_auc,
)

__all__ = [
    "METRICS",
    "ClassScores",
    "Estimate",
    "Predictions",
    "confusion_matrix",
    "evaluate",
    "evaluate_classes",
    "headline",
    "normalise_rows",
    "undefined_reason",
    "weighted_auc",
]
