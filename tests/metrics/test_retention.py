import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from fer.common.errors import DataError
from fer.metrics import Predictions
from fer.metrics.retention import loss_recovered, retention


def table(hits: np.ndarray, split: str = "PublicTest") -> Predictions:
    """Answers that are right where `hits` says so."""
    labels = np.arange(len(hits)) % 7
    predicted = np.where(hits, labels, (labels + 1) % 7)
    ids = np.array([f"face {i}" for i in range(len(hits))])
    return Predictions(ids=ids, labels=labels, probabilities=np.eye(7)[predicted], split=split)


def correlated(count: int, *rates: float) -> list[Predictions]:
    """Tables that find the same faces hard: each is right where a face's ease is under its rate, with some noise."""
    rng = np.random.default_rng(0)
    ease = rng.random(count)
    return [table(np.clip(ease + 0.1 * rng.standard_normal(count), 0, 1) < rate) for rate in rates]


def accuracy(predictions: Predictions) -> float:
    return float(accuracy_score(predictions.labels, predictions.predicted))


def test_values_are_ratios_of_accuracies() -> None:
    clean, changed, tuned = correlated(500, 0.7, 0.4, 0.6)
    lost = accuracy(clean) - accuracy(changed)
    assert retention(clean, changed).value == pytest.approx(accuracy(changed) / accuracy(clean), abs=1e-12)
    recovered = loss_recovered(clean, changed, tuned)
    assert recovered.value == pytest.approx((accuracy(tuned) - accuracy(changed)) / lost, abs=1e-12)
    assert recovered.n == 500
    assert retention(clean, clean).value == retention(clean, clean).low == retention(clean, clean).high == 1.0


def test_intervals_are_those_of_a_bootstrap_over_faces() -> None:
    tables = correlated(400, 0.7, 0.4, 0.6)
    hits = np.stack([each.predicted == each.labels for each in tables]).astype(float)
    rows = np.random.default_rng(1).integers(0, 400, (4000, 400))
    clean, changed, tuned = hits[:, rows].mean(axis=2)
    for estimate, draws in (
        (retention(*tables[:2], resamples=4000), changed / clean),
        (loss_recovered(*tables, resamples=4000), (tuned - changed) / (clean - changed)),
    ):
        low, high = np.percentile(draws, (2.5, 97.5))
        assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=0.1 * (high - low))


def test_pairing_narrows_the_interval() -> None:
    clean, changed = correlated(500, 0.7, 0.6)
    shuffled = np.random.default_rng(2).permutation(changed.predicted == changed.labels)
    paired, unpaired = retention(clean, changed), retention(clean, table(shuffled))
    assert paired.value == pytest.approx(unpaired.value)
    assert paired.high - paired.low < 0.8 * (unpaired.high - unpaired.low)


def test_a_share_of_nothing_is_undefined() -> None:
    right, wrong = table(np.ones(50, dtype=bool)), table(np.zeros(50, dtype=bool))
    assert math.isnan(retention(wrong, right).value)
    lost_nothing = loss_recovered(right, right, wrong)
    assert [math.isnan(value) for value in (lost_nothing.value, lost_nothing.low, lost_nothing.high)] == [True] * 3
    assert loss_recovered(right, wrong, right).value == 1.0
    assert loss_recovered(right, wrong, wrong).value == 0.0


def test_the_same_seed_gives_the_same_interval() -> None:
    tables = correlated(200, 0.7, 0.5)
    assert retention(*tables, seed=4) == retention(*tables, seed=4)
    assert retention(*tables, seed=4) != retention(*tables, seed=5)


def test_tables_of_other_faces_are_refused() -> None:
    first, second = correlated(50, 0.7, 0.5)
    with pytest.raises(DataError, match="different faces"):
        retention(first, second.take(np.arange(49)))
    with pytest.raises(DataError, match="different faces"):
        loss_recovered(first, second, second.take(np.arange(50)[::-1]))
    with pytest.raises(DataError, match="hold no faces"):
        retention(first.take(np.arange(0)), second.take(np.arange(0)))
