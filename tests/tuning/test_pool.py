"""Worker processes that crash, hang, or lose their sweep."""

import os
import signal
import time
from types import SimpleNamespace
from typing import Any

import pytest

from fer.common.errors import ConfigError
from fer.tuning import pool as pool_module
from fer.tuning.job import Ended, Job
from fer.tuning.pool import Pool
from fer.tuning.sweep import LocalSweep

# Timed: nothing else of this kind may run beside it.
pytestmark = pytest.mark.xdist_group("quiet")


def crash(connection: object, job: Job) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave(connection: object, job: Job) -> None:
    os._exit(3)


def hang(connection: object, job: Job) -> None:
    time.sleep(600)


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Pool:
    made = Pool()
    # Bare processes: what they would import has no part in how they end.
    import multiprocessing

    made._context = multiprocessing.get_context("fork")  # type: ignore[assignment]
    return made


@pytest.mark.parametrize(("system", "method"), [("linux", "forkserver"), ("darwin", "spawn")])
def test_nothing_is_forked_on_macos(system: str, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", system)
    assert Pool()._context.get_start_method() == method


@pytest.mark.parametrize(("body", "words"), [(crash, "signal 9"), (leave, "exit code 3")])
def test_a_worker_that_dies_has_failed(pool: Pool, body: object, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_child", body)
    pool.start(7, Job())
    ((worker, message),) = pool.messages(timeout=60)
    assert worker.number == 7
    assert isinstance(message, Ended)
    assert message.status == "failed"
    assert words in str(message.error)
    assert len(pool) == 0


def test_stopping_ends_what_hangs(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_child", hang)
    monkeypatch.setattr(pool_module, "PATIENCE", 0.3)
    pool.start(0, Job())
    pool.start(1, Job())
    assert list(pool.messages(timeout=0.05)) == []
    pool.kill(0)
    assert len(pool) == 1
    pool.stop()
    assert len(pool) == 0


def leave_with_a_traceback(connection: object, job: Job) -> None:
    os._exit(1)


def test_a_script_without_its_guard_is_told_of_it(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_child", leave_with_a_traceback)
    monkeypatch.setattr("fer.tuning.sweep.corner_overrides", lambda *_, **__: ())
    sweep: Any = SimpleNamespace(
        pool=pool, store=SimpleNamespace(records=[]), settings=SimpleNamespace(num_trials=1), sweep=None, threads=1
    )
    with pytest.raises(ConfigError, match=r'exit code 1 .*under `if __name__ == "__main__":`'):
        LocalSweep._check(sweep)
