"""The real commands for attacks on them, what a finished run holds, and a process that dies at exact points."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.forked_commands import ForkedCommands
from support.tiny import TINY

SMALL = (*(each for each in TINY if "max_epochs" not in each), "model=cnn", "model.params.widths=[8,16]")
"""Overrides of a training whose epochs take a fraction of a second."""

EPOCHS = (*SMALL, "trainer.max_epochs=3")

QUICK_REPORT = (
    "bootstrap=100",
    "cost.seconds=0.1",
    "explanations.tested_faces=4",
    "explanations.randomised_faces=2",
    "robustness.max_faces=50",
)
"""Options of a report whose numbers nobody reads."""

TIMINGS = ("seconds", "images_per_second", "train_seconds")


def command(name: str, *arguments: str) -> list[str]:
    """`fer-NAME ARGUMENTS`, of this interpreter."""
    return [sys.executable, "-c", f"from fer.cli import {name}; {name}()", *arguments]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", **more}


def complete(arguments: Sequence[str], *, cwd: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    return subprocess.run(
        arguments, cwd=cwd, capture_output=True, text=True, check=False, timeout=600, **{"env": environment(), **more}
    )


@dataclass
class Killer:
    """Starts a command again and again, and kills it with `kill -9` at random moments of its life.

    Attributes:
        seconds: the longest it may live.
        seed: of the moments.
        earliest: seconds that it lives at least.
        alike: all its lives are as long, so that one which ended before its moment tells that the machine has less to
            do than when `seconds` was measured.
        kills: when it was killed, in seconds of its life.
    """

    seconds: float
    seed: int
    earliest: float = 0.0
    alike: bool = False
    kills: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def run(self, arguments: Sequence[str], *, cwd: Path, env: dict[str, str]) -> str | None:
        """One life; its standard error where it came to its end by itself, None where it was killed."""
        moment = self._random.uniform(self.earliest, self.seconds)
        began = time.monotonic()
        with subprocess.Popen(
            arguments,
            cwd=cwd,
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                _, told = process.communicate(timeout=moment)
            except subprocess.TimeoutExpired:
                # The whole session: a power cut spares no helper.
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                self.kills.append(round(moment, 2))
                return None
        assert process.returncode == 0, told
        if self.alike:
            lived = min(1.0, (time.monotonic() - began) / self.seconds)
            self.seconds, self.earliest = lived * self.seconds, lived * self.earliest
        return told


def timed(arguments: Sequence[str], *, cwd: Path, env: dict[str, str]) -> float:
    """Seconds that a command takes when nobody disturbs it."""
    began = time.monotonic()
    done = complete(arguments, cwd=cwd, env=env)
    assert done.returncode == 0, done.stderr
    return time.monotonic() - began


def without_timings(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in TIMINGS}


def assert_same_run(run: Path, expected: Path, *, killed: bool = False) -> None:
    """Weights, optimiser, epochs, numbers and answers of two runs are bit for bit the same.

    `killed`: after its final numbers were written, so that the manifest may not know and a lock may be left.
    """
    import numpy as np
    import torch

    from fer.metrics import Predictions

    def lines(path: Path) -> list[dict[str, Any]]:
        return [without_timings(json.loads(line)) for line in (path / "metrics.jsonl").read_text("utf-8").splitlines()]

    assert lines(run) == lines(expected)
    mine, theirs = (json.loads((path / "metrics.json").read_text("utf-8")) for path in (run, expected))
    assert without_timings(mine) == without_timings(theirs)
    assert mine["train_seconds"] > 0
    for name in ("best.ckpt", "last.ckpt"):
        ours, whole = (
            torch.load(path / "checkpoints" / name, weights_only=True, map_location="cpu") for path in (run, expected)
        )
        assert ours["epoch"] == whole["epoch"]
        assert ours["state_dict"].keys() == whole["state_dict"].keys()
        for key, tensor in whole["state_dict"].items():
            assert torch.equal(ours["state_dict"][key], tensor), f"{name}: {key}"
        assert str(ours["optimizer_states"]) == str(whole["optimizer_states"])
    answers = [Predictions.read(path / "predictions" / "public.parquet").probabilities for path in (run, expected)]
    assert np.array_equal(*answers)
    manifest = json.loads((run / "manifest.json").read_text("utf-8"))
    if not killed:
        assert manifest["status"] == "finished"
        assert leftovers(run) == []


def leftovers(folder: Path) -> list[Path]:
    """Files that a killed writer left, and locks."""
    return [*folder.rglob(".*.tmp"), *folder.rglob(".lock")]


DYING = """
import os, sys
from pathlib import Path
import fer.common.files
from fer import cli

def dies(name, count, how):
    # Takes the process away, as kill -9 does, at the COUNT-th write of a file called NAME.
    seen, sync, replace = [], os.fsync, Path.replace
    def of(descriptor):
        return Path(os.readlink(f"/proc/self/fd/{descriptor}")).name.rsplit(".", 2)[0].lstrip(".")
    def synced(descriptor):
        if of(descriptor) == name and how == "half written":
            seen.append(1)
            if len(seen) == count:
                os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
                os._exit(9)
        sync(descriptor)
    def replaced(self, target):
        at = Path(target).name == name and how != "half written"
        seen.extend([1] if at else [])
        last = at and len(seen) == count
        if last and how == "not renamed":
            os._exit(9)
        replace(self, target)
        if last:
            os._exit(9)
    os.fsync, Path.replace = synced, replaced

def limited(bytes):
    # As a disk that takes small files and no large one.
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes, bytes))

death = DEATH
if isinstance(death, int):
    limited(death)
elif death is not None:
    dies(*death)
cli.train()
"""
"""A training that may be told where to die."""

Death = tuple[str, int, str] | int
"""The file, which of its writes in this process, and the moment: "half written", "not renamed" or "renamed".

A number alone: no file may have more bytes.
"""


def train_and_die(
    forked: ForkedCommands, lives: Sequence[tuple[Sequence[str], Death | None]], *, cwd: Path
) -> list[int]:
    """The exit statuses of trainings one after another, 9 where one died as it was told."""
    return [life.returncode for life in told_lives(forked, lives, cwd=cwd)]


def told_lives(
    forked: ForkedCommands, lives: Sequence[tuple[Sequence[str], Death | None]], *, cwd: Path
) -> list[subprocess.CompletedProcess[str]]:
    """Trainings one after another."""
    ended = [
        forked.run("train", *arguments, cwd=cwd, code=DYING.replace("DEATH", repr(death))) for arguments, death in lives
    ]
    assert [life.stderr for life in ended if "Traceback" in life.stderr] == []
    return ended


def assert_told(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Status 2, and one line that says so."""
    told = done.stderr
    assert done.returncode == 2, told
    assert "Traceback" not in told
    errors = [line for line in told.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, told
    assert [word for word in words if word not in errors[0]] == [], errors[0]


def assert_loads(run: Path) -> None:
    """Both checkpoints are whole."""
    from fer.models.checkpoint import load_model

    load_model(run / "checkpoints" / "best.ckpt")
    load_model(run / "checkpoints" / "last.ckpt")
