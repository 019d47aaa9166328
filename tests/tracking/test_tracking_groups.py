import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fer.common.errors import ConfigError
from fer.common.files import owned_folder
from fer.tracking.groups import find, read_study, read_sweep
from fer.tracking.send import Registration
from fer.tracking.sync import sync

Start = Callable[..., Any]
Runs = Callable[[], list[Any]]

TRIAL = {
    "params": {"optimizer.lr": 0.1},
    "metrics": {"public.accuracy": 0.5},
    "seconds": 4.0,
    "start_seconds": 1.0,
    "train_seconds": 3.0,
    "command": "fer-train optimizer.lr=0.1",
    "curve": [[0.5, 0.4], [1.0, 0.5]],
    "started": "2026-01-01T10:00:00+00:00",
}


@pytest.fixture
def study(tmp_path: Path, fake_training: Start) -> Path:
    """A study of two halves upon a baseline from elsewhere."""
    path = tmp_path / "studies" / "halves"
    baseline = fake_training("baseline")
    for run in (baseline, fake_training("upper", under=path), fake_training("lower", under=path)):
        run.epochs(0)
        run.finish()
    runs = {"full": "../../outputs/baseline", "upper": "upper", "lower": "lower"}
    (path / "study.json").write_text(json.dumps({"study": "occlusion", "runs": runs, "command": "fer-occlusion"}))
    return path


@pytest.fixture
def sweep(tmp_path: Path, fake_training: Start) -> Path:
    """A sweep of four trials: a good one, a better one over folds, a pruned and a failed one."""
    path = tmp_path / "sweeps" / "a"
    for number in (0, 2):
        trial = fake_training(f"{number:04d}", under=path / "trials")
        trial.epochs(0)
        trial.status("failed", error="TrialPruned: ")
    fake_training("fold0", under=path / "trials" / "0001").finish()
    ended = [("ok", 0.5, None), ("ok", 0.4, None), ("pruned", 0.8, None), ("failed", None, "out of memory")]
    lines = [
        {"trial": n, "status": status, "loss": loss, "error": error, "run_dir": f"trials/{n:04d}", **TRIAL}
        for n, (status, loss, error) in enumerate(ended)
    ]
    (path / "trials.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (path / "sweep.json").write_text(json.dumps({"space": "small", "num_trials": 4}))
    (path / "report.html").write_text("page")
    return path


def test_a_study_is_a_parent_with_nested_runs(study: Path, store_uri: str, store: Any, runs_of: Runs) -> None:
    _, sent = sync(study, uri=store_uri, experiment=store.address.experiment)
    runs = {run.info.run_name: run for run in runs_of()}
    parent = runs["halves"]
    assert runs.keys() == {"halves", "baseline", "upper", "lower"}
    for name in ("upper", "lower"):
        assert runs[name].data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert "mlflow.parentRunId" not in runs["baseline"].data.tags
    assert parent.data.tags["fer.baseline.run_id"] == runs["baseline"].info.run_id
    assert parent.data.metrics["upper.public.accuracy"] == 0.5
    assert (parent.info.status, len(sent)) == ("FINISHED", 4)
    again = sync(study, uri=store_uri, experiment=store.address.experiment)[1]
    assert not any(one.created or one.epochs or one.artifacts for one in again)
    assert len(runs_of()) == 4


def test_a_study_whose_runs_are_missing_is_not_finished(study: Path) -> None:
    (study / "lower" / "manifest.json").unlink()
    group = read_study(study)
    assert group.parent.status == "interrupted"
    assert [content.name for content in group.nested] == ["upper"]


def test_a_study_with_a_run_that_broke_off_is_not_finished(study: Path, fake_training: Start) -> None:
    fake_training("last", under=study).status("interrupted")
    facts = json.loads((study / "study.json").read_text())
    facts["runs"]["last"] = "last"
    (study / "study.json").write_text(json.dumps(facts))
    assert read_study(study).parent.status == "interrupted"


def test_a_study_that_names_its_runs_as_they_end_says_whether_these_are_all(study: Path) -> None:
    facts = json.loads((study / "study.json").read_text())
    found = {}
    for status in ("interrupted", "finished"):
        (study / "study.json").write_text(json.dumps({**facts, "status": status, "planned": 4}))
        found[status] = read_study(study).parent.status
    assert found == {status: status for status in found}
    with owned_folder(study, key="study_dir", busy="another study"):
        assert read_study(study).parent.status == "running"


def test_a_net_of_any_name_has_metrics_that_mlflow_takes(study: Path) -> None:
    facts = json.loads((study / "study.json").read_text())
    (study / "study.json").write_text(json.dumps({**facts, "runs": {"vit+aug": "upper"}}))
    assert read_study(study).parent.final == {"vit_aug.public.accuracy": 0.5}


def test_a_sweep_is_a_parent_with_a_nested_run_a_trial(sweep: Path) -> None:
    group = read_sweep(sweep)
    assert [trial.name for trial in group.nested] == [f"trial {number}" for number in range(4)]
    assert [trial.status for trial in group.nested] == ["finished", "finished", "interrupted", "failed"]
    assert [len(trial.epochs) for trial in group.nested] == [1, 0, 1, 0]
    assert all(trial.params["search.optimizer.lr"] == "0.1" for trial in group.nested)
    assert group.nested[1].final["loss"] == 0.4
    assert group.nested[3].tags["fer.error"] == "out of memory"
    assert group.parent.final["best.loss"] == 0.4
    assert (group.parent.final["trials.ok"], group.parent.final["trials.pruned"]) == (2.0, 1.0)
    assert set(group.parent.artifacts) == {"sweep.json", "trials.jsonl", "report.html"}
    assert group.parent.status == "finished"


def test_a_sweep_whose_trials_all_failed_has_failed(sweep: Path) -> None:
    lines = (sweep / "trials.jsonl").read_text().splitlines(keepends=True)
    (sweep / "trials.jsonl").write_text(lines[-1])
    parent = read_sweep(sweep).parent
    assert parent.status == "failed"
    assert parent.tags["fer.error"] == "no trial ran to its end; the first with: out of memory"


def test_a_folder_stands_for_the_runs_studies_and_sweeps_in_it(study: Path, sweep: Path, tmp_path: Path) -> None:
    assert list(find(tmp_path)) == [tmp_path / "outputs" / "baseline", study, sweep]
    assert list(find(study / "upper")) == [study / "upper"]


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no run"):
        list(find(tmp_path))
    with pytest.raises(ConfigError, match="there is no folder"):
        list(find(tmp_path / "nothing"))


def test_a_study_has_no_model_to_register(study: Path, store_uri: str) -> None:
    with pytest.raises(ConfigError, match="name one of its run folders"):
        sync(study, uri=store_uri, register=Registration(name="faces", alias=None))
