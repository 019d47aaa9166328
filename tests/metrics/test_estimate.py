"""Intervals of shares against statsmodels, their coverage, and one interval wherever a statistic stands."""

import numpy as np
import pytest

from fer.metrics import Estimate, Predictions, evaluate, evaluate_classes
from fer.metrics.calibration_scores import evaluate_calibration
from fer.metrics.estimate import mean_estimate
from fer.metrics.label_subset import evaluate_label_subset
from fer.metrics.robustness import accuracy_grid
from fer.metrics.selective_scores import evaluate_abstention


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.27753279986288926),
        (1, 55, 0.003216780454841077, 0.096057760621624),
        (6, 6, 0.6096657120978346, 1.0),
        (10, 10, 0.7224672001371106, 1.0),
        (533, 1000, 0.5020104989134991, 0.5637369350264544),
    ],
)
def test_the_interval_of_a_share_is_statsmodels_wilson(hits: int, n: int, low: float, high: float) -> None:
    """`statsmodels.stats.proportion.proportion_confint(hits, n, method="wilson")`, version 0.14."""
    found = Estimate.of_share(hits, n)
    assert (found.value, found.n) == (hits / n, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)


def test_a_share_of_nothing_is_undefined() -> None:
    undefined = {"value": None, "low": None, "high": None, "n": 0, "reason": "no faces to compute it from"}
    assert Estimate.of_share(0, 0).as_dict() == undefined


def test_it_covers_a_rare_recall_where_the_bootstrap_does_not() -> None:
    rng = np.random.default_rng(0)
    hits = rng.binomial(55, 0.02, 4000)
    wilson = [Estimate.of_share(int(h), 55) for h in hits]
    assert np.mean([one.low <= 0.02 <= one.high for one in wilson]) >= 0.93
    percentile = [np.percentile(rng.binomial(55, h / 55, 400) / 55, (2.5, 97.5)) for h in hits[:400]]
    assert np.mean([low <= 0.02 <= high for low, high in percentile]) < 0.75


def test_f1_covers_its_true_value_and_holds_it() -> None:
    """Support 55 and recall 0.3, and 5 of 1,000 other faces called the same: F1 = 2 * 16.5 / (16.5 + 5 + 55)."""
    rng = np.random.default_rng(1)
    true = 2 * 16.5 / (16.5 + 5 + 55)
    covered = []
    for _ in range(2000):
        hits, false_calls = int(rng.binomial(55, 0.3)), int(rng.binomial(1000, 0.005))
        found = Estimate.of_f1(hits, 55 + false_calls, 55)
        assert found.low <= found.value <= found.high
        assert found.value == pytest.approx(2 * hits / (hits + false_calls + 55))
        covered.append(found.low <= true <= found.high)
    assert np.mean(covered) >= 0.93


def test_nothing_right_is_not_certain() -> None:
    labels = np.repeat(np.arange(7), 10)
    said = np.where(labels == 1, 0, labels)
    scores = evaluate_classes(_table(labels, np.eye(7)[said]))["disgust"]
    assert (scores.recall.value, scores.recall.low) == (0.0, 0.0)
    assert scores.recall.high == pytest.approx(0.2775, abs=1e-4)
    assert scores.f1.high > 0.4
    assert scores.called == 0
    assert np.isnan(scores.precision.low), "a share of no prediction has no interval"


def test_what_no_resample_moves_has_no_interval() -> None:
    """The bootstrap sees no mistake that has not happened yet; 95 % of 20 right ones are no certainty."""
    labels = np.repeat(np.arange(7), 3)[:20]
    faultless = evaluate(_table(labels, 0.3 * np.eye(7)[labels] + 0.1), resamples=100)
    assert faultless["accuracy"].low == pytest.approx(0.8389, abs=1e-4)
    for metric in ("balanced_accuracy", "macro_f1", "weighted_f1", "weighted_auc"):
        assert faultless[metric].value == 1.0
        assert np.isnan([faultless[metric].low, faultless[metric].high]).all()
        assert faultless[metric].as_dict()["low"] is None
    for equal in (np.array([0.29]), np.full(7, 0.29), np.ones(20)):
        mean = mean_estimate(equal, resamples=100, seed=0)
        assert (mean.value, mean.n) == (equal[0], len(equal))
        assert np.isnan([mean.low, mean.high]).all()


def test_one_statistic_has_one_interval_wherever_it_stands() -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 7, 300)
    table = _table(labels, rng.dirichlet(np.ones(7), 300) * 0.6 + 0.4 * np.eye(7)[labels])
    scores = evaluate(table, resamples=200)
    whole, _ = evaluate_abstention(table, np.ones(300, dtype=bool))
    grid = accuracy_grid(
        labels,
        clean_N=table.predicted,
        corrupted_SN={"noise": table.predicted[None]},
        severities=(1,),
        resamples=200,
    )
    assert scores["accuracy"] == whole.accuracy == grid.clean_accuracy == grid.accuracy("noise", 1)
    calibrated = evaluate_calibration(table, resamples=200).before.metrics["nll"]
    assert (calibrated.low, calibrated.high) == pytest.approx((scores["nll"].low, scores["nll"].high), abs=1e-5)
    subset = evaluate_label_subset(table, resamples=200)
    assert subset["macro_f1"] == scores["macro_f1"]
    assert subset["balanced_accuracy"] == scores["balanced_accuracy"]


def _table(labels: np.ndarray, probabilities: np.ndarray) -> Predictions:
    return Predictions(
        ids=np.arange(len(labels)).astype(np.str_), labels=labels, probabilities=probabilities, split="PrivateTest"
    )


def test_an_undefined_score_is_null_with_a_reason() -> None:
    assert mean_estimate(np.empty(0), resamples=100, seed=0).as_dict() == {
        "value": None,
        "low": None,
        "high": None,
        "n": 0,
        "reason": "no faces to compute it from",
    }
    undefined = Estimate(value=float("nan"), low=float("nan"), high=float("nan"), n=7)
    assert undefined.as_dict()["reason"] == "not defined on these faces"
    assert undefined.as_columns("x") == {"x": None, "x_low": None, "x_high": None}
    assert "reason" not in Estimate.of_share(3, 7).as_dict()
