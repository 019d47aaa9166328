"""Scores on a set that lacks emotions, against scikit-learn's."""

import warnings

import numpy as np
import pytest
from sklearn import metrics

from fer.common.errors import DataError
from fer.metrics import METRICS, Predictions
from fer.metrics.label_subset import SUBSET_ACCURACY, evaluate_label_subset, present_classes


def table(labels: np.ndarray, *, seed: int = 0, skill: float = 1.5) -> Predictions:
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(len(labels), 7)) + skill * np.eye(7)[labels]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return Predictions(ids=np.array([str(i) for i in range(len(labels))]), labels=labels, probabilities=p, split="made")


LACKING = np.random.default_rng(1).choice([0, 1, 3, 4, 5], size=400, p=[0.3, 0.05, 0.3, 0.15, 0.2])


def test_macro_scores_count_the_emotions_of_the_labels_alone() -> None:
    made = table(LACKING)
    present = sorted(set(LACKING.tolist()))
    assert present_classes(LACKING).tolist() == present
    assert set(made.predicted) - set(present)  # the model does predict outside them
    scores = evaluate_label_subset(made, resamples=100)
    expected = {
        "accuracy": metrics.accuracy_score(LACKING, made.predicted),
        "macro_f1": metrics.f1_score(LACKING, made.predicted, labels=present, average="macro", zero_division=0),
        "weighted_f1": metrics.f1_score(LACKING, made.predicted, average="weighted", zero_division=0),
        SUBSET_ACCURACY: np.mean([present[i] for i in made.probabilities[:, present].argmax(axis=1)] == LACKING),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of predictions outside the labels
        expected["balanced_accuracy"] = metrics.balanced_accuracy_score(LACKING, made.predicted)
    for name, value in expected.items():
        assert scores[name].value == pytest.approx(value, abs=1e-9), name
    areas = [metrics.roc_auc_score(c == LACKING, made.probabilities[:, c]) for c in present]
    assert scores["weighted_auc"].value == pytest.approx(np.average(areas, weights=np.bincount(LACKING)[present]))


def test_with_every_emotion_it_is_the_usual_evaluation() -> None:
    labels = np.arange(700) % 7
    scores = evaluate_label_subset(table(labels), resamples=100)
    assert set(scores) == {*METRICS, SUBSET_ACCURACY}
    assert scores[SUBSET_ACCURACY].value == scores["accuracy"].value
    assert scores["macro_f1"].value == pytest.approx(metrics.f1_score(labels, table(labels).predicted, average="macro"))


def test_limiting_the_answers_never_costs_accuracy() -> None:
    for seed in range(5):
        scores = evaluate_label_subset(table(LACKING, seed=seed), resamples=100)
        assert scores[SUBSET_ACCURACY].value >= scores["accuracy"].value


def test_intervals_hold_the_value_and_repeat() -> None:
    scores = evaluate_label_subset(table(LACKING), resamples=500, seed=3)
    for name in ("macro_f1", SUBSET_ACCURACY):
        assert scores[name].low < scores[name].value < scores[name].high
        assert scores[name].n == 400
    # The standard deviation of a share of n faces is sqrt(p (1 - p) / n), and the interval reaches 1.96 of it to either
    # side.
    p = scores[SUBSET_ACCURACY].value
    half = (scores[SUBSET_ACCURACY].high - scores[SUBSET_ACCURACY].low) / 2
    assert half == pytest.approx(1.96 * np.sqrt(p * (1 - p) / 400), rel=0.15)
    assert scores == evaluate_label_subset(table(LACKING), resamples=500, seed=3)


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(DataError, match="no faces"):
        evaluate_label_subset(table(np.zeros(0, dtype=np.int64)))
