"""Labels that look wrong are found by models that did not train on them, listed, and left out where asked."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer.common.errors import ConfigError, DataError
from fer.common.labels import EMOTIONS, NUM_CLASSES
from fer.config.saved import load_run_config
from fer.data.samples import Split
from fer.data.sources import open_samples
from fer.metrics.predictions import Predictions
from fer.studies.label_check.command import main
from fer.studies.label_check.suspects import find_suspects

Train = Callable[..., Any]
QUICK = ("model=mlp", "model.params.hidden=[8]", "trainer.max_epochs=1", "data.protocol=kfold", "data.folds=2")


@pytest.fixture(scope="module")
def trained(train: Train, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Both folds of a training."""
    home = tmp_path_factory.mktemp("folds")
    return [Path(train(*QUICK, f"data.fold={fold}", run_dir=home / str(fold)).run_dir) for fold in (0, 1)]


@pytest.fixture
def sure(trained: list[Path], tmp_path: Path) -> tuple[list[Path], dict[str, str]]:
    """The folds with predictions that are sure of every label but five; those, and what the predictions say instead."""
    wrong: dict[str, str] = {}
    runs = []
    for run in trained:
        copy = tmp_path / run.name
        shutil.copytree(run, copy)
        path = copy / "predictions" / "heldout.parquet"
        table = Predictions.read(path)
        said = table.labels.copy()
        for row in range(3 if not wrong else 2):
            said[row] = (said[row] + 1) % NUM_CLASSES
            wrong[str(table.ids[row])] = EMOTIONS[said[row]]
        probabilities = np.full((len(table), NUM_CLASSES), 0.01)
        probabilities[np.arange(len(table)), said] = 1 - 0.01 * (NUM_CLASSES - 1)
        Predictions(ids=table.ids, labels=table.labels, probabilities=probabilities, split=table.split).write(path)
        runs.append(copy)
    return runs, wrong


def test_every_training_face_is_answered_once_by_a_model_that_did_not_see_it(trained: list[Path]) -> None:
    predictions = find_suspects(trained).predictions
    samples = open_samples(load_run_config(trained[0]).data).samples
    assert sorted(predictions.ids.tolist()) == sorted(samples.ids[samples.splits == Split.TRAINING].tolist())


def test_the_labels_that_are_spoken_against_are_listed(
    sure: tuple[list[Path], dict[str, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs, wrong = sure
    out = tmp_path / "suspects.csv"
    assert main([*map(str, runs), "--out", str(out)]) == 0
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["id"]: row["suggested"] for row in rows} == wrong
    assert all(row["label"] != row["suggested"] and float(row["probability"]) < 0.02 for row in rows)
    assert "5 of 210 training faces" in capsys.readouterr().out
    assert main([*map(str, runs), "--out", str(out), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["suspects"] == 5
    assert answer["estimated_share_wrong"]["all"]["value"] == pytest.approx(5 / 210, abs=1e-3)


def test_models_that_are_seldom_right_tell_no_share_of_wrong_labels(
    trained: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "suspects.csv"
    assert main([*map(str, trained), "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "cannot be told: the models are right in " in told
    assert "95 % interval" not in told
    assert main([*map(str, trained), "--out", str(out), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["estimated_share_wrong"] is None
    assert 0 < answer["accuracy"] < 0.65


def test_the_listed_faces_are_left_out_of_training_alone(
    sure: tuple[list[Path], dict[str, str]], train: Train, tmp_path: Path
) -> None:
    runs, wrong = sure
    out = tmp_path / "suspects.csv"
    main([*map(str, runs), "--out", str(out)])
    run = train("model=mlp", "trainer.max_epochs=1", f"data.leave_out={out}", run_dir=tmp_path / "run")
    data = json.loads((run.run_dir / "manifest.json").read_text(encoding="utf-8"))["data"]
    assert data["train_rows"] == 210 - len(wrong)
    assert data["valid_rows"] == 70
    assert "5 faces of suspects.csv left out of training" in data["protocol"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,label\nnobody,happy\n", "names 1 faces that"),
        ("face\nnobody\n", "has no column id"),
        ("", "has no column id"),
        ("id,id\nnobody,nobody\n", "2 columns named .id."),
        ("id,label\n,happy\n", "line 2 has no id"),
        (None, "cannot be read"),
    ],
)
def test_a_list_that_does_not_fit_is_refused(text: str | None, words: str, train: Train, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=words):
        train("model=mlp", f"data.leave_out={path}", run_dir=tmp_path / "run")


def test_a_list_of_everybody_is_refused(trained: list[Path], train: Train, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    ids = find_suspects(trained).predictions.ids
    path.write_text("id\n" + "\n".join(ids) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match="nothing is left"):
        train("model=mlp", f"data.leave_out={path}", run_dir=tmp_path / "run")


def test_runs_that_are_no_folds_are_refused(trained: list[Path], tiny_run: Path, train: Train, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="protocol=official"):
        find_suspects([tiny_run])
    with pytest.raises(ConfigError, match="folds 0 of 2"):
        find_suspects(trained[:1])
    with pytest.raises(ConfigError, match="folds 0, 0 of 2"):
        find_suspects([trained[0], trained[0]])
    other = train(*QUICK, "data.fold=1", "seed=1", run_dir=tmp_path / "other").run_dir
    with pytest.raises(ConfigError, match="one partition"):
        find_suspects([trained[0], other])
