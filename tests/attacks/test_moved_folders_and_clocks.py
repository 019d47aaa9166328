"""Run folders moved, removed or linked, and clocks that jump: a run goes on, or says why not."""

from __future__ import annotations

import itertools
import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.attacked_commands import (
    QUICK_REPORT,
    SMALL,
    assert_loads,
    assert_same_run,
    assert_told,
    command,
    complete,
    environment,
    train_and_die,
)
from support.forked_commands import ForkedCommands

from fer.common.errors import ConfigError
from fer.models.checkpoint import load_model
from fer.training.atomic_checkpoints import AtomicCheckpointIO

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mounts, limits and permissions of Linux")


def test_a_checkpoint_knows_its_own_place(tmp_path: Path) -> None:
    """Lightning's callback drops its best score where its folder is another than it remembers."""
    old, new = tmp_path / "old", tmp_path / "new"
    remembered = {
        "dirpath": str(old / "checkpoints"),
        "best_model_score": 0.5,
        "best_model_path": str(old / "checkpoints" / "best.ckpt"),
        "best_k_models": {str(old / "checkpoints" / "best.ckpt"): 0.5},
        "last_model_path": f"{old}-er/checkpoints/last.ckpt",
    }
    old.mkdir()
    content = {"callbacks": {"ModelCheckpoint": remembered, "EarlyStopping": {"wait_count": 1}}}
    AtomicCheckpointIO(old).save_checkpoint(content, old / "checkpoints" / "last.ckpt")
    old.rename(new)
    read = AtomicCheckpointIO(new).load_checkpoint(new / "checkpoints" / "last.ckpt", weights_only=True)
    assert read["callbacks"] == {
        "ModelCheckpoint": {
            "dirpath": str(new / "checkpoints"),
            "best_model_score": 0.5,
            "best_model_path": str(new / "checkpoints" / "best.ckpt"),
            "best_k_models": {str(new / "checkpoints" / "best.ckpt"): 0.5},
            "last_model_path": f"{old}-er/checkpoints/last.ckpt",
        },
        "EarlyStopping": {"wait_count": 1},
    }
    with pytest.raises(FileNotFoundError):
        AtomicCheckpointIO(old).save_checkpoint(content, old / "checkpoints" / "last.ckpt")
    assert not old.exists()


@pytest.mark.slow
def test_a_moved_run_goes_on_from_its_new_place(forked: ForkedCommands, tmp_path: Path) -> None:
    """Its best score goes with it: without learning, no later epoch may take the first one's place."""
    model = ("model=mlp", "model.params.hidden=[16]", "trainer.max_epochs=3")
    still = [*(each for each in SMALL if not each.startswith("model")), *model, "optimizer.lr=1e-12", "~callbacks.ema"]
    lives = [([*still, "run_dir=whole"], None), ([*still, "run_dir=old"], ("last.ckpt", 1, "renamed"))]
    assert train_and_die(forked, lives, cwd=tmp_path) == [0, 9]
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "old").rename(tmp_path / "elsewhere" / "new")
    moved = [*still, f"run_dir={tmp_path / 'elsewhere' / 'new'}"]
    assert train_and_die(forked, [(moved, None)], cwd=tmp_path) == [0]
    assert load_model(tmp_path / "whole" / "checkpoints" / "best.ckpt").epoch == 0
    assert_same_run(tmp_path / "elsewhere" / "new", tmp_path / "whole")
    assert not (tmp_path / "old").exists()


@pytest.mark.slow
def test_a_moved_run_is_reported_and_exported_from_its_new_place(tiny_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "new place" / "run"
    shutil.copytree(tiny_run, run)
    for arguments in (command("report", f"run='{run}'", *QUICK_REPORT), command("export", str(run), "--out", "m.onnx")):
        done = complete(arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert (run / "report" / "report.html").is_file()
    assert (tmp_path / "m.onnx").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["removed", "moved"])
def test_a_run_folder_that_goes_away_is_told(how: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    arguments = command("train", *SMALL, "trainer.max_epochs=4000", "~callbacks.early_stopping", "run_dir=run")
    process = subprocess.Popen(
        arguments, cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        until = time.monotonic() + 120
        while not (run / "checkpoints" / "last.ckpt").exists() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        run.rename(tmp_path / "away")
        if how == "removed":
            shutil.rmtree(tmp_path / "away")
        _, told = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
    assert_told(
        subprocess.CompletedProcess(arguments, process.returncode, stderr=told), "run_dir=run", "removed or moved away"
    )
    assert not run.exists()
    if how == "moved":
        assert_loads(tmp_path / "away")


def test_a_linked_run_folder_is_followed_and_a_broken_link_told(train: Any, tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    overrides = ("model=mlp", "trainer.max_epochs=1")
    train(*overrides, run_dir=tmp_path / "link")
    assert_loads(tmp_path / "target")
    assert (tmp_path / "link").is_symlink()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name in ("dangling", "loop"):
        with pytest.raises(ConfigError, match=f"run_dir=.*{name} cannot be written"):
            train(*overrides, run_dir=tmp_path / name)


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0])
def test_a_clock_that_jumps_makes_no_duration_absurd(
    jump: float, train: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day back or forth, at every look at it."""
    now, looks = time.time, itertools.count()
    monkeypatch.setattr(time, "time", lambda: now() + jump * next(looks))
    run = train("model=mlp", "trainer.max_epochs=2", run_dir=tmp_path / "run").run_dir
    manifest = json.loads((run / "manifest.json").read_text("utf-8"))
    assert manifest["status"] == "finished"
    assert 0 <= manifest["wall_seconds"] < 600
    for line in (run / "metrics.jsonl").read_text("utf-8").splitlines():
        assert 0 < json.loads(line)["seconds"] < 600
    assert 0 < json.loads((run / "metrics.json").read_text("utf-8"))["train_seconds"] < 600


def test_a_clock_that_jumps_ends_no_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    from fer.tuning.sweep import Trial

    trial = Trial(number=0, params={}, overrides=())
    now = time.time
    for jump in (-86_400.0, 86_400.0):
        monkeypatch.setattr(time, "time", lambda jump=jump: now() + jump)
        assert 0 <= trial.seconds < 600
        assert trial.started == replace(trial).started
