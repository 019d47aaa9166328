"""The median time of a piece of work."""

import pytest

from fer.common.timing import median_seconds


def test_the_median_is_of_the_work_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    now, pauses = [0.0], iter([0.2, 0.01, 0.01, 0.1])

    def work() -> None:
        now[0] += next(pauses)

    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    assert median_seconds(work, seconds=0.0) == pytest.approx(0.01)


def test_the_number_of_calls_is_bounded() -> None:
    calls: list[None] = []
    median_seconds(lambda: calls.append(None), seconds=30.0, warm_up=4, repeats=6)
    assert len(calls) == 10
