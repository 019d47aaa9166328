import csv
import io
import statistics
from pathlib import Path

import pytest
from support.fake_runs import fake_context, fake_run
from support.sketched import sketched

from fer.metrics import METRICS
from fer.report.page.render import render_page
from fer.report.seeds.analysis import analyse
from fer.report.seeds.measurement import seed_groups, spread


def test_mean_and_standard_deviation_over_seeds_are_those_of_the_runs(tmp_path: Path) -> None:
    runs = [fake_run(tmp_path / f"seed{i}", seed=i, skill=0.5) for i in range(4)]
    result = analyse(fake_context(*runs))
    assert result is not None
    values = [run.sets["private"].averaged.metrics["macro_f1"].value for run in runs]  # type: ignore[union-attr]
    told = result.metrics["1"]["private_tta"]["macro_f1"]
    assert told["mean"] == pytest.approx(statistics.mean(values))
    assert told["deviation"] == pytest.approx(statistics.stdev(values))
    assert (told["low"], told["high"], told["seeds"]) == (min(values), max(values), 4)
    rows = list(csv.DictReader(io.StringIO(str(result.files["seeds.csv"]))))
    assert len(rows) == 8 * len(METRICS)
    columns = result.columns["seed2"]
    assert (columns["seed_group"], columns["seed_group_n"]) == ("1", 4)
    assert columns["private_tta_macro_f1_seed_deviation"] == told["deviation"]
    html = sketched()(render_page)(result.sections, title="t", subtitle="s", notes=(), faces=False)
    assert "other test faces" in html
    assert "another training seed" in html
    assert any("standard deviation of" in sentence for sentence in result.card)


def test_place_and_bookkeeping_make_no_other_recipe(tmp_path: Path) -> None:
    runs = [
        fake_run(tmp_path / "one" / "a", seed=1),
        fake_run(tmp_path / "two" / "b", seed=2, config={"report": True, "threads": 1, "logger": {"csv": {}}}),
    ]
    (group,) = seed_groups(runs)
    assert [run.record.seed for run in group.runs] == [1, 2]


def test_folders_named_as_a_part_of_a_setting_make_no_other_recipe(tmp_path: Path) -> None:
    runs = []
    for seed, name in enumerate(("n", "s")):
        place = {"run_dir": name, "callbacks": {"checkpoint": {"dirpath": f"{name}/checkpoints"}}}
        runs.append(fake_run(tmp_path / name, seed=seed, config=place))
    assert len(seed_groups(runs)) == 1


@pytest.mark.parametrize("protocol", ["official", "stratified"])
def test_that_seeds_hold_out_other_faces_is_told(tmp_path: Path, protocol: str) -> None:
    config = {"data": {"protocol": protocol}}
    result = analyse(fake_context(*(fake_run(tmp_path / f"seed{i}", seed=i, config=config) for i in range(2))))
    assert result is not None
    html = sketched()(render_page)(result.sections, title="t", subtitle="s", notes=(), faces=False)
    assert ("each seed holds out other Training faces" in html) == (protocol == "stratified")


@pytest.mark.parametrize(
    "config",
    [
        {"model": {"name": "mlp"}},
        {"data": {"protocol": "kfold"}},
        {"data": {"dedup": True}},
        {"trainer": {"max_epochs": 9}},
        {"visible": "upper"},
    ],
)
def test_any_other_difference_does(tmp_path: Path, config: dict[str, object]) -> None:
    runs = [fake_run(tmp_path / "a", seed=1), fake_run(tmp_path / "b", seed=2, config=config)]
    assert seed_groups(runs) == ()
    assert analyse(fake_context(*runs)) is None


def test_other_data_do_too(tmp_path: Path) -> None:
    runs = [fake_run(tmp_path / "a", seed=1), fake_run(tmp_path / "b", seed=2, fingerprint="fedcba9876543210")]
    assert seed_groups(runs) == ()


def test_unfinished_runs_and_repeated_seeds_are_left_out(tmp_path: Path) -> None:
    runs = [
        fake_run(tmp_path / "a", seed=1),
        fake_run(tmp_path / "again", seed=1),
        fake_run(tmp_path / "b", seed=2),
        fake_run(tmp_path / "half", seed=3, finished=False),
    ]
    (group,) = seed_groups(runs)
    assert [run.record.name for run in group.runs] == ["a", "b"]
    assert [run.record.name for run in group.repeated] == ["again"]


def test_two_recipes_and_revisions_are_told_apart(tmp_path: Path) -> None:
    runs = [
        fake_run(
            tmp_path / f"{model}{seed}",
            seed=seed,
            config={"model": {"name": model}},
            manifest={"git_revision": f"{model}{seed}" if model == "cnn" else "same"},
        )
        for model in ("cnn", "mlp")
        for seed in (1, 2)
    ]
    first, second = seed_groups(runs)
    assert first.revisions == ("cnn1", "cnn2")
    assert second.revisions == ("same",)
    result = analyse(fake_context(*runs))
    assert result is not None
    html = sketched()(render_page)(result.sections, title="t", subtitle="s", notes=(), faces=False)
    assert "Recipe 2: mlp" in html
    assert html.count("different revisions of the code") == 1
    assert len(result.card) == 1


def test_spread_by_hand() -> None:
    found = spread([0.6, 0.7, 0.8], n=10)
    assert (found.mean, found.low, found.high, found.seeds) == (pytest.approx(0.7), 0.6, 0.8, 3)
    assert found.std == pytest.approx(0.1)
