"""Rates and limiter."""

import threading

import pytest

from fer.runtime.web.limits import MAX_ADDRESSES, Busy, ConcurrencyLimiter, RateLimit

# Timed: nothing else of this kind may run beside it.
pytestmark = pytest.mark.xdist_group("quiet")


def test_a_burst_passes_and_then_the_rate_holds() -> None:
    now = 0.0
    limit = RateLimit(rate=10, burst=5, clock=lambda: now)
    assert [limit.wait("a") for _ in range(5)] == [0.0] * 5
    assert limit.wait("a") == pytest.approx(0.1)
    assert limit.wait("b") == 0.0
    now = 0.1
    assert limit.wait("a") == 0.0
    assert limit.wait("a") > 0
    now = 1000.0
    assert [limit.wait("a") == 0.0 for _ in range(6)] == [True] * 5 + [False]


def test_addresses_are_forgotten_oldest_first() -> None:
    limit = RateLimit(rate=1, burst=1, clock=lambda: 0.0)
    for number in range(MAX_ADDRESSES + 1):
        limit.wait(str(number))
    assert limit.wait("0") == 0.0
    assert limit.wait(str(MAX_ADDRESSES)) > 0


def test_places_are_given_back_even_after_a_failure() -> None:
    limiter = ConcurrencyLimiter(1, patience=0.0)
    with pytest.raises(RuntimeError), limiter.slot():
        raise RuntimeError
    with limiter.slot() as slot:
        assert slot == 0
        with pytest.raises(Busy), limiter.slot():
            pass


def test_a_place_is_waited_for() -> None:
    limiter = ConcurrencyLimiter(1, patience=10.0)
    taken, got = threading.Event(), []

    def second() -> None:
        taken.wait()
        with limiter.slot() as slot:
            got.append(slot)

    thread = threading.Thread(target=second)
    thread.start()
    with limiter.slot():
        taken.set()
    thread.join(timeout=10)
    assert got == [0]
