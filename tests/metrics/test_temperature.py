"""The fitted temperature and the threshold of abstention, by their own definitions."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.prediction_tables import draw, prediction_tables, table

from fer.metrics.bootstrap import bootstrap_counts
from fer.metrics.calibration import (
    Calibration,
    fit_calibration,
)
from fer.metrics.calibration_scores import (
    evaluate_temperature,
)
from fer.metrics.selective import lower_bound
from fer.metrics.temperature import TEMPERATURES, apply_temperature, fit_temperature, log_probabilities


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
    assert Calibration(**json.loads(json.dumps(kept.as_dict()))) == kept


@given(prediction_tables())
@settings(max_examples=50, deadline=None)
def test_any_table_can_be_fitted(case: tuple[np.ndarray, np.ndarray]) -> None:
    p, labels = case
    assume(len(labels) > 0)
    fitted = fit_calibration(table(p, labels), target_accuracy=0.5)
    assert Calibration(**json.loads(json.dumps(fitted.as_dict()))) == fitted
