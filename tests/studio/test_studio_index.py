"""What the studio knows of a folder of runs, and how little of it is read again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fer.common.errors import ConfigError
from fer.common.files import owned_folder
from fer.folders.study import StudyFolder
from fer.folders.sweep import SweepFolder
from fer.studio import index as module
from fer.studio.comparison import details, differences, rest_seconds, trials
from fer.studio.index import RunIndex

Make = Callable[..., Path]


def entries(index: RunIndex) -> dict[str, Any]:
    index.forget()
    return {entry["id"]: entry for entry in index.changes(since=0)["entries"]}


def test_every_state_of_a_run_is_told(root: Path, run_folder: Make) -> None:
    run_folder(root / "finished", final={"public.accuracy": 0.61, "public.macro_f1": 0.5})
    run_folder(root / "failed", manifest={"status": "failed", "error": "ValueError: no"})
    run_folder(root / "stopped", manifest={"status": "interrupted", "error": "Interrupted: SIGTERM"})
    run_folder(root / "killed")
    run_folder(root / "deep" / "er" / "working")
    broken = run_folder(root / "broken")
    (broken / "config.yaml").write_text("data: [")
    other = run_folder(root / "other")
    (other / "metrics.jsonl").write_text('{"epoch": "one"}\n')
    (root / "no run").mkdir()
    with owned_folder(root / "deep" / "er" / "working", key="run_dir", busy="training"):
        found = entries(RunIndex(root))
    assert {name: entry["status"] for name, entry in found.items()} == {
        "finished": "finished",
        "failed": "failed",
        "stopped": "stopped",
        "killed": "stopped",
        "deep/er/working": "running",
        "broken": "broken",
        "other": "broken",
    }
    assert found["failed"]["reason"] == "ValueError: no"
    assert found["stopped"]["reason"] == "stopped by SIGTERM"
    assert found["killed"]["reason"] == "its process was killed without notice"
    assert "config.yaml is not readable YAML" in found["broken"]["reason"]
    assert "metrics.jsonl:1: epoch is 'one', expected a number" in found["other"]["reason"]
    assert found["finished"]["accuracy"] == 0.61
    # Of a run that has no final numbers, those of the best epoch so far.
    assert found["killed"]["accuracy"] == 0.5
    assert (found["killed"]["epochs"], found["killed"]["planned"]) == (3, 5)
    assert found["killed"]["early"] == "2 of 2 epochs without a better accuracy"
    assert found["finished"]["early"] == "stopped early after epoch 3: 2 epochs without a better accuracy"


def test_a_folder_that_is_closed_to_us_ends_no_list(
    root: Path, run_folder: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of somebody else's run, whose checkpoints and lock may not be opened."""
    run_folder(root / "mine", final={"public.accuracy": 0.61})
    theirs = run_folder(root / "theirs")
    StudyFolder(root / "study").write(kind="x", runs={}, facts={})
    is_file, read_text = Path.is_file, Path.read_text

    def refused(path: Path) -> Path:
        if path.parent.name == "checkpoints" or path.name == "study.json":
            raise PermissionError(13, "Permission denied", str(path))
        return path

    monkeypatch.setattr(Path, "is_file", lambda path: is_file(refused(path)))
    monkeypatch.setattr(Path, "read_text", lambda path, **more: read_text(refused(path), **more))
    with owned_folder(theirs, key="run_dir", busy="training"):
        monkeypatch.setattr("filelock.FileLock.acquire", lambda *_, **__: refused(Path("checkpoints/.lock")))
        found = entries(RunIndex(root))
    assert {name: entry["status"] for name, entry in found.items()} == {
        "mine": "finished",
        "theirs": "running",
        "study": "broken",
    }


def test_of_five_hundred_runs_only_the_one_that_changed_is_read_again(
    root: Path, run_folder: Make, more_epochs: Callable[[Path, range], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(500):
        run_folder(root / f"run{number:03d}", final={"public.accuracy": number / 1000})
    read: list[str] = []
    summary = module.run_summary

    def counted(path: Path, *, held: bool) -> dict[str, Any]:
        read.append(path.name)
        return summary(path, held=held)

    monkeypatch.setattr(module, "run_summary", counted)
    index = RunIndex(root)
    index.refresh()
    first = index.changes(since=0)
    assert (len(read), len(first["entries"]), first["complete"]) == (500, 500, True)
    more_epochs(root / "run123", range(3, 4))
    (root / "run007").rename(root.parent / "elsewhere")
    index.forget()
    then = index.changes(since=first["version"])
    assert read[500:] == ["run123"]
    assert [entry["id"] for entry in then["entries"]] == ["run123"]
    assert then["entries"][0]["epochs"] == 4
    assert then["gone"] == ["run007"]
    assert index.changes(since=then["version"])["entries"] == []


def test_sweeps_and_studies_own_the_runs_in_them(root: Path, run_folder: Make) -> None:
    run_folder(root / "study" / "upper", final={"public.accuracy": 0.4})
    StudyFolder(root / "study").write(kind="occlusion", runs={"upper": "upper", "lower": "lower"}, facts={})
    sweep = root / "sweep"
    run_folder(sweep / "trials" / "0000", final={"public.accuracy": 0.7})
    (sweep / "sweep.json").write_text(json.dumps({"status": "finished"}))
    trial = {
        "trial": 0,
        "params": {"optimizer.lr": 0.1},
        "status": "ok",
        "loss": 0.3,
        "metrics": {"public.accuracy": 0.7},
        "seconds": 9.0,
        "start_seconds": 1.0,
        "train_seconds": 5.0,
        "command": "fer-train",
        "run_dir": "trials/0000",
        "curve": [],
        "started": "2026-01-02T03:04:05",
    }
    (sweep / "trials.jsonl").write_text(json.dumps(trial) + "\n")
    found = entries(RunIndex(root))
    assert found["study"]["kind"] == "study"
    assert found["study"]["status"] == "stopped"
    assert found["study/upper"]["parent"] == "study"
    assert (found["study"]["runs"], found["study"]["planned"]) == (["upper", "lower"], 2)
    assert found["sweep/trials/0000"]["parent"] == "sweep"
    assert (found["sweep"]["trials"], found["sweep"]["accuracy"]) == (1, 0.7)
    assert trials(sweep)["trials"][0]["score"] == pytest.approx(0.7)
    assert not trials(sweep)["lower"]


@pytest.mark.parametrize("loss", [0.83, 1.9])
def test_a_sweep_for_a_low_objective_shows_the_objective_itself(root: Path, loss: float) -> None:
    folder = SweepFolder(root / "sweep")
    folder.path.mkdir()
    folder.settings.write_text(json.dumps({"status": "finished", "objective": "nll"}))
    trial = {"trial": 0, "params": {}, "status": "ok", "loss": loss, "metrics": {}, "seconds": 9.0}
    rest = {"start_seconds": 1.0, "train_seconds": 5.0, "command": "fer-train", "run_dir": "trials/0000", "curve": []}
    folder.trials.write_text(json.dumps({**trial, **rest, "started": "2026-01-02T03:04:05"}) + "\n")
    found = trials(folder.path)
    assert (found["trials"][0]["score"], found["lower"]) == (loss, True)


@pytest.mark.parametrize("name", ["../runs/a", "/etc", "", ".", "a/../a", "a\0", "a/checkpoints"])
def test_a_name_that_is_no_run_of_the_index_leads_nowhere(root: Path, run_folder: Make, name: str) -> None:
    run_folder(root / "a")
    index = RunIndex(root)
    index.refresh()
    with pytest.raises(ConfigError, match="there is no run"):
        index.place(name)


def test_links_are_not_followed(root: Path, run_folder: Make, tmp_path: Path) -> None:
    run_folder(tmp_path / "outside")
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "loop").symlink_to(root)
    assert entries(RunIndex(root)) == {}


def test_copies_that_mlflow_keeps_are_no_runs(root: Path, run_folder: Make) -> None:
    run_folder(root / "a")
    run_folder(root / "mlartifacts" / "fer" / "0123" / "artifacts")
    assert set(entries(RunIndex(root))) == {"a"}


def test_runs_that_no_page_can_name_are_told(root: Path, run_folder: Make) -> None:
    for name in ("caf\udce9/a", "two\nlines", "می\u200cدود", "👩\u200d🔬"):
        run_folder(root / name)
    (root / "pictures\udce9").mkdir()
    index = RunIndex(root)
    # Joiners are part of Persian words and of emoji.
    assert set(entries(index)) == {"می\u200cدود", "👩\u200d🔬"}
    assert index.changes(since=0)["unshown"] == ["caf\\xe9/a", "two\\x0alines"]


def test_settings_that_differ_are_told_and_places_are_not(root: Path, run_folder: Make) -> None:
    run_folder(root / "a", config={"optimizer": {"lr": 0.1}, "callbacks": {"overfitting": {"run_dir": "a"}}})
    run_folder(
        root / "b",
        config={"optimizer": {"lr": 0.2, "momentum": 0.9}, "callbacks": {"overfitting": {"run_dir": "b"}}},
    )
    assert differences({"a": root / "a", "b": root / "b"}) == [
        {"key": "optimizer.lr", "values": [0.1, 0.2]},
        {"key": "optimizer.momentum", "values": [None, 0.9]},
    ]


def test_the_rest_of_the_time_is_told_at_the_pace_of_the_log(root: Path, run_folder: Make) -> None:
    from fer.folders.overview import overview

    run_folder(root / "a")
    times = ("2026-01-02T03:04:00.000000Z", "2026-01-02T03:04:10.000000Z", "2026-01-02T03:04:20.000000Z")
    records = [{"logger": "fer.callbacks.epoch_log", "epoch": n, "time": time} for n, time in enumerate(times)]
    run = overview(root / "a", held=True)
    # Two epochs of ten seconds are left, of which one is long under way.
    assert rest_seconds(run, records) == pytest.approx(10.0)
    assert rest_seconds(run, []) == pytest.approx(4.0)
    assert rest_seconds(overview(root / "a", held=False), records) is None


def test_the_page_of_a_run_shows_its_settings_by_dotted_key(root: Path, run_folder: Make) -> None:
    odd = {"odd": {"of": float("nan"), "in": [1, [float("inf")], {"deep": {"er": float("nan")}}]}}
    found = details(run_folder(root / "a", config=odd))
    assert found["config"]["model.params.widths"] == [8, 16]
    # JSON has no NaN.
    assert (found["config"]["odd.of"], found["config"]["odd.in"]) == ("nan", [1, ["inf"], {"deep": {"er": "nan"}}])
    assert [epoch["epoch"] for epoch in found["epochs"]] == [0, 1, 2]


def test_a_study_of_recipes_is_finished_when_all_that_is_planned_has_ended(root: Path, run_folder: Make) -> None:
    study = StudyFolder(root / "s")
    run_folder(root / "s" / "runs" / "none_seed0", final={"public.accuracy": 0.4})
    study.write(kind="augmentation", runs={"none_seed0": "runs/none_seed0"}, facts={"planned": 2, "missing": {}})
    assert entries(RunIndex(root))["s"]["status"] == "stopped"
    with owned_folder(root / "s", key="study_dir", busy="another study"):
        assert entries(RunIndex(root))["s"]["status"] == "running"
    run_folder(root / "s" / "runs" / "none_seed1", final={"public.accuracy": 0.4})
    both = {name: f"runs/{name}" for name in ("none_seed0", "none_seed1")}
    study.write(kind="augmentation", runs=both, facts={"planned": 2, "missing": {}})
    (root / "s" / "study.html").write_text("x")
    found = entries(RunIndex(root))["s"]
    assert (found["status"], found["report"]) == ("finished", True)


def test_a_run_says_which_labels_and_which_fold_it_is_about(root: Path, run_folder: Make) -> None:
    run_folder(root / "a", config={"labels": "five", "data": {"name": "synthetic", "protocol": "kfold", "fold": 3}})
    run_folder(root / "b")
    found = entries(RunIndex(root))
    assert (found["a"]["labels"], found["a"]["fold"]) == (["angry", "happy", "sad", "surprise", "neutral"], 3)
    assert (found["b"]["labels"], found["b"]["fold"]) == (None, None)


def test_the_time_of_a_run_that_went_on_after_a_stop_is_that_of_all_epochs(root: Path, run_folder: Make) -> None:
    run_folder(root / "a", manifest={"wall_seconds": 3.0}, final={})
    assert entries(RunIndex(root))["a"]["seconds"] == 6.0
