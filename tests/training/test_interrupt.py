"""Signals become exceptions, and none is lost."""

import os
import signal
import sys
import time
from collections.abc import Callable

import pytest

from fer.common.interrupt import Interrupted, signals_raise, signals_wait


class Finalised:
    """Sends its process a signal while it is being deleted, where Python swallows what a handler raises."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.001)


def wait_for_signal(send: Callable[[], object]) -> None:
    with signals_raise():
        send()
        time.sleep(5)


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_raises(signum: int, status: int) -> None:
    before = signal.getsignal(signum)
    with pytest.raises(Interrupted) as told:
        wait_for_signal(lambda: os.kill(os.getpid(), signum))
    assert told.value.exit_code == status
    assert signal.getsignal(signum) is before


def test_a_signal_that_a_finaliser_swallows_comes_again(capsys: pytest.CaptureFixture[str]) -> None:
    hook = sys.unraisablehook
    with pytest.raises(Interrupted) as told:
        wait_for_signal(Finalised)
    assert told.value.exit_code == 143
    assert sys.unraisablehook is hook
    assert "Exception ignored" not in capsys.readouterr().err


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_waits_for_what_must_not_be_cut_in_two(signum: int, status: int) -> None:
    done = []

    def whole() -> None:
        with signals_wait():
            os.kill(os.getpid(), signum)
            time.sleep(0.01)
            done.append("first")
        done.append("second")

    with pytest.raises(Interrupted) as told:
        wait_for_signal(whole)
    assert told.value.exit_code == status
    assert done == ["first"]
