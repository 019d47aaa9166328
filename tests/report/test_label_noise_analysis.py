"""The label-noise section, its files and its cautions, over faces with planted errors, copies and votes."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.sketched import sketched

from fer.common.labels import EMOTIONS
from fer.data.fer2013 import load_fer2013
from fer.data.ferplus import FERPLUS_COLUMNS
from fer.data.samples import FaceSamples, Split
from fer.folders.record import RunRecord
from fer.folders.run import RunFolder
from fer.report.context import OpenModels, ReportContext
from fer.report.evaluation.evaluate import describe_data, evaluate_run
from fer.report.label_noise.analysis import analyse
from fer.report.options import LabelNoiseOptions, ReportOptions
from fer.report.page.render import render_page
from fer.report.result import AnalysisResult

COUNT = 560
COPIED = 10
COLUMN_OF = {"angry": "anger", "happy": "happiness", "sad": "sadness"}
WRONG = np.zeros(COUNT, dtype=bool)
WRONG[np.random.default_rng(0).permutation(np.arange(COPIED, COUNT))[:40]] = True
GROUND_TRUTH = np.arange(COUNT) % 7
LABELS = np.where(WRONG, (GROUND_TRUTH + 2) % 7, GROUND_TRUTH)


def faces(*, form: str) -> FaceSamples:
    """28 Training and 560 PrivateTest faces, 40 of these labelled wrongly; the first ten are Training faces again, the
    first two of them under another label. The first pixel holds the ground truth."""
    images = np.random.default_rng(1).integers(0, 256, (28 + COUNT, 1, 48, 48), dtype=np.uint8)
    images = np.stack([cv2.GaussianBlur(image[0], (7, 7), 0) for image in images])[:, None]
    images[:28, 0, 0, 0], images[28:, 0, 0, 0] = np.arange(28) % 7, GROUND_TRUTH
    images[28 : 28 + COPIED] = images[:COPIED]
    labels = np.concatenate([np.arange(28) % 7, LABELS])
    labels[:2] = (labels[:2] + 1) % 7
    splits = np.repeat([str(Split.TRAINING), str(Split.PRIVATE)], [28, COUNT])
    ids = [f"fer2013.csv:{i + 1}" if form == "csv" else f"{splits[i]}/{i}.jpg" for i in range(28 + COUNT)]
    return FaceSamples(images=images, labels=labels, splits=splits, ids=np.array(ids), source=f"FER-2013 ({form})")


FOLDER, CSV = faces(form="folder"), faces(form="csv")
RECOGNISED = replace(FOLDER, original_rows=np.arange(28 + COUNT))


def predict(images: np.ndarray) -> np.ndarray:
    """Knows the ground truth, with some doubt."""
    doubt = np.random.default_rng(2).dirichlet(np.full(7, 0.3), len(images)) * 0.3
    doubt[np.arange(len(images)), images[:, 0, 0, 0] % 7] += 0.7
    return doubt.astype(np.float32)


Predict = Callable[[np.ndarray], np.ndarray]


@dataclass
class Opened:
    samples: FaceSamples

    def of(self, record: RunRecord) -> tuple[FaceSamples, str]:
        return self.samples, "0123456789abcdef"


def context(
    samples: FaceSamples, *, predict: Predict = predict, faces: bool = True, dedup: bool = False, **options: Any
) -> ReportContext:
    chosen = ReportOptions(bootstrap=200, tta=False, faces=faces, label_noise=LabelNoiseOptions(**options))
    record = RunRecord(
        folder=RunFolder(Path("run")),
        name="run",
        config={"data": {"name": "fer2013", "protocol": "official", "dedup": dedup}, "model": {"name": "cnn"}},
        manifest={},
        epochs=(),
        final={},
        checkpoint=Path("run/checkpoints/best.ckpt"),
    )
    run = evaluate_run(
        record,
        predict=predict,
        labels=EMOTIONS,
        num_parameters=1,
        input_shape=(1, 48, 48),
        trained_on="0123456789abcdef",
        samples=samples,
        data=replace(describe_data(samples, fingerprint="0123456789abcdef"), is_fer2013=True),
        options=chosen,
    )
    return ReportContext(run=run, runs=[run], options=chosen, data=Opened(samples), models=OpenModels("cpu"))


@sketched()
def page(result: AnalysisResult) -> str:
    return " ".join(render_page(result.sections, title="t", subtitle="s", notes=(), faces=True).split())


def write_votes(path: Path) -> Path:
    """Nine votes for the ground truth and one for another emotion; on every tenth face five and five."""
    lines = [f"Usage,Image name,{','.join(FERPLUS_COLUMNS)}"]
    for row, (ground_truth, split) in enumerate(zip([*np.arange(28) % 7, *GROUND_TRUTH], CSV.splits, strict=True)):
        votes = dict.fromkeys(FERPLUS_COLUMNS, 0)
        name, other = EMOTIONS[ground_truth], EMOTIONS[(ground_truth + 3) % 7]
        votes[COLUMN_OF.get(name, name)] = 5 if row % 10 == 0 else 9
        votes[COLUMN_OF.get(other, other)] = 5 if row % 10 == 0 else 1
        lines.append(f"{split},x.png,{','.join(map(str, votes.values()))}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def found() -> AnalysisResult:
    result = analyse(context(FOLDER))
    assert result is not None
    return result


def test_planted_errors_lead_the_list(found: AnalysisResult) -> None:
    rows = list(csv.DictReader(io.StringIO(str(found.files["label_noise/label_issues.csv"]))))
    wrong = {str(FOLDER.ids[28 + i]) for i in np.flatnonzero(WRONG)}
    assert {row["id"] for row in rows[:30]} <= wrong
    for row in rows[:30]:
        place = int(row["id"].rpartition("/")[2].removesuffix(".jpg")) - 28
        assert row["given_label"] == EMOTIONS[LABELS[place]]
        assert row["suggested_label"] == EMOTIONS[GROUND_TRUTH[place]]
    scores = [float(row["score"]) for row in rows]
    assert scores == sorted(scores)


def test_faces_the_model_was_trained_on_are_no_witnesses(found: AnalysisResult) -> None:
    likely = found.metrics["likely_errors"]
    assert (likely["n"], likely["left_out_as_copies_of_training"]) == (COUNT - COPIED, COPIED)
    deduplicated = analyse(context(FOLDER, dedup=True))
    assert deduplicated is not None
    assert deduplicated.metrics["likely_errors"]["n"] == COUNT


def test_one_picture_with_two_labels_is_counted(found: AnalysisResult) -> None:
    assert found.metrics["conflicting_copies"] == {
        "n": 2,
        "answered_with_the_label": 2,
        "answered_with_the_label_of_a_copy": 0,
    }
    assert "2 of these faces occur elsewhere in the data" in page(found)


def test_no_label_and_no_score_changes() -> None:
    before = context(FOLDER)
    scores, labels = dict(before.run.headline.plain.metrics), FOLDER.labels.copy()
    analyse(before)
    assert (labels == FOLDER.labels).all()
    assert before.run.headline.plain.metrics == scores


def test_the_page_warns_and_names_the_faces_counted(found: AnalysisResult) -> None:
    html = page(found)
    assert "a model's opinion" in html.replace("&#39;", "'")
    assert "PrivateTest, official protocol, no test-time augmentation, n = 550" in html
    assert "No label was changed" in found.card[0]
    # Of the faces it was asked about, as on the page.
    assert "no test-time augmentation, n = 550)" in found.card[0]
    json.dumps(found.metrics, allow_nan=False)


def test_faces_are_shown_only_where_they_may_be(found: AnalysisResult) -> None:
    assert str(found.files["label_noise/contact_sheet.png"])[2:8] == "\\x89PN"
    assert page(found).count("<img") == 24
    hidden = analyse(context(FOLDER, faces=False))
    assert hidden is not None
    assert "label_noise/contact_sheet.png" not in hidden.files
    assert "label_noise/label_issues.csv" in hidden.files
    assert "<img" not in page(hidden)
    fewer = analyse(context(FOLDER, shown=3))
    assert fewer is not None
    assert page(fewer).count("<img") == 3


def test_faces_of_other_data_have_no_votes_by_people(found: AnalysisResult) -> None:
    assert found.metrics["ferplus"] is None
    assert found.notes == ()
    assert "none of those scored here is one (FER-2013 (folder))" in page(found)
    assert any("no second opinion by people" in sentence for sentence in found.card)


@pytest.mark.realdata
def test_votes_come_with_the_package_and_need_no_file(fer2013_archive: Path) -> None:
    """PrivateTest, a model that always predicts "happy"; counted with pandas from fer2013.csv and fer2013new.csv."""

    def happy(images: np.ndarray) -> np.ndarray:
        return np.tile(np.where(np.arange(7) == EMOTIONS.index("happy"), 0.4, 0.1), (len(images), 1)).astype(np.float32)

    result = analyse(context(load_fer2013(fer2013_archive).samples, shown=0, predict=happy))
    assert result is not None
    told = result.metrics["ferplus"]
    assert (told["joined"], told["joined_by"], told["non_faces"]) == (3_589, "picture", 16)
    assert told["label_is_majority"]["n"] == 2_729
    assert told["label_is_majority"]["value"] == pytest.approx(1_965 / 2_729)
    published = told["published_protocol"]
    assert (published["seven"]["n"], published["eight"]["n"]) == (3_137, 3_153)
    assert published["seven"]["value"] == pytest.approx(893 / 3_137)
    assert published["eight"]["value"] == pytest.approx(893 / 3_153)


@pytest.mark.parametrize("form", ["csv", "recognised folder"])
def test_votes_are_compared(form: str, tmp_path: Path) -> None:
    votes = write_votes(tmp_path / "fer2013new.csv")
    result = analyse(context(CSV if form == "csv" else RECOGNISED, ferplus=votes))
    assert result is not None
    told = result.metrics["ferplus"]
    assert told["joined_by"] == ("row" if form == "csv" else "picture")
    assert told["joined"] == COUNT
    rows = np.arange(28, 28 + COUNT)
    clear = rows % 10 != 0
    assert told["label_is_majority"]["n"] == clear.sum()
    assert told["label_is_majority"]["value"] == pytest.approx((LABELS == GROUND_TRUTH)[clear].mean(), abs=1e-6)
    assert told["majority_accuracy"]["value"] == 1
    # Nobody saw contempt here, so seven and eight are the same faces.
    assert told["published_protocol"]["seven"] == told["published_protocol"]["eight"]
    assert told["published_protocol"]["eight"]["n"] == clear.sum()
    assert told["accuracy"]["value"] == pytest.approx((LABELS == GROUND_TRUTH)[clear].mean(), abs=1e-6)
    assert told["cross_entropy"]["value"] == pytest.approx(
        told["kl_votes_model"]["value"] + told["vote_entropy"]["value"], abs=1e-6
    )
    # A lone vote is a slip: nine to one is agreement, five to five is not.
    assert {name: level["accuracy"]["n"] for name, level in told["by_agreement"].items()} == {
        "people agree": int(clear.sum()),
        "people differ": int((~clear).sum()),
    }
    check = told["likely_errors"]
    assert check["flagged_voters_differ"] == check["flagged_voters_suggest"] > 0.6 * (WRONG & clear).sum()
    assert check["flagged_voters_differ"] + check["others_voters_differ"] == (WRONG & clear).sum()
    assert check["flagged"] + check["others"] == clear[COPIED:].sum()
    assert result.columns["run"]["ferplus_accuracy"] == 1
    assert "are the emotion that most voters saw" in page(result)


def test_votes_do_not_judge_labels_that_they_gave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fer.report.label_noise.section.CONTEMPT", "happy")
    result = analyse(context(CSV, ferplus=write_votes(tmp_path / "fer2013new.csv")))
    assert result is not None
    text = page(result)
    assert "the votes say nothing of the labels" in text
    for circular in ("are the emotion that most voters saw", "it differs from the label", "Label is most voted"):
        assert circular not in text
    assert "Prediction is most voted" in text
    assert any(sentence.startswith("FER+: the labels are what most voters saw.") for sentence in result.card)


def test_a_mistake_with_the_votes_leaves_the_rest(tmp_path: Path) -> None:
    result = analyse(context(FOLDER, ferplus=tmp_path / "absent.csv"))
    assert result is not None
    assert len(result.notes) == 1
    assert "no FER+ file at" in result.notes[0]
    assert "likely_errors" in result.metrics
    assert result.metrics["ferplus"] is None


def test_it_can_be_switched_off() -> None:
    assert analyse(context(FOLDER, enabled=False)) is None
