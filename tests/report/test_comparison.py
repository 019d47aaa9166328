import csv
import io
from pathlib import Path

import numpy as np
import pytest
from support.fake_runs import SAMPLES, fake_context, fake_run, fake_samples
from support.sketched import sketched

from fer.data.samples import Split
from fer.metrics.significance import compare
from fer.report.comparison.analysis import analyse
from fer.report.comparison.groups import comparable_groups
from fer.report.page.figures import short_names
from fer.report.page.render import render_page
from fer.report.page.wording import p_value, points
from fer.report.result import AnalysisResult


@sketched()
def page_of(result: AnalysisResult | None) -> str:
    assert result is not None
    return render_page(result.sections, title="t", subtitle="s", notes=result.notes, faces=False)


def test_one_run_has_nothing_to_compare(tmp_path: Path) -> None:
    assert analyse(fake_context(fake_run(tmp_path / "a"))) is None


def test_every_pair_is_tested_and_corrected_and_stands_in_the_files(tmp_path: Path) -> None:
    runs = [
        fake_run(tmp_path / name, seed=i, skill=s, config={"model": {"name": name}})
        for i, (name, s) in enumerate((("a", 0.5), ("b", 0.9), ("c", 0.2)))
    ]
    result = analyse(fake_context(*runs))
    assert result is not None
    rows = list(csv.DictReader(io.StringIO(str(result.files["significance.csv"]))))
    # The more accurate run of a pair comes first.
    assert [(row["run_a"], row["run_b"]) for row in rows] == [("b", "a"), ("b", "c"), ("a", "c")]
    for row, told in zip(rows, result.metrics["pairs"], strict=True):
        tables = {run.record.name: run.sets["private"].plain.predictions for run in runs}
        names = (row["run_a"], row["run_b"])
        expected = compare(tables[names[0]], tables[names[1]], names=names, resamples=100)
        assert float(row["mcnemar_p"]) == pytest.approx(expected.p, rel=1e-3)
        assert told["accuracy_difference"] == pytest.approx(expected.difference.value)
        assert told["accuracy_difference"] > 0
        assert (row["set"], row["n"]) == ("private", "105")
        assert told["holm_p"] >= told["mcnemar_p"]
    # Seen from the run in detail, which is the first one, the better run is "better" and the worse one "worse".
    table = page_of(result).split('id="differences"')[1].split("</table>")[0]
    assert "<b>better</b>" in table
    assert "<b>worse</b>" in table


def test_seeds_are_compared_as_recipes(tmp_path: Path) -> None:
    """Two recipes of three seeds: one test of recipes, none of single seeds, neither within nor across."""
    runs = [
        fake_run(tmp_path / f"{name}{seed}", seed=seed, skill=skill, config={"model": {"name": name}})
        for name, skill in (("cnn", 0.3), ("vit", 0.9))
        for seed in range(3)
    ]
    result = analyse(fake_context(*runs))
    assert result is not None
    assert result.metrics["pairs"] == []
    (row,) = result.metrics["recipes"]
    assert row["recipe_a"].startswith("vit")
    assert (row["seeds_a"], row["seeds_b"]) == (3, 3)
    accuracy = {run.record.name: run.headline.plain.metrics["accuracy"].value for run in runs}
    mean = {name: sum(accuracy[f"{name}{seed}"] for seed in range(3)) / 3 for name in ("cnn", "vit")}
    assert row["accuracy_difference"] == pytest.approx(mean["vit"] - mean["cnn"])
    assert row["accuracy_difference_low"] > 0.3
    assert row["p"] < 0.05
    assert "Recipes, over their seeds" in page_of(result)
    assert "which checkpoint got luckier" in page_of(result)


def test_seeds_of_one_recipe_are_no_rivals(tmp_path: Path) -> None:
    result = analyse(fake_context(*(fake_run(tmp_path / str(seed), seed=seed) for seed in range(3))))
    assert result is not None
    assert result.metrics["pairs"] == []
    assert result.metrics["recipes"] == []
    assert "seeds of one recipe" in page_of(result)


@pytest.mark.parametrize(("skills", "narrower"), [((0.9, 0.905), True), ((0.9, 0.3), False)])
def test_the_page_says_that_paired_intervals_are_narrower_where_they_are(
    skills: tuple[float, float], narrower: bool, tmp_path: Path
) -> None:
    runs = [
        fake_run(tmp_path / name, skill=s, config={"model": {"name": name}})
        for name, s in zip("ab", skills, strict=True)
    ]
    result = analyse(fake_context(*runs))
    assert result is not None
    pair, single = result.metrics["pairs"][0], runs[0].headline.plain.metrics["accuracy"]
    width = pair["accuracy_difference_high"] - pair["accuracy_difference_low"]
    assert (width < single.high - single.low) == narrower
    assert ("Such an interval is narrower than that of one score" in page_of(result)) == narrower


def test_other_data_or_protocols_are_shown_but_not_compared(tmp_path: Path) -> None:
    runs = [
        fake_run(tmp_path / "a"),
        fake_run(tmp_path / "b", seed=1, config={"model": {"name": "vit"}}),
        fake_run(tmp_path / "fold", seed=2, config={"data": {"protocol": "kfold"}}),
        fake_run(tmp_path / "other", seed=3, samples=fake_samples(seed=1), fingerprint="fedcba9876543210"),
    ]
    result = analyse(fake_context(*runs))
    assert result is not None
    assert [group["runs"] for group in result.metrics["groups"]] == [["a", "b"], ["fold"], ["other"]]
    assert len(result.metrics["pairs"]) == 1
    assert {name: columns["comparison_group"] for name, columns in result.columns.items()} == {
        "a": "A",
        "b": "A",
        "fold": "B",
        "other": "C",
    }
    html = page_of(result)
    assert "different protocols" in html
    assert "different data" in html
    assert "5 pairs are not tested" in html
    # Not of every run in that column.
    assert "chose the epoch" not in html.partition("<thead>")[2].partition("</thead>")[0]
    assert "PublicTest (chose the epoch)" in page_of(analyse(fake_context(*runs[:2])))
    for run in runs:
        assert html.count(f">{run.record.name}</th>") >= 1


def test_faces_that_differ_under_one_fingerprint_are_not_compared(tmp_path: Path) -> None:
    runs = [fake_run(tmp_path / "a"), fake_run(tmp_path / "b", samples=fake_samples(count=392))]
    assert [len(group.runs) for group in comparable_groups(runs)] == [1, 1]
    result = analyse(fake_context(*runs))
    assert result is not None
    assert result.metrics["pairs"] == []
    assert "significance.csv" not in result.files
    assert "Only runs of one group may be compared" in page_of(result)


def test_an_unfinished_run_is_named_as_such(tmp_path: Path) -> None:
    result = analyse(fake_context(fake_run(tmp_path / "a"), fake_run(tmp_path / "half", finished=False)))
    html = page_of(result)
    assert "Not finished, so below what the recipe reaches: half" in html
    assert "not recorded" in html


def test_twenty_runs_with_long_names_draw(tmp_path: Path) -> None:
    names = [f"2026-11-21_22-49-{i:02d}_skipcnn_with_a_long_name" for i in range(20)]
    runs = [
        fake_run(tmp_path / name, seed=i, skill=0.3 + i / 40, config={"model": {"name": f"net{i}"}})
        for i, name in enumerate(names)
    ]
    result = analyse(fake_context(*runs))
    assert result is not None
    assert len(result.metrics["pairs"]) == 190
    charts = {chart.key: chart for section in result.sections for chart in section.charts}
    assert set(charts) == {"runs-accuracy", "runs-curves", "runs-curves-time", "differences"}
    for chart in charts.values():
        assert chart.file("png").startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "names",
    [
        ["a", "b"],
        ["2026-11-21_22-49-27_skipcnn", "2026-11-21_22-49-27_skipcnn_2", "2026-11-21_23-00-00_resnet18"],
        ["x" * 60 + "1", "x" * 60 + "2" + "y" * 60 + "1"],
        [f"{'same' * 10}{i}{'end' * 20}" for i in range(20)],
        ["a/run", "b/run"],
    ],
)
def test_short_names_are_short_and_told_apart(names: list[str]) -> None:
    short = short_names(names)
    assert list(short) == names
    assert len(set(short.values())) == len(names)
    assert all(0 < len(text) <= 22 for text in short.values())


def test_a_name_that_fits_stays() -> None:
    assert short_names(["default", "default_2"]) == {"default": "default", "default_2": "default_2"}


def test_points_and_p_values_read_well() -> None:
    assert [points(x, plus=True) for x in (0.0123, -0.0123, 0.0002, -0.0002)] == ["+1.2", "−1.2", "0.0", "0.0"]
    assert [p_value(p) for p in (0.00004, 0.0344, 1.0)] == ["< 0.001", "0.034", "1.000"]


def test_one_face_tests_no_recipes(tmp_path: Path) -> None:
    place = int(np.flatnonzero(SAMPLES.splits == Split.PRIVATE)[0])
    few = SAMPLES.take(np.r_[np.flatnonzero(SAMPLES.splits != Split.PRIVATE), place])
    nets = [{"model": {"name": name}} for name in ("cnn", "vit") for _ in range(2)]
    runs = [fake_run(tmp_path / str(n), seed=n % 2, samples=few, config=net) for n, net in enumerate(nets)]
    result = analyse(fake_context(*runs))
    assert result is not None
    assert result.metrics["recipes"] == []
