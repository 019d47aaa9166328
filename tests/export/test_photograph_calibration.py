"""Temperature and threshold from labelled photographs, judged on other persons."""

import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import pytest

from fer import cli
from fer.common.errors import CheckpointError, DataError
from fer.common.labels import EMOTIONS
from fer.data.synthetic.source import render_face
from fer.export.card import model_card
from fer.export.command import main
from fer.export.export import calibrate_file, export_run
from fer.export.photo_fit import FOLDS, deal, fit_on_photographs, told_settings
from fer.export.photographs import PhotographFaces, read_faces
from fer.export.recalibrate import divide_logits, prior_after, with_fit
from fer.metrics.temperature import apply_temperature
from fer.runtime.facts import ModelFacts
from fer.runtime.model import EmotionModel
from fer.runtime.prior import open_prior
from fer.runtime.shipped import shipped_file

FACES = np.random.default_rng(0).integers(0, 256, (30, 48, 48), dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn faces of 24 persons, five each, with labels.csv beside them."""
    place = tmp_path_factory.mktemp("photos")
    lines = ["file,emotion,person"]
    for person in range(24):
        for number in range(5):
            emotion = EMOTIONS[(person + number) % 7]
            name = f"{person:02}_{number}.jpg"
            cv2.imwrite(str(place / name), render_face(100 * person + number, emotion, size=64, zoom=0.8).image)
            lines.append(f"{name},{emotion},{person}")
    (place / "labels.csv").write_text("\n".join([*lines, ""]))
    return place


@pytest.fixture(scope="module")
def photographs(folder: Path) -> PhotographFaces:
    return read_faces(folder, labels=folder / "labels.csv", size=48, detector="none")


def test_photographs_have_labels_and_persons(photographs: PhotographFaces) -> None:
    assert photographs.faces.shape == (120, 48, 48)
    assert photographs.num_persons == 24
    assert photographs.labels[:5].tolist() == [0, 1, 2, 3, 4]
    assert photographs.persons[:6].tolist() == [0, 0, 0, 0, 0, 1]
    assert photographs.notes == ()


def test_zips_and_class_folders_are_read_as_well(folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.write(folder / "00_3.jpg", "in/happy/a.jpg")
        archive.write(folder / "00_4.jpg", "in/Sadness/b.jpg")
        archive.write(folder / "00_4.jpg", "in/contempt/c.jpg")
        archive.writestr("in/happy/broken.jpg", b"\xff\xd8\xff")
    found = read_faces(tmp_path / "p.zip", labels=None, size=48, detector="none")
    assert found.labels.tolist() == [EMOTIONS.index("sad"), EMOTIONS.index("happy")]
    assert found.num_persons == 2
    assert found.notes == ("1 further images without a label are left out.", "In 1 photograph nothing could be read.")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("file,emotion\n00_0.jpg,cheery\n", "labels no photograph with one of the seven"),
        ("name,emotion\n00_0.jpg,happy\n", "no column file"),
        ("file,emotion\nx.jpg,sad\ny.jpg,sad\n00_0.jpg,sad\n", "2 files that it names are not there .*: x.jpg"),
        (None, "cannot be read"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(table: str | None, words: str, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    if table is not None:
        path.write_text(table)
    with pytest.raises(DataError, match=words):
        read_faces(folder, labels=path, size=48, detector="none")


def test_persons_are_dealt_whole_into_parts_of_like_size() -> None:
    persons = np.repeat(np.arange(40), np.random.default_rng(0).integers(1, 12, 40))
    parts = deal(persons, parts=FOLDS)
    for person in range(40):
        assert len(set(parts[persons == person])) == 1
    counts = np.bincount(parts)
    assert counts.max() - counts.min() <= 2


def simulated(n: int, *, sharpened: float) -> tuple[PhotographFaces, np.ndarray]:
    """Faces whose labels are drawn from probabilities, which a model then tells too sharply."""
    rng = np.random.default_rng(0)
    true = rng.dirichlet(np.full(7, 0.4), size=n)
    labels = np.array([rng.choice(7, p=row) for row in true])
    faces = np.zeros((n, 8, 8), np.uint8)
    found = PhotographFaces(
        name="photographs", faces=faces, labels=labels, persons=np.arange(n) // 4, notes=("One was left out.",)
    )
    return found, apply_temperature(true, 1 / sharpened).astype(np.float32)


def test_the_temperature_that_spoiled_probabilities_is_found_and_the_target_is_reached_on_other_persons() -> None:
    found, told = simulated(4000, sharpened=2.5)
    fit = fit_on_photographs(found, told, before=EmotionModel.load().facts, target=0.8)
    assert fit.temperature == pytest.approx(2.5, rel=0.05)
    assert fit.error < 0.03 < fit.error_before
    assert fit.threshold is not None
    assert fit.facts.answered_accuracy == pytest.approx(0.8, abs=0.02)
    calibrated = apply_temperature(told, fit.temperature).max(axis=1)
    assert fit.facts.coverage == pytest.approx((calibrated >= fit.threshold).mean(), abs=0.02)
    assert fit.facts.persons == 1000
    assert fit.notes == found.notes


def test_the_card_says_what_else_the_photographs_may_have_chosen() -> None:
    found, told = simulated(400, sharpened=1.0)
    before = EmotionModel.load().facts
    settings = told_settings(open_prior("balanced"), 0.85)
    assert settings == ("the shares of the emotions (balanced)", "the weight of the votes' head (0.85)")
    for given, flatters in (((), False), (settings, True)):
        fit = fit_on_photographs(found, told, before=before, target=0.8, told=given)
        facts = with_fit(before, fit, target=0.8)
        assert ModelFacts.from_metadata(facts.as_metadata(), origin="m").photographs == facts.photographs
        card = model_card(facts, (), notes=(), file="m.onnx", megabytes=1.0)
        assert ("These figures therefore flatter" in card) == flatters
        assert ("the weight of the votes' head (0.85): told to the export" in card) == flatters


def test_a_card_offers_other_shares_where_there_are_some() -> None:
    seven = EmotionModel.load().facts
    two = seven.model_copy(update={"labels": ("pain", "no_pain"), "prior": {"pain": 0.25, "no_pain": 0.75}})
    cards = [model_card(facts, (), notes=(), file="m.onnx", megabytes=1.0) for facts in (seven, two)]
    assert "The shares of the emotions that it takes for granted, which `--prior` changes: angry" in cards[0]
    assert "The shares of its labels that it takes for granted: pain 25.0 %, no_pain 75.0 %." in cards[1]
    assert "--prior" not in cards[1]


def test_too_few_faces_are_refused() -> None:
    found, told = simulated(60, sharpened=1.0)
    with pytest.raises(DataError, match="60 faces of 15 persons"):
        fit_on_photographs(found, told, before=EmotionModel.load().facts, target=0.8)


def test_a_file_gets_temperature_and_threshold_and_says_where_from(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fer.runtime.largest_face.open_detector", _whole)
    out = tmp_path / "mine.onnx"
    options = ["--calibrate", str(folder), "--labels", str(folder / "labels.csv"), "--card"]
    assert main(["benchmark", "--out", str(out), *options]) == 0
    assert "after, on other persons than fitted it" in capsys.readouterr().out
    before, after = EmotionModel.load("benchmark"), EmotionModel.load(out)
    ratio = after.facts.temperature / before.facts.temperature
    expected = apply_temperature(before.probabilities(FACES), ratio)
    np.testing.assert_allclose(after.probabilities(FACES), expected, atol=1e-4)
    photos = after.facts.photographs
    assert photos is not None
    assert (photos.n, photos.persons) == (120, 24)
    assert after.facts.metrics["accuracy"] == before.facts.metrics["accuracy"]
    assert "nll" not in after.facts.metrics
    assert after.facts.reference.n == 120
    assert after.facts.prior is not None
    assert after.facts.prior != before.facts.prior
    assert sum(after.facts.prior.values()) == pytest.approx(1)
    card = out.with_suffix(".md").read_text(encoding="utf-8")
    assert "their 24 persons" in card or "every prediction is marked uncertain" in card
    assert after.facts.sha256 in card
    # A second calibration starts from the first.
    again = calibrate_file(out, tmp_path / "again.onnx", photographs=folder, labels=folder / "labels.csv")
    assert again.facts.temperature == pytest.approx(after.facts.temperature, rel=1e-3)
    for path in (out, again.path):
        graph = onnx.load(path).graph
        used = {name for node in graph.node for name in node.input}
        assert {tensor.name for tensor in graph.initializer} <= used


def _whole(name: str) -> object:
    from fer.runtime.detection.detector import WholePicture

    return WholePicture()


def test_the_prior_follows_the_temperature() -> None:
    """Faces whose labels come in other shares than those that gave the prior tell where it goes."""
    rng = np.random.default_rng(0)

    def said(shares: list[float]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        labels = rng.choice(3, size=4000, p=shares)
        # By Bayes' rule what a model says that expects the first shares.
        logits = np.log([0.6, 0.35, 0.05]) + 1.5 * np.eye(3)[labels] + 1.5**0.5 * rng.normal(size=(4000, 3))
        return labels, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)

    (_, selected), (labels, before) = said([0.6, 0.35, 0.05]), said([0.2, 0.4, 0.4])
    prior = dict(zip("abc", selected.mean(axis=0).tolist(), strict=True))
    true = apply_temperature(selected, 1.5).mean(axis=0)
    assert prior["c"] < 0.7 * true[2]
    estimated = prior_after(prior, labels_N=labels, before_NK=before, after_NK=apply_temperature(before, 1.5))
    assert list(estimated.values()) == pytest.approx(true, rel=0.03)
    assert prior_after(prior, labels_N=labels, before_NK=before, after_NK=before) == pytest.approx(prior, abs=1e-4)


def test_an_export_of_a_run_measures_its_scores_after_the_photographs(
    folder: Path, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fer.export.measurement._SECONDS", 0.05)
    monkeypatch.setattr("fer.runtime.largest_face.open_detector", _whole)
    plain = export_run(tiny_run, tmp_path / "plain.onnx")
    fitted = export_run(tiny_run, tmp_path / "m.onnx", calibrate=folder, labels=folder / "labels.csv")
    assert fitted.fit is not None
    assert fitted.facts.temperature == pytest.approx(plain.facts.temperature * fitted.fit.temperature)
    assert fitted.facts.metrics["accuracy"] == plain.facts.metrics["accuracy"]
    assert set(fitted.facts.metrics) == set(plain.facts.metrics)
    assert fitted.facts.reference.split == "PublicTest"
    answers = EmotionModel.load(plain.path).probabilities(FACES)
    expected = apply_temperature(answers, fitted.fit.temperature)
    np.testing.assert_allclose(EmotionModel.load(fitted.path).probabilities(FACES), expected, atol=1e-4)
    assert json.loads(json.dumps(fitted.as_dict()))["photographs"]["facts"]["n"] == 120
    assert plain.facts.prior is not None
    assert sum(plain.facts.prior.values()) == pytest.approx(1)


def test_a_graph_without_probabilities_is_refused() -> None:
    model = onnx.load(shipped_file("benchmark"))
    (softmax,) = [node for node in model.graph.node if node.op_type == "Softmax"]
    softmax.op_type = "Sigmoid"
    with pytest.raises(CheckpointError, match="no temperature"):
        divide_logits(model, by=2.0, origin="m.onnx")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["benchmark", "--out", "m.onnx"], "is exported already: give --calibrate PHOTOS"),
        (["benchmark", "--out", "m.onnx", "--labels", "l.csv"], "--labels goes with --calibrate"),
        (
            ["benchmark", "--out", "m.onnx", "--calibrate", "p", "--int8", "--ranges", "entropy", "--votes-share", "1"],
            "--int8, --ranges, --votes-share: for run folders, and benchmark is exported already",
        ),
        (["run", "--out", "m.onnx", "--full-range"], "--full-range: for 8 bits alone; give --int8 too"),
        (["run", "--out", "m.onnx", "--target-accuracy", "0"], "'0' must be above 0 and up to 1"),
        (
            ["benchmark", "--out", "m.onnx", "--calibrate", "nowhere"],
            "nowhere is not there: name the folder or the zip",
        ),
    ],
)
def test_mistakes_are_told_in_a_line(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["fer-export", *arguments])
    with pytest.raises(SystemExit, match="2"):
        cli.export()
    err = capsys.readouterr().err
    assert words in err
    assert len(err.splitlines()) == 1
