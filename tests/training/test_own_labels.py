"""Labels of one's own, from a folder of pictures to a server: trained, reported, exported, predicted and served."""

import csv
import io
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.sketched import sketched
from support.tiny import TINY

from fer.callbacks.drawing import confusion_figure
from fer.common.errors import CheckpointError, ConfigError
from fer.config.compose import compose_train
from fer.config.schema import validate
from fer.data.samples import Split
from fer.data.synthetic import synthetic_samples
from fer.export.export import export_run
from fer.metrics.predictions import Predictions
from fer.models.checkpoint import load_model
from fer.report.main import make_report
from fer.report.options import ReportOptions
from fer.runtime.model import EmotionModel
from fer.runtime.prior import open_prior
from fer.training.run import run

LABELS = ("pain", "No Pain", "drowsy")
SHOWN = {"disgust": "pain", "happy": "no pain", "neutral": "Drowsy"}
"""Synthetic faces of an emotion -> the folder that they lie in here."""

CONFUSION = ("callbacks=confusion", "callbacks.confusion.every_n_epochs=1")

QUICK = [override for override in TINY if not override.startswith("data")]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ward")
    samples = synthetic_samples(counts={Split.TRAINING: 210}, seed=4, size=48, difficulty=0.0)
    for row, label in enumerate(samples.labels.tolist()):
        name = SHOWN.get(samples.classes[label])
        if name is not None:
            (root / name).mkdir(exist_ok=True)
            cv2.imwrite(str(root / name / f"{row}.png"), samples.images[row, 0])
    return root


def trained(pictures: Path, run_dir: Path, *overrides: str, labels: tuple[str, ...] = LABELS) -> Path:
    tree = compose_train(
        [
            *("data=folder", f"data.root={pictures}", "data.batch_size=16", "model=cnn"),
            *("model.params.widths=[8,16]", f"labels=[{','.join(labels)}]", *QUICK, *overrides, f"run_dir={run_dir}"),
        ]
    )
    run(validate(tree), tree)
    return run_dir


@pytest.fixture(scope="module")
def own_run(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(pictures, tmp_path_factory.mktemp("own") / "run", "+augment.mixup_alpha=0.2", *CONFUSION)


@pytest.fixture(scope="module")
def own_file(own_run: Path) -> Path:
    path = own_run.parent / "own.onnx"
    export_run(own_run, path, card=True)
    return path


def test_the_run_keeps_its_labels(own_run: Path) -> None:
    model = load_model(own_run / "checkpoints" / "best.ckpt")
    assert model.labels == LABELS
    assert list(json.loads((own_run / "manifest.json").read_text())["data"]["class_counts"]) == list(LABELS)
    table = Predictions.read(own_run / "predictions" / "public.parquet")
    assert table.classes == LABELS
    assert table.probabilities.shape == (len(table), 3)
    np.testing.assert_allclose(table.probabilities.sum(axis=1), 1, rtol=1e-5)


def test_the_confusion_matrix_names_them(own_run: Path) -> None:
    assert list((own_run / "figures" / "confusion").glob("*.png"))
    figure = confusion_figure(np.eye(3, dtype=np.int64), names=LABELS, title="")
    told = [
        [each.get_text() for each in axis.get_ticklabels()] for axis in (figure.axes[0].xaxis, figure.axes[0].yaxis)
    ]
    assert told == [list(LABELS)] * 2


def test_the_report_tells_of_them(own_run: Path, pictures: Path) -> None:
    options = ReportOptions.model_validate(
        {
            **{"bootstrap": 100, "device": "cpu", "tta": False},
            **{name: {"enabled": False} for name in ("cost", "robustness")},
            "explanations": {
                "methods": ["saliency"],
                "tested_faces": 0,
                "compared_faces": 3,
                "cam_images_per_class": 1,
            },
            "cross_data": {"sets": [{"name": "folder", "root": str(pictures), "split": "train"}]},
        }
    )
    folder = sketched()(make_report)([own_run], options=options).parent
    with (folder / "confusion_matrix.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["true"] for row in rows] == list(LABELS)
    assert list(rows[0]) == ["true", *LABELS]
    with (folder / "per_class.csv").open() as file:
        classes = [row["class"] for row in csv.DictReader(file) if row["set"] == "public"]
    assert classes == [*LABELS, "accuracy", "macro avg", "weighted avg"]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "guessing: 33.3 %" in page
    assert "Guessing scores 0.667." in page
    # ln 3
    assert "Guessing scores 1.099." in page
    assert "one of three labels: pain, No Pain, drowsy" in (folder / "model_card.md").read_text()
    summary = (folder / "summary.json").read_text(encoding="utf-8")
    figures = [path.read_text(encoding="utf-8") for path in folder.rglob("*.svg")]
    assert figures
    card = (folder / "model_card.md").read_text(encoding="utf-8")
    shown = re.sub(r"<(style|script|code|pre)\b.*?</\1>|<[^>]*>", "", page, flags=re.DOTALL)
    # The law's name stays.
    assert set(re.findall(r"\S+ emotions?\b.{0,20}|Emotions?\b.{0,20}", card)) == {"Emotion recognition at work"}
    for text in (shown, summary, *figures):
        assert re.findall(r".{0,30}\bemotions?\b.{0,30}", text, flags=re.IGNORECASE) == []
    for text in (page, card, summary):
        assert "seven" not in text
    assert "Are there weak classes?" in summary


def test_the_file_says_what_it_predicts(own_file: Path, own_run: Path) -> None:
    model = EmotionModel.load(own_file)
    assert model.labels == LABELS
    assert set(model.facts.reference.labels) == set(LABELS)
    card = own_file.with_suffix(".md").read_text()
    assert "float32 (N, 3)" in card
    assert "FER-2013" not in card
    faces = np.random.default_rng(0).integers(0, 256, (4, 48, 48), dtype=np.uint8)
    expected = load_model(own_run / "checkpoints" / "best.ckpt").probabilities(faces[:, None])
    assert (model.probabilities(faces).argmax(axis=1) == expected.argmax(axis=1)).all()
    assert model.heat_map(faces[0], "No Pain").shape == (48, 48)
    with pytest.raises(ConfigError, match=r"label='happy' is no label of this model.*pain, No Pain, drowsy"):
        model.heat_map(faces[0], "happy")


def test_a_prior_of_emotions_is_refused(own_file: Path, own_run: Path, tmp_path: Path) -> None:
    balanced = open_prior("balanced")
    with pytest.raises(ConfigError, match=r"--prior balanced knows the seven emotions"):
        EmotionModel.load(own_file).adjusted(prior=balanced, tta=False)
    with pytest.raises(ConfigError, match=r"--prior balanced knows the seven emotions"):
        export_run(own_run, tmp_path / "m.onnx", prior=balanced)


def test_predictions_have_a_column_for_each(own_file: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from fer.runtime.predict.command import main

    picture = sorted((pictures / "pain").iterdir())[0]
    arguments = [str(picture), "--model", str(own_file), "--detector", "none"]
    assert main([*arguments, "--format", "csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row["label"] in LABELS
    assert sum(float(row[label]) for label in LABELS) == pytest.approx(1, abs=1e-4)
    assert "angry" not in row
    assert main(arguments) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert "label" in head
    assert row["label"] in line


def test_a_server_describes_and_gives_them(own_file: Path, pictures: Path) -> None:
    from fer.runtime.detection.opening import open_detector
    from fer.runtime.web.app import create_app
    from fer.runtime.web.engine import Engine
    from fer.runtime.web.settings import ServeSettings

    settings = ServeSettings()
    models = {"own": EmotionModel.load(own_file), "shipped": EmotionModel.load()}
    engine = Engine(
        models, detector="none", open_detector=lambda live: open_detector("none", live=live), settings=settings
    )
    client = create_app(engine, settings=settings).test_client()
    picture = sorted((pictures / "pain").iterdir())[0].read_bytes()
    answer = client.post("/api/predict", data=picture, content_type="image/png").get_json()
    assert list(answer["faces"][0]["probabilities"]) == sorted(LABELS) or set(
        answer["faces"][0]["probabilities"]
    ) == set(LABELS)
    shipped = client.post("/api/predict?model=shipped", data=picture, content_type="image/png").get_json()
    assert len(shipped["faces"][0]["probabilities"]) == 7
    explained = client.post("/api/explain?label=drowsy", data=picture, content_type="image/png").get_json()
    assert explained["label"] == "drowsy"
    refused = client.post("/api/explain?label=happy", data=picture, content_type="image/png")
    assert refused.status_code == 400
    schemas = client.get("/api/openapi.json").get_json()["components"]["schemas"]
    assert set(LABELS) < set(schemas["Map"]["properties"]["label"]["enum"])
    each = schemas["Face"]["properties"]["probabilities"]["anyOf"][0]["anyOf"]
    assert [len(record["properties"]) for record in each] == [3, 7]


def test_other_labels_are_refused_in_one_line(
    own_run: Path, own_file: Path, tiny_run: Path, pictures: Path, tmp_path: Path
) -> None:
    turned = (LABELS[2], LABELS[1], LABELS[0])
    with pytest.raises(CheckpointError, match=r"predicts other labels: it was trained with labels=\[pain,No Pain"):
        trained(pictures, tmp_path / "a", f"resume={own_run / 'checkpoints' / 'last.ckpt'}", labels=turned)
    for teacher, told in ((own_run, r"\[pain,No Pain,drowsy\]"), (own_file, r"\[pain,No Pain"), ("shipped", "fer7")):
        with pytest.raises(ConfigError, match=f"{teacher} predicts {told}.* a teacher must have the labels of its"):
            trained(pictures, tmp_path / "b", "loss=distill", f"loss.teachers=[{teacher}]", labels=turned)
    with pytest.raises(ConfigError, match="report runs of one set of labels together"):
        make_report([tiny_run, own_run])
    # Somebody changed the labels in config.yaml, and not those of the checkpoint.
    copy = tmp_path / "copy"
    (copy / "checkpoints").mkdir(parents=True)
    (copy / "checkpoints" / "best.ckpt").hardlink_to(own_run / "checkpoints" / "best.ckpt")
    text = (own_run / "config.yaml").read_text().replace("- pain\n- No Pain\n", "- No Pain\n- pain\n")
    (copy / "config.yaml").write_text(text)
    with pytest.raises(CheckpointError, match=r"predicts \[pain,No Pain,drowsy\], and its run's config.yaml says"):
        export_run(copy, tmp_path / "x.onnx")
    with pytest.raises(CheckpointError, match=r"one of the two is another run's"):
        make_report([copy], out=tmp_path / "report")
