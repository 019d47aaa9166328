"""Signals become exceptions, and none is lost."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable

import pytest

from fer.common.errors import ConfigError
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


def import_what_can_be_done_without() -> None:
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.001)
    except BaseException as error:
        # As compiled code does where its import is interrupted.
        with contextlib.suppress(ImportError):
            raise ImportError("initialization failed") from error


def test_a_signal_that_a_library_swallows_comes_again_and_does_not_close_the_door() -> None:
    with pytest.raises(Interrupted) as told:
        wait_for_signal(import_what_can_be_done_without)
    assert told.value.exit_code == 143


def test_a_signal_of_which_an_import_makes_an_error_is_still_one() -> None:
    def imported() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.001)
        except BaseException as error:
            try:
                raise ImportError("initialization failed") from error
            except ImportError as broken:
                raise ConfigError("onnxruntime is not installed") from broken

    with pytest.raises(Interrupted) as told:
        wait_for_signal(imported)
    assert told.value.exit_code == 130


def test_a_signal_that_was_heard_does_not_come_again() -> None:
    with signals_raise():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.001)
        except Interrupted as interruption:
            interruption.heard()
        time.sleep(0.1)


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
