"""Scores on faces that do not show every emotion: a data set with fewer classes than the model predicts.

The usual macro F1 averages over every class that occurs in the labels or in the predictions, so a model that once
predicts "neutral" on a set without neutral faces pays for a class nobody could get right. Here macro scores average
over the emotions that the labels hold; a prediction outside them is still an error, for the face's own emotion.
"""

import numpy as np
import numpy.typing as npt

from fer.metrics.bootstrap import resampled_confusions, stream
from fer.metrics.estimate import Estimate
from fer.metrics.predictions import Floats, Predictions
from fer.metrics.scores import confusion_matrix, evaluate

SUBSET_ACCURACY = "limited_accuracy"
"""Key of the accuracy with predictions limited to the emotions that the labels hold."""


def present_classes(labels_N: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """int64 array, the classes that occur in the labels, ascending."""
    return np.unique(labels_N)


def evaluate_label_subset(predictions: Predictions, *, resamples: int = 2000, seed: int = 0) -> dict[str, Estimate]:
    """Every metric of `evaluate` with its interval, macro F1 over the emotions of the labels alone, and
    `SUBSET_ACCURACY`.

    Macro F1 equals scikit-learn's `f1_score(..., labels=present, average="macro", zero_division=0)`. Balanced accuracy,
    weighted F1 and weighted AUC count the emotions of the labels alone by definition. `SUBSET_ACCURACY` is the accuracy
    when the most probable of these emotions is the prediction.

    Args:
        predictions: the table, at least one face.
        resamples: bootstrap resamples.
        seed: of the resampling.

    Raises:
        DataError: the table is empty.
    """
    scores = evaluate(predictions, resamples=resamples, seed=seed)
    present = present_classes(predictions.labels)
    n = len(predictions)
    confusion = confusion_matrix(predictions.labels, predictions.predicted, len(predictions.classes))
    draws = resampled_confusions(confusion, resamples=resamples, rng=stream("confusion matrix", seed=seed))
    scores["macro_f1"] = Estimate.of_draws(float(_macro_f1(confusion, present)), _macro_f1(draws, present), n).moved()
    limited_N = present[predictions.probabilities[:, present].argmax(axis=1)]
    hits = int((limited_N == predictions.labels).sum())
    scores[SUBSET_ACCURACY] = Estimate.of_share(hits, n)
    return scores


def _macro_f1(confusion: npt.NDArray[np.int64], present: npt.NDArray[np.int64]) -> Floats:
    """Confusion matrices (..., C, C) -> mean F1 (...) of the classes `present`; 0 for one that never occurs."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)[..., present]
    both = (confusion.sum(axis=-1) + confusion.sum(axis=-2))[..., present]
    f1: Floats = np.divide(2.0 * hits, both, out=np.zeros(hits.shape), where=both > 0)
    mean: Floats = np.asarray(f1.mean(axis=-1))
    return mean
