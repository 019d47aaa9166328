"""fer-sweep as a user runs it, on synthetic faces: trials, the best one, failures, interruptions, folders."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.tiny import TINY

from fer.common.errors import ConfigError
from fer.folders.sweep import SweepFolder
from fer.tuning.run import run_sweep

# The server that trials are forked from takes seconds to start: each process that runs tests has its own.
pytestmark = pytest.mark.xdist_group("sweeps")

SWEEP = (
    *TINY,
    "model=mlp",
    "model.params.hidden=[16]",
    "space=none",
    "optimizer.lr=loguniform(1e-4, 0.1)",
    "data.batch_size=choice(32, 64)",
    "report=false",
)


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (path / "trials.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sweeps") / "a"
    run_sweep([*SWEEP, f"sweep_dir={path}", "num_trials=3", "workers=2", "pruning.enabled=false"])
    return path


def test_every_trial_is_a_line_with_its_command(finished: Path) -> None:
    lines = records(finished)
    assert sorted(line["trial"] for line in lines) == [0, 1, 2]
    for line in lines:
        assert line["status"] == "ok"
        assert line["loss"] == pytest.approx(1 - line["metrics"]["public.accuracy"])
        assert not any("private" in name for name in line["metrics"])
        assert [share for share, _ in line["curve"]] == [0.5, 1.0]
        assert 0 < line["start_seconds"] < line["seconds"]
        run_dir = finished / line["run_dir"]
        saved = yaml.safe_load((run_dir / "config.yaml").read_text(encoding="utf-8"))
        assert saved["optimizer"]["lr"] == line["params"]["optimizer.lr"]
        assert saved["data"]["batch_size"] == line["params"]["data.batch_size"]


@pytest.mark.skipif(not Path("/proc/self/maps").is_file(), reason="this system does not show a process's libraries")
def test_trials_are_forked_from_a_server_that_has_imported_torch(finished: Path) -> None:
    """The sweep itself never imports it, so that its start costs nothing."""
    from multiprocessing import forkserver

    server = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    assert server is not None
    assert "libtorch" in Path(f"/proc/{server}/maps").read_text()


def test_the_best_trial_can_be_trained_from_its_file(finished: Path) -> None:
    from fer.config.compose import compose_train
    from fer.config.overrides import with_files

    best = min(records(finished), key=lambda line: line["loss"])
    assert SweepFolder(finished).best.read_text(encoding="utf-8").startswith(f"# Trial {best['trial']}: ")
    tree = compose_train(with_files([f"@{finished / 'best.yaml'}"]))
    assert tree["optimizer"]["lr"] == best["params"]["optimizer.lr"]
    assert tree["model"]["params"]["hidden"] == [16]


def test_the_best_trials_weights_alone_are_kept(finished: Path) -> None:
    best = min(records(finished), key=lambda line: (line["loss"], line["trial"]))
    kept = [path.parent.name for path in finished.glob("trials/*/checkpoints")]
    assert kept == [f"{best['trial']:04d}"]


def test_a_trials_command_repeats_its_number(finished: Path, train: Any, tmp_path: Path) -> None:
    line = records(finished)[0]
    name, *overrides = shlex.split(line["command"])
    assert name == "fer-train"
    again = train(*overrides, run_dir=tmp_path / "again").metrics
    assert {key: again[key] for key in line["metrics"]} == line["metrics"]


def test_more_trials_go_on_where_the_sweep_ended(finished: Path, tmp_path: Path) -> None:
    import shutil

    path = tmp_path / "b"
    shutil.copytree(finished, path)
    # A trial that was begun and interrupted, and a line that a crash left half written.
    begun = {"optimizer.lr": 0.0123, "data.batch_size": 32}
    SweepFolder(path).plan(3, begun)
    with (path / "trials.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"trial": 3, "par')
    run_sweep([*SWEEP, f"sweep_dir={path}", "num_trials=5", "workers=2", "pruning.enabled=false"])
    lines = records(path)
    assert lines[:3] == records(finished)
    assert sorted(line["trial"] for line in lines) == [0, 1, 2, 3, 4]
    assert next(line["params"] for line in lines if line["trial"] == 3) == begun
    assert len({json.dumps(line["params"]) for line in lines}) == 5


def test_a_tracked_sweep_is_one_run_with_nested_ones(finished: Path, tmp_path: Path) -> None:
    import shutil

    from fer.tuning.run import track
    from fer.tuning.settings import compose_sweep

    path = tmp_path / "tracked"
    shutil.copytree(finished, path)
    track(compose_sweep([*SWEEP, "logger=mlflow", f"logger.mlflow.uri=sqlite:///{tmp_path}/mlflow.db"]), path)
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    (experiment,) = (each for each in client.search_experiments() if each.name == "fer")
    runs = client.search_runs([experiment.experiment_id])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert len(parents) == 1
    # It has ended: report=false leaves no page that could tell.
    assert parents[0].info.status == "FINISHED"
    best = min(records(finished), key=lambda line: line["loss"])
    assert parents[0].data.metrics["best.loss"] == pytest.approx(best["loss"])
    assert {run.data.tags["mlflow.parentRunId"] for run in runs if run not in parents} == {parents[0].info.run_id}
    rates = {run.data.params["optimizer.lr"] for run in runs if "optimizer.lr" in run.data.params}
    assert {str(line["params"]["optimizer.lr"]) for line in records(finished)} <= rates


def test_a_store_that_fails_costs_the_sweep_nothing(
    finished: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import shutil

    from fer.tuning.run import track
    from fer.tuning.settings import compose_sweep

    path = tmp_path / "untracked"
    shutil.copytree(finished, path)
    track(compose_sweep([*SWEEP, "logger=mlflow", "logger.mlflow.uri=http://127.0.0.1:9"]), path)
    assert f"later: fer-track {path}" in caplog.text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("optimizer.lr=uniform(0.1, 0.2)", "space="),
        ("trainer.max_epochs=3", "trainer.max_epochs=3"),
        ("objective=nll", "objective=nll"),
    ],
)
def test_a_folder_of_another_sweep_is_refused(finished: Path, change: str, words: str) -> None:
    kept = (finished / "trials.jsonl").read_bytes()
    arguments = [each for each in SWEEP if not each.startswith(change.partition("=")[0] + "=")]
    with pytest.raises(ConfigError, match="other settings") as caught:
        run_sweep([*arguments, change, f"sweep_dir={finished}", "num_trials=9"])
    assert words in str(caught.value)
    assert (finished / "trials.jsonl").read_bytes() == kept


def test_a_sweep_whose_trials_all_fail_says_why_and_is_no_success(tmp_path: Path) -> None:
    arguments = [*SWEEP, "optimizer=sgd", "optimizer.lr=choice(1e30, 1e31)"]
    arguments = [each for each in arguments if not each.startswith(("optimizer.lr=log", "data.batch"))]
    with pytest.raises(ConfigError, match=r"no trial ran to its end: 2 of 2 failed, trial 0 with: .*not finite.*log"):
        run_sweep([*arguments, f"sweep_dir={tmp_path}", "num_trials=2", "workers=1"])
    assert json.loads((tmp_path / "sweep.json").read_text("utf-8"))["status"] == "finished"


def test_failures_are_trials_and_too_many_end_the_sweep(tmp_path: Path) -> None:
    # So high a rate that the loss leaves the numbers.
    arguments = [*SWEEP, "optimizer=sgd", "~augment.fill", "optimizer.lr=choice(1e30, 1e31, 1e32)"]
    arguments = [each for each in arguments if not each.startswith(("optimizer.lr=log", "data.batch", "~"))]
    with pytest.raises(ConfigError, match=r"2 trials in a row failed.*not finite.*output\.log"):
        run_sweep([*arguments, f"sweep_dir={tmp_path}", "num_trials=3", "workers=1", "max_failures=2"])
    lines = records(tmp_path)
    assert [line["status"] for line in lines] == ["failed", "failed"]
    assert all(line["loss"] is None and "not finite" in line["error"] for line in lines)
    assert not (tmp_path / "best.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["model.params.hiden=choice([8], [16])"], "hiden"),
        (["optimizer.lr=uniform(-2, -1)"], "optimizer.lr"),
        (["data.batch_size=uniform(16, 64)"], r"batch_size=.*valid integer.*quniform\(low, high, 1\)"),
        (["data.batch_size=choice(16, many)"], r"batch_size='many': .*valid integer[^;]*$"),
        (["data=fer2013", "data.root=nowhere.zip", "optimizer.lr=uniform(0.1, 0.2)"], "nowhere.zip"),
    ],
)
def test_what_would_fail_every_trial_is_told_before_the_first(arguments: list[str], words: str, tmp_path: Path) -> None:
    base = ["data=synthetic", "data.train=70", "data.public=35", "data.private=35", "trainer.accelerator=cpu"]
    if any(argument.startswith("data=") for argument in arguments):
        base = ["trainer.accelerator=cpu"]
    with pytest.raises(ConfigError, match=words):
        run_sweep([*base, "model=mlp", "space=none", *arguments, f"sweep_dir={tmp_path}", "report=false"])
    assert not (tmp_path / "trials.jsonl").exists()


def start(path: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "from fer.cli import sweep; sweep()", *SWEEP, f"sweep_dir={path}", *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def wait_for(path: Path, lines: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        if path.is_file() and len(path.read_text(encoding="utf-8").splitlines()) >= lines:
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError(f"{path} has not {lines} lines")


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_sweep_survives_its_end(signum: signal.Signals, tmp_path: Path) -> None:
    options = ("num_trials=5", "workers=2", "pruning.enabled=false", "trainer.max_epochs=4")
    process = start(tmp_path, *options)
    wait_for(tmp_path / "trials.jsonl", 2, process)
    process.send_signal(signum)
    out, err = process.communicate(timeout=60)
    expected = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}[signum]
    assert process.returncode == expected, err
    # Of a trial whose job was being handed over when the sweep was killed, Python's fork server writes one.
    assert signum == signal.SIGKILL or "Traceback" not in err
    before = records(tmp_path)
    again = start(tmp_path, *options)
    out, err = again.communicate(timeout=250)
    assert again.returncode == 0, err
    after = records(tmp_path)
    assert after[: len(before)] == before
    assert sorted(line["trial"] for line in after) == [0, 1, 2, 3, 4]
    assert len({json.dumps(line["params"]) for line in after}) == 5
    assert "best: trial" in out
