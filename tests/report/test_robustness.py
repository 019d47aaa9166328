"""The robustness analysis over runs that fer-train made."""

import csv
import io
import re
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.sketched import sketched

from fer.common.errors import ConfigError
from fer.data.corruption.registry import CORRUPTIONS, corrupt
from fer.folders.opened import OpenData, OpenModels
from fer.folders.record import read_runs
from fer.report.command import compose, parse
from fer.report.context import ReportContext
from fer.report.faces import choose_faces
from fer.report.main import evaluate_record, make_report
from fer.report.options import ReportOptions, RobustnessOptions
from fer.report.page.render import render_page
from fer.report.result import AnalysisResult
from fer.report.robustness.analysis import analyse, check_baseline
from fer.report.robustness.section import verdict

FULL = RobustnessOptions(corruptions="all", severities=(1, 2, 3, 4, 5), max_faces=12)


def context_of(*runs: Path, robustness: RobustnessOptions, **options: object) -> ReportContext:
    chosen = ReportOptions(bootstrap=100, device="cpu", tta=False, robustness=robustness, **options)
    data, models = OpenData(), OpenModels("cpu")
    evaluated = [evaluate_record(record, models.of(record), data, chosen) for record in read_runs(runs)]
    return ReportContext(run=evaluated[0], runs=evaluated, options=chosen, data=data, models=models)


@pytest.fixture(scope="module")
def runs(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    copy = tmp_path_factory.mktemp("runs") / "copy"
    shutil.copytree(tiny_run, copy)
    return tiny_run, copy


@pytest.fixture(scope="module")
def context(runs: tuple[Path, Path]) -> ReportContext:
    return context_of(*runs, robustness=FULL.model_copy(update={"baseline": str(runs[1])}))


@pytest.fixture(scope="module")
def full(context: ReportContext) -> AnalysisResult:
    found = analyse(context)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def quick(context: ReportContext) -> AnalysisResult:
    options = context.options.model_copy(update={"robustness": RobustnessOptions(), "faces": False})
    found = analyse(replace(context, runs=context.runs[:1], options=options))
    assert found is not None
    return found


@sketched()
def page(found: AnalysisResult) -> str:
    return render_page(found.sections, title="t", subtitle="s", notes=found.notes, faces=True)


def table(found: AnalysisResult) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(str(found.files["robustness.csv"]))))


def test_accuracies_are_those_of_asking_the_model(context: ReportContext, full: AnalysisResult) -> None:
    scores = context.run.headline
    chosen = choose_faces(len(scores.evaluation_set.rows), most=12, seed=0)
    rows = scores.evaluation_set.rows[chosen]
    images, labels = context.samples.images[rows], context.samples.labels[rows]
    for name, severity in (("fog", 5), ("gaussian_noise", 2), ("light_from_left", 4)):
        predicted = context.predict_fast(corrupt(images, name=name, severity=severity)).argmax(axis=1)
        told = full.metrics["corruptions"][name]["accuracy"][str(severity)]
        assert told["value"] == pytest.approx((predicted == labels).mean())
        assert told["n"] == 12


def test_the_numbers_on_top_follow_from_those_below(full: AnalysisResult) -> None:
    numbers = full.metrics
    of_kind: dict[str, list[float]] = {"corruption": [], "lighting": []}
    for told in numbers["corruptions"].values():
        of_kind[told["kind"]].append(float(np.mean([cell["value"] for cell in told["accuracy"].values()])))
    assert [len(of_kind[kind]) for kind in ("corruption", "lighting")] == [15, 9]
    clean = numbers["clean_accuracy"]["value"]
    assert numbers["corruption_accuracy"]["value"] == pytest.approx(np.mean(of_kind["corruption"]))
    assert numbers["lighting_retention"]["value"] == pytest.approx(np.mean(of_kind["lighting"]) / clean)
    every = [a["value"] for c in numbers["corruptions"].values() for a in c["accuracy"].values()]
    assert numbers["worst"]["value"] == min(every)


def test_the_csv_has_every_cell_of_every_run(runs: tuple[Path, Path], full: AnalysisResult) -> None:
    rows = table(full)
    assert len(rows) == 2 * (1 + 24 * 5)
    assert {row["run"] for row in rows} == {run.name for run in runs}
    fog = next(row for row in rows if row["corruption"] == "fog" and row["severity"] == "3")
    told = full.metrics["corruptions"]["fog"]["accuracy"]["3"]
    assert float(fog["accuracy"]) == pytest.approx(told["value"], abs=1e-6)
    assert float(fog["accuracy_low"]) == pytest.approx(told["low"], abs=1e-6)
    assert fog["n"] == "12"


def test_a_baseline_named_by_its_path_has_an_mce_of_one_and_so_has_its_copy(
    full: AnalysisResult, runs: tuple[Path, Path]
) -> None:
    assert full.metrics["baseline"] == "copy"
    assert full.metrics["mce"]["value"] == pytest.approx(1)
    assert full.columns[runs[0].name]["mce"] == pytest.approx(1)
    assert full.columns["copy"]["robustness_n"] == 12
    assert "mCE against copy" in page(full)


def test_the_page_tells_what_was_done_and_shows_every_change(full: AnalysisResult) -> None:
    html = page(full)
    assert "15 corruptions of arXiv 1903.12261" in html
    assert "drawn at random from 70" in html
    assert "PrivateTest, official protocol, no test-time augmentation, n = 12" in html
    for corruption in CORRUPTIONS.values():
        assert html.count(corruption.title) >= 2
    assert html.count("data:image/webp") == 24
    assert {chart.key for chart in full.sections[0].charts} == {"robustness-retention", "robustness-severity"}


def test_the_quick_one_is_lighting_alone_without_faces_or_mce(quick: AnalysisResult) -> None:
    html = page(quick)
    assert len(table(quick)) == 1 + 9
    assert "data:image" not in html
    assert "mce" not in quick.metrics
    assert "corruption_accuracy" not in quick.metrics
    assert "mCE" not in html
    assert len(quick.sections[0].charts) == 1
    assert quick.metrics["n"] == 70


def test_the_same_report_twice_has_the_same_bytes(context: ReportContext, quick: AnalysisResult) -> None:
    options = context.options.model_copy(update={"robustness": RobustnessOptions(), "faces": False})
    again = analyse(replace(context, runs=context.runs[:1], options=options))
    assert again is not None
    assert again.files == quick.files
    assert page(again) == page(quick)


def test_switched_off_there_is_nothing(context: ReportContext) -> None:
    options = context.options.model_copy(update={"robustness": RobustnessOptions(enabled=False)})
    assert analyse(replace(context, options=options)) is None


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (RobustnessOptions(baseline="nowhere", max_faces=10), "robustness.baseline=nowhere is no run of this report"),
        (RobustnessOptions(baseline="copy", max_faces=10), "needs robustness.corruptions=all and all five severities"),
    ],
)
def test_a_baseline_that_cannot_be_used_is_told(context: ReportContext, options: RobustnessOptions, told: str) -> None:
    """At once: before a model is opened, and so before the minutes of the work."""
    with pytest.raises(ConfigError, match=re.escape(told)):
        check_baseline([run.record for run in context.runs], options)
    begun = time.monotonic()
    with pytest.raises(ConfigError, match=re.escape(told)):
        make_report(
            [run.record.folder.path for run in context.runs], options=ReportOptions(bootstrap=100, robustness=options)
        )
    assert time.monotonic() - begun < 30


def test_a_run_on_other_faces_is_left_out_and_named(context: ReportContext) -> None:
    stranger = context.runs[1]
    stranger = replace(stranger, data=replace(stranger.data, fingerprint="another"))
    options = FULL.model_copy(update={"max_faces": 10, "baseline": "copy"})
    found = analyse(
        replace(
            context,
            runs=[context.run, stranger],
            options=context.options.model_copy(update={"robustness": options}),
        )
    )
    assert found is not None
    assert "was scored on other faces" in found.notes[0]
    assert "not measured here: copy" in page(found)


def test_the_verdict_goes_by_what_is_beyond_chance() -> None:
    from fer.metrics import Estimate

    def estimate(value: float, half: float = 0.02) -> Estimate:
        return Estimate(value=value, low=value - half, high=value + half, n=100)

    assert verdict(estimate(0.9)).endswith(": met.")
    assert "the interval reaches below it" in verdict(estimate(0.81))
    assert verdict(estimate(0.79)).endswith(": missed, but the interval reaches above it.")
    assert verdict(estimate(0.75)).endswith(": missed.")
    nothing = Estimate(value=1.0, low=float("nan"), high=float("nan"), n=100)
    assert "cannot be judged" in verdict(nothing)
    # 93.5 % of the accuracy kept, of which always guessing the commonest emotion would keep 87.1: half is lost.
    assert verdict(estimate((0.935 - 0.871) / (1 - 0.871))).endswith(": missed.")


def test_faces_are_drawn_at_random_and_in_order() -> None:
    chosen = choose_faces(1000, most=100, seed=0)
    assert len(np.unique(chosen)) == 100
    assert (np.diff(chosen) > 0).all()
    assert not np.array_equal(chosen, choose_faces(1000, most=100, seed=1))
    assert np.array_equal(choose_faces(5, most=100, seed=0), np.arange(5))
    assert np.array_equal(choose_faces(5, most=None, seed=0), np.arange(5))


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("robustness.severities=[3,3]", "name each severity once"),
        ("robustness.severities=[6]", "less than or equal to 5"),
        ("robustness.severities=[]", "at least 1 item"),
        ("robustness.corruptions=some", "'lighting' or 'all'"),
        ("robustness.max_faces=3", "greater than or equal to 10"),
    ],
)
def test_mistakes_in_the_options_are_named(override: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as error:
        parse(compose(["run=x", override]))
    assert override.partition("=")[0] in str(error.value)


def test_the_full_report_measures_the_whole_grid() -> None:
    options = parse(compose(["run=x", "report=full"]))[2].robustness
    assert options == RobustnessOptions(corruptions="all", severities=(1, 2, 3, 4, 5), max_faces=None)
    assert parse(compose(["run=x"]))[2].robustness == RobustnessOptions()
