"""fer-train as a shell sees it: exit codes, one clear line for a mistake, clean stops."""

import signal
import sys
from pathlib import Path

import pytest
from support.forked_commands import ForkedCommands
from support.tiny import TINY

from fer import cli
from fer.common.errors import DataError
from fer.common.interrupt import Interrupted

SMALL = ("model=mlp", "model.params.hidden=[16]")


def fer_train(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["fer-train", *arguments])
    try:
        cli.train()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["data.root=nowhere/archive.zip"], ["nowhere/archive.zip", "data.root", "fer-data fetch"]),
        (["modle=cnn"], ["modle", "'model'"]),
        ([*TINY, "trainer.accelerator=mps"], ["trainer.accelerator=mps", "available: cpu"]),
        ([*TINY, "+model.params.width=8"], ["width", "widths"]),
        ([*TINY, "resume=nowhere.ckpt"], ["nowhere.ckpt"]),
        ([*TINY, "run_dir=/proc/nothing"], ["run_dir=/proc/nothing", "choose another run_dir"]),
        ([*TINY, "data.fold=7", "data.protocol=kfold"], ["fold", "7"]),
    ],
)
def test_a_mistake_is_told_in_one_line(
    overrides: list[str],
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert fer_train(monkeypatch, *overrides) == 2
    told = capsys.readouterr().err
    assert [word for word in words if word not in told] == [], told
    assert "Traceback" not in told
    assert len([line for line in told.splitlines() if line.startswith("error")]) == 1


def test_debug_adds_the_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FER_DEBUG", "1")
    assert fer_train(monkeypatch, "data.root=nowhere.zip") == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("problem", "status"),
    [(DataError("x"), 2), (Interrupted(signal.SIGINT), 130), (Interrupted(signal.SIGTERM), 143)],
)
def test_exit_codes(problem: BaseException, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: list[str]) -> None:
        raise problem

    monkeypatch.setattr(cli, "_train", fail)
    assert fer_train(monkeypatch) == status


def test_help_lists_every_group(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert fer_train(monkeypatch, "--help") == 0
    out = capsys.readouterr().out
    for words in ("model=", "skipcnn", "data=", "experiment=quickstart", "resume=auto"):
        assert words in out


SIGNALLED = """
import os, threading, time
from pathlib import Path
from fer.cli import train

def send():
    while not Path("run/checkpoints/last.ckpt").exists():
        time.sleep(0.02)
    os.kill(os.getpid(), SIGNUM)

threading.Thread(target=send, daemon=True).start()
train()
"""
"""A training that gets a signal once it has saved a checkpoint."""


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_stops_cleanly_after_a_checkpoint(
    forked: ForkedCommands, signum: signal.Signals, status: int, tmp_path: Path
) -> None:
    asked = [*TINY, "run_dir=run", "trainer.max_epochs=9000", *SMALL, "~callbacks.early_stopping"]
    done = forked.run("train", *asked, cwd=tmp_path, code=SIGNALLED.replace("SIGNUM", str(int(signum))))
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert "goes on" in done.stderr
    from fer.models.checkpoint import load_model

    assert load_model(tmp_path / "run" / "checkpoints" / "last.ckpt").spec.name == "mlp"
    assert not (tmp_path / "run" / "metrics.json").exists()


def test_hydra_flags_still_work(forked: ForkedCommands, tmp_path: Path) -> None:
    done = forked.run("train", *TINY, "--cfg", "job", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "name: skipcnn" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["modle=cnn,mlp"], ["modle", "'model'"]),
        (["model=cnn,nope"], ["model=nope", "choose one of cnn"]),
        (["model=null"], ["model=null"]),
        (["+=emissions"], ["'+=emissions' is no KEY=VALUE"]),
        ([*TINY, *SMALL, "seed=0,x"], ["seed='x'"]),
    ],
)
def test_a_mistake_in_a_multirun_is_told_as_elsewhere(
    forked: ForkedCommands, tmp_path: Path, overrides: list[str], words: list[str]
) -> None:
    tiny = ["hydra.sweep.dir=multirun", "trainer.max_epochs=1"]
    done = forked.run("train", "-m", *overrides, *tiny, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    mistakes = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(mistakes) == 1
    assert [word for word in words if word not in mistakes[0]] == [], mistakes
    assert "Traceback" not in done.stderr
    assert "Config search path" not in done.stderr


def test_a_fault_of_ours_in_a_multirun_is_no_mistake_of_the_user(forked: ForkedCommands, tmp_path: Path) -> None:
    # In a process of its own: Hydra sets up logging for good.
    code = """
import fer.training.run
from fer.cli import train

def broken(*_, **__):
    raise ValueError("a bug")

fer.training.run.run = broken
train()
"""
    arguments = ["-m", *TINY, "seed=0,1", "hydra.sweep.dir=multirun"]
    done = forked.run("train", *arguments, cwd=tmp_path, code=code)
    assert done.returncode == 1, done.stderr
    assert "ValueError: a bug" in done.stderr
    assert done.stderr.count("This should not happen") == 1
    assert "error: " not in done.stderr


@pytest.mark.parametrize(
    ("raised", "status", "last"),
    [
        ("ConfigError('no trial ran to its end')", 2, "error: no trial ran to its end"),
        ("ValueError('a bug')", 1, "This should not happen."),
    ],
)
def test_a_sweep_of_hydras_ends_as_fer_sweep_does(
    forked: ForkedCommands, tmp_path: Path, raised: str, status: int, last: str
) -> None:
    code = f"""
import fer.tuning.run
from fer.cli import train
from fer.common.errors import ConfigError

def broken(arguments):
    raise {raised}

fer.tuning.run.run_sweep = broken
train()
"""
    done = forked.run("train", "-m", "hydra/sweeper=fer", *TINY, "seed=0,1", cwd=tmp_path, code=code)
    assert done.returncode == status, done.stderr
    assert done.stderr.splitlines()[-1].startswith(last)
