"""The occlusion analysis over run folders: numbers against scikit-learn, sentences against the numbers."""

import csv
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from sklearn.metrics import accuracy_score, f1_score, recall_score, roc_auc_score
from support.sketched import sketched

from fer.common.errors import CheckpointError, DataError
from fer.common.labels import EMOTIONS
from fer.data.face_masks import FACE_MASKS, HALF_MASKS, PART_MASKS, STUDY_MASKS, WHOLE, FaceMask, masked
from fer.data.regions import HALVES
from fer.folders.opened import OpenData, OpenModels
from fer.folders.record import read_runs
from fer.folders.study import StudyFolder
from fer.metrics import Predictions, evaluate, evaluate_classes
from fer.metrics.retention import retention
from fer.models.accelerator import fast_inference
from fer.models.checkpoint import load_model
from fer.report.context import ReportContext
from fer.report.faces import choose_faces
from fer.report.main import choose_detail, evaluate_record
from fer.report.occlusion.analysis import analyse
from fer.report.occlusion.measurement import MaskScores, RunUnderMasks, recoveries
from fer.report.occlusion.section import mask_statements, study_statements, study_tables
from fer.report.options import OcclusionOptions, ReportOptions
from fer.report.page.render import render_page
from fer.report.page.wording import points
from fer.report.result import AnalysisResult

OPTIONS = ReportOptions(bootstrap=100, device="cpu", tta=False)


def variant(run: Path, path: Path, *, visible: str, seed: int) -> None:
    """A copy of a run that says it was trained on one part of the face, with other weights."""
    shutil.copytree(run, path)
    config = yaml.safe_load((path / "config.yaml").read_text())
    (path / "config.yaml").write_text(yaml.safe_dump({**config, "visible": visible}))
    content = torch.load(path / "checkpoints" / "best.ckpt", weights_only=True)
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in content["state_dict"].items():
        if tensor.is_floating_point() and name.startswith("net.") and "running" not in name:
            content["state_dict"][name] = tensor + 0.3 * tensor.std(unbiased=False) * torch.randn(
                tensor.shape, generator=generator
            )
    torch.save(content, path / "checkpoints" / "best.ckpt")


@pytest.fixture(scope="module")
def study(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("study")
    for seed, name in enumerate(("full", *HALVES)):
        variant(tiny_run, path / name, visible=name, seed=seed)
    StudyFolder(path).write(kind="occlusion", runs={name: name for name in ("full", *HALVES)}, facts={})
    return path


def context_of(*paths: Path, options: ReportOptions = OPTIONS) -> ReportContext:
    data, models = OpenData(), OpenModels("cpu")
    runs = [evaluate_record(record, models.of(record), data, options) for record in read_runs(paths)]
    return ReportContext(run=choose_detail(runs), runs=runs, options=options, data=data, models=models)


@pytest.fixture(scope="module")
def context(study: Path) -> ReportContext:
    return context_of(study)


@pytest.fixture(scope="module")
def result(context: ReportContext) -> AnalysisResult:
    found = analyse(context)
    assert found is not None
    return found


def rows_of(result: AnalysisResult) -> list[dict[str, str]]:
    content = result.files["occlusion.csv"]
    assert isinstance(content, str)
    return list(csv.DictReader(io.StringIO(content)))


def test_every_cell_agrees_with_scikit_learn(study: Path, context: ReportContext, result: AnalysisResult) -> None:
    samples = context.samples
    rows = np.flatnonzero(samples.splits == "PrivateTest")
    images, labels = samples.images[rows], samples.labels[rows]
    found = rows_of(result)
    assert len(found) == len(FACE_MASKS) + len(HALVES) * len(STUDY_MASKS)
    whole: dict[str, float] = {}
    for row in found:
        mask = next(mask for mask in FACE_MASKS if mask.key == row["test_mask"])
        model = load_model(study / row["training_mask"] / "checkpoints" / "best.ckpt")
        if mask is WHOLE:
            probabilities = model.probabilities(images)
        else:
            with fast_inference(torch.device("cpu")):
                probabilities = model.probabilities(masked(images, mask, seed=OPTIONS.seed))
        predicted = probabilities.argmax(axis=1)
        accuracy = accuracy_score(labels, predicted)
        whole.setdefault(row["run"], accuracy)
        expected = {
            "accuracy": accuracy,
            "macro_f1": f1_score(labels, predicted, average="macro", zero_division=0),
            "weighted_f1": f1_score(labels, predicted, average="weighted", zero_division=0),
            # One binary curve an emotion: scikit-learn's own "ovr" wants rows to sum to 1 exactly, and dividing by
            # their sums would part predictions that bfloat16 made equal.
            "weighted_auc": np.average(
                [roc_auc_score(labels == c, probabilities[:, c]) for c in range(7)], weights=np.bincount(labels)
            ),
            "retention": accuracy / whole[row["run"]],
        }
        recalls = recall_score(labels, predicted, average=None, labels=range(7), zero_division=0)
        expected |= {f"recall_{emotion}": recall for emotion, recall in zip(EMOTIONS, recalls, strict=True)}
        # The file holds six digits.
        assert {key: float(row[key]) for key in expected} == pytest.approx(expected, abs=1e-6), row["test_mask"]
        assert int(row["n"]) == len(rows)
        assert all(float(row[f"{key}_low"]) <= float(row[key]) + 1e-6 for key in ("accuracy", "weighted_auc"))


def test_whole_faces_score_as_in_the_rest_of_the_report(context: ReportContext, result: AnalysisResult) -> None:
    scores = result.metrics["study"]
    for run in context.runs:
        expected = {key: estimate.as_dict() for key, estimate in run.headline.plain.metrics.items()}
        found = scores[run.record.name]["test_masks"]["full"]
        assert {key: found[key] for key in expected} == expected


def test_files_and_numbers_are_plain_and_the_page_renders(result: AnalysisResult) -> None:
    json.dumps(result.metrics, allow_nan=False)
    assert result.metrics["set"] == "private"
    assert set(result.metrics["recovered"]) == set(HALVES)
    assert [section.key for section in result.sections] == ["occlusion-study", "occlusion"]
    html = sketched()(render_page)(result.sections, title="t", subtitle="s", notes=result.notes, faces=False)
    assert html.count('class="confusion"') == 4 + 1
    assert html.count("<svg") == 4
    (note,) = result.notes
    assert "upper (upper), lower (lower), left (left), right (right)" in note
    assert result.columns["upper"]["occlusion_upper_accuracy"] == pytest.approx(
        result.metrics["study"]["upper"]["test_masks"]["upper"]["accuracy"]["value"]
    )


def test_the_detail_is_the_run_on_whole_faces(study: Path, context: ReportContext) -> None:
    assert context.run.record.visible == "full"
    assert [run.record.visible for run in context.runs] == ["full", *HALVES]


def test_a_single_run_may_be_asked_on_a_draw_of_its_faces(tiny_run: Path) -> None:
    context = context_of(tiny_run)
    few = OPTIONS.model_copy(update={"occlusion": OcclusionOptions(max_faces=20)})
    found = analyse(replace(context, options=few))
    assert found is not None
    rows = rows_of(found)
    assert {row["n"] for row in rows} == {"20"}
    table = context.run.headline.plain.predictions
    drawn = choose_faces(len(table), most=20, seed=0)
    right = accuracy_score(table.labels[drawn], table.predicted[drawn])
    assert float(rows[0]["accuracy"]) == pytest.approx(right)
    assert "n = 20, drawn at random from 70 (seed 0)" in found.sections[0].charts[1].caption


def test_a_single_run_has_no_table_of_training_masks(tiny_run: Path) -> None:
    found = analyse(context_of(tiny_run))
    assert found is not None
    assert [section.key for section in found.sections] == ["occlusion"]
    assert "study" not in found.metrics
    assert len(rows_of(found)) == len(FACE_MASKS)
    assert found.notes == ()


def test_switched_off_it_only_says_what_runs_were_trained_on(study: Path, tiny_run: Path) -> None:
    off = OPTIONS.model_copy(update={"occlusion": OcclusionOptions(enabled=False)})
    assert analyse(context_of(tiny_run, options=off)) is None
    found = analyse(context_of(study / "upper", options=off))
    assert found is not None
    assert found.sections == ()
    assert "upper (upper)" in found.notes[0]


def test_an_incomplete_study_says_what_is_missing(study: Path, tmp_path: Path) -> None:
    shutil.copytree(study, tmp_path / "part")
    for half in ("left", "right"):
        shutil.rmtree(tmp_path / "part" / half)
    found = analyse(context_of(tmp_path / "part"))
    assert found is not None
    (caution,) = found.sections[0].context["cautions"]
    assert "left, right" in caution
    assert set(found.metrics["recovered"]) == {"upper", "lower"}


def test_run_folders_named_one_by_one_make_the_same_table(study: Path, result: AnalysisResult) -> None:
    found = analyse(context_of(study / "lower", study / "full"))
    assert found is not None
    assert found.metrics["study"]["lower"] == result.metrics["study"]["lower"]


def test_a_study_stands_for_its_runs(study: Path, tmp_path: Path) -> None:
    assert [record.name for record in read_runs([study])] == ["full", *HALVES]
    (tmp_path / "study.json").write_text("{")
    with pytest.raises(DataError, match=r"study\.json is not readable JSON .* delete it"):
        read_runs([tmp_path])
    (tmp_path / "study.json").write_text("[]")
    with pytest.raises(DataError, match=r"study\.json names no runs"):
        read_runs([tmp_path])
    StudyFolder(tmp_path).write(kind="occlusion", runs={"full": "full"}, facts={})
    with pytest.raises(CheckpointError, match="is a study without any checkpoint"):
        read_runs([tmp_path])


def table_of(hits: np.ndarray) -> Predictions:
    labels = np.arange(len(hits)) % 7
    probabilities = np.eye(7)[np.where(hits, labels, (labels + 1) % 7)]
    return Predictions(ids=np.arange(len(hits)).astype(str), labels=labels, probabilities=probabilities, split="x")


def under_masks(trained_on: str, accuracy: dict[str, float], masks: tuple[FaceMask, ...] = STUDY_MASKS) -> Any:
    """A run with given accuracies on 700 faces, the easiest faces first."""
    tables = {mask.key: table_of(np.arange(700) < 700 * accuracy.get(mask.key, 0.5)) for mask in masks}
    scores = {
        mask.key: MaskScores(
            mask=mask,
            predictions=tables[mask.key],
            metrics=evaluate(tables[mask.key], resamples=100),
            recall={name: one.recall for name, one in evaluate_classes(tables[mask.key]).items()},
            retention=retention(tables["full"], tables[mask.key], resamples=100),
        )
        for mask in masks
    }
    run: Any = SimpleNamespace(record=SimpleNamespace(visible=trained_on, name=trained_on))
    return RunUnderMasks(run=run, scores=scores)


WELL_KNOWN = (
    under_masks("full", {"full": 0.7, "upper": 0.3, "lower": 0.5, "left": 0.7, "right": 0.6}),
    under_masks("upper", {"full": 0.4, "upper": 0.5}),
    under_masks("lower", {"full": 0.7, "lower": 0.6}),
    under_masks("left", {"full": 0.7, "left": 0.7}),
    under_masks("right", {"full": 0.7, "right": 0.6}),
)


def test_sentences_say_what_the_numbers_say() -> None:
    found = recoveries(WELL_KNOWN, resamples=500, seed=0)
    share = {one.half: one.recovered.value for one in found}
    assert share["upper"] == pytest.approx(0.5)
    assert share["lower"] == pytest.approx(0.5)
    assert np.isnan(share["left"])
    assert share["right"] == pytest.approx(0.0)
    said = [sentence.replace("\u00a0", " ") for sentence in study_statements(WELL_KNOWN, found, resamples=500, seed=0)]
    assert "falls from 70.0 % to 30.0 %" in said[0]
    assert "brings back 50 % of the loss" in said[0]
    assert "nothing that this many faces can show (70.0 % and 70.0 %)" in said[2]
    assert "no gain that the faces can tell from chance" in said[3]
    assert "The lower half carries more than the upper one" in said[4]
    assert "a difference of 10.0 points" in said[4]
    assert "The left half carries more than the right one" in said[5]
    assert "upper −30.0, lower 0.0, left 0.0, right 0.0" in said[6]
    assert "has its price for: upper." in said[6]


def test_no_sentence_compares_with_a_run_that_is_not_there() -> None:
    halves = WELL_KNOWN[1:3]
    assert recoveries(halves, resamples=100, seed=0) == ()
    (sentence,) = study_statements(halves, (), resamples=100, seed=0)
    assert "lower half carries more" in sentence


def test_sentences_on_one_model() -> None:
    named = (*STUDY_MASKS, *PART_MASKS)
    scores = {"full": 0.7, "lower": 0.5, "upper": 0.2, "left": 0.4, "right": 0.4}
    one = under_masks("full", {**scores, "eyes_hidden": 0.7, "mouth_hidden": 0.5}, named)
    # Every "happy" face is missed without the mouth.
    mouth = one.scores["mouth_hidden"]
    missed = mouth.predictions.probabilities.copy()
    missed[mouth.predictions.labels == EMOTIONS.index("happy")] = np.eye(7)[0]
    table = replace(mouth.predictions, probabilities=missed)
    recall = {name: each.recall for name, each in evaluate_classes(table).items()}
    worse = replace(mouth, predictions=table, recall=recall, metrics=evaluate(table, resamples=100))
    one = replace(one, scores={**one.scores, "mouth_hidden": worse})
    said = [sentence.replace("\u00a0", " ") for sentence in mask_statements(one, resamples=200, seed=0)]
    assert "the lower one alone lets it keep most of its accuracy (71 %" in said[0]
    assert "the upper one least (29 %" in said[0]
    assert "not to be told from" not in said[0]
    assert "Hiding the mouth costs more than hiding the eyes although less of the picture is covered" in said[1]
    assert "most clearly needs the mouth is happy" in said[2]
    assert "falls from 70 % to 0 %" in said[2]
    assert len(said) == 3, "hiding the eyes cost nothing, and there are no patches"


def test_a_model_that_is_never_right_has_nothing_to_lose() -> None:
    one = under_masks("full", {"full": 0.0, "lower": 0.5}, (*STUDY_MASKS, *PART_MASKS))
    (said,) = mask_statements(one, resamples=200, seed=0)
    assert said.startswith("With nothing hidden none of these 700 faces is recognised")


def test_shades_run_from_the_least_to_the_greatest_of_each_table() -> None:
    accuracy = study_tables(WELL_KNOWN)[0]
    shares = np.array([[cell["share"] for cell in row["cells"]] for row in accuracy["rows"]])
    texts = np.array([[float(cell["text"]) for cell in row["cells"]] for row in accuracy["rows"]])
    assert shares.min() == 0
    assert shares.max() == 1
    assert shares == pytest.approx((texts - texts.min()) / (texts.max() - texts.min()), abs=2e-3)
    own = [[cell["own"] for cell in row["cells"]] for row in accuracy["rows"]]
    assert np.array_equal(own, np.eye(5, dtype=bool))
    assert study_tables((*WELL_KNOWN, WELL_KNOWN[0]))[0]["rows"][0]["name"] == "full (full)"


def test_signs_are_real_and_zero_has_none() -> None:
    assert [points(value) for value in (-0.0234, -0.0001, 0.01)] == ["−2.3", "0.0", "1.0"]
    assert [points(value, plus=True) for value in (0.0234, 0.0)] == ["+2.3", "0.0"]
    assert len(HALF_MASKS) == 4
