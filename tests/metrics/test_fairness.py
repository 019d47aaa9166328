"""Rates and gaps of groups: against fairlearn's numbers and scikit-learn, by hand, and by what intervals promise."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, recall_score

from fer.common.errors import DataError
from fer.common.labels import EMOTIONS
from fer.metrics import Predictions
from fer.metrics.fairness import GroupingScores, accuracy_differences, score_groupings


def table(labels: np.ndarray, predicted: np.ndarray) -> Predictions:
    probabilities = np.full((len(labels), 7), 0.05)
    probabilities[np.arange(len(labels)), predicted] = 0.7
    ids = np.array([f"f{i}" for i in range(len(labels))])
    return Predictions(ids=ids, labels=labels, probabilities=probabilities, split="PrivateTest")


def random_table(n: int, *, seed: int, right: float = 0.6) -> Predictions:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 7, n)
    return table(labels, np.where(rng.random(n) < right, labels, rng.integers(0, 7, n)))


def only(predictions: Predictions, column: np.ndarray, **options: int) -> GroupingScores:
    return score_groupings(predictions, groupings={"g": column}, **{"resamples": 300, **options})[0]


@pytest.fixture(scope="module")
def predictions() -> Predictions:
    return random_table(1500, seed=1)


@pytest.fixture(scope="module")
def column() -> np.ndarray:
    return np.random.default_rng(2).choice(["a", "b", "c"], 1500, p=[0.5, 0.3, 0.2])


@pytest.fixture(scope="module")
def scores(predictions: Predictions, column: np.ndarray) -> GroupingScores:
    return only(predictions, column)


FAIRLEARN = {
    "angry": (0.02100915144393406, 0.018840579710144967),
    "disgust": (0.00710598238688126, 0.022727272727272707),
    "fear": (0.018357121166109935, 0.03205128205128205),
    "happy": (0.014025389025389023, 0.04313725490196074),
    "sad": (0.020588888395434574, 0.010493959284627097),
    "surprise": (0.010602499732934534, 0.019262295081967307),
    "neutral": (0.008510486771356338, 0.02017543859649129),
}
"""Emotion -> `demographic_parity_difference` and `equalized_odds_difference` of fairlearn 0.15.0, faces as below."""


def test_parity_and_odds_are_those_of_fairlearn() -> None:
    i = np.arange(1500)
    labels = i * 5 % 7
    predictions = table(labels, np.where(i * 37 % 100 < 60, labels, i * i % 11 % 7))
    column = np.array(["a", "b", "c"])[np.searchsorted([5, 8], i * 13 % 101 % 10, side="right")]
    scores = only(predictions, column)
    for emotion, (parity, odds) in FAIRLEARN.items():
        assert scores.demographic_parity(emotion).difference.value == pytest.approx(parity, abs=1e-12)
        assert scores.equalized_odds(emotion).difference.value == pytest.approx(odds, abs=1e-12)
    assert scores.demographic_parity().emotion == "angry"
    assert scores.equalized_odds().emotion == "happy"


def test_rates_are_those_of_scikit_learn(scores: GroupingScores, predictions: Predictions, column: np.ndarray) -> None:
    accuracies = {}
    for group in scores.groups:
        here = column == group.group
        labels, predicted = predictions.labels[here], predictions.predicted[here]
        accuracies[group.group] = float((labels == predicted).mean())
        assert group.n == here.sum()
        assert group.accuracy.value == pytest.approx(accuracies[group.group], abs=1e-6)
        assert group.balanced_accuracy.value == pytest.approx(balanced_accuracy_score(labels, predicted), abs=1e-6)
        recalls = recall_score(labels, predicted, average=None, labels=range(7))
        for c, emotion in enumerate(EMOTIONS):
            assert group.recall[emotion].value == pytest.approx(recalls[c], abs=1e-6)
            assert group.recall[emotion].n == (labels == c).sum()
            assert group.selection_rate[emotion].value == pytest.approx((predicted == c).mean(), abs=1e-6)
            false = (predicted == c)[labels != c].mean()
            assert group.false_positive_rate[emotion].value == pytest.approx(false, abs=1e-6)
            assert group.recall[emotion].low <= group.recall[emotion].value <= group.recall[emotion].high
    gap = scores.gap("accuracy")
    low, high = min(accuracies.values()), max(accuracies.values())
    assert gap.difference.value == pytest.approx(high - low, abs=1e-6)
    assert gap.ratio.value == pytest.approx(low / high, abs=1e-6)
    assert (accuracies[gap.low_group], accuracies[gap.high_group]) == pytest.approx((low, high))
    assert gap.difference.n == (column == gap.low_group).sum() + (column == gap.high_group).sum()


def test_the_quick_difference_is_the_same(scores: GroupingScores, predictions: Predictions, column: np.ndarray) -> None:
    quick = accuracy_differences(predictions, groupings={"g": column, "alone": np.full(1500, "x")})
    assert quick == {"g": pytest.approx(scores.gap("accuracy").difference.value)}


def test_small_groups_have_no_numbers_and_no_gaps(predictions: Predictions) -> None:
    column = np.full(1500, "large", dtype="U8")
    column[:700] = "other"
    column[:29] = "small"
    scores = only(predictions, column)
    small = next(group for group in scores.groups if group.group == "small")
    assert (small.n, small.too_few, small.accuracy) == (29, True, None)
    assert set(small.recall.values()) == {None}
    assert all("small" not in (gap.low_group, gap.high_group) for gap in scores.gaps)
    assert not only(predictions, column, min_group=29).groups[-1].too_few


def test_a_recall_needs_as_many_faces_as_a_group() -> None:
    """Group b has 29 angry faces, all missed: that is in no number, or it would be the largest gap."""
    labels = np.concatenate([np.zeros(100, int), np.full(100, 3), np.zeros(29, int), np.full(100, 3)])
    predicted = labels.copy()
    predicted[200:229] = 4
    scores = only(table(labels, predicted), np.repeat(["a", "b"], [200, 129]))
    a, b = scores.groups
    assert (a.recall["angry"].value, b.recall["angry"]) == (1, None)
    assert scores.gap("recall", "angry") is None
    assert scores.gap("recall", "happy").difference.value == 0
    assert b.recall["fear"] is None


def test_unknown_faces_are_in_no_number(predictions: Predictions, column: np.ndarray, scores: GroupingScores) -> None:
    more = Predictions(
        ids=np.concatenate([predictions.ids, predictions.ids[:200]]),
        labels=np.concatenate([predictions.labels, (predictions.predicted[:200] + 1) % 7]),
        probabilities=np.concatenate([predictions.probabilities, predictions.probabilities[:200]]),
        split="PrivateTest",
    )
    found = only(more, np.concatenate([column, np.full(200, "")]))
    assert (found.n, found.unknown) == (1500, 200)
    assert found.groups == scores.groups
    assert found.gaps == scores.gaps


def test_the_order_of_the_faces_does_not_matter(
    predictions: Predictions, column: np.ndarray, scores: GroupingScores
) -> None:
    order = np.random.default_rng(3).permutation(1500)
    assert only(predictions.take(order), column[order]) == scores


def test_a_planted_difference_is_shown_and_the_worse_group_named() -> None:
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 7, 2000)
    with_glasses = rng.random(2000) < 0.4
    predicted = np.where(with_glasses & (labels == 2) & (rng.random(2000) < 0.6), 4, labels)
    scores = only(table(labels, predicted), np.where(with_glasses, "yes", "no"))
    gap = scores.equalized_odds()
    assert (gap.measure, gap.emotion, gap.low_group) == ("recall", "fear", "yes")
    assert gap.corrected
    assert gap.difference.low > 0.3
    assert not scores.gap("recall", "happy").significant


def test_two_groups_get_the_normal_interval() -> None:
    """For two large groups the simultaneous interval is the usual one: 1.96 standard errors of the difference."""
    predictions = random_table(6000, seed=5)
    column = np.repeat(["a", "b"], 3000)
    gap = only(predictions, column, resamples=4000).gap("accuracy")
    error = np.sqrt(sum(rate.value * (1 - rate.value) / 3000 for rate in (gap.low, gap.high)))
    assert gap.difference.high - gap.difference.value == pytest.approx(1.96 * error, rel=0.05)


def test_no_difference_is_shown_where_there_is_none_more_often_than_promised() -> None:
    """Groups drawn at random: about one gap in twenty leaves out 0, and hardly any after correction."""
    significant = corrected = total = 0
    for seed in range(4):
        rng = np.random.default_rng(100 + seed)
        groupings = {str(k): rng.integers(0, k, 1500).astype(str) for k in (2, 3)}
        for scores in score_groupings(random_table(1500, seed=seed), groupings=groupings, resamples=300, seed=seed):
            significant += sum(gap.significant for gap in scores.gaps)
            corrected += sum(gap.corrected for gap in scores.gaps)
            total += len(scores.gaps)
    assert total == 4 * 2 * 22
    assert significant / total < 0.1
    assert corrected <= 2


def test_rates_without_spread_are_not_certain() -> None:
    """No face of either group is found: the resamples do not vary, yet 40 faces prove little."""
    labels = np.tile([0, 3], 80)
    gap = only(table(labels, np.full(160, 3)), np.repeat(["a", "b"], 80)).gap("recall", "angry")
    assert gap.difference.value == 0
    assert gap.difference.high > 0.05
    assert not gap.significant


def test_a_grouping_of_other_faces_is_refused(predictions: Predictions) -> None:
    with pytest.raises(DataError, match=r"grouping 'g' has shape \(3,\) for 1,500 faces of PrivateTest"):
        only(predictions, np.array(["a", "b", "c"]))


def test_one_group_has_scores_and_no_gap(predictions: Predictions) -> None:
    scores = only(replace(predictions), np.full(1500, "all"))
    assert (len(scores.groups), scores.gaps, scores.comparisons) == (1, (), 0)
    assert scores.demographic_parity() is None
