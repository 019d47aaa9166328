"""The fairness section, its files and its sentences, over a model that fails for faces with glasses."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.sketched import sketched

from fer.common.errors import ConfigError
from fer.common.labels import EMOTIONS
from fer.data.samples import FaceSamples, Split
from fer.folders.record import RunRecord
from fer.folders.run import RunFolder
from fer.metrics.fairness import score_groupings
from fer.report.context import OpenModels, ReportContext
from fer.report.evaluation.evaluate import EvaluatedRun, describe_data, evaluate_run
from fer.report.fairness.analysis import analyse, group_phrase, nothing_shown, warnings
from fer.report.options import FairnessOptions, ReportOptions
from fer.report.page.render import render_page
from fer.report.result import AnalysisResult

COUNT = 1400


def faces(*, groups: Mapping[str, np.ndarray]) -> FaceSamples:
    """PrivateTest faces of which four in ten wear glasses; pixel 0 is the label, pixel 1 the glasses."""
    labels = np.arange(COUNT) % 7
    glasses = np.random.default_rng(0).random(COUNT) < 0.4
    images = np.random.default_rng(1).integers(0, 256, (COUNT, 1, 24, 24), dtype=np.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = labels, glasses
    return FaceSamples(
        images=images,
        labels=labels,
        splits=np.full(COUNT, str(Split.PRIVATE)),
        ids=np.array([f"test/x/PrivateTest_{i}.jpg" for i in range(COUNT)]),
        source="faces <b>",
        groups=groups,
    )


PLAIN = faces(groups={})
GLASSES = np.where(PLAIN.images[:, 0, 0, 1] == 1, "yes", "no")
TEAM = np.random.default_rng(2).choice(["red", "blue"], COUNT).astype("U8")
TEAM[:12] = "<few>"
GROUPED = replace(PLAIN, groups={"glasses": GLASSES, "team_shirt": TEAM})


def predict(images: np.ndarray) -> np.ndarray:
    """Predicts sad for fear on most faces with glasses; one in ten of all predictions is wrong."""
    classes = images[:, 0, 0, 0].astype(int)
    blind = (images[:, 0, 0, 1] == 1) & (classes == 2) & (images[:, 0, 1, 0] < 200)
    classes = np.where(blind, 4, np.where(images[:, 0, 1, 1] < 25, (classes + 3) % 7, classes))
    return (0.9 * np.eye(7)[classes] + 0.1 / 7).astype(np.float32)


@dataclass
class Opened:
    samples: FaceSamples

    def of(self, record: RunRecord) -> tuple[FaceSamples, str]:
        return self.samples, "0123456789abcdef"


def context(samples: FaceSamples, *, name: str = "fer2013", **options: Any) -> ReportContext:
    chosen = ReportOptions(bootstrap=200, tta=False, fairness=FairnessOptions(**options))
    record = RunRecord(
        folder=RunFolder(Path("run")),
        name="run",
        config={"data": {"name": name, "protocol": "official"}, "model": {"name": "cnn"}, "seed": 0},
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
        input_shape=(1, 24, 24),
        trained_on="0123456789abcdef",
        samples=samples,
        data=describe_data(samples, fingerprint="0123456789abcdef"),
        options=chosen,
    )
    return ReportContext(run=run, runs=[run], options=chosen, data=Opened(samples), models=OpenModels("cpu"))


@sketched()
def page(result: AnalysisResult) -> str:
    html = render_page(result.sections, title="t", subtitle="s", notes=(), faces=False)
    return " ".join(html.split())


@pytest.fixture(scope="module")
def found() -> AnalysisResult:
    result = analyse(context(GROUPED))
    assert result is not None
    return result


def rows(result: AnalysisResult, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(str(result.files[name]))))


@pytest.mark.parametrize(
    ("codes", "first", "last"),
    [
        (("0", "1"), "without skin type", "with skin type"),
        (("1", "2"), "with skin type “1”", "with skin type “2”"),
        (("0", "1", "2"), "with skin type “0”", "with skin type “2”"),
        (("No", "partly"), "without skin type", "with skin type “partly”"),
    ],
)
def test_numbers_are_yes_and_no_only_among_themselves(codes: tuple[str, ...], first: str, last: str) -> None:
    predictions = context(PLAIN).run.headline.plain.predictions
    column = np.array(codes)[np.arange(COUNT) % len(codes)]
    (grouping,) = score_groupings(predictions, groupings={"skin_type": column}, resamples=2)
    assert (group_phrase(grouping, codes[0]), group_phrase(grouping, codes[-1])) == (first, last)


def test_the_planted_gap_is_told_in_plain_words(found: AnalysisResult) -> None:
    html = page(found)
    assert "With glasses the model finds “fear” in" in html
    assert "points fewer of the faces with this label than without glasses" in html
    assert "interval of the difference" in html
    assert any("With glasses the model finds “fear”" in sentence for sentence in found.card)
    assert len(found.notes) == 1
    assert "With glasses" in found.notes[0]


def test_where_nothing_is_shown_the_page_says_how_much_is_possible(found: AnalysisResult) -> None:
    html = page(found)
    assert "Between groups by team shirt no difference of accuracy" in html
    assert "That is no proof that there is none" in html
    assert any("no proof" in sentence for sentence in found.card)


def test_the_numbers_are_those_of_the_table(found: AnalysisResult) -> None:
    metrics = json.loads(json.dumps(found.metrics, allow_nan=False))
    predicted = predict(GROUPED.images).argmax(axis=1)
    recall = {g: float((predicted == 2)[(GROUPED.labels == 2) & (g == GLASSES)].mean()) for g in ("yes", "no")}
    odds = metrics["groupings"]["glasses"]["equalized_odds_difference"]
    assert (odds["worst_emotion"], odds["low_group"], odds["measure"]) == ("fear", "yes", "recall")
    assert odds["value"] == pytest.approx(recall["no"] - recall["yes"], abs=1e-6)
    assert odds["low"] < odds["value"] < odds["high"]
    (row,) = [
        row
        for row in rows(found, "fairness.csv")
        if (row["grouping"], row["group"], row["measure"], row["emotion"]) == ("glasses", "yes", "recall", "fear")
    ]
    assert float(row["value"]) == pytest.approx(recall["yes"], abs=1e-6)
    gaps = [row for row in rows(found, "fairness_gaps.csv") if row["grouping"] == "glasses"]
    assert len(gaps) == 22
    assert found.columns["run"]["fairness_glasses_accuracy_difference"] == pytest.approx(
        metrics["groupings"]["glasses"]["accuracy_difference"]["value"]
    )


def test_a_small_group_is_named_and_has_no_number(found: AnalysisResult) -> None:
    small = [row for row in rows(found, "fairness.csv") if row["group"] == "<few>"]
    assert {row["too_few"] for row in small} == {"True"}
    assert {row["value"] for row in small} == {""}
    assert {row["group_faces"] for row in small} == {"12"}
    assert not any("<few>" in row.values() for row in rows(found, "fairness_gaps.csv"))
    html = page(found)
    assert "&lt;few&gt;" in html
    assert "<few>" not in html
    assert "too few" in html


def test_every_figure_has_a_caption_with_split_and_n(found: AnalysisResult) -> None:
    (section,) = found.sections
    assert [chart.key for chart in section.charts] == ["fairness-accuracy", "fairness-recall"]
    for chart in section.charts:
        assert "PrivateTest, official protocol, no test-time augmentation, n = 1,400" in chart.caption
        assert chart.svg.startswith("<svg")
        assert chart.file("png") == chart.file("png")


def test_without_groups_the_page_and_the_card_say_so() -> None:
    result = analyse(context(PLAIN))
    assert result is not None
    assert result.metrics == {"measured": False}
    assert (result.files, result.notes) == ({}, ())
    for text in (page(result), result.card[0]):
        assert "Fairness was not measured" in text
        assert "fairness.groups=" in text
    assert "test/x/PrivateTest_0.jpg,adult,no" in page(result)


def test_groups_from_a_csv_replace_those_of_the_data(tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    lines = [f"PrivateTest_{i}.jpg,{'old' if i % 3 else 'young'}" for i in range(1000)]
    path.write_text("\n".join(["file,age", *lines, "stranger.jpg,old"]) + "\n")
    result = analyse(context(GROUPED, groups=path))
    assert result is not None
    assert list(result.metrics["groupings"]) == ["age"]
    assert result.metrics["matching"] == {
        "matched": 1000,
        "by_id": 0,
        "by_name": 1000,
        "unmatched": 400,
        "ambiguous": 0,
        "rows_of_no_face": 1,
    }
    html = page(result)
    assert "1,000 of 1,400 faces were found in the file" in html
    assert "no test-time augmentation, n = 1,000" in html
    assert "n = 1,400" not in html
    assert "1 row of the file names no face" in html


def test_drawn_faces_get_no_warning_on_top() -> None:
    result = analyse(context(GROUPED, name="synthetic"))
    assert result is not None
    assert result.notes == ()
    assert "says nothing about people" in page(result)


def test_it_can_be_switched_off_and_narrowed() -> None:
    assert analyse(context(GROUPED, enabled=False)) is None
    result = analyse(context(GROUPED, columns=["glasses"]))
    assert result is not None
    assert list(result.metrics["groupings"]) == ["glasses"]
    with pytest.raises(ConfigError, match=r"fairness\.columns: the data set has no grouping 'glases' \(did you mean"):
        analyse(context(GROUPED, columns=["glases"]))


def test_only_gaps_whose_interval_leaves_out_0_become_warnings() -> None:
    run: EvaluatedRun = context(GROUPED).run
    scores = score_groupings(run.headline.plain.predictions, groupings=GROUPED.groups, resamples=200)
    told = [*warnings(scores, corrected=True), *warnings(scores, corrected=False)]
    scored = [
        gap for grouping in scores for gap in grouping.gaps if gap.measure in ("accuracy", "recall") and gap.significant
    ]
    assert 0 < len(scored) <= len(told) <= len(scored) + 2 * len(scores)
    assert warnings([replace(grouping, gaps=()) for grouping in scores], corrected=True) == []
    assert all("could not be compared" in line for line in nothing_shown([replace(g, gaps=()) for g in scores]))
