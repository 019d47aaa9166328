"""A training that is called from Python and interrupted: as a notebook does it, and as a batch system."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from support.tiny import TINY

import fer
from fer.callbacks.interruption import EpochSeed
from fer.common.interrupt import signals_raise_for_callers


def test_ctrl_c_is_a_keyboard_interrupt_and_the_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(callback: Any, trainer: Any, pl_module: Any) -> None:
        if trainer.current_epoch == 1:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    settings = [*TINY, "model=mlp", "trainer.max_epochs=2"]
    with monkeypatch.context() as patch:
        patch.setattr(EpochSeed, "on_train_epoch_start", interrupted)
        with pytest.raises(KeyboardInterrupt, match=r"fer\.train\(\.\.\., run_dir='.*/a'\) goes on"):
            fer.train(*settings, run_dir=tmp_path / "a")
    # PyTorch Lightning leaves it ignored, so that nothing else could be interrupted.
    assert signal.getsignal(signal.SIGINT) is before
    run = fer.Run(tmp_path / "a")
    assert (run.manifest["status"], run.manifest["error"]) == ("interrupted", "Interrupted: SIGINT")
    assert len(run.history) == 1
    assert len(fer.train(*settings, run_dir=tmp_path / "a").history) == 2


@pytest.mark.parametrize(("signum", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_a_handler_of_the_callers_is_told(signum: signal.Signals, raised: type[BaseException]) -> None:
    told: list[int] = []
    before = signal.signal(signum, lambda number, _: told.append(number))
    try:
        with pytest.raises(raised), signals_raise_for_callers("goes on"):
            signal.raise_signal(signum)
        assert told == [signum]
    finally:
        signal.signal(signum, before)


def test_sigterm_ends_a_script_as_it_ends_a_command() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with pytest.raises(SystemExit) as ended, signals_raise_for_callers("goes on"):
            signal.raise_signal(signal.SIGTERM)
        assert ended.value.code == 143
    finally:
        signal.signal(signal.SIGTERM, before)


def test_what_the_caller_ignores_interrupts_nothing() -> None:
    """As Ctrl-C of a script that a shell started in the background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with signals_raise_for_callers("goes on"):
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
