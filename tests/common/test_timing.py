"""The median time of a piece of work."""

import time

import pytest

from fer.common.timing import median_seconds


def test_the_median_is_of_the_work_alone() -> None:
    pauses = iter([0.2, 0.01, 0.01, 0.1])
    assert median_seconds(lambda: time.sleep(next(pauses)), seconds=0.0) == pytest.approx(0.01, abs=0.008)


def test_the_number_of_calls_is_bounded() -> None:
    calls: list[None] = []
    median_seconds(lambda: calls.append(None), seconds=30.0, warm_up=4, repeats=6)
    assert len(calls) == 10
