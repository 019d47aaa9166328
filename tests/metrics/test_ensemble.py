import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer.common.errors import DataError
from fer.metrics import Predictions, headline
from fer.metrics.ensemble import average, fit_weights, resampled_weights, uniform_weights


def members(n: int, skills: list[float], *, seed: int = 0) -> list[Predictions]:
    """Models that share half of their noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 7, n)
    common = rng.normal(size=(n, 7))
    ids = np.array([f"face_{i}" for i in range(n)], dtype=np.str_)
    made = []
    for skill in skills:
        logits = common + rng.normal(size=(n, 7))
        logits[np.arange(n), labels] += skill
        odds = np.exp(logits)
        probabilities = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
        made.append(Predictions(ids=ids, labels=labels, probabilities=probabilities, split="PublicTest"))
    return made


def label_probabilities(tables: list[Predictions]) -> np.ndarray:
    return np.stack([table.probabilities[np.arange(len(table)), table.labels] for table in tables]).astype(np.float64)


def test_equal_weights_are_the_mean() -> None:
    tables = members(50, [0.5, 1.0, 2.0])
    mean = np.mean([table.probabilities for table in tables], axis=0)
    found = average(tables)
    np.testing.assert_allclose(found.probabilities, mean, atol=1e-6)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_array_equal(found.ids, tables[0].ids)
    assert uniform_weights(4).tolist() == [0.25] * 4


def test_all_weight_on_one_member_is_that_member() -> None:
    tables = members(50, [0.5, 1.0, 2.0])
    found = average(tables, [0.0, 1.0, 0.0])
    np.testing.assert_allclose(found.probabilities, tables[1].probabilities, atol=1e-6)


def test_equal_weights_never_score_a_higher_nll_than_the_mean_member() -> None:
    tables = members(200, [0.1, 1.0, 3.0])
    assert headline(average(tables))["nll"] <= np.mean([headline(table)["nll"] for table in tables])


@given(st.lists(st.floats(0.0, 3.0), min_size=1, max_size=8), st.integers(20, 300), st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_fitted_weights_are_the_optimum(skills: list[float], n: int, seed: int) -> None:
    """Karush-Kuhn-Tucker: the gain of moving weight to a member is 0 for those with weight, and never positive."""
    tables = members(n, skills, seed=seed)
    weights = fit_weights(tables)
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()
    probabilities = label_probabilities(tables)
    gains = (probabilities / (weights @ probabilities)).mean(axis=1) - 1
    assert gains.max() < 1e-3
    assert abs(gains[weights > 0.01]).max() < 1e-3


def test_fitting_is_never_worse_on_its_own_faces_than_equal_weights_or_the_best_member() -> None:
    tables = members(300, [0.2, 0.8, 1.5, 1.6])
    fitted = headline(average(tables, fit_weights(tables)))["nll"]
    assert fitted <= headline(average(tables))["nll"] + 1e-6
    assert fitted <= min(headline(table)["nll"] for table in tables) + 1e-6


def test_twins_share_their_weight_and_a_useless_model_gets_none() -> None:
    good, bad = members(400, [2.0, -2.0])
    weights = fit_weights([good, bad, good])
    assert weights == pytest.approx([0.5, 0.0, 0.5], abs=1e-3)


def test_the_spread_shrinks_with_more_faces() -> None:
    few, many = (resampled_weights(members(n, [1.0, 1.0, 1.0]), resamples=30).std(axis=0).mean() for n in (60, 3000))
    assert many < few / 2
    again = resampled_weights(members(60, [1.0, 1.2]), resamples=5, seed=4)
    assert again.shape == (5, 2)
    np.testing.assert_array_equal(again, resampled_weights(members(60, [1.0, 1.2]), resamples=5, seed=4))


def test_what_is_no_ensemble_is_refused() -> None:
    tables = members(20, [1.0, 1.0])
    with pytest.raises(DataError, match="at least one model"):
        average([])
    with pytest.raises(DataError, match="different faces or labels"):
        fit_weights([tables[0], members(21, [1.0])[0]])
    with pytest.raises(DataError, match="hold no faces"):
        fit_weights([tables[0].take(np.arange(0))])
    for weights in ([0.5, 0.6], [1.0], [1.5, -0.5]):
        with pytest.raises(DataError, match="sum to 1"):
            average(tables, weights)
