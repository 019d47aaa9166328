from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fer.common.errors import DataError
from fer.metrics import Predictions
from fer.metrics.significance import (
    EXACT_BELOW,
    accuracy_difference,
    adjust,
    adjust_recipes,
    compare,
    compare_all,
    compare_recipes,
    holm,
    mcnemar,
    same_faces,
)


def table(right: np.ndarray, *, ids: str = "face", labels: np.ndarray | None = None) -> Predictions:
    """Answers that are right where `right` says so."""
    n = len(right)
    labels = np.arange(n) % 7 if labels is None else labels
    predicted = np.where(right, labels, (labels + 1) % 7)
    names = np.array([f"{ids}_{i}" for i in range(n)], dtype=np.str_)
    return Predictions(ids=names, labels=labels, probabilities=np.eye(7)[predicted], split="PublicTest")


def pair(only_first: int, only_second: int, *, both: int = 50, neither: int = 30) -> tuple[Predictions, Predictions]:
    first = np.repeat([True, False, True, False], [only_first, only_second, both, neither])
    second = np.repeat([False, True, True, False], [only_first, only_second, both, neither])
    return table(first), table(second)


@given(st.integers(0, EXACT_BELOW - 1), st.integers(0, EXACT_BELOW - 1))
def test_few_discordant_pairs_use_the_exact_binomial_test(only_first: int, only_second: int) -> None:
    total = only_first + only_second
    if total >= EXACT_BELOW:
        return
    expected = 1.0 if total == 0 else stats.binomtest(only_first, total, 0.5).pvalue
    assert mcnemar(only_first, only_second) == pytest.approx(expected, abs=1e-12)


@given(st.integers(13, 500), st.integers(13, 500))
def test_many_use_chi_squared_with_continuity_correction(only_first: int, only_second: int) -> None:
    statistic = max(abs(only_first - only_second) - 1, 0) ** 2 / (only_first + only_second)
    assert mcnemar(only_first, only_second) == pytest.approx(stats.chi2.sf(statistic, 1), rel=1e-9)


def test_a_worked_example() -> None:
    """b = 121 and c = 59 give (62 - 1)^2 / 180 = 20.67, the figures of the usual textbook example."""
    assert mcnemar(121, 59) == pytest.approx(5.45e-6, rel=2e-3)
    assert mcnemar(59, 121) == mcnemar(121, 59)
    assert mcnemar(40, 40) == 1.0


def test_holm_by_hand() -> None:
    # R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") gives 0.03 0.06 0.06 0.02.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert holm([0.02]) == pytest.approx([0.02])
    assert len(holm([])) == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_lies_between_p_and_bonferroni_and_keeps_the_order(p_values: list[float]) -> None:
    p, adjusted = np.array(p_values), holm(p_values)
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(p * len(p), 1) + 1e-12).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()


def test_the_paired_interval_is_that_of_drawing_faces() -> None:
    first, second = pair(30, 18)
    found = accuracy_difference(first, second, resamples=4000)
    n = len(first)
    rows = np.random.default_rng(1).integers(0, n, (4000, n))
    gain = (first.predicted == first.labels).astype(int) - (second.predicted == second.labels).astype(int)
    low, high = np.percentile(gain[rows].mean(axis=1), (2.5, 97.5))
    assert (found.value, found.n) == (12 / n, n)
    assert found.low == pytest.approx(low, abs=0.012)
    assert found.high == pytest.approx(high, abs=0.012)


def test_pairing_narrows_the_interval() -> None:
    """Two models that fail on the same faces differ less than their single intervals suggest."""
    first, second = pair(6, 2, both=100, neither=92)
    paired = accuracy_difference(first, second)
    independent = np.sqrt(2 * 0.52 * 0.48 / 200) * 2 * 1.96
    assert paired.high - paired.low < independent / 2


@pytest.mark.parametrize("n", [1, 80, 3589])
def test_models_that_no_face_tells_apart_differ_by_up_to_the_ends_of_the_score_interval(n: int) -> None:
    found = accuracy_difference(*pair(0, 0, both=n, neither=0))
    assert found.value == 0
    for end in (found.low, found.high):
        # Tango 1998, equation 14: of no discordant pair the estimate of the smaller share is 0.
        statistic = (0 - n * end) / np.sqrt(n * abs(end) * (1 - abs(end))) if abs(end) < 1 else np.inf
        assert abs(statistic) == pytest.approx(stats.norm.ppf(0.975), rel=1e-9)
    assert found.low == -found.high


def test_a_comparison_turns_round_with_its_models() -> None:
    first, second = pair(30, 12)
    one, other = compare(first, second, names=("a", "b")), compare(second, first, names=("b", "a"))
    assert (one.only_first, one.only_second, one.p) == (30, 12, other.p)
    assert one.difference.value == -other.difference.value
    assert one.difference == compare(first, second, names=("a", "b")).difference


def test_all_pairs_are_one_family() -> None:
    rng = np.random.default_rng(0)
    tables = {name: table(rng.random(400) < skill) for name, skill in (("a", 0.8), ("b", 0.7), ("c", 0.5), ("d", 0.5))}
    found = compare_all(tables, resamples=100)
    assert [(one.first, one.second) for one in found] == [(a, b) for a in "abcd" for b in "abcd" if a < b]
    assert [one.adjusted_p for one in found] == pytest.approx(holm([one.p for one in found]))
    assert adjust(found) == found
    assert adjust(()) == ()


def test_different_faces_or_labels_are_refused() -> None:
    right = np.ones(10, dtype=bool)
    first = table(right)
    others = (table(right, ids="other"), table(right[:5]), table(right, labels=np.zeros(10, dtype=np.int64)))
    for other in others:
        assert not same_faces(first, other)
        with pytest.raises(DataError, match="different faces or labels"):
            compare(first, other, names=("a", "b"))
    with pytest.raises(DataError, match="hold no faces"):
        compare(table(right[:0]), table(right[:0]), names=("a", "b"))


def _seeds(rng: np.random.Generator, hard: np.ndarray, accuracy: float, seeds: int, spread: float) -> list[Predictions]:
    """Tables of seeds whose accuracies scatter by `spread` around `accuracy`, on faces that are hard for all alike."""
    labels, ids = np.zeros(len(hard), dtype=np.int64), np.arange(len(hard)).astype(np.str_)
    found = []
    for _ in range(seeds):
        noise = 0.3 * rng.normal(size=len(hard))
        right = hard + noise < np.quantile(hard + noise, min(max(accuracy + spread * rng.normal(), 0.01), 0.99))
        found.append(
            Predictions(
                ids=ids,
                labels=labels,
                probabilities=np.eye(7)[np.where(right, 0, 1)],
                split="PrivateTest",
            )
        )
    return found


@pytest.mark.parametrize(("seeds", "spread"), [(2, 0.02), (5, 0.02), (3, 0.004)])
def test_recipes_that_are_equal_are_called_different_at_most_as_often_as_alpha_says(seeds: int, spread: float) -> None:
    """Four recipes of one truth, 100 times: 600 pairs, of which 5 % may differ; a rate of 8 % would show at 3 errors.

    Pairs of single seeds are called different more often, because seeds do differ.
    """
    rng = np.random.default_rng(seeds)
    recipes, families, pairs = [], [], []
    for _ in range(100):
        hard = rng.random(800)
        tables = [_seeds(rng, hard, 0.7, seeds, spread) for _ in range(4)]
        found = adjust_recipes([compare_recipes(a, b, names=("a", "b")) for a, b in combinations(tables, 2)])
        recipes += [one.p < 0.05 for one in found]
        families.append(any(one.adjusted_p < 0.05 for one in found))
        pairs.append(compare(tables[0][0], tables[1][0], names=("a", "b"), resamples=10).p < 0.05)
    assert np.mean(recipes) < 0.08
    assert np.mean(families) < 0.12
    if spread == 0.02:
        assert np.mean(recipes) > 0.01
        assert np.mean(pairs) > 2 * np.mean(recipes)


def test_where_faces_are_alike_the_test_of_recipes_is_welchs() -> None:
    """Answers that depend on no face leave the seeds alone as a source of chance."""
    rng = np.random.default_rng(5)
    for _ in range(5):
        tables = []
        for accuracies in rng.normal(0.7, 0.03, (2, 4)):
            right = rng.random((4, 5000)) < accuracies[:, None]
            tables.append([table(row) for row in right])
        found = compare_recipes(*tables, names=("a", "b"))
        means = [[float((one.predicted == one.labels).mean()) for one in of] for of in tables]
        welch = stats.ttest_ind(*means, equal_var=False)
        assert found.p == pytest.approx(welch.pvalue, rel=0.05, abs=0.01)
        low, high = welch.confidence_interval(0.95)
        assert (found.difference.low, found.difference.high) == (
            pytest.approx(low, abs=2e-3),
            pytest.approx(high, abs=2e-3),
        )


def test_recipes_that_differ_are_told_apart() -> None:
    rng = np.random.default_rng(1)
    hard = rng.random(3000)
    found = compare_recipes(_seeds(rng, hard, 0.75, 4, 0.005), _seeds(rng, hard, 0.7, 4, 0.005), names=("a", "b"))
    assert found.p < 0.01
    assert found.difference.low < 0.05 < found.difference.high
    assert found.seeds == (4, 4)
