"""Risk, coverage and thresholds against brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer.common.errors import DataError
from fer.common.labels import EMOTIONS
from fer.metrics import Predictions
from fer.metrics.bootstrap import bootstrap_counts
from fer.metrics.selective import (
    lower_bound,
    perfect_ranking,
    risk_coverage,
    threshold_for_accuracy,
    threshold_for_share,
    threshold_reaching,
)
from fer.metrics.selective_scores import LEVELS, evaluate_abstention, evaluate_curve


@st.composite
def ranked(draw) -> tuple[np.ndarray, np.ndarray]:
    """Confidences with many ties, and whether each prediction is correct."""
    n = draw(st.integers(1, 50))
    confidence = draw(st.lists(st.sampled_from([0.2, 0.3, 0.5, 0.7, 0.9, 1.0]), min_size=n, max_size=n))
    return np.array(confidence), np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))


@given(ranked())
@settings(max_examples=150, deadline=None)
def test_the_curve_is_every_threshold_tried(case: tuple[np.ndarray, np.ndarray]) -> None:
    confidence, correct = case
    curve = risk_coverage(confidence, correct)
    assert curve.threshold.tolist() == sorted(set(confidence.tolist()), reverse=True)
    for threshold, coverage, risk in zip(curve.threshold, curve.coverage, curve.risk, strict=True):
        accepted = confidence >= threshold
        assert coverage == pytest.approx(accepted.mean())
        assert risk == pytest.approx(1 - correct[accepted].mean())
    # AURC: the mean over the faces of the risk at their own confidence.
    own = [1 - correct[confidence >= each].mean() for each in confidence]
    assert curve.area == pytest.approx(np.mean(own))


@given(ranked(), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_the_order_of_the_faces_does_not_matter(case: tuple[np.ndarray, np.ndarray], random) -> None:
    confidence, correct = case
    order = list(range(len(confidence)))
    random.shuffle(order)
    one, other = risk_coverage(confidence, correct), risk_coverage(confidence[order], correct[order])
    assert one.area == pytest.approx(other.area)
    assert one.risk.tolist() == other.risk.tolist()


@given(ranked(), st.floats(0.01, 1.0), st.integers(1, 10))
@settings(max_examples=200, deadline=None)
def test_the_threshold_is_one_whose_lower_bound_reaches_the_accuracy(
    case: tuple[np.ndarray, np.ndarray], accuracy: float, at_least: int
) -> None:
    confidence, correct = case
    threshold = threshold_for_accuracy(risk_coverage(confidence, correct), accuracy, at_least=at_least)
    if threshold is not None:
        kept = confidence >= threshold
        assert kept.sum() >= at_least
        assert lower_bound(int(correct[kept].sum()), int(kept.sum()), 0.05) >= accuracy
        assert 0 <= threshold <= 1
        assert threshold not in confidence or threshold == 0 or len(np.unique(confidence)) == 1


def test_the_lower_bound_is_that_of_statsmodels() -> None:
    """`proportion_confint(..., alpha=0.1, method="beta")`, whose lower end is one-sided at 5 %."""
    assert lower_bound(180, 200, 0.05) == pytest.approx(0.8580107484090549, abs=1e-9)
    assert lower_bound(30, 30, 0.05) == pytest.approx(0.9049661471446958, abs=1e-9)
    assert lower_bound(0, 30, 0.05) == 0.0


@pytest.mark.parametrize("n", [500, 3589])
def test_faces_like_the_fitting_ones_reach_the_accuracy_in_nineteen_fits_of_twenty(n: int) -> None:
    """With calibrated confidences c, uniform in [0.2, 1], those above a threshold t are right in (1 + t) / 2."""
    rng = np.random.default_rng(0)
    kept_promise, kept_before, answered = [], [], []
    for _ in range(200):
        confidence = rng.uniform(0.2, 1, n)
        curve = risk_coverage(confidence, rng.random(n) < confidence)
        threshold = threshold_for_accuracy(curve, 0.8, at_least=30)
        # None abstains on every face, which breaks no promise.
        kept_promise.append(threshold is None or (1 + max(threshold, 0.2)) / 2 >= 0.8)
        answered.append(0.0 if threshold is None else (1 - max(threshold, 0.2)) / 0.8)
        lowest = curve.threshold[np.flatnonzero((curve.risk <= 0.2) & (curve.accepted >= 30))[-1]]
        kept_before.append((1 + lowest) / 2 >= 0.8)
    assert np.mean(kept_promise) >= 0.95
    assert np.mean(kept_before) < 0.6, "the lowest threshold that reaches it keeps its promise half of the time"
    # What the promise costs: 0.5 of the faces could be answered by one who knew.
    assert np.mean(answered) > (0.2 if n == 500 else 0.4)


@given(ranked(), st.floats(0.01, 1.0), st.floats(0.01, 1.0))
@settings(max_examples=100, deadline=None)
def test_a_higher_target_never_answers_more(case: tuple[np.ndarray, np.ndarray], one: float, other: float) -> None:
    curve = risk_coverage(*case)
    low, high = (threshold_for_accuracy(curve, target) for target in sorted((one, other)))
    assert high is None or (low is not None and low <= high)


@given(ranked(), st.floats(0.01, 1.0))
@settings(max_examples=100, deadline=None)
def test_a_share_is_answered_with_no_group_too_many(case: tuple[np.ndarray, np.ndarray], share: float) -> None:
    confidence, correct = case
    accepted = confidence >= threshold_for_share(risk_coverage(confidence, correct), share)
    n = len(confidence)
    assert accepted.sum() >= share * n - 1e-6
    surer = confidence > confidence[accepted].min()
    assert surer.sum() < share * n


def test_a_threshold_between_neighbouring_floats_is_the_upper_one() -> None:
    upper = 0.5
    lower = np.nextafter(upper, 0)
    confidence = np.array([lower, upper])
    threshold = threshold_for_share(risk_coverage(confidence, np.array([False, True])), 0.5)
    assert (confidence >= threshold).tolist() == [False, True]


def test_a_perfect_ranking_has_no_risk_until_the_right_answers_are_spent() -> None:
    coverage, risk = perfect_ranking(4, 1)
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risk.tolist() == [0, 0, 0, 0.25]
    surest_first = risk_coverage(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, True, True, False]))
    assert surest_first.risk.tolist() == risk.tolist()


def test_no_faces_are_refused() -> None:
    with pytest.raises(DataError, match="no faces"):
        risk_coverage(np.zeros(0), np.zeros(0, dtype=bool))


def test_the_interval_of_the_curve_is_that_of_a_bootstrap_over_faces() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.integers(1, 30, 90) / 30
    correct = rng.random(90) < confidence
    found = evaluate_curve(confidence, correct, resamples=100, seed=5)
    areas, halves = [], []
    for weights in bootstrap_counts(90, resamples=100, seed=5):
        for drawn in weights.T:
            rows = np.repeat(np.arange(90), drawn.astype(int))
            curve = risk_coverage(confidence[rows], correct[rows])
            areas.append(curve.area)
            halves.append(curve.risk[np.flatnonzero(curve.accepted >= 45)[0]])
    assert found.area.value == pytest.approx(risk_coverage(confidence, correct).area)
    assert (found.area.low, found.area.high) == pytest.approx(np.percentile(areas, (2.5, 97.5)))
    half = LEVELS.index(pytest.approx(0.5))
    assert (found.low[half], found.high[half]) == pytest.approx(np.percentile(halves, (2.5, 97.5)))
    assert (found.low <= found.high).all()


def test_abstention_by_hand() -> None:
    """Predicted happy: three, two accepted, both right. Predicted sad: one, not accepted. Predicted angry: two."""
    labels = np.array([3, 3, 3, 3, 4, 4])
    said = np.array([3, 3, 0, 3, 4, 0])
    predictions = Predictions(
        ids=np.array([f"f{i}" for i in range(6)]), labels=labels, probabilities=np.eye(7)[said], split="PrivateTest"
    )
    whole, classes = evaluate_abstention(predictions, np.array([True, True, True, False, False, False]))
    assert (whole.support, whole.accepted) == (6, 3)
    assert whole.coverage.value == pytest.approx(0.5)
    assert whole.accuracy.value == pytest.approx(4 / 6)
    assert whole.selective_accuracy.value == pytest.approx(2 / 3)
    assert classes["happy"].coverage.value == pytest.approx(2 / 3)
    assert classes["happy"].selective_accuracy.value == 1.0
    assert classes["angry"].selective_accuracy.value == 0.0
    assert classes["angry"].selective_accuracy.high > 0.5, "one face is no proof"
    assert (classes["sad"].coverage.value, classes["sad"].accepted) == (0.0, 0)
    assert np.isnan(classes["sad"].selective_accuracy.value)
    assert np.isnan(classes["sad"].selective_accuracy.low)
    assert set(classes) == set(EMOTIONS)
    assert classes["fear"].support == 0
    assert whole.coverage.low < 0.5 < whole.coverage.high
    assert whole.selective_accuracy.n == 3


def test_coverage_has_the_width_of_a_binomial() -> None:
    n = 2000
    labels = np.arange(n) % 7
    predictions = Predictions(
        ids=np.arange(n).astype(np.str_), labels=labels, probabilities=np.eye(7)[labels], split="PrivateTest"
    )
    whole, _ = evaluate_abstention(predictions, np.arange(n) < 1400)
    assert whole.coverage.high - whole.coverage.low == pytest.approx(2 * 1.96 * np.sqrt(0.7 * 0.3 / n), rel=0.1)


@given(ranked(), st.sampled_from([0.3, 0.5, 0.8, 1.0]), st.integers(1, 10))
@settings(max_examples=150, deadline=None)
def test_the_lowest_threshold_that_reaches_an_accuracy_is_that_of_every_one_tried(
    case: tuple[np.ndarray, np.ndarray], accuracy: float, at_least: int
) -> None:
    confidence, correct = case
    good = [
        threshold
        for threshold in set(confidence.tolist())
        if (confidence >= threshold).sum() >= at_least and correct[confidence >= threshold].mean() >= accuracy
    ]
    found = threshold_reaching(risk_coverage(confidence, correct), accuracy, at_least=at_least)
    if not good:
        assert found is None
    else:
        assert found is not None
        assert ((confidence >= found) == (confidence >= min(good))).all()
