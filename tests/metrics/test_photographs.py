"""Scores of photographs, against scikit-learn and against intervals worked out by hand."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, recall_score

from fer.common.labels import EMOTIONS
from fer.metrics.estimate import Estimate
from fer.metrics.photographs import ENOUGH, NO_FACE, OTHER, clustered_share, score_photographs

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 7, 400)
PREDICTED = np.where(RNG.random(400) < 0.6, LABELS, RNG.integers(-2, 7, 400))


def test_every_score_is_scikit_learns() -> None:
    scores = score_photographs(LABELS, PREDICTED, persons_N=None, resamples=200, seed=0)
    found = PREDICTED != NO_FACE
    assert scores.found.value == found.mean()
    assert scores.right_of_found.value == pytest.approx(accuracy_score(LABELS[found], PREDICTED[found]))
    assert scores.right_of_all.value == pytest.approx(accuracy_score(LABELS, PREDICTED))
    recalls = recall_score(LABELS[found], PREDICTED[found], labels=range(7), average=None)
    assert [scores.recalls[emotion].value for emotion in EMOTIONS] == pytest.approx(recalls)
    assert scores.balanced.value == pytest.approx(balanced_accuracy_score(LABELS[found], PREDICTED[found]))
    assert scores.balanced.low < scores.balanced.value < scores.balanced.high


def test_a_label_outside_the_seven_is_found_and_wrong() -> None:
    scores = score_photographs(
        np.array([3, 3, 3]), np.array([3, OTHER, NO_FACE]), persons_N=None, resamples=100, seed=0
    )
    assert (scores.found.value, scores.right_of_found.value, scores.right_of_all.value) == (2 / 3, 1 / 2, 1 / 3)


def test_rare_emotions_count_in_the_balance_only_where_it_is_told() -> None:
    labels = np.array([0] * ENOUGH + [1] * ENOUGH + [2] * (ENOUGH - 1))
    plain = score_photographs(labels, np.zeros_like(labels), persons_N=None, resamples=100, seed=0)
    assert plain.balanced_over == ("angry", "disgust")
    assert plain.balanced.value == 0.5
    told = score_photographs(
        labels, np.zeros_like(labels), persons_N=None, balanced_over=("angry", "fear", "disgust"), resamples=100, seed=0
    )
    assert told.balanced.value == pytest.approx(1 / 3)


def test_photographs_of_different_persons_have_wilsons_interval() -> None:
    hits = PREDICTED == LABELS
    assert clustered_share(hits, np.arange(400)) == Estimate.of_share(int(hits.sum()), 400)


def test_ten_copies_of_each_photograph_tell_no_more_than_one() -> None:
    hits = PREDICTED[:100] == LABELS[:100]
    one = Estimate.of_share(int(hits.sum()), 100)
    ten = clustered_share(np.repeat(hits, 10), np.repeat(np.arange(100), 10))
    # n - 1 clusters in the variance between them.
    assert (ten.low, ten.high) == pytest.approx((one.low, one.high), abs=2e-3)
    assert ten.n == 1000


def test_nobody_missed_in_few_persons_is_no_certainty() -> None:
    sure = clustered_share(np.ones(100, dtype=bool), np.repeat(np.arange(5), 20))
    assert sure.low == pytest.approx(Estimate.of_share(5, 5).low)


def test_photographs_of_one_person_give_the_balance_no_interval() -> None:
    one = np.full(400, "anna")
    balanced = score_photographs(LABELS, PREDICTED, persons_N=one, resamples=50, seed=0).balanced
    assert 0 < balanced.value < 1
    assert np.isnan([balanced.low, balanced.high]).all()
