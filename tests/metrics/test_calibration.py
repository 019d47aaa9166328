"""Calibration metrics, temperature and the abstention threshold against references and their own definitions."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from sklearn.metrics import brier_score_loss, log_loss
from support.prediction_tables import CLASSES, draw, prediction_tables, table
from torchmetrics.functional.classification import binary_calibration_error, multiclass_calibration_error

from fer.common.errors import DataError
from fer.common.labels import NUM_CLASSES
from fer.metrics import evaluate
from fer.metrics.bootstrap import bootstrap_counts
from fer.metrics.calibration import (
    bin_numbers,
    brier_scores,
    expected_calibration_error,
    reliability_bins,
)
from fer.metrics.calibration_scores import (
    CALIBRATION_METRICS,
    evaluate_calibration,
)
from fer.metrics.estimate import wilson_interval
from fer.metrics.temperature import apply_temperature, fit_temperature


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("bins", [15, 10])
def test_ece_is_that_of_torchmetrics(seed: int, bins: int) -> None:
    p, labels = draw(500, seed=seed)
    labels = np.where(np.arange(500) % 3 == 0, (labels + 1) % 7, labels)
    reference = multiclass_calibration_error(torch.tensor(p), torch.tensor(labels), NUM_CLASSES, n_bins=bins)
    assert expected_calibration_error(p, labels, bins=bins) == pytest.approx(float(reference), abs=1e-6)


def classwise(p: np.ndarray, labels: np.ndarray) -> float:
    """Classwise ECE by torchmetrics, whose binary form bins a class's probability and takes the label for accuracy."""
    true = [torch.tensor((labels == c).astype(int)) for c in CLASSES]
    return float(np.mean([float(binary_calibration_error(torch.tensor(p[:, c]), true[c], n_bins=15)) for c in CLASSES]))


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
    for measure in (expected_calibration_error, fit_temperature):
        with pytest.raises(DataError, match="there are no faces"):
            measure(nothing, no_labels)
    with pytest.raises(DataError, match="PublicTest hold no faces"):
        evaluate_calibration(table(nothing, no_labels))


# --- scores with intervals ---


def test_the_scores_are_those_of_the_plain_functions_before_and_after() -> None:
    p, labels = draw(300, seed=4)
    found = evaluate_calibration(table(p, labels), temperature=1.6, resamples=100)
    assert found.after is not None
    for scores, scaled in ((found.before, p), (found.after, apply_temperature(p, 1.6))):
        reference = {
            "ece": expected_calibration_error(scaled, labels),
            "classwise_ece": classwise(scaled, labels),
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
        shown.append((expected_calibration_error(p, labels), classwise(p, labels)))
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
