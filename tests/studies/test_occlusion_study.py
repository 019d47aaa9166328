"""fer-occlusion from the command line: five runs and their report, resumed where it stopped, never mixed up."""

import json
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from support.tiny import TINY

from fer import cli
from fer.callbacks.interruption import EpochSeed
from fer.common.interrupt import Interrupted
from fer.data.occlusion import keep
from fer.data.regions import HALVES
from fer.folders.record import read_runs
from fer.metrics import Predictions
from fer.models.checkpoint import load_model

NAMES = ("full", *HALVES)
SMALL = (*TINY, "model=mlp", "model.params.hidden=[16]", "finetune.epochs=2")


def fer_occlusion(*arguments: str) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["fer-occlusion", *arguments])
        try:
            cli.occlusion()
        except SystemExit as end:
            return int(end.code or 0)
    return 0


def config(run_dir: Path) -> Any:
    return yaml.safe_load((run_dir / "config.yaml").read_text(encoding="utf-8"))


def epochs(run_dir: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return [
        {key: value for key, value in line.items() if "seconds" not in key and "second" not in key} for line in lines
    ]


def interrupt_in(run: str, *, epoch: int, patch: pytest.MonkeyPatch) -> None:
    original = EpochSeed.on_train_epoch_start

    def start(self: EpochSeed, trainer: Any, module: Any) -> None:
        if Path(trainer.default_root_dir).name == run and trainer.current_epoch == epoch:
            raise Interrupted(signal.SIGTERM)
        original(self, trainer, module)

    patch.setattr(EpochSeed, "on_train_epoch_start", start)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("studies") / "study"
    assert fer_occlusion(*SMALL, f"study_dir={path}", "report=false") == 0
    return path


def test_every_run_is_an_ordinary_run_folder(study: Path) -> None:
    assert json.loads((study / "study.json").read_text())["runs"] == {name: name for name in NAMES}
    for name in NAMES:
        assert config(study / name)["visible"] == name
        assert config(study / name)["run_dir"] == str(study / name)
        assert (study / name / "checkpoints" / "last.ckpt").is_file()
        assert json.loads((study / name / "manifest.json").read_text())["status"] == "finished"


def test_the_halves_learn_on_from_the_best_weights_with_a_small_rate(study: Path) -> None:
    whole = config(study / "full")
    for half in HALVES:
        tuned = config(study / half)
        assert tuned["model"] == {
            **whole["model"],
            "pretrained": str(study / "full" / "checkpoints" / "best.ckpt"),
            "train_sizes": None,
        }
        assert tuned["optimizer"] == {**whole["optimizer"], "lr": pytest.approx(0.1 * whole["optimizer"]["lr"])}
        assert tuned["trainer"] == {**whole["trainer"], "max_epochs": 2}
        assert tuned["augment"] == whole["augment"]
        assert len(epochs(study / half)) == 2


def test_selection_is_under_the_mask_of_the_training(study: Path) -> None:
    whole = Predictions.read(study / "full" / "predictions" / "public.parquet")
    from pydantic import TypeAdapter

    from fer.data.sources import AnyDataConfig, open_samples

    samples = open_samples(TypeAdapter(AnyDataConfig).validate_python(config(study / "full")["data"])).samples
    images = samples.images[np.flatnonzero(samples.splits == "PublicTest")]
    for half in HALVES:
        saved = Predictions.read(study / half / "predictions" / "public.parquet")
        assert saved.ids.tolist() == whole.ids.tolist()
        model = load_model(study / half / "checkpoints" / "best.ckpt")
        again = model.probabilities(keep(torch.from_numpy(images), half).numpy())
        assert saved.probabilities == pytest.approx(again, abs=1e-6)
        best = max(line["valid/accuracy"] for line in epochs(study / half))
        assert np.mean(saved.predicted == saved.labels) == pytest.approx(best, abs=1e-6)


def test_repeating_the_command_keeps_what_is_finished(study: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in study.rglob("*.ckpt")}
    # Another spelling of the folder, another number of threads: the same study.
    spelled = study.parent / "." / "elsewhere" / ".." / study.name
    (study.parent / "elsewhere").mkdir()
    assert fer_occlusion(*SMALL, "threads=2", f"study_dir={spelled}", "report=false") == 0
    assert {path: path.read_bytes() for path in study.rglob("*.ckpt")} == before
    assert "epoch 1/2" not in capfd.readouterr().out
    torch.set_num_threads(1)


@pytest.mark.parametrize(
    ("run", "epoch"),
    [pytest.param("full", 1, marks=pytest.mark.slow), ("upper", 0), pytest.param("left", 1, marks=pytest.mark.slow)],
)
def test_an_interrupted_study_goes_on_where_it_stopped(
    study: Path, tmp_path: Path, run: str, epoch: int, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "study"
    with pytest.MonkeyPatch.context() as patch:
        interrupt_in(run, epoch=epoch, patch=patch)
        assert fer_occlusion(*SMALL, f"study_dir={path}", "report=false") == 143
    assert "study_dir goes on" in capfd.readouterr().err
    done = NAMES[: NAMES.index(run)]
    assert [name for name in NAMES if (path / name / "metrics.json").exists()] == list(done)
    kept = {name: (path / name / "checkpoints" / "last.ckpt").stat().st_mtime_ns for name in done}
    with pytest.MonkeyPatch.context() as patch:
        # A second stop at once: what was finished before it is not begun again.
        interrupt_in(run, epoch=epoch + 1, patch=patch)
        fer_occlusion(*SMALL, f"study_dir={path}", "report=false")
    assert fer_occlusion(*SMALL, f"study_dir={path}", "report=false") == 0
    assert {name: (path / name / "checkpoints" / "last.ckpt").stat().st_mtime_ns for name in done} == kept
    for name in (run, "right"):
        assert epochs(path / name) == epochs(study / name), name


def test_a_given_baseline_is_used_where_it_lies_and_the_report_is_of_the_study(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    reported = []

    def make_report(runs: list[Path]) -> Path:
        reported.append(runs)
        return runs[0] / "report" / "report.html"

    monkeypatch.setattr("fer.report.main.make_report", make_report)
    path = tmp_path / "study"
    baseline = f"baseline={study / 'full'}"
    assert (
        fer_occlusion(baseline, "finetune.epochs=1", f"study_dir={path}", "threads=1", "trainer.accelerator=cpu") == 0
    )
    assert f"report: {path}/report/report.html" in capfd.readouterr().out
    assert reported == [[path]]
    assert not (path / "full").exists()
    assert read_runs([path])[0].folder.path == study / "full"
    assert [record.visible for record in read_runs([path])] == list(NAMES)
    assert config(path / "upper")["model"]["params"] == {**config(study / "full")["model"]["params"]}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["finetune.epochs=3"], ["trainer.max_epochs=3 (was 2)", "go on with its own command", "finetune.epochs=2"]),
        (["finetune.lr=0.5"], ["optimizer.lr=0.5 (was 0.0"]),
        (["seed=1"], ["seed=1 (was 0)"]),
        (["data.train=140"], ["data.train=140 (was 210)"]),
    ],
)
def test_other_settings_are_refused(
    study: Path, arguments: list[str], words: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in study.rglob("*") if path.is_file()}
    assert fer_occlusion(*SMALL, *arguments, f"study_dir={study}", "report=false") == 2
    told = capfd.readouterr().err
    assert [word for word in words if word not in told] == [], told
    assert {path: path.stat().st_mtime_ns for path in study.rglob("*") if path.is_file()} == before


def test_a_run_of_another_training_in_its_place_is_refused(
    study: Path, tiny_run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    import shutil

    shutil.copytree(tiny_run, tmp_path / "study" / "lower")
    assert fer_occlusion(*SMALL, f"study_dir={tmp_path / 'study'}", "report=false") == 2
    told = capfd.readouterr().err
    assert f"{tmp_path / 'study' / 'lower'} holds a run with other settings" in told
    assert not (tmp_path / "study" / "full").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run_dir=x"], ["run_dir=x", "study_dir=PATH"]),
        (["resume=never"], ["resume=never", "leave it out"]),
        (["visible=upper"], ["visible=upper", "leave it out"]),
        (["finetune.epoch=3"], ["finetune.epoch=3", "'finetune.epochs'"]),
        (["finetune.epochs=0"], ["finetune.epochs=0", "greater than or equal to 1"]),
        (["finetune.lr=-1"], ["finetune.lr=-1", "greater than 0"]),
        (["model=majority"], ["model=majority has nothing to learn"]),
        (["baseline=nowhere"], ["baseline=nowhere is not a run folder"]),
        (["modle=cnn"], ["modle=cnn", "'model'"]),
        (["--multirun"], ["--multirun", "KEY=VALUE"]),
    ],
)
def test_mistakes_are_told_in_one_line(
    arguments: list[str], words: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    study_dir = f"study_dir={tmp_path / 'study'}"
    assert fer_occlusion(*(() if arguments[0].startswith("baseline") else TINY), study_dir, *arguments) == 2
    told = capfd.readouterr().err
    assert [word for word in words if word not in told] == [], told
    assert "Traceback" not in told
    assert not (tmp_path / "study").exists()


def test_a_given_baseline_keeps_its_settings(study: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    whole, place = f"baseline={study / 'full'}", f"study_dir={tmp_path / 'study'}"
    assert fer_occlusion(whole, place, "seed=3") == 2
    assert "seed=3: baseline=" in capfd.readouterr().err
    assert fer_occlusion(f"baseline={study / 'upper'}", place) == 2
    assert "was trained with the upper part of the face alone" in capfd.readouterr().err
    import shutil

    shutil.copytree(study / "full", tmp_path / "unfinished")
    (tmp_path / "unfinished" / "metrics.json").unlink()
    assert fer_occlusion(f"baseline={tmp_path / 'unfinished'}", place) == 2
    assert "is not a finished run" in capfd.readouterr().err


def test_help_names_the_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert fer_occlusion("--help") == 0
    out = capsys.readouterr().out
    for words in ("study_dir:", "baseline:", "epochs: 4", "lr: null", "PublicTest"):
        assert words in out


@pytest.mark.slow
def test_the_same_command_writes_the_models_for_the_page(
    study: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from fer.runtime.web.command import load_models

    folder = tmp_path / "models"
    assert fer_occlusion(*SMALL, f"study_dir={study}", "report=false", f"models={folder}") == 0
    out = capfd.readouterr().out
    assert f"fer-serve --model {folder}" in out
    assert "epoch 1/2" not in out
    models = load_models([str(folder)])
    assert sorted(models) == sorted(NAMES)
    faces = np.random.default_rng(0).integers(0, 256, (4, 48, 48), np.uint8)
    for name, model in models.items():
        trained = load_model(study / name / "checkpoints" / "best.ckpt").probabilities(faces[:, None])
        # The file's temperature changes how sure it is, not what it says.
        assert model.probabilities(faces).argmax(axis=1).tolist() == trained.argmax(axis=1).tolist()
