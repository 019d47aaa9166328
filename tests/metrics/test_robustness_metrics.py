"""Retention, chance-corrected retention and mCE against values counted by hand."""

import numpy as np
import pytest

from fer.common.errors import DataError
from fer.metrics import Predictions
from fer.metrics.robustness import AccuracyGrid, accuracy_grid

SEVERITIES = (1, 2, 3)
N = 400


def model(seed: int, *, clean: float, corrupted: dict[str, tuple[float, ...]]) -> tuple[np.ndarray, ...]:
    """Labels (class 3 for 30 % of the faces), and predictions that are right on exactly the given shares of them."""
    others = np.array([0, 1, 2, 4, 5, 6])[np.arange(N) % 6]
    labels = np.where(np.arange(N) < 0.3 * N, 3, others)
    rng = np.random.default_rng(seed)

    def predicted(accuracy: float) -> np.ndarray:
        right = rng.permutation(N) < round(accuracy * N)
        return np.where(right, labels, (labels + 1) % 7)

    return (
        labels,
        predicted(clean),
        {name: np.stack([predicted(a) for a in shares]) for name, shares in corrupted.items()},
    )


def grid(seed: int = 0, *, resamples: int = 500, **shares) -> AccuracyGrid:
    labels, clean, corrupted = model(seed, **shares)
    return accuracy_grid(labels, clean_N=clean, corrupted_SN=corrupted, severities=SEVERITIES, resamples=resamples)


NET = {"clean": 0.8, "corrupted": {"fog": (0.7, 0.6, 0.5), "snow": (0.8, 0.4, 0.3)}}
BASE = {"clean": 0.6, "corrupted": {"fog": (0.5, 0.4, 0.3), "snow": (0.6, 0.5, 0.4)}}


@pytest.fixture(scope="module")
def net() -> AccuracyGrid:
    return grid(**NET)


@pytest.fixture(scope="module")
def base() -> AccuracyGrid:
    return grid(1, **BASE)


def test_accuracies_are_those_of_the_answers(net: AccuracyGrid) -> None:
    assert net.clean_accuracy.value == pytest.approx(0.8)
    assert net.accuracy("fog", 2).value == pytest.approx(0.6)
    assert net.mean_accuracy(("fog", "snow")).value == pytest.approx(0.55)
    assert net.mean_accuracy(("fog", "snow"), 3).value == pytest.approx(0.4)
    assert net.majority[0] == pytest.approx(0.3)
    assert net.worst() == ("snow", 3)
    assert net.clean_accuracy.n == N


def test_retention_is_the_share_that_is_left(net: AccuracyGrid) -> None:
    assert net.retention(("fog",)).value == pytest.approx(0.6 / 0.8)
    assert net.retention(("fog", "snow"), 1).value == pytest.approx(0.75 / 0.8)
    assert net.corrected_retention(("fog",)).value == pytest.approx((0.6 - 0.3) / (0.8 - 0.3))
    assert net.corrected_retention(("snow",), 3).value == pytest.approx(0.0, abs=1e-9)


def test_corruption_errors_are_those_of_the_paper(net: AccuracyGrid, base: AccuracyGrid) -> None:
    fog, snow = (0.3 + 0.4 + 0.5) / (0.5 + 0.6 + 0.7), (0.2 + 0.6 + 0.7) / (0.4 + 0.5 + 0.6)
    assert net.corruption_error(base, ("fog",)).value == pytest.approx(fog)
    assert net.corruption_error(base, ("fog", "snow")).value == pytest.approx((fog + snow) / 2)
    relative_fog = (0.1 + 0.2 + 0.3) / (0.1 + 0.2 + 0.3)
    relative_snow = (0.0 + 0.4 + 0.5) / (0.0 + 0.1 + 0.2)
    found = net.relative_corruption_error(base, ("fog", "snow"))
    assert found.value == pytest.approx((relative_fog + relative_snow) / 2)


def test_a_model_against_itself_is_one_in_every_resample(net: AccuracyGrid) -> None:
    for found in (net.corruption_error(net, net.names), net.relative_corruption_error(net, net.names)):
        assert (found.value, found.low, found.high) == pytest.approx((1, 1, 1))


def test_uncorrupted_predictions_keep_everything() -> None:
    labels, clean, _ = model(0, **NET)
    same = accuracy_grid(
        labels, clean_N=clean, corrupted_SN={"none": np.stack([clean])}, severities=(1,), resamples=200, seed=3
    )
    for found in (same.retention(("none",)), same.corrected_retention(("none",))):
        assert (found.value, found.low, found.high) == pytest.approx((1, 1, 1))


def test_intervals_agree_with_the_binomial_and_hold_the_value(net: AccuracyGrid) -> None:
    clean = grid(resamples=4000, **NET).clean_accuracy
    half = 1.96 * np.sqrt(0.8 * 0.2 / N)
    assert clean.low == pytest.approx(0.8 - half, abs=0.006)
    assert clean.high == pytest.approx(0.8 + half, abs=0.006)
    for found in (net.retention(("fog",)), net.corrected_retention(("snow",), 2), net.mean_accuracy(net.names)):
        assert found.low < found.value < found.high


def test_the_bootstrap_is_paired() -> None:
    """Answers that are wrong on the same faces, and on a few more, leave a retention with little to vary."""
    labels, clean, _ = model(0, **NET)
    hit = np.flatnonzero(clean == labels)[:8]
    worse = clean.copy()
    worse[hit] = (labels[hit] + 1) % 7
    paired = accuracy_grid(labels, clean_N=clean, corrupted_SN={"x": worse[None]}, severities=(1,), resamples=1000)
    kept, apart = paired.retention(("x",)), paired.accuracy("x", 1)
    assert kept.value == pytest.approx(1 - 8 / 320)
    assert kept.high - kept.low < 0.6 * (apart.high - apart.low)


def test_the_paired_bootstrap_agrees_with_that_of_single_ratios() -> None:
    from fer.metrics.retention import retention

    labels, clean, corrupted = model(0, **NET)

    def table(predicted: np.ndarray) -> Predictions:
        return Predictions(
            ids=np.arange(N).astype(str), labels=labels, probabilities=np.eye(7)[predicted], split="test"
        )

    one = retention(table(clean), table(corrupted["fog"][1]), resamples=4000)
    ours = grid(resamples=4000, **NET).retention(("fog",), 2)
    assert ours.value == pytest.approx(one.value, abs=1e-12)
    assert (ours.low, ours.high) == pytest.approx((one.low, one.high), abs=0.01)


def test_the_seed_fixes_the_intervals() -> None:
    labels, clean, corrupted = model(0, **NET)

    def low(seed: int) -> float:
        of = accuracy_grid(
            labels, clean_N=clean, corrupted_SN=corrupted, severities=SEVERITIES, resamples=130, seed=seed
        )
        return of.retention(("fog",)).low

    assert low(0) == low(0) != low(1)


def test_ratios_without_a_denominator_are_undefined() -> None:
    blind = grid(clean=0.0, corrupted={"fog": (0.0, 0.0, 0.0)}, resamples=100)
    found = blind.retention(("fog",))
    assert np.isnan([found.value, found.low, found.high]).all()
    perfect = grid(clean=1.0, corrupted={"fog": (1.0, 1.0, 1.0)}, resamples=100)
    assert np.isnan(blind.corruption_error(perfect, ("fog",)).value)
    assert np.isnan(blind.relative_corruption_error(perfect, ("fog",)).value)


def test_a_clean_accuracy_near_chance_gives_no_interval() -> None:
    near = grid(clean=0.31, corrupted={"fog": (0.3, 0.3, 0.3)}).corrected_retention(("fog",))
    assert np.isfinite(near.value)
    assert np.isnan([near.low, near.high]).all()
    below = grid(clean=0.2, corrupted={"fog": (0.2, 0.2, 0.2)}).corrected_retention(("fog",))
    assert np.isnan(below.value)


def test_grids_of_other_faces_are_not_compared(net: AccuracyGrid) -> None:
    other = grid(clean=0.6, corrupted={"fog": (0.5, 0.4, 0.3)})
    with pytest.raises(DataError, match="other faces, corruptions"):
        net.corruption_error(other, ("fog",))


def test_answers_of_the_wrong_shape_are_refused() -> None:
    labels, clean, corrupted = model(0, **NET)
    with pytest.raises(DataError, match=r"shape \(2, 400\)"):
        accuracy_grid(labels, clean_N=clean, corrupted_SN=corrupted, severities=(1, 2))
    with pytest.raises(DataError, match="at least one face"):
        accuracy_grid(labels, clean_N=clean, corrupted_SN={}, severities=(1, 2))
