"""The manifest says how a run ended, and never hides why."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from fer.common.interrupt import Interrupted
from fer.folders.run import RunFolder


def manifest(path: Path) -> Any:
    return json.loads((path / "manifest.json").read_text(encoding="utf-8"))


def test_running_then_finished(tmp_path: Path) -> None:
    with RunFolder(tmp_path).recorded({"seed": 3}):
        assert manifest(tmp_path)["status"] == "running"
        assert "wall_seconds" not in manifest(tmp_path)
    ended = manifest(tmp_path)
    assert ended["status"] == "finished"
    assert ended["seed"] == 3
    assert ended["wall_seconds"] >= 0
    assert "torch" in ended["versions"]


@pytest.mark.parametrize(
    ("problem", "status", "told"),
    [
        (RuntimeError("no memory"), "failed", "RuntimeError: no memory"),
        (Interrupted(signal.SIGTERM), "interrupted", "Interrupted: SIGTERM"),
        (KeyboardInterrupt(), "interrupted", "KeyboardInterrupt: "),
    ],
)
def test_how_it_ended_is_written_and_passed_on(problem: BaseException, status: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(type(problem)) as raised, RunFolder(tmp_path).recorded({}):
        raise problem
    assert raised.value is problem
    assert (manifest(tmp_path)["status"], manifest(tmp_path)["error"]) == (status, told)


def test_a_manifest_that_cannot_be_written_does_not_hide_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: RunFolder, facts: object) -> None:
        raise OSError("disk full")

    def fill_the_disk_and_fail(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(RunFolder, "write_manifest", full)
        raise RuntimeError("the first")

    with pytest.raises(RuntimeError, match="the first"), RunFolder(tmp_path).recorded({}):
        fill_the_disk_and_fail(monkeypatch)


def test_parts_of_one_run_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 130.0, 500.0, 507.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    folder = RunFolder(tmp_path)
    with pytest.raises(Interrupted), folder.recorded({}):
        raise Interrupted(signal.SIGINT)
    first = manifest(tmp_path)
    with folder.recorded({}, goes_on=True):
        assert manifest(tmp_path)["wall_seconds"] == 30.0
    ended = manifest(tmp_path)
    assert ended["wall_seconds"] == 37.0
    assert ended["started"] == first["started"]
    assert "error" not in ended


def test_a_failing_training_leaves_its_reason(train: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fer.callbacks.interruption import EpochSeed

    def fail(self: EpochSeed, trainer: Any, module: Any) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(EpochSeed, "on_train_epoch_start", fail)
    with pytest.raises(ZeroDivisionError):
        train("model=mlp", run_dir=tmp_path / "run")
    assert manifest(tmp_path / "run")["status"] == "failed"
    assert manifest(tmp_path / "run")["error"] == "ZeroDivisionError: on purpose"
