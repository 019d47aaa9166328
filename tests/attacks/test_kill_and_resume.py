"""Killed at any moment, a command is simply given again: nothing is lost, nothing half is taken for whole."""

from __future__ import annotations

import itertools
import json
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
from support.attacked_commands import (
    EPOCHS,
    QUICK_REPORT,
    SMALL,
    Death,
    Killer,
    assert_same_run,
    assert_told,
    command,
    complete,
    environment,
    leftovers,
    timed,
    told_lives,
)
from support.forked_commands import ForkedCommands

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="signals, forks and /proc")


# Without learning no epoch is better than the first, and early stopping ends the training at the third.
STILL = (
    *SMALL,
    "trainer.max_epochs=9",
    "callbacks.early_stopping.patience=2",
    "optimizer.lr=1e-12",
    "~callbacks.ema",
)

# A disk that takes small files and no checkpoint.
FULL: tuple[list[str], Death | None, int] = ([*EPOCHS, "run_dir=killed"], 60_000, 2)

LIVES: list[tuple[list[str], Death | None, int]] = [
    ([*EPOCHS, "run_dir=whole"], None, 0),
    ([*EPOCHS, "run_dir=killed"], ("best.ckpt", 1, "half written"), 9),  # nothing was saved yet: from the start
    ([*EPOCHS, "run_dir=killed"], ("best.ckpt", 1, "renamed"), 9),  # a best epoch, no last one: from the start
    ([*EPOCHS, "run_dir=killed"], ("last.ckpt", 2, "not renamed"), 9),
    FULL,
    ([*EPOCHS, "run_dir=killed"], ("last.ckpt", 1, "half written"), 9),  # further than the earlier one, so from there
    ([*EPOCHS, "run_dir=killed"], ("metrics.json", 1, "not renamed"), 9),  # everything but the final numbers
    ([*EPOCHS, "run_dir=killed"], None, 0),
    ([*STILL, "run_dir=stopped"], None, 0),
    ([*STILL, "run_dir=stopped_and_killed"], ("metrics.json", 1, "not renamed"), 9),
    ([*STILL, "run_dir=stopped_and_killed"], None, 0),
]
"""Trainings, where each dies, and its exit status."""


class Lived(NamedTuple):
    """Where the trainings lived and died, and how each of them ended."""

    cwd: Path
    ended: list[subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def lived(forked: ForkedCommands, tmp_path_factory: pytest.TempPathFactory) -> Lived:
    cwd = tmp_path_factory.mktemp("lives")
    ended = told_lives(forked, [(arguments, death) for arguments, death, _ in LIVES], cwd=cwd)
    assert [life.returncode for life in ended] == [status for _, _, status in LIVES]
    return Lived(cwd, ended)


def test_death_at_each_step_of_a_write_changes_no_bit(lived: Lived) -> None:
    assert_same_run(lived.cwd / "killed", lived.cwd / "whole")


def test_a_checkpoint_that_does_not_fit_is_told_and_leaves_the_earlier_one(lived: Lived) -> None:
    full = lived.ended[LIVES.index(FULL)]
    assert_told(full, ".ckpt cannot be written", "larger than a file may be", "the same command with its run_dir")
    resumed = json.loads((lived.cwd / "killed" / "manifest.json").read_text("utf-8"))["resumed_from"]
    assert resumed == "killed/checkpoints/last.ckpt"


def test_a_training_that_stopped_early_and_died_stays_stopped(lived: Lived) -> None:
    assert json.loads((lived.cwd / "stopped" / "metrics.json").read_text("utf-8"))["epochs"] < 9
    assert_same_run(lived.cwd / "stopped_and_killed", lived.cwd / "stopped")


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_a_training_killed_at_twenty_random_moments(tmp_path: Path) -> None:
    """Of its whole life: imports, packing of the data, epochs, checkpoint writes, final numbers."""
    arguments = command("train", *SMALL, "trainer.max_epochs=40", "~callbacks.early_stopping")
    env = environment(FER_CACHE=str(tmp_path / "cache"))
    killer = Killer(timed([*arguments, "run_dir=whole"], cwd=tmp_path, env=env), seed=1)
    runs, resumed = 0, 0
    while len(killer.kills) < 20 or runs == 0:
        runs += 1
        run = tmp_path / f"killed{runs}"
        # Every run packs its data anew.
        env = environment(FER_CACHE=str(tmp_path / f"cache{runs}"))
        killed = False
        while not (run / "metrics.json").exists():
            killed = killer.run([*arguments, f"run_dir={run.name}"], cwd=tmp_path, env=env) is None
            assert_whole_so_far(run)
        resumed += json.loads((run / "manifest.json").read_text("utf-8"))["resumed_from"] is not None
        assert_same_run(run, tmp_path / "whole", killed=killed)
    print(f"\n{len(killer.kills)} kills, {runs} runs, {resumed} of them ended from a checkpoint: {killer.kills}")
    assert resumed > 0


def assert_whole_so_far(run: Path) -> None:
    """Whatever has its final name can be read."""
    import torch

    for checkpoint in (run / "checkpoints").glob("*.ckpt"):
        torch.load(checkpoint, weights_only=True)
    for file in run.glob("*.json"):
        json.loads(file.read_text("utf-8"))
    if (run / "metrics.jsonl").is_file():
        for line in (run / "metrics.jsonl").read_text("utf-8").splitlines():
            json.loads(line)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_a_packing_killed_at_random_moments_is_begun_anew(tmp_path: Path) -> None:
    # A training of no epoch worth the name, whose start draws and packs some thousand faces.
    arguments = command("train", *SMALL, "data.train=3000", "trainer.max_epochs=1", "+trainer.limit_train_batches=1")
    env = environment(FER_CACHE=str(tmp_path / "whole"))
    seconds = timed([*arguments, "run_dir=run"], cwd=tmp_path, env=env)
    # The imports are the other tests' matter.
    killer = Killer(seconds, seed=2, earliest=0.4 * seconds, alike=True)
    whole = packed(tmp_path / "whole")
    assert whole != []
    env = environment(FER_CACHE=str(tmp_path / "cache"))
    half = 0
    for life in itertools.count(1):
        killer.run([*arguments, f"run_dir=run{life}"], cwd=tmp_path, env=env)
        assert packed(tmp_path / "cache") in ([], whole)
        if len(killer.kills) >= 12:
            break
        if packed(tmp_path / "cache") == whole:
            shutil.rmtree(tmp_path / "cache")
        elif (tmp_path / "cache").exists():
            half += 1
    done = complete([*arguments, "run_dir=last"], cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert packed(tmp_path / "cache") == whole
    assert half > 0
    print(f"\n{len(killer.kills)} kills, {half} of them while the data were packed: {killer.kills}")


def packed(cache: Path) -> list[tuple[str, bytes]]:
    """What the entries of a cache hold that have their final names."""
    files = [file for file in cache.rglob("*.npy") if not file.parent.name.startswith(".")]
    return sorted((file.relative_to(cache).as_posix(), file.read_bytes()) for file in files)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_a_sweep_killed_at_random_moments(tmp_path: Path) -> None:
    arguments = command(
        "sweep",
        *SMALL,
        "space=none",
        "optimizer.lr=loguniform(1e-4, 0.1)",
        "trainer.max_epochs=3",
        "num_trials=4",
        "workers=1",
        "pruning.enabled=false",
        "report=false",
    )
    killer = Killer(timed([*arguments, "sweep_dir=whole"], cwd=tmp_path, env=environment()), seed=3)
    sweeps = 0
    while len(killer.kills) < 8 or sweeps == 0:
        sweeps += 1
        folder = tmp_path / f"killed{sweeps}"
        while killer.run([*arguments, f"sweep_dir={folder.name}"], cwd=tmp_path, env=environment()) is None:
            pass
        assert trials(folder) == trials(tmp_path / "whole")
        assert best(folder) == best(tmp_path / "whole")
        assert list(folder.glob(".*.tmp")) == []
    print(f"\n{len(killer.kills)} kills, {sweeps} sweeps: {killer.kills}")


def trials(folder: Path) -> list[object]:
    lines = [json.loads(line) for line in (folder / "trials.jsonl").read_text("utf-8").splitlines()]
    return [
        (line["trial"], line["params"], line["status"], line["loss"], line["metrics"], line["curve"])
        for line in sorted(lines, key=lambda line: line["trial"])
    ]


def best(folder: Path) -> list[str]:
    lines = (folder / "best.yaml").read_text("utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_a_report_killed_at_random_moments(tiny_run: Path, tmp_path: Path) -> None:
    arguments = command("report", f"run={tiny_run}", *QUICK_REPORT)
    whole = timed([*arguments, "out=whole"], cwd=tmp_path, env=environment())
    killer, page = Killer(whole, seed=4, alike=True), tmp_path / "killed" / "report.html"
    while len(killer.kills) < 6:
        if killer.run([*arguments, "out=killed"], cwd=tmp_path, env=environment()) is None and page.exists():
            assert page.read_text("utf-8").rstrip().endswith("</html>")
    done = complete([*arguments, "out=killed"], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    names = {
        folder: sorted(file.relative_to(tmp_path / folder).as_posix() for file in (tmp_path / folder).rglob("*"))
        for folder in ("killed", "whole")
    }
    assert names["killed"] == names["whole"]
    scores = [
        json.loads((tmp_path / folder / "metrics.json").read_text("utf-8"))["private"] for folder in ("killed", "whole")
    ]
    assert scores[0] == scores[1]
    print(f"\n{len(killer.kills)} kills: {killer.kills}")


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_an_export_killed_at_random_moments(tiny_run: Path, tmp_path: Path) -> None:
    import onnxruntime

    arguments = command("export", str(tiny_run), "--out", "model.onnx", "--card")
    killer = Killer(timed(arguments, cwd=tmp_path, env=environment()), seed=5, alike=True)
    model = tmp_path / "model.onnx"
    while len(killer.kills) < 6:
        model.unlink(missing_ok=True)
        killer.run(arguments, cwd=tmp_path, env=environment())
        if model.exists():
            onnxruntime.InferenceSession(model.read_bytes())
    done = complete(arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    onnxruntime.InferenceSession(model.read_bytes())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.md", "model.onnx", "model.sha256"]
    print(f"\n{len(killer.kills)} kills: {killer.kills}")


WAITING = """
import os, sys, time
from pathlib import Path
from fer import cli
from fer.models.classifier import Classifier

def wait():
    # Where the signal is to meet it.
    Path("here").touch()
    time.sleep(120)

place = sys.argv.pop(1)
if place == "validation":
    step = Classifier.validation_step
    def validation_step(self, batch, batch_idx):
        if self.current_epoch == 1:
            wait()
        return step(self, batch, batch_idx)
    Classifier.validation_step = validation_step
elif place == "checkpoint write":
    sync = os.fsync
    def synced(descriptor):
        if "/.last.ckpt." in os.readlink(f"/proc/self/fd/{descriptor}") and Path("checkpoints/last.ckpt").exists():
            wait()
        sync(descriptor)
    os.fsync = synced
else:
    replace = Path.replace
    def replaced(self, target):
        if Path(target).name == "metrics.json":
            wait()
        replace(self, target)
    Path.replace = replaced
cli.train()
"""


def stopped_at(place: str, signum: int, cwd: Path) -> tuple[int, str]:
    """Exit status and standard error of a training that gets a signal at a place."""
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING, place, *SMALL, "trainer.max_epochs=3", "run_dir=."],
        cwd=cwd,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 120
    while not (cwd / "here").exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signum)
    _, told = process.communicate(timeout=60)
    return process.returncode, told


@pytest.mark.slow
@pytest.mark.parametrize(("signum", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("place", ["validation", "checkpoint write", "final numbers"])
def test_a_signal_at_a_bad_moment(place: str, signum: int, status: int, lived: Lived, tmp_path: Path) -> None:
    cwd = tmp_path / "run"
    cwd.mkdir()
    ended, told = stopped_at(place, signum, cwd)
    assert ended == status, told
    assert "Traceback" not in told
    assert "goes on" in told
    assert json.loads((cwd / "manifest.json").read_text("utf-8"))["status"] == "interrupted"
    assert leftovers(cwd) == []
    assert_whole_so_far(cwd)
    done = complete(command("train", *SMALL, "trainer.max_epochs=3", "run_dir=."), cwd=cwd)
    assert done.returncode == 0, done.stderr
    assert_same_run(cwd, lived.cwd / "whole")


@pytest.mark.slow
def test_a_second_process_in_one_run_folder_is_refused(tmp_path: Path) -> None:
    arguments = command("train", *SMALL, "trainer.max_epochs=4000", "~callbacks.early_stopping", "run_dir=run")
    run = tmp_path / "run"

    def start(processes: ExitStack) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            arguments, cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        processes.callback(process.wait)
        processes.callback(process.kill)
        return process

    def epochs() -> int:
        return len((run / "metrics.jsonl").read_text("utf-8").splitlines()) if (run / "metrics.jsonl").exists() else 0

    def trained(process: subprocess.Popen[str], count: int) -> None:
        until = time.monotonic() + 200
        while epochs() < count:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.05)

    with ExitStack() as processes:
        first = start(processes)
        trained(first, 2)
        second = complete(arguments, cwd=tmp_path)
        assert second.returncode == 2, second.stderr
        assert "another process is training in it" in second.stderr
        assert "Traceback" not in second.stderr
        assert (run / "log.jsonl").read_text("utf-8").count('"message": "started"') == 1
        assert first.poll() is None
        # Killed without notice, it holds nobody up.
        first.kill()
        first.communicate()
        third = start(processes)
        trained(third, epochs() + 2)
        third.send_signal(signal.SIGTERM)
        third.communicate(timeout=60)
        assert third.returncode == 143
    assert (run / "log.jsonl").read_text("utf-8").count('"message": "started"') == 2
