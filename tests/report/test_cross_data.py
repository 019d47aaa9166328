"""One model on other data sets: what is scored, what is left out, and how it is told."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.layouts import write_ckplus, write_image, write_rafdb_folders
from support.sketched import sketched

from fer.common.errors import ConfigError
from fer.common.labels import EMOTIONS
from fer.data.samples import FaceSamples, Split
from fer.folders.opened import OpenData, OpenModels
from fer.folders.record import read_runs
from fer.report.command import compose, parse
from fer.report.context import ReportContext
from fer.report.cross_data.analysis import analyse
from fer.report.main import choose_detail, evaluate_record
from fer.report.options import CrossDataOptions, ReportOptions
from fer.report.page.render import render_page
from fer.report.result import AnalysisResult


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cross")
    write_rafdb_folders(root / "rafdb", train=14, test=35)
    write_ckplus(root / "ckplus", persons=7)
    return root


def context_of(run: Path, sets: list[dict[str, Any]]) -> ReportContext:
    options = ReportOptions(bootstrap=100, tta=False, cross_data=CrossDataOptions.model_validate({"sets": sets}))
    records = read_runs([run])
    data, models = OpenData(), OpenModels("cpu")
    evaluated = [evaluate_record(record, models.of(record), data, options) for record in records]
    return ReportContext(run=choose_detail(evaluated), runs=evaluated, options=options, data=data, models=models)


def found(run: Path, *sets: dict[str, Any]) -> AnalysisResult:
    result = analyse(context_of(run, list(sets)))
    assert result is not None
    return result


@pytest.fixture(scope="module")
def both(tiny_run: Path, sets: Path) -> AnalysisResult:
    return found(
        tiny_run,
        {"name": "rafdb", "root": str(sets / "rafdb")},
        {"name": "ckplus", "root": str(sets / "ckplus"), "title": "posed faces"},
    )


def test_no_set_no_section(tiny_run: Path) -> None:
    assert analyse(context_of(tiny_run, [])) is None


def test_a_set_with_a_test_part_is_scored_on_it_and_another_whole(both: AnalysisResult) -> None:
    assert list(both.metrics) == ["own", "rafdb", "ckplus"]
    rafdb, ckplus = both.metrics["rafdb"], both.metrics["ckplus"]
    assert (rafdb["n"], rafdb["faces"], rafdb["missing_emotions"]) == (35, "its test part", [])
    assert (ckplus["faces"], ckplus["title"]) == ("all faces", "posed faces")
    # Contempt, 6 of 42 faces, cannot be predicted and is left out; neutral is not there.
    assert ckplus["n"] == 36
    assert ckplus["missing_emotions"] == ["neutral"]
    assert ckplus["recall"]["neutral"] is None
    assert both.metrics["own"]["n"] == 70


def test_the_model_predicts_with_its_own_preprocessing(both: AnalysisResult, tiny_run: Path, sets: Path) -> None:
    from fer.data.dataset_argument import validated
    from fer.data.sources import open_samples

    config = validated({"name": "rafdb", "root": str(sets / "rafdb"), "valid_share": 0}, prefix="")
    samples = open_samples(config).samples
    test = samples.take(samples.splits == Split.PRIVATE)
    assert test.images.shape[1:] == (1, 48, 48)
    predicted = context_of(tiny_run, []).predict(test.images).argmax(axis=1)
    assert both.metrics["rafdb"]["accuracy"]["value"] == pytest.approx((predicted == test.labels).mean())


def test_the_csv_holds_every_number(both: AnalysisResult) -> None:
    content = both.files["cross_data.csv"]
    assert isinstance(content, str)
    rows = {row["set"]: row for row in csv.DictReader(io.StringIO(content))}
    assert list(rows) == ["own", "rafdb", "ckplus"]
    assert float(rows["rafdb"]["macro_f1"]) == pytest.approx(both.metrics["rafdb"]["macro_f1"]["value"], abs=1e-6)
    assert rows["ckplus"]["recall_neutral"] == ""
    assert rows["ckplus"]["n_neutral"] == "0"
    assert sum(int(rows["ckplus"][f"n_{name}"]) for name in EMOTIONS) == 36
    assert both.columns["tiny"]["cross_rafdb_n"] == 35
    json.dumps(both.metrics, allow_nan=False)


def test_faces_the_run_has_seen_are_counted_and_left_out(tiny_run: Path, tmp_path: Path) -> None:
    samples = context_of(tiny_run, []).samples

    def put(split: Split, count: int, folder: str) -> None:
        for row in np.flatnonzero(samples.splits == split)[:count]:
            write_image(
                tmp_path / "mine" / EMOTIONS[samples.labels[row]] / f"{folder}{row}.png", samples.images[row, 0]
            )

    put(Split.TRAINING, 5, "a")
    put(Split.PUBLIC, 3, "b")
    put(Split.PRIVATE, 9, "c")
    lighter = samples.images[np.flatnonzero(samples.splits == Split.TRAINING)[7], 0] // 2 + 60
    write_image(tmp_path / "mine" / "happy" / "lighter.png", lighter)
    result = found(tiny_run, {"name": "folder", "root": str(tmp_path / "mine")})
    scores = result.metrics["folder"]
    assert (scores["shared_with_training"], scores["n"]) == (8, 10)
    assert scores["similar_to_training"] >= 1  # the lighter copy has other pixels and the same picture


def test_seen_faces_are_found_at_another_size(tiny_run: Path, tmp_path: Path) -> None:
    samples = context_of(tiny_run, []).samples
    for row in np.flatnonzero(samples.splits == Split.TRAINING)[:4]:
        large = cv2.resize(samples.images[row, 0], (96, 96), interpolation=cv2.INTER_NEAREST)
        write_image(tmp_path / "mine" / "sad" / f"{row}.png", large)
    write_image(tmp_path / "mine" / "happy" / "new.png", np.arange(2304, dtype=np.uint8).reshape(48, 48))
    scores = found(tiny_run, {"name": "folder", "root": str(tmp_path / "mine"), "size": 96}).metrics["folder"]
    assert (scores["shared_with_training"], scores["n"]) == (4, 1)


def test_the_synthetic_set_is_one_too(tiny_run: Path) -> None:
    own = {"name": "synthetic", "train": 210, "public": 70, "private": 70}
    other = {**own, "train": 7, "public": 7, "private": 21, "seed": 5}
    result = found(tiny_run, own, other)
    assert list(result.metrics) == ["own", "synthetic_1", "synthetic_2"]
    for key in ("accuracy", "macro_f1"):
        assert result.metrics["synthetic_1"][key] == result.metrics["own"][key]
    assert result.metrics["synthetic_2"]["n"] == 21
    page = sketched()(render_page)(result.sections, title="t", subtitle="s", notes=(), faces=False)
    assert "Synthetic faces 1 is the data set this run was trained on" in page


def test_a_set_that_cannot_be_had_is_a_note_and_the_others_are_scored(tiny_run: Path, sets: Path) -> None:
    result = found(
        tiny_run,
        {"name": "affectnet", "root": str(sets / "nowhere")},
        {"name": "ckplus", "root": str(sets / "ckplus"), "split": "test"},
        {"name": "rafdb", "root": str(sets / "rafdb"), "split": "train"},
    )
    assert list(result.metrics) == ["own", "rafdb"]
    assert result.metrics["rafdb"]["n"] == 14
    assert len(result.notes) == 2
    assert "“AffectNet” is missing" in result.notes[0]
    assert "has no faces in its test part" in result.notes[1]


def test_only_seen_faces_is_a_note(tiny_run: Path, tmp_path: Path) -> None:
    samples: FaceSamples = context_of(tiny_run, []).samples
    row = int(np.flatnonzero(samples.splits == Split.TRAINING)[0])
    write_image(tmp_path / "mine/happy/a.png", samples.images[row, 0])
    result = analyse(context_of(tiny_run, [{"name": "folder", "root": str(tmp_path / "mine")}]))
    assert result is not None
    assert result.sections == ()
    assert "all 1 faces" in result.notes[0]


def test_the_page_tells_what_is_missing_and_how_labels_came_about(both: AnalysisResult) -> None:
    page = render_page(both.sections, title="t", subtitle="s", notes=(), faces=False)
    for words in ("posed faces has no neutral faces", "posed in a laboratory", "about forty people", "own PrivateTest"):
        assert words in page
    assert page.count('<tr class="chosen">') == 1
    assert "On posed faces (CK+48" in both.card[1]
    assert "which has no neutral faces" in both.card[1]
    assert [chart.file("png")[:4] for chart in both.sections[0].charts] == [b"\x89PNG"] * 2


def test_the_command_line_form() -> None:
    *_, options = parse(
        compose(["run=x", "cross_data.sets=[{name: rafdb, root: /data/raf}, {name: ckplus, root: ck, contempt: sad}]"])
    )
    first, second = options.cross_data.sets
    assert (first.source, first.split, first.data.valid_share) == ("rafdb", "auto", 0)  # type: ignore[attr-defined]
    assert (second.source, second.data.contempt) == ("ckplus", "sad")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("{name: rafbd, root: x}", r"cross_data\.sets\.0.*no such source \(did you mean 'rafdb'"),
        ("{root: x}", r"name is missing"),
        ("{name: rafdb, rot: x}", r"rot: rafdb has no such key \(did you mean 'root'"),
        ("{name: rafdb, split: half}", r"cross_data\.sets\.0\.split='half'"),
    ],
)
def test_mistakes(wanted: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse(compose(["run=x", f"cross_data.sets=[{wanted}]"]))
