"""What `fer-data doctor RUN` says of runs that ended badly."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fer.doctor.finding import Finding
from fer.doctor.run import examine, run_folder
from fer.folders.run import RunFolder
from fer.folders.run_log import logged_to


def examined(path: Path) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(run_folder(path))}


def state(path: Path, manifest: Mapping[str, Any] | None) -> Finding:
    if manifest is not None:
        (path / "manifest.json").write_text(json.dumps(manifest))
    return examined(path)["state"]


@pytest.fixture
def copy(tiny_run: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_run, tmp_path / "run")


def break_in(path: Path, message: str) -> None:
    with pytest.raises(RuntimeError), logged_to(path / "log.jsonl"):
        raise RuntimeError(message)


def test_a_failure_is_told_with_its_traceback(tmp_path: Path) -> None:
    break_in(tmp_path, "no memory")
    told = examined(tmp_path)
    assert (told["state"].status, told["state"].text) == ("problem", "failed (RuntimeError: no memory)")
    assert told["log.jsonl"].text.startswith("2 records, 1 of them warnings or errors")
    assert "Traceback" in "\n".join(told["log.jsonl"].more)
    assert told["log.jsonl"].more[-1].endswith("RuntimeError: no memory")
    # A second attempt that broke down before the manifest was written again.
    assert state(tmp_path, {"status": "interrupted", "error": "SIGINT"}).text == "failed (RuntimeError: no memory)"


@pytest.mark.parametrize(
    ("manifest", "status", "words"),
    [
        ({"status": "finished", "wall_seconds": 3661.0}, "ok", "finished after 01:01:01"),
        ({"status": "finished", "wall_seconds": 90061.0}, "ok", "finished after 25:01:01"),
        ({"status": "interrupted", "error": "Interrupted: SIGTERM"}, "note", "interrupted (Interrupted: SIGTERM)"),
        ({"status": "running"}, "problem", "died without a word"),
        ({"status": "failed", "error": "ValueError: x"}, "problem", "failed (ValueError: x)"),
    ],
)
def test_states(manifest: Mapping[str, Any], status: str, words: str, tmp_path: Path) -> None:
    told = state(tmp_path, manifest)
    assert (told.status, words in told.text) == (status, True)


def test_a_killed_run_is_told_from_one_at_work(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"time": "2026-01-01T00:00:00Z", "message": "started"}\n')
    dead = state(tmp_path, None)
    assert (dead.status, "2026-01-01" in dead.text) == ("problem", True)
    with RunFolder(tmp_path).owned():
        assert examined(tmp_path)["state"] == Finding("state", "is being trained now")


def test_broken_files_are_found(copy: Path) -> None:
    best = copy / "checkpoints" / "best.ckpt"
    best.write_bytes(best.read_bytes()[:1000])
    (copy / "checkpoints" / "last.ckpt").unlink()
    config = copy / "config.yaml"
    config.write_text(config.read_text().replace("seed: ", "sede: "))
    with (copy / "metrics.jsonl").open("a") as file:
        # As a training writes a loss that diverged.
        file.write('{"epoch": 2, "train/loss": null, "undefined": {"train/loss": "it was nan"}}\n')
    told = list(examine(run_folder(copy)))
    by_name = {finding.name: finding for finding in told}
    assert (by_name["best.ckpt"].status, "last.ckpt" in by_name["best.ckpt"].fix) == ("problem", True)
    assert (by_name["last.ckpt"].status, by_name["last.ckpt"].text) == ("note", "is missing")
    assert "sede" in by_name["config.yaml"].text
    assert by_name["config.yaml"].status == "note"
    assert by_name["epochs"].text == "the training loss is not finite from epoch 3 on"
    # To a run that is to go on, its configuration matters.
    (copy / "metrics.json").unlink()
    assert examined(copy)["config.yaml"].status == "problem"


def test_a_damaged_manifest_makes_no_run_unfinished(copy: Path) -> None:
    for content in ("", "[]", '{"status": ["x"]}'):
        (copy / "manifest.json").write_text(content)
        told = examined(copy)
        assert told["state"] == Finding("state", "finished after an unknown time")
        assert told["manifest.json"].status == "problem"
        assert "delete " in told["manifest.json"].text


def test_what_a_report_would_refuse_is_told(copy: Path) -> None:
    (copy / "metrics.json").write_text('{"public.accuracy": "high"}')
    epochs = copy / "metrics.jsonl"
    epochs.write_text(f'garbage\n{epochs.read_text()}{{"epoch": 2, "valid/loss": null}}\n{{"epoch": 3, "train')
    table = copy / "predictions" / "public.parquet"
    table.write_bytes(table.read_bytes()[:100])
    (copy / "config.yaml").write_bytes(bytes(50))
    told = list(examine(run_folder(copy)))
    problems = {finding.name: finding.text for finding in told if finding.status == "problem"}
    assert set(problems) == {"metrics.json", "metrics.jsonl", "public.parquet", "config.yaml", "epochs"}
    assert "public.accuracy is 'high'" in problems["metrics.json"]
    assert problems["epochs"] == "the loss of the selection faces is not finite from epoch 3 on"
    assert next(each for each in told if each.name == "epochs").text == "3 finished, and a line that is cut off"
    (copy / "config.yaml").unlink()
    assert (examined(copy)["config.yaml"].status, examined(copy)["config.yaml"].text) == ("problem", "is missing")


def test_weights_that_are_not_finite_are_told(copy: Path) -> None:
    import torch

    best = copy / "checkpoints" / "best.ckpt"
    content = torch.load(best, weights_only=True)
    next(iter(content["state_dict"].values())).fill_(float("nan"))
    torch.save(content, best)
    (copy / "metrics.jsonl").write_text('{"epoch": 0, "train/loss": null}\n{"epoch": 1, "train/loss": 1.0}\n')
    told = examined(copy)
    assert told["best.ckpt"].text == "its weights are not finite: the training diverged"
    assert told["epochs"].text == "the training loss is not finite in epoch 1"
    assert told["last.ckpt"].status == "ok"
    best.unlink()
    assert examined(copy)["best.ckpt"].fix.startswith("Reports take last.ckpt")


def test_a_trial_whose_weights_a_sweep_removed_is_no_problem(copy: Path) -> None:
    shutil.rmtree(copy / "checkpoints")
    told = examined(copy)
    assert told["checkpoints"].status == "note"
    assert [finding for finding in told.values() if finding.status == "problem"] == []


def test_a_run_without_a_log_is_of_an_earlier_version(copy: Path) -> None:
    (copy / "log.jsonl").unlink()
    told = examined(copy)
    assert (told["log.jsonl"].status, told["log.jsonl"].more) == ("note", ())
    assert told["state"].text.startswith("finished after")
