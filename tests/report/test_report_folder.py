"""What the files of a report folder promise."""

import csv
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.report_stand_ins import (
    ROOT,
    SAMPLES,
    assert_in_reference,
    evaluated,
    files_to_name,
    predict,
    report,
    run_folder,
)

from fer.common.labels import EMOTIONS
from fer.data.samples import Split
from fer.metrics import METRICS, Predictions, headline
from fer.report import main
from fer.report.evaluation.evaluate import EvaluatedRun

OLD = '{"files": ["figures/old.png"]}'


def test_the_folder_holds_what_the_contract_names(fake_report: Path) -> None:
    names = {path.name for path in fake_report.iterdir()}
    assert names == {
        ".files.json",
        "report.html",
        "summary.json",
        "model_eval_short.csv",
        "metrics.json",
        "per_class.csv",
        "confusion_matrix.csv",
        "confusion_matrix.png",
        "confusion_matrix.svg",
        "confusion_matrix_normalized.png",
        "confusion_matrix_normalized.svg",
        "figures",
        "model_eval.csv",
        "gradcam",
        "predictions",
        "model_card.md",
    }


def test_the_reference_names_every_file(fake_report: Path) -> None:
    tables = {
        name
        for path in (ROOT / "fer" / "report").rglob("*.py")
        for name in re.findall(r'"([a-z_/]+\.csv)"', path.read_text(encoding="utf-8"))
    }
    assert_in_reference(tables - {"study.csv"})
    assert_in_reference(files_to_name(fake_report))


def test_metrics_are_those_of_the_answers_with_and_without_the_mirror(fake_report: Path) -> None:
    metrics = json.loads((fake_report / "metrics.json").read_text())
    for key, split in (("private", Split.PRIVATE), ("public", Split.PUBLIC)):
        rows = np.flatnonzero(SAMPLES.splits == split)
        plain = predict(SAMPLES.images[rows])
        mirrored = predict(SAMPLES.images[rows][..., ::-1])
        for name, probabilities in ((key, plain), (f"{key}_tta", (plain + mirrored) / 2)):
            table = Predictions(
                ids=SAMPLES.ids[rows], labels=SAMPLES.labels[rows], probabilities=probabilities, split=key
            )
            for metric, value in headline(table).items():
                found = metrics[name][metric]
                assert found["value"] == pytest.approx(value, abs=1e-9)
                assert found["low"] <= found["value"] <= found["high"]
                assert found["n"] == 28
    assert set(metrics["private"]) == set(METRICS)
    assert metrics["folder7178"]["accuracy"]["n"] == 56
    assert metrics["private_dedup"]["accuracy"]["n"] == 26
    assert (metrics["headline"], metrics["protocol"]) == ("private", "official")


def test_saved_answers_give_the_metrics_again(fake_report: Path) -> None:
    metrics = json.loads((fake_report / "metrics.json").read_text())
    for path in (fake_report / "predictions").iterdir():
        for metric, value in headline(Predictions.read(path)).items():
            assert metrics[path.stem][metric]["value"] == pytest.approx(value, abs=1e-6)
    assert (fake_report / "predictions" / "private_dedup_tta.parquet").is_file()


def test_the_confusion_matrix_counts_every_face(fake_report: Path) -> None:
    with (fake_report / "confusion_matrix.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["true"] for row in rows] == list(EMOTIONS)
    counts = np.array([[int(row[emotion]) for emotion in EMOTIONS] for row in rows])
    assert counts.sum() == 28
    assert counts.trace() / 28 == pytest.approx(
        json.loads((fake_report / "metrics.json").read_text())["private"]["accuracy"]["value"]
    )


def test_per_class_has_every_set_and_emotion(fake_report: Path) -> None:
    with (fake_report / "per_class.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * 2 * (7 + 3)
    assert [row["class"] for row in rows[-3:]] == ["accuracy", "macro avg", "weighted avg"]
    row = next(row for row in rows if row["set"] == "private" and row["class"] == "sad")
    assert row["support"] == "4"
    assert float(row["recall_low"]) <= float(row["recall"]) <= float(row["recall_high"])


def test_the_last_rows_are_those_of_scikit_learn(fake_run: EvaluatedRun, fake_report: Path) -> None:
    from sklearn.metrics import classification_report

    table = fake_run.sets["private"].plain.predictions
    expected = classification_report(table.labels, table.predicted, output_dict=True, zero_division=0)
    with (fake_report / "per_class.csv").open() as file:
        rows = {row["class"]: row for row in csv.DictReader(file) if row["set"] == "private"}
    assert float(rows["accuracy"]["f1"]) == pytest.approx(expected["accuracy"], abs=1e-6)
    for name in ("macro avg", "weighted avg"):
        for column, key in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            assert float(rows[name][column]) == pytest.approx(expected[name][key], abs=1e-6), (name, column)
        assert int(rows[name]["support"]) == expected[name]["support"]
    assert int(rows["angry"]["predicted"]) == (table.predicted == 0).sum()


def test_the_summary_decides(fake_report: Path) -> None:
    rows = json.loads((fake_report / "summary.json").read_text())
    assert len(rows) == 9
    for row in rows:
        assert set(row) == {"question", "verdict", "value", "text", "rule"}
        assert row["verdict"] in ("pass", "look", "fail")
        assert row["text"].endswith(".")
    (accuracy,) = (row for row in rows if row["question"] == "How accurate is it?")
    assert "without copied faces" in accuracy["text"]
    page = (fake_report / "report.html").read_text(encoding="utf-8")
    assert page.index('id="summary"') < page.index('id="result"') < page.index('id="curves"') < page.index('id="data"')


def test_a_short_table_has_twenty_columns_of_the_long_one(fake_report: Path) -> None:
    with (fake_report / "model_eval_short.csv").open() as file:
        (short,) = csv.DictReader(file)
    with (fake_report / "model_eval.csv").open() as file:
        (long,) = csv.DictReader(file)
    assert len(short) == 20
    assert short["accuracy"] == long["private_accuracy"]
    assert short["accuracy_without_copies"] == long["private_dedup_accuracy"]


def test_model_eval_has_a_row_a_run(fake_run: EvaluatedRun, tmp_path: Path) -> None:
    other = evaluated(run_folder(tmp_path / "other", seed=5), num_parameters=10)
    folder = report(tmp_path / "report", fake_run, other).parent
    with (folder / "model_eval.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["run"] for row in rows] == ["a&b<run>", "other"]
    assert list(rows[0])[:7] == [
        "run",
        "model",
        "seed",
        "protocol",
        "num_parameters",
        "train_seconds",
        "images_per_second",
    ]
    assert [row["seed"] for row in rows] == ["0", "5"]
    for key in ("private", "public", "private_dedup", "folder7178"):
        for metric in METRICS:
            assert float(rows[0][f"{key}_{metric}_low"]) <= float(rows[0][f"{key}_{metric}_high"])
            assert f"{key}_tta_{metric}" in rows[0]
    assert set(json.loads((folder / "metrics.json").read_text())["runs"]) == {"a&b<run>", "other"}


def test_pictures_are_there_and_readable(fake_report: Path) -> None:
    panels = sorted((fake_report / "gradcam").iterdir())
    assert 7 < len(panels) <= 7 * 2 + 2
    for path in (*panels, fake_report / "confusion_matrix.png", fake_report / "confusion_matrix_normalized.png"):
        assert cv2.imread(str(path)) is not None
    assert all(re.fullmatch(r"(correct|wrong)__.+__true-\w+__predicted-\w+\.png", path.name) for path in panels)


def test_a_report_in_an_old_folder_leaves_no_old_panel(fake_run: EvaluatedRun, tmp_path: Path) -> None:
    (tmp_path / "gradcam").mkdir()
    for name in ("old.png", "mine.png"):
        (tmp_path / "gradcam" / name).write_bytes(b"")
    (tmp_path / ".files.json").write_text('{"files": ["gradcam/old.png"]}')
    report(tmp_path, fake_run)
    assert not (tmp_path / "gradcam" / "old.png").exists()
    # The folder may be one of a person's own, named by out=.
    assert (tmp_path / "gradcam" / "mine.png").exists()


@pytest.mark.parametrize("before", [{}, {"report.html": "earlier", "figures/old.png": "", ".files.json": OLD}])
def test_a_report_that_fails_while_it_is_written_leaves_all_as_it_was(
    fake_run: EvaluatedRun, tmp_path: Path, before: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "report"
    for name, content in before.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)

    def fail(*_: object, **__: object) -> str:
        assert list(folder.glob(".report.html.*/metrics.json"))
        raise MemoryError

    monkeypatch.setattr(main, "render_page", fail)
    with pytest.raises(MemoryError):
        report(folder, fake_run)
    there = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert there == before
    assert folder.exists() == bool(before)


def test_what_a_killed_report_left_goes_with_the_next(
    fake_run: EvaluatedRun, fake_report: Path, tmp_path: Path
) -> None:
    left = tmp_path / ".report.html.0123abcd.tmp" / "figures"
    left.mkdir(parents=True)
    (left / "half.png").touch()
    (left.parent / ".lock").touch()
    report(tmp_path, fake_run)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in fake_report.iterdir()}


def test_the_same_input_gives_the_same_bytes(fake_run: EvaluatedRun, fake_report: Path, tmp_path: Path) -> None:
    again = report(tmp_path, fake_run).parent
    for path in sorted(fake_report.rglob("*")):
        if path.is_file():
            assert path.read_bytes() == (again / path.relative_to(fake_report)).read_bytes(), path.name


def test_what_a_report_lists_is_what_it_wrote_into_folders(fake_report: Path) -> None:
    listed = json.loads((fake_report / ".files.json").read_text())["files"]
    assert listed == sorted(p.relative_to(fake_report).as_posix() for p in fake_report.rglob("*/*") if p.is_file())
