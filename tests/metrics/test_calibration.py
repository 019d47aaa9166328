"""Calibration metrics, temperature and the abstention threshold against references and their own definitions."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss
from torchmetrics.functional.classification import binary_calibration_error, multiclass_calibration_error

from fer.common.errors import DataError
from fer.common.labels import NUM_CLASSES
from fer.metrics import Predictions, evaluate
from fer.metrics.bootstrap import bootstrap_counts
from fer.metrics.calibration import (
    Calibration,
    bin_numbers,
    brier_scores,
    classwise_calibration_error,
    expected_calibration_error,
    fit_calibration,
    reliability_bins,
)
from fer.metrics.calibration_scores import (
    CALIBRATION_METRICS,
    evaluate_calibration,
    evaluate_temperature,
)
from fer.metrics.estimate import wilson_interval
from fer.metrics.selective import lower_bound
from fer.metrics.temperature import TEMPERATURES, apply_temperature, fit_temperature, log_probabilities

CLASSES = list(range(NUM_CLASSES))


def draw(n: int, *, seed: int, spread: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and labels drawn from them: perfectly calibrated."""
    rng = np.random.default_rng(seed)
    logits = spread * rng.normal(size=(n, NUM_CLASSES))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (rng.random((n, 1)) > p.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return p, labels


def table(p: np.ndarray, labels: np.ndarray, *, split: str = "PublicTest") -> Predictions:
    ids = np.array([f"face_{i}" for i in range(len(labels))], dtype=np.str_)
    return Predictions(ids=ids, labels=labels.astype(np.int64), probabilities=p, split=split)


@st.composite
def prediction_tables(draw_from) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities with ties and exact zeros and ones, and labels."""
    n = draw_from(st.integers(1, 40))
    raw = draw_from(st.lists(st.lists(st.integers(0, 4), min_size=7, max_size=7).filter(any), min_size=n, max_size=n))
    labels = draw_from(st.lists(st.sampled_from(CLASSES), min_size=n, max_size=n))
    p = np.array(raw, dtype=np.float64)
    return p / p.sum(axis=1, keepdims=True), np.array(labels, dtype=np.int64)


# --- metrics ---


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("bins", [15, 10])
def test_ece_is_that_of_torchmetrics(seed: int, bins: int) -> None:
    p, labels = draw(500, seed=seed)
    labels = np.where(np.arange(500) % 3 == 0, (labels + 1) % 7, labels)
    reference = multiclass_calibration_error(torch.tensor(p), torch.tensor(labels), NUM_CLASSES, n_bins=bins)
    assert expected_calibration_error(p, labels, bins=bins) == pytest.approx(float(reference), abs=1e-6)


def test_classwise_ece_is_the_mean_of_torchmetrics_over_the_classes() -> None:
    p, labels = draw(500, seed=3)
    # Its binary form bins the class's probability, and takes the label for the accuracy.
    reference = [
        float(binary_calibration_error(torch.tensor(p[:, c]), torch.tensor((labels == c).astype(int)), n_bins=15))
        for c in CLASSES
    ]
    assert classwise_calibration_error(p, labels) == pytest.approx(np.mean(reference), abs=1e-6)


@given(prediction_tables())
@settings(max_examples=100, deadline=None)
def test_brier_score_is_scikit_learns_sum_over_classes(case: tuple[np.ndarray, np.ndarray]) -> None:
    p, labels = case
    reference = brier_score_loss(labels, p, labels=CLASSES, scale_by_half=False)
    assert brier_scores(p, labels).mean() == pytest.approx(reference, abs=1e-9)


def test_ece_by_hand() -> None:
    """Three predictions at 0.7, two right, and one at 0.4, right."""
    p = np.full((4, 7), 0.05)
    p[:3, 0], p[3, 0] = 0.7, 0.4
    p[3, 1:] = 0.1
    labels = np.array([0, 0, 3, 0])
    assert expected_calibration_error(p, labels) == pytest.approx((3 * abs(2 / 3 - 0.7) + abs(1 - 0.4)) / 4)


def test_bins_hold_their_upper_edge() -> None:
    assert bin_numbers(np.array([0.0, 1e-9, 0.1, 0.1 + 1e-9, 0.2, 1.0]), bins=10).tolist() == [0, 0, 0, 1, 1, 9]


@given(prediction_tables())
@settings(max_examples=100, deadline=None)
def test_reliability_bins_add_up_to_the_scores(case: tuple[np.ndarray, np.ndarray]) -> None:
    p, labels = case
    correct = p.argmax(axis=1) == labels
    bins = reliability_bins(p.max(axis=1), correct)
    filled = [each for each in bins if each.n > 0]
    n = len(labels)
    assert len(bins) == 15
    assert sum(each.n for each in bins) == n
    assert sum(each.n * each.accuracy for each in filled) == pytest.approx(correct.sum())
    error = sum(each.n * abs(each.accuracy - each.confidence) for each in filled) / n
    assert error == pytest.approx(expected_calibration_error(p, labels), abs=1e-12)
    for each in filled:
        assert each.lower - 1e-12 <= each.confidence <= each.upper + 1e-12
        assert 0 <= each.low <= each.accuracy + 1e-12
        assert each.accuracy - 1e-12 <= each.high <= 1


def test_the_wilson_interval_is_the_textbooks() -> None:
    """Newcombe 1998, table I, method 3: 81 of 263 gives 0.2553 to 0.3662, 0 of 20 gives 0 to 0.1611."""
    low, high = wilson_interval(np.array([81 / 263, 0.0]), np.array([263, 20]))
    assert low == pytest.approx([0.2553, 0.0], abs=5e-5)
    assert high == pytest.approx([0.3662, 0.1611], abs=5e-5)


def test_no_faces_are_refused() -> None:
    nothing, no_labels = np.zeros((0, 7)), np.zeros(0, dtype=np.int64)
    for measure in (expected_calibration_error, classwise_calibration_error, fit_temperature):
        with pytest.raises(DataError, match="there are no faces"):
            measure(nothing, no_labels)
    with pytest.raises(DataError, match="PublicTest hold no faces"):
        evaluate_calibration(table(nothing, no_labels))


# --- temperature ---


@pytest.mark.parametrize("true", [0.4, 0.87, 1.0, 1.7, 4.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_fit_recovers_a_known_temperature(true: float, dtype: type) -> None:
    p, labels = draw(20_000, seed=5)
    # Labels are drawn from p; what the model says is p made surer by `true`.
    said = apply_temperature(p, 1 / true).astype(dtype)
    assert fit_temperature(said, labels) == pytest.approx(true, rel=0.03)


@given(prediction_tables())
@settings(max_examples=100, deadline=None)
def test_no_other_temperature_has_a_lower_loss(case: tuple[np.ndarray, np.ndarray]) -> None:
    p, labels = case
    fitted = fit_temperature(p, labels)
    rows = np.arange(len(labels))

    def loss(temperature: float) -> float:
        logits = log_probabilities(p) / temperature
        return float((np.logaddexp.reduce(logits, axis=1) - logits[rows, labels]).mean())

    assert TEMPERATURES[0] <= fitted <= TEMPERATURES[1]
    best = loss(fitted)
    assert all(best <= loss(other) + 1e-9 for other in np.geomspace(*TEMPERATURES, 60))


@given(prediction_tables(), st.floats(0.05, 20))
@settings(max_examples=100, deadline=None)
def test_a_temperature_keeps_the_order_and_the_sum(case: tuple[np.ndarray, np.ndarray], temperature: float) -> None:
    p, _ = case
    scaled = apply_temperature(p, temperature)
    assert np.isfinite(scaled).all()
    assert scaled.sum(axis=1) == pytest.approx(1.0)
    ranked = np.take_along_axis(scaled, p.argsort(axis=1), axis=1)
    assert (np.diff(ranked, axis=1) >= -1e-15).all()
    assert (scaled.argmax(axis=1) == p.argmax(axis=1)).all()
    # Undone, except where a probability has become too small for its type.
    kept = scaled.min(axis=1) > 1e-300
    assert apply_temperature(scaled, 1 / temperature)[kept] == pytest.approx(p[kept], abs=1e-9)


def test_a_temperature_of_one_changes_nothing() -> None:
    p, _ = draw(50, seed=1)
    assert apply_temperature(p, 1.0) == pytest.approx(p, abs=1e-14)


def test_the_bounds_are_the_answer_where_no_temperature_fits() -> None:
    p, _ = draw(60, seed=2)
    assert fit_temperature(p, p.argmax(axis=1)) == TEMPERATURES[0]
    assert fit_temperature(p, p.argmin(axis=1)) == TEMPERATURES[1]
    assert fit_temperature(np.full((60, 7), 1 / 7), np.arange(60) % 7) == 1.0


def test_certain_answers_of_zeros_and_ones_are_fitted() -> None:
    """Eight in ten right: the temperature that makes every confidence 0.8."""
    labels = np.arange(70) % 7
    said = np.where(np.arange(70) % 10 < 8, labels, (labels + 1) % 7)
    p = np.eye(7, dtype=np.float32)[said]
    temperature = fit_temperature(p, labels)
    assert apply_temperature(p, temperature).max(axis=1) == pytest.approx(0.8, abs=1e-6)


def test_the_interval_of_the_temperature_is_that_of_refitted_draws() -> None:
    p, labels = draw(400, seed=8)
    said = table(apply_temperature(p, 0.6), labels)
    temperature = fit_temperature(said.probabilities, labels)
    found = evaluate_temperature(said, temperature, resamples=200, seed=4)
    refitted = []
    for weights in bootstrap_counts(400, resamples=200, seed=4):
        for drawn in weights.T:
            rows = np.repeat(np.arange(400), drawn.astype(int))
            refitted.append(fit_temperature(said.probabilities[rows], labels[rows]))
    assert (found.low, found.high) == pytest.approx(np.percentile(refitted, (2.5, 97.5)), rel=2e-3)
    assert found.low < found.value < found.high


def test_where_no_temperature_fits_none_is_applied_and_it_has_no_interval() -> None:
    p, _ = draw(60, seed=2)
    for labels in (p.argmax(axis=1), p.argmin(axis=1)):
        fitted = fit_calibration(table(p, labels), answer_share=0.5)
        assert fitted.temperature == 1.0
        found = evaluate_temperature(table(p, labels), fitted.temperature)
        assert np.isnan([found.low, found.high]).all()


# --- scores with intervals ---


def test_the_scores_are_those_of_the_plain_functions_before_and_after() -> None:
    p, labels = draw(300, seed=4)
    found = evaluate_calibration(table(p, labels), temperature=1.6, resamples=100)
    assert found.after is not None
    for scores, scaled in ((found.before, p), (found.after, apply_temperature(p, 1.6))):
        reference = {
            "ece": expected_calibration_error(scaled, labels),
            "classwise_ece": classwise_calibration_error(scaled, labels),
            "brier": brier_scores(scaled, labels).mean(),
            "nll": log_loss(labels, scaled, labels=CLASSES),
        }
        assert set(reference) == set(CALIBRATION_METRICS)
        for key, value in reference.items():
            assert scores.metrics[key].value == pytest.approx(value, abs=1e-9), key
            assert scores.metrics[key].low <= value <= scores.metrics[key].high, key
            assert scores.metrics[key].n == 300


def test_intervals_are_those_of_a_bootstrap_over_faces() -> None:
    p, labels = draw(80, seed=6)
    found = evaluate_calibration(table(p, labels), temperature=0.7, resamples=100, seed=2)
    scaled = apply_temperature(p, 0.7)
    brier, moved = [], []
    ece = []
    for weights in bootstrap_counts(80, resamples=100, seed=2):
        for drawn in weights.T:
            rows = np.repeat(np.arange(80), drawn.astype(int))
            before, after = brier_scores(p, labels)[rows].mean(), brier_scores(scaled, labels)[rows].mean()
            brier.append(before)
            moved.append(after - before)
            ece.append(expected_calibration_error(p[rows], labels[rows]))
    assert found.change is not None
    of = found.before.metrics
    assert (of["brier"].low, of["brier"].high) == pytest.approx(np.percentile(brier, (2.5, 97.5)))
    assert (found.change["brier"].low, found.change["brier"].high) == pytest.approx(np.percentile(moved, (2.5, 97.5)))
    assert of["ece"].high == pytest.approx(max(np.percentile(ece, 97.5), of["ece"].value))


def test_the_nll_has_one_interval_wherever_it_stands() -> None:
    p, labels = draw(200, seed=7)
    said = table(p.astype(np.float32), labels)
    here = evaluate_calibration(said, resamples=150, seed=3).before.metrics["nll"]
    there = evaluate(said, resamples=150, seed=3)["nll"]
    assert (here.value, here.low, here.high) == pytest.approx((there.value, there.low, there.high), rel=1e-9)


def test_the_interval_of_ece_holds_the_true_value_where_the_percentile_interval_does_not() -> None:
    """Of a perfectly calibrated model it holds 0, in nearly all of 40 draws of faces."""
    held = []
    for seed in range(40):
        p, labels = draw(300, seed=100 + seed)
        found = evaluate_calibration(table(p, labels), resamples=100, seed=seed).before.metrics["ece"]
        held.append(found.low == 0.0)
        assert found.value > 0
    assert np.mean(held) >= 0.85


def test_chance_is_what_calibrated_models_show() -> None:
    shown = []
    for seed in range(60):
        p, labels = draw(250, seed=500 + seed)
        shown.append((expected_calibration_error(p, labels), classwise_calibration_error(p, labels)))
    p, labels = draw(250, seed=1)
    chance = evaluate_calibration(table(p, labels), resamples=200).before.chance
    assert (chance["ece"], chance["classwise_ece"]) == pytest.approx(np.mean(shown, axis=0), rel=0.1)


def test_an_overconfident_model_is_told_from_chance() -> None:
    p, labels = draw(1000, seed=9)
    found = evaluate_calibration(table(apply_temperature(p, 0.4), labels), resamples=100).before
    assert found.metrics["ece"].low > 0


def test_the_seed_decides_the_intervals_and_nothing_else() -> None:
    p, labels = draw(100, seed=0)
    one, same, other = (evaluate_calibration(table(p, labels), resamples=100, seed=seed) for seed in (1, 1, 2))
    assert one == same
    for key in CALIBRATION_METRICS:
        assert one.before.metrics[key].value == other.before.metrics[key].value
    assert one.before.metrics["brier"].low != other.before.metrics["brier"].low


# --- what is fitted and kept ---


@given(st.integers(40, 200), st.integers(0, 1000), st.floats(0.05, 1.0))
@settings(max_examples=60, deadline=None)
def test_the_threshold_keeps_its_promise_on_the_fitting_faces(n: int, seed: int, target: float) -> None:
    p, labels = draw(n, seed=seed)
    fitted = fit_calibration(table(p, labels), target_accuracy=target)
    confidence, correct = fitted.apply(p).max(axis=1), p.argmax(axis=1) == labels
    accepted = ~fitted.abstains(confidence)
    assert accepted.mean() == pytest.approx(fitted.coverage)
    if fitted.threshold is None:
        assert (fitted.coverage, fitted.accuracy, accepted.any()) == (0.0, None, False)
    else:
        assert accepted.sum() >= 30
        assert fitted.accuracy == pytest.approx(correct[accepted].mean())
        assert lower_bound(int(correct[accepted].sum()), int(accepted.sum()), 0.05) >= target


def test_an_easy_target_answers_every_face_and_an_impossible_one_none() -> None:
    p, labels = draw(200, seed=3)
    assert fit_calibration(table(p, labels), target_accuracy=0.01).threshold == 0.0
    wrong = fit_calibration(table(p, p.argmin(axis=1)), target_accuracy=0.5)
    assert wrong.threshold is None
    assert wrong.abstains(np.array([0.0, 0.5, 1.0])).all()


@given(st.floats(0.01, 1.0))
@settings(max_examples=50, deadline=None)
def test_a_share_is_answered_whatever_the_accuracy(share: float) -> None:
    p, labels = draw(150, seed=3)
    fitted = fit_calibration(table(p, labels), answer_share=share)
    # No two faces of this table are equally sure.
    assert fitted.coverage == pytest.approx(np.ceil(share * 150 - 1e-9) / 150)
    assert (fitted.rule, fitted.target) == ("share", share)


def test_rounding_to_float32_moves_no_face_across_the_threshold() -> None:
    p, labels = draw(500, seed=11)
    fitted = fit_calibration(table(p, labels), target_accuracy=0.8)
    confidence = fitted.apply(p).max(axis=1)
    assume_apart = np.diff(np.sort(confidence)).min()
    assert assume_apart > 1e-9
    assert (fitted.abstains(confidence.astype(np.float32)) == fitted.abstains(confidence)).all()


CALIBRATION = Calibration(
    temperature=0.87,
    threshold=0.58,
    rule="accuracy",
    target=0.8,
    coverage=0.57,
    accuracy=0.801,
    n=3589,
    split="PublicTest",
)


@pytest.mark.parametrize("kept", [CALIBRATION, replace(CALIBRATION, threshold=None, accuracy=None, coverage=0.0)])
def test_a_calibration_survives_json(kept: Calibration) -> None:
    assert Calibration.from_dict(json.loads(json.dumps(kept.as_dict()))) == kept


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"temperature": 0}, "temperature=0 cannot be"),
        ({"temperature": float("nan")}, "temperature=nan cannot be"),
        ({"temperature": "1"}, "temperature='1' cannot be"),
        ({"threshold": 1.5, "n": 0}, "threshold=1.5, n=0 cannot be"),
        ({"rule": "luck"}, "rule='luck' cannot be"),
        ({"coverage": True}, "coverage=True cannot be"),
        ({"extra": 1}, "extra missing or unknown"),
    ],
)
def test_a_broken_calibration_is_named(changes: dict[str, object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        Calibration.from_dict({**CALIBRATION.as_dict(), **changes})


def test_a_calibration_without_a_value_is_named() -> None:
    values = CALIBRATION.as_dict()
    del values["split"]
    with pytest.raises(DataError, match="split missing"):
        Calibration.from_dict(values)


@given(prediction_tables())
@settings(max_examples=50, deadline=None)
def test_any_table_can_be_fitted(case: tuple[np.ndarray, np.ndarray]) -> None:
    p, labels = case
    assume(len(labels) > 0)
    fitted = fit_calibration(table(p, labels), target_accuracy=0.5)
    assert Calibration.from_dict(fitted.as_dict()) == fitted
