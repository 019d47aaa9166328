"""The calibration room of the report: which faces fit, what is said, and what the files hold."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from support.sketched import sketched

from fer.common.errors import ConfigError
from fer.common.labels import EMOTIONS
from fer.data.samples import FaceSamples, Split
from fer.folders.opened import OpenData, OpenModels
from fer.folders.record import read_runs
from fer.metrics import Predictions
from fer.metrics.calibration import Calibration, fit_calibration, reliability_bins
from fer.metrics.calibration_scores import CALIBRATION_METRICS
from fer.report.calibration.analysis import analyse
from fer.report.calibration.figures import class_reliability_figure, reliability_figure
from fer.report.command import compose, parse
from fer.report.context import ReportContext
from fer.report.evaluation.evaluate import EvaluatedRun, describe_data, evaluate_run
from fer.report.options import CalibrationOptions, ReportOptions
from fer.report.page.figures import PRINT, styled
from fer.report.page.render import render_page
from fer.report.result import AnalysisResult

OPTIONS = ReportOptions(bootstrap=100, tta=False)


def faces(*splits: Split, each: int = 210) -> FaceSamples:
    """`each` 4 px faces in each split, whose pixels are noise."""
    rng = np.random.default_rng(0)
    n = each * len(splits)
    return FaceSamples(
        images=rng.integers(0, 256, (n, 1, 4, 4)).astype(np.uint8),
        labels=np.arange(n) % 7,
        splits=np.repeat([str(split) for split in splits], each).astype("U11"),
        ids=np.array([f"{i}.jpg" for i in range(n)]),
        source="test faces",
    )


SAMPLES = faces(Split.TRAINING, Split.PUBLIC, Split.PRIVATE)


def predict(images: np.ndarray) -> np.ndarray:
    """Random predictions that know the label of most faces, surer than they may be."""
    labels = {image.tobytes(): label for image, label in zip(SAMPLES.images, SAMPLES.labels, strict=True)}
    p = np.empty((len(images), 7), dtype=np.float32)
    for row, image in enumerate(images):
        rng = np.random.default_rng(np.frombuffer(image.tobytes(), dtype=np.uint8))
        logits = 1.4 * rng.normal(size=7)
        # Happy faces are the easy ones.
        logits[labels[image.tobytes()]] += 4.0 if labels[image.tobytes()] == EMOTIONS.index("happy") else 1.6
        p[row] = np.exp(2.5 * logits) / np.exp(2.5 * logits).sum()
    return p


def evaluated(
    path: Path, *, protocol: str = "official", samples: FaceSamples = SAMPLES, held_out: bool = False, **config
):
    (path / "checkpoints").mkdir(parents=True)
    (path / "checkpoints" / "best.ckpt").write_bytes(b"weights")
    tree = {"data": {"name": "fer2013", "protocol": protocol}, "model": {"name": "cnn"}, "seed": 0, **config}
    (path / "config.yaml").write_text(yaml.safe_dump(tree))
    (path / "metrics.json").write_text("{}")
    if held_out:
        rows = np.arange(105)
        Predictions(
            ids=SAMPLES.ids[rows],
            labels=SAMPLES.labels[rows],
            probabilities=predict(SAMPLES.images[rows]),
            split="heldout",
        ).write(path / "predictions" / "heldout.parquet")
    return evaluate_run(
        read_runs([path])[0],
        predict=predict,
        labels=EMOTIONS,
        num_parameters=1,
        input_shape=(1, 4, 4),
        trained_on="0" * 16,
        samples=samples,
        data=describe_data(samples, fingerprint="0" * 16),
        options=OPTIONS,
    )


def found(*runs: EvaluatedRun, **calibration: object) -> AnalysisResult:
    options = OPTIONS.model_copy(update={"calibration": CalibrationOptions(**calibration)})
    result = analyse(
        ReportContext(run=runs[0], runs=runs, options=options, data=OpenData(), models=OpenModels("cpu")),
    )
    assert result is not None
    return result


@sketched()
def page(result: AnalysisResult) -> str:
    html = render_page(result.sections, title="t", subtitle="s", notes=(), faces=False)
    return " ".join(html.split())


def rows(result: AnalysisResult, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(str(result.files[f"calibration/{name}.csv"]))))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> EvaluatedRun:
    return evaluated(tmp_path_factory.mktemp("runs") / "official")


@pytest.fixture(scope="module")
def result(run: EvaluatedRun) -> AnalysisResult:
    return found(run, target_accuracy=0.5)


def test_it_is_fitted_on_public_and_measured_on_private(run: EvaluatedRun, result: AnalysisResult) -> None:
    public = run.sets["public"].plain.predictions
    kept = json.loads(str(result.files["calibration/calibration.json"]))
    calibration = Calibration(**kept["calibration"])
    assert calibration == fit_calibration(public, target_accuracy=0.5)
    assert (calibration.split, calibration.n) == ("PublicTest", 210)
    assert calibration.temperature > 1
    assert result.metrics["fitted"] == kept["calibration"]
    assert (result.metrics["set"], result.metrics["n"], result.metrics["fitted_on"]) == ("private", 210, "public")
    scored = run.sets["private"].plain.metrics["nll"].as_dict()
    assert result.metrics["before"]["nll"] == {key: pytest.approx(value) for key, value in scored.items()}
    json.dumps(result.metrics, allow_nan=False)


def test_the_overconfident_model_is_called_so_and_mended(result: AnalysisResult) -> None:
    text = page(result)
    assert "it is overconfident by" in text
    assert "above 1, so it lowers every confidence" in text
    assert "lowers the NLL" in text
    assert result.metrics["after"]["ece"]["value"] < result.metrics["before"]["ece"]["value"]
    assert "PrivateTest, official protocol, no test-time augmentation, n = 210" in text
    assert "optimistic" not in text


def test_the_files_add_up(result: AnalysisResult) -> None:
    bins = rows(result, "reliability")
    assert [sum(int(row["n"]) for row in bins if row["when"] == when) for when in ("before", "after")] == [
        210,
        210,
    ]
    curve = rows(result, "risk_coverage")
    assert (int(curve[-1]["answered"]), float(curve[-1]["coverage"])) == (210, 1.0)
    emotions = rows(result, "coverage_by_emotion")
    assert [row["predicted"] for row in emotions] == ["all", *EMOTIONS]
    for column in ("support", "answered"):
        assert int(emotions[0][column]) == sum(int(row[column]) for row in emotions[1:])
    # The threshold's point lies on the curve.
    whole = result.metrics["abstention"]
    on_curve = next(row for row in curve if int(row["answered"]) == whole["answered"])
    assert 1 - float(on_curve["risk"]) == pytest.approx(whole["selective_accuracy"]["value"], abs=1e-6)
    assert float(on_curve["threshold"]) >= result.metrics["fitted"]["threshold"] - 1e-6


def test_on_whom_the_model_abstains_is_told(result: AnalysisResult) -> None:
    text = page(result)
    assert "Which predictions it withholds" in text
    assert "Faces by predicted emotion" in text
    assert len(result.card) == 2
    assert result.card[0].startswith("Calibration: Expected calibration error")
    assert result.card[1].startswith("Abstention: The threshold is a confidence of")


def test_a_target_out_of_reach_makes_every_face_uncertain_and_is_said(run: EvaluatedRun) -> None:
    result = found(run, target_accuracy=1.0)
    calibration = json.loads(str(result.files["calibration/calibration.json"]))["calibration"]
    assert (calibration["threshold"], calibration["coverage"], calibration["accuracy"]) == (None, 0.0, None)
    assert result.metrics["abstention"]["coverage"]["value"] == 0.0
    assert result.metrics["abstention"]["selective_accuracy"]["value"] is None
    text = page(result)
    assert "No threshold reaches an accuracy of 100.0" in text
    assert "the model abstains on every face" in text
    assert "On whom it abstains" not in text
    assert "the model abstains on every face" in result.card[1]


def test_a_target_that_all_faces_reach_needs_no_threshold_and_withholds_none(run: EvaluatedRun) -> None:
    result = found(run, target_accuracy=0.01)
    assert result.metrics["fitted"]["threshold"] == 0.0
    text = page(result)
    assert "No threshold is needed for" in text
    assert "so none is withheld" in text
    assert "It abstains on no face" in text
    assert "Which predictions it withholds" not in text
    assert "a confidence of 0.0" not in text
    assert "No threshold is needed" in result.card[1]
    assert "coverage-by-emotion" not in {chart.key for section in result.sections for chart in section.charts}


def test_a_share_may_be_set_instead(run: EvaluatedRun) -> None:
    result = found(run, answer_share=0.9)
    assert result.metrics["fitted"]["coverage"] == pytest.approx(0.9, abs=1 / 210)
    assert "the highest that accepts 90.0" in page(result)


@pytest.mark.parametrize("protocol", ["stratified", "kfold", "folder7178"])
def test_protocols_that_hold_out_a_part_of_training_fit_on_it(protocol: str, tmp_path: Path) -> None:
    run = evaluated(tmp_path / "run", protocol=protocol, held_out=True)
    result = found(run, target_accuracy=0.5)
    assert (
        result.metrics["fitted"]
        == fit_calibration(run.sets["heldout"].plain.predictions, target_accuracy=0.5).as_dict()
    )
    assert (result.metrics["fitted_on"], result.metrics["fitted"]["n"]) == ("heldout", 105)
    assert "the part of Training that the protocol held out" in page(result)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"protocol": "stratified"}, "holds no predictions for the part of Training"),
        ({"samples": faces(Split.TRAINING, Split.MERGED_TEST)}, "holds no PublicTest to fit them on"),
        ({"protocol": "kfold", "held_out": True, "visible": "upper"}, "only a part of each face visible (upper)"),
    ],
)
def test_without_faces_to_fit_on_nothing_is_fitted_and_the_page_says_so(
    changes: dict[str, object], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "samples" in changes:
        monkeypatch.setattr(f"{__name__}.SAMPLES", changes["samples"])
    result = found(evaluated(tmp_path / "run", **changes))
    assert result.metrics["fitted"] is None
    assert result.metrics["after"] is None
    assert result.metrics["abstention"] is None
    assert json.loads(str(result.files["calibration/calibration.json"]))["calibration"] is None
    text = page(result)
    assert words in text
    assert "After temperature" not in text
    assert [chart.key for section in result.sections for chart in section.charts] == [
        "reliability-before",
        "reliability-classes",
        "risk-coverage",
    ]
    assert words in result.card[0]
    assert len(result.card) == 1


def test_where_the_fitting_faces_are_the_scored_ones_the_page_says_so(tmp_path: Path) -> None:
    public = SAMPLES.take(SAMPLES.splits != Split.PRIVATE)
    result = found(evaluated(tmp_path / "run", samples=public), target_accuracy=0.5)
    assert (result.metrics["set"], result.metrics["fitted_on"]) == ("public", "public")
    text = page(result)
    assert "the numbers after it are optimistic" in text
    assert "The threshold was chosen on the very faces that are scored here" in text
    assert "reached here too" not in text


def test_every_run_has_its_own_row_columns_and_numbers(run: EvaluatedRun, tmp_path: Path) -> None:
    other = evaluated(tmp_path / "other", protocol="stratified")
    result = found(run, other, target_accuracy=0.5)
    assert set(result.metrics["runs"]) == set(result.columns) == {"official", "other"}
    assert result.columns["other"]["temperature"] is None
    assert result.columns["official"]["temperature"] == result.metrics["temperature"]["value"]
    assert result.columns["official"]["private_ece"] == result.metrics["before"]["ece"]["value"]
    assert "Every run" in page(result)


def test_the_same_run_gives_the_same_result(run: EvaluatedRun, result: AnalysisResult) -> None:
    again = found(run, target_accuracy=0.5)
    assert again.files == result.files
    assert again.metrics == result.metrics
    charts = [[chart.svg for section in one.sections for chart in section.charts] for one in (result, again)]
    assert charts[0] == charts[1]


def test_answers_that_no_temperature_fits_are_left_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that says the same of every face, and one that is always right."""
    right = {image.tobytes(): label for image, label in zip(SAMPLES.images, SAMPLES.labels, strict=True)}
    always = {
        "same": lambda images: np.tile(np.array([0.1, 0.1, 0.1, 0.3, 0.2, 0.1, 0.1], np.float32), (len(images), 1)),
        "right": lambda images: np.eye(7, dtype=np.float32)[[right[image.tobytes()] for image in images]],
    }
    for name, constant in always.items():
        monkeypatch.setattr(f"{__name__}.predict", constant)
        result = found(evaluated(tmp_path / name))
        assert result.metrics["fitted"]["temperature"] == 1.0
        for metric in CALIBRATION_METRICS:
            before, after = (result.metrics[when][metric]["value"] for when in ("before", "after"))
            assert after == pytest.approx(before, abs=1e-6)
        text = page(result)
        assert "No temperature fits PublicTest" in text
        assert "After temperature" not in text
        assert "nan to nan" not in text
        assert "after temperature" not in " ".join([result.verdicts[0].text, *result.card]).lower()
        assert "after the temperature" not in " ".join(result.card)
        assert "no temperature fits PublicTest" in result.card[0]
        assert all(len(chart.file("png")) > 1000 for section in result.sections for chart in section.charts)
    assert result.metrics["abstention"]["coverage"]["value"] == 1.0


def test_it_can_be_switched_off(run: EvaluatedRun) -> None:
    options = OPTIONS.model_copy(update={"calibration": CalibrationOptions(enabled=False)})
    context = ReportContext(run=run, runs=[run], options=options, data=OpenData(), models=OpenModels("cpu"))
    assert analyse(context) is None


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("calibration.target_accuracy=80", r"calibration\.target_accuracy=80: .*less than or equal to 1"),
        ("calibration.answer_share=0", r"calibration\.answer_share=0: .*greater than 0"),
        ("calibration.target_accuracy=high", r"calibration\.target_accuracy='high'"),
    ],
)
def test_mistakes_in_the_options_are_named(argument: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse(compose(["run=x", argument]))


@pytest.mark.parametrize("n", [1, 500])
def test_a_diagram_fills_its_figure_whatever_the_bins_hold(n: int) -> None:
    rng = np.random.default_rng(0)
    confidence = np.repeat([0.25, 0.6, 0.9], n)
    bins = reliability_bins(confidence, rng.random(len(confidence)) < confidence)
    with styled(PRINT):
        figure = reliability_figure(bins, title="As the model predicts", palette=PRINT)
        figure.canvas.draw()
    upper, lower = figure.axes
    assert upper.get_position().height > 0.4
    assert lower.get_position().height > 0.1


def test_nothing_kind_is_said_of_a_classwise_error_beyond_chance(result: AnalysisResult, run: EvaluatedRun) -> None:
    from fer.report.calibration.measurement import measure
    from fer.report.calibration.section import beyond_chance, calibration_verdict, remaining_statement

    measured = measure(run, ReportOptions(bootstrap=100))
    scores = measured.change.after
    assert scores is not None

    def with_lows(**lows: float):
        metrics = {key: replace(of, low=lows.get(key, of.low), high=0.04) for key, of in scores.metrics.items()}
        return replace(measured, change=replace(measured.change, after=replace(scores, metrics=metrics)))

    fine = with_lows(ece=0.0, classwise_ece=0.0)
    assert "Neither is more than chance" in remaining_statement(fine)
    assert calibration_verdict(fine).verdict == "pass"
    off = with_lows(ece=0.0, classwise_ece=0.01)
    assert beyond_chance(off) == ("classwise_ece",)
    assert "the probabilities of single emotions are" in remaining_statement(off)
    assert calibration_verdict(off).verdict != "pass"
    assert "are more than chance" in remaining_statement(with_lows(ece=0.01, classwise_ece=0.01))


@pytest.mark.parametrize("count", [2, 7, 8, 12])
def test_every_label_has_its_diagram(count: int) -> None:
    bins = reliability_bins(np.array([0.3, 0.6]), np.array([True, False]))
    figure = class_reliability_figure({f"label{n}": bins for n in range(count)}, palette=PRINT)
    assert [axes.get_title() for axes in figure.axes if axes.get_visible()] == [f"label{n}" for n in range(count)]
