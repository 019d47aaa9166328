"""Rows that speak against a copy's own splits: moved pictures are told from wrong rows."""

import numpy as np

from fer.data.fer2013.contradictions import not_believed


def likenesses(rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(0.6, 0.9, 10_000)


def test_wrong_rows_among_the_least_alike_are_not_believed() -> None:
    likeness = likenesses(np.random.default_rng(0))
    against = np.zeros(10_000, dtype=bool)
    against[np.argsort(likeness)[:60:2]] = True
    assert (not_believed(against, likeness, certain=0.95) == against).all()
    # So much alike that it leaves no doubt.
    assert not not_believed(against, likeness, certain=0.6).any()


def test_pictures_that_were_moved_whatever_their_likeness_are_believed() -> None:
    rng = np.random.default_rng(0)
    likeness = likenesses(rng)
    assert not not_believed(rng.random(10_000) < 0.05, likeness, certain=0.95).any()
    few = np.zeros(10_000, dtype=bool)
    few[np.argsort(likeness)[:5]] = True
    assert not not_believed(few, likeness, certain=0.95).any()


def test_pictures_that_were_not_compared_say_nothing() -> None:
    against = np.ones(1_000, dtype=bool)
    assert not not_believed(against, np.full(1_000, np.nan), certain=0.95).any()
