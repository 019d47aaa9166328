"""Label errors against cleanlab and planted noise; votes against scipy and numbers worked out by hand."""

import cleanlab
import numpy as np
import pytest
from scipy.stats import binomtest, entropy

from fer.common.errors import DataError
from fer.common.labels import EMOTIONS
from fer.metrics import Predictions
from fer.metrics.label_noise import OTHER_EMOTION, LabelIssues, find_label_issues, score_against_votes


def table(labels: np.ndarray, probabilities: np.ndarray) -> Predictions:
    ids = np.array([f"f{i}" for i in range(len(labels))])
    return Predictions(ids=ids, labels=labels, probabilities=probabilities, split="PrivateTest")


NOISE = 0.1


@pytest.fixture(scope="module")
def planted() -> tuple[Predictions, np.ndarray]:
    """A model that knows the ground truth well, and labels of which one in ten is wrong; True where it is."""
    rng = np.random.default_rng(0)
    ground_truth = rng.integers(0, 7, 1400)
    probabilities = rng.dirichlet(np.full(7, 0.3), 1400) * 0.3
    probabilities[np.arange(1400), ground_truth] += 0.7
    wrong = rng.random(1400) < NOISE
    labels = np.where(wrong, (ground_truth + rng.integers(1, 7, 1400)) % 7, ground_truth)
    return table(labels, probabilities.astype(np.float32)), wrong


@pytest.fixture(scope="module")
def issues(planted: tuple[Predictions, np.ndarray]) -> LabelIssues:
    return find_label_issues(planted[0])


def test_planted_errors_are_found(planted: tuple[Predictions, np.ndarray], issues: LabelIssues) -> None:
    predictions, wrong = planted
    assert wrong[issues.rows].mean() > 0.9
    assert np.isin(np.flatnonzero(wrong), issues.rows).mean() > 0.8
    assert issues.wrong.low < wrong.mean() < issues.wrong.high
    assert issues.wrong.n == 1400
    assert (issues.suggested != predictions.labels[issues.rows]).all()
    assert (np.diff(issues.scores) >= 0).all()


def test_eight_faces_without_a_doubt_leave_room_for_wrong_labels() -> None:
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    probabilities = np.full((8, 7), 0.01)
    probabilities[np.arange(8), labels] = 0.94
    found = find_label_issues(table(labels, probabilities.astype(np.float32)))
    assert len(found.rows) == 0
    for share, n in ((found.wrong, 8), (found.wrong_of[EMOTIONS[0]], 6), (found.wrong_of[EMOTIONS[1]], 2)):
        outside = binomtest(0, n).proportion_ci(method="wilson")
        assert (share.value, share.low, share.n) == (0.0, 0.0, n)
        assert share.high == pytest.approx(outside.high, abs=1e-9)


def test_the_numbers_are_cleanlabs(planted: tuple[Predictions, np.ndarray], issues: LabelIssues) -> None:
    predictions, _ = planted
    probabilities = predictions.probabilities.astype(np.float64)
    flagged = cleanlab.filter.find_label_issues(predictions.labels, probabilities, n_jobs=1)
    assert set(issues.rows.tolist()) == set(np.flatnonzero(flagged).tolist())
    joint = cleanlab.count.compute_confident_joint(predictions.labels, probabilities, calibrate=False)
    assert (issues.confident_joint == joint).all()
    calibrated = cleanlab.count.compute_confident_joint(predictions.labels, probabilities, calibrate=True)
    assert issues.wrong.value == pytest.approx(1 - np.trace(calibrated) / calibrated.sum(), abs=1e-6)
    quality = cleanlab.rank.get_label_quality_scores(predictions.labels, probabilities)
    assert issues.scores == pytest.approx(quality[issues.rows], abs=1e-6)


def test_the_confident_joint_counts_faces_and_nothing_else() -> None:
    # Two labels, all taken for a third that no face has.
    labels = np.array([0, 0, 0, 1, 1])
    probabilities = np.full((5, 7), 0.05)
    probabilities[:, 2] = 0.7
    probabilities[0] = (0.4, 0.05, 0.35, 0.05, 0.05, 0.05, 0.05)
    joint = find_label_issues(table(labels, probabilities.astype(np.float32))).confident_joint
    assert joint.sum() <= 5
    assert not joint[2:].any()


def test_nothing_is_relabelled(planted: tuple[Predictions, np.ndarray]) -> None:
    predictions, _ = planted
    labels, probabilities = predictions.labels.copy(), predictions.probabilities.copy()
    find_label_issues(predictions)
    assert (predictions.labels == labels).all()
    assert (predictions.probabilities == probabilities).all()


def test_an_emotion_without_faces_is_left_out(planted: tuple[Predictions, np.ndarray]) -> None:
    predictions, _ = planted
    issues = find_label_issues(predictions.take(predictions.labels != 1))
    assert list(issues.wrong_of) == [emotion for emotion in EMOTIONS if emotion != "disgust"]
    with pytest.raises(DataError, match="fewer than two emotions"):
        find_label_issues(predictions.take(predictions.labels == 1))


VOTES = np.array(
    [
        [10, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 8, 0, 0, 2],
        [0, 0, 5, 0, 0, 5, 0],
        [0, 0, 0, 0, 4, 3, 3],
        [0, 0, 0, 0, 0, 0, 0],
    ]
)
LABELS = np.array([0, 4, 5, 4, 1])
ANSWERS = np.array([0, 3, 2, 6, 1])
MAJORITY = np.array([0, 3, -1, -1, OTHER_EMOTION])


def votes_of_five():
    probabilities = np.full((5, 7), 0.05)
    probabilities[np.arange(5), ANSWERS] = 0.7
    shares = VOTES / np.maximum(1, VOTES.sum(axis=1, keepdims=True))
    scores = score_against_votes(
        table(LABELS, probabilities), shares=shares, usable=VOTES.sum(axis=1) > 0, majority=MAJORITY, resamples=200
    )
    return scores, shares[:4], probabilities[:4]


def test_divergences_are_those_of_scipy() -> None:
    scores, shares, probabilities = votes_of_five()
    assert scores.kl.value == pytest.approx(np.mean(entropy(shares, probabilities, axis=1)), abs=1e-6)
    assert scores.entropy.value == pytest.approx(np.mean(entropy(shares, axis=1)), abs=1e-6)
    assert scores.cross_entropy.value == pytest.approx(scores.kl.value + scores.entropy.value, abs=1e-9)
    assert scores.kl.n == 4


def test_majorities_are_counted_as_by_hand() -> None:
    scores, _, _ = votes_of_five()
    # Majorities: 0, 3 and contempt; only the first label agrees, and contempt never does.
    assert (scores.label_is_majority.value, scores.label_is_majority.n) == (pytest.approx(1 / 3), 3)
    assert (scores.accuracy.value, scores.accuracy.n) == (0.5, 2)
    assert scores.majority_accuracy.value == 1


def test_levels_go_from_agreement_to_ambiguity() -> None:
    scores, _, _ = votes_of_five()
    assert [level.name for level in scores.levels] == ["people agree", "in between", "people differ"]
    assert sum(level.accuracy.n for level in scores.levels) == 4
    assert scores.levels[0].lowest == 0
    assert all(level.lowest <= level.highest for level in scores.levels)
    least = scores.levels[-1]
    # The last face (4, 3, 3): the label is the most voted emotion, the prediction is not.
    assert (least.label_is_top.value, least.top_accuracy.value, least.accuracy.n) == (1, 0, 1)
    # Either of two equal emotions counts as the most voted one.
    assert scores.levels[1].top_accuracy.value == 1


def test_error_by_entropy_counts_every_usable_face_once() -> None:
    scores, shares, _ = votes_of_five()
    groups = scores.error_by_entropy
    assert sum(of.n for _, of in groups) == 4
    places = [place for place, _ in groups]
    assert places == sorted(places)
    assert places[-1] == pytest.approx(entropy(shares, axis=1).max(), abs=1e-6)
    wrong = sum(of.value * of.n for _, of in groups)
    right = sum(level.accuracy.value * level.accuracy.n for level in scores.levels)
    assert wrong + right == pytest.approx(4)


def test_equal_entropies_stay_together() -> None:
    n = 60
    shares = np.eye(7)[np.arange(n) % 7]
    shares[:10] = [0.5, 0.5, 0, 0, 0, 0, 0]
    scores = score_against_votes(
        table(np.arange(n) % 7, np.full((n, 7), 1 / 7)),
        shares=shares,
        usable=np.ones(n, dtype=bool),
        majority=np.where(np.arange(n) < 10, -1, np.arange(n) % 7),
        resamples=100,
    )
    assert [(level.name, level.accuracy.n) for level in scores.levels] == [("people agree", 50), ("people differ", 10)]


def test_a_certain_and_wrong_model_has_a_finite_divergence() -> None:
    scores = score_against_votes(
        table(np.array([0, 1]), np.eye(7)[[1, 0]]),
        shares=np.eye(7)[[0, 1]],
        usable=np.array([True, True]),
        majority=np.array([0, 1]),
        resamples=100,
    )
    assert 15 < scores.kl.value < 17


def test_votes_without_agreement_are_refused() -> None:
    with pytest.raises(DataError, match="no face of PrivateTest has votes"):
        score_against_votes(
            table(np.array([0]), np.full((1, 7), 1 / 7)),
            shares=np.zeros((1, 7)),
            usable=np.array([False]),
            majority=np.array([-1]),
        )
