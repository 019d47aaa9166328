import csv
import json
import re
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.text import Annotation
from support.fake_runs import fake_run
from support.sketched import sketched

from fer.folders.opened import OpenData, OpenModels
from fer.folders.record import read_runs
from fer.metrics import METRICS, Estimate
from fer.models.checkpoint import load_model
from fer.report.context import ReportContext
from fer.report.cost.analysis import analyse
from fer.report.cost.figures import cost_figure, pareto_front
from fer.report.cost.measurement import Timing, time_model, training_of
from fer.report.main import evaluate_record, write_report
from fer.report.options import CostOptions, ReportOptions
from fer.report.page.figures import PRINT, styled
from fer.report.scores.tables import COLUMNS

OPTIONS = ReportOptions(bootstrap=100, device="cpu", cost=CostOptions(repeats=10, seconds=0.1))


@sketched()
def report(*paths: Path, out: Path, options: ReportOptions = OPTIONS) -> Path:
    """A report of scores and costs alone."""
    data, models = OpenData(), OpenModels("cpu")
    runs = [evaluate_record(record, models.of(record), data, options) for record in read_runs(paths)]
    context = ReportContext(run=runs[0], runs=runs, options=options, data=data, models=models)
    result = analyse(context)
    return write_report(out, context, {} if result is None else {"cost": result}, command="fer-report")


# --- time ---


def test_timing_leaves_the_threads_as_they_were_and_keeps_its_order(tiny_run: Path) -> None:
    model = load_model(tiny_run / "checkpoints" / "best.ckpt")
    before = torch.get_num_threads()
    found = time_model(model, face_shape=(1, 48, 48), repeats=12, seconds=30)
    assert torch.get_num_threads() == found.threads == before
    assert found.repeats == 12
    assert 0 < found.median_ms <= found.high_ms
    assert found.faces_per_second > 0


def test_the_time_box_ends_the_timing_before_all_repeats(tiny_run: Path) -> None:
    model = load_model(tiny_run / "checkpoints" / "best.ckpt")
    assert time_model(model, face_shape=(1, 48, 48), repeats=10_000, seconds=1e-3).repeats == 5


# --- what the training recorded ---


def test_energy_is_read_and_never_guessed(tmp_path: Path) -> None:
    measured = fake_run(tmp_path / "a", manifest={"energy": {"kwh": 0.012, "co2_kg": 0.004}})
    silent = fake_run(tmp_path / "b", manifest={"device": {"name": "CPU", "precision": "32-true"}})
    assert (training_of(measured.record).energy_kwh, training_of(measured.record).co2_kg) == (0.012, 0.004)
    assert (training_of(silent.record).energy_kwh, training_of(silent.record).co2_kg) == (None, None)
    assert training_of(silent.record).device == "CPU, 32-true"
    assert training_of(silent.record).seconds == 61.5


def test_an_interrupted_training_tells_its_time_so_far(tmp_path: Path) -> None:
    found = training_of(fake_run(tmp_path / "a", finished=False).record)
    assert (found.seconds, found.finished, found.epochs, found.images_per_second) == (7.5, False, 3, None)


# --- accuracy against cost ---


def test_the_pareto_front_by_hand() -> None:
    assert pareto_front([1, 2, 3, 4, 2], [0.5, 0.7, 0.6, 0.8, 0.65]).tolist() == [0, 1, 3]
    assert sorted(pareto_front([1, 1], [0.5, 0.5]).tolist()) == [0, 1]
    assert pareto_front([1, 1], [0.5, 0.6]).tolist() == [1]


def test_nothing_dominates_the_front_and_all_else_is_dominated() -> None:
    rng = np.random.default_rng(0)
    cost, score = rng.integers(0, 9, 60), rng.integers(0, 9, 60)
    front = set(pareto_front(cost, score).tolist())
    for i in range(60):
        better = (cost <= cost[i]) & (score >= score[i]) & ((cost < cost[i]) | (score > score[i]))
        assert (i in front) == (not better.any())


def test_the_figure_numbers_the_runs_from_the_best_down_and_names_each_once() -> None:
    names = [f"run{i}" for i in range(12)]
    scores = {name: Estimate(value=0.5 + i / 50, low=0.4, high=0.8, n=100) for i, name in enumerate(names)}
    costs = {name: 1.0 + (i % 4) for i, name in enumerate(names)}
    with styled(PRINT):
        figure = cost_figure(costs, scores, axis="ms", label="accuracy", palette=PRINT)
    told = [text.get_text() for text in figure.axes[0].texts]
    assert told == [str(number) for number in range(1, 13)]
    legend = [text.get_text() for text in figure.legends[1].get_texts()]
    assert legend == [f"{number}  {name}" for number, name in enumerate(reversed(names), start=1)]
    best = figure.axes[0].texts[0]
    assert isinstance(best, Annotation)
    assert tuple(best.xy) == (costs["run11"], 100 * scores["run11"].value)


# --- the whole way ---


@pytest.fixture(scope="module")
def single(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report(tiny_run, out=tmp_path_factory.mktemp("cost") / "one")


def test_a_single_run_tells_its_cost(single: Path) -> None:
    html = single.read_text(encoding="utf-8")
    section = html.split('<section id="cost"')[1].split("</section>")[0]
    for told in ("Parameters", "multiply-accumulates", "95th percentile", "faces a second", "not measured"):
        assert told in section, told
    numbers = json.loads((single.parent / "metrics.json").read_text())["cost"]["tiny"]
    assert numbers["flops"] == 2 * numbers["macs"] > 0
    assert numbers["energy_kwh"] is None
    assert "multiply-accumulates" in (single.parent / "model_card.md").read_text()


def test_every_column_is_documented_and_on_the_page(single: Path) -> None:
    with (single.parent / "model_eval.csv").open() as file:
        (row,) = csv.DictReader(file)
    stem, metric = "(private|private_dedup|public|folder7178)(_tta)?", f"({'|'.join(METRICS)})"
    patterns = {
        "<set>_n": f"{stem}_n",
        "<set>_<metric>": f"{stem}_{metric}",
        "<set>_<metric>_low, _high": f"{stem}_{metric}_(low|high)",
    }
    assert set(patterns) <= set(COLUMNS)
    plain = [name for name in COLUMNS if "<" not in name]
    unknown = [
        name for name in row if name not in plain and not any(re.fullmatch(one, name) for one in patterns.values())
    ]
    assert unknown == []
    assert {"flops", "macs", "weight_megabytes", "latency_ms", "latency_p95_ms", "faces_per_second"} <= set(row)
    assert row["energy_kwh"] == ""
    assert row["status"] == "finished"
    html = single.read_text(encoding="utf-8")
    assert all(f"<code>{name}</code>" in html for name in plain)


def test_runs_of_one_net_share_a_timing_and_switching_it_off_leaves_no_cost(tiny_run: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_run, tmp_path / "again")
    page = report(tiny_run, tmp_path / "again", out=tmp_path / "two")
    with (page.parent / "model_eval.csv").open() as file:
        first, second = csv.DictReader(file)
    assert first["latency_ms"] == second["latency_ms"] != ""
    off = OPTIONS.model_copy(update={"cost": CostOptions(enabled=False)})
    page = report(tiny_run, out=tmp_path / "off", options=off)
    assert '<section id="cost"' not in page.read_text(encoding="utf-8")
    assert "latency_ms" not in (page.parent / "model_eval.csv").read_text()


def test_columns_are_told_in_the_order_of_the_file(single: Path) -> None:
    with (single.parent / "model_eval.csv").open() as file:
        header = next(csv.reader(file))
    told = [name for name in COLUMNS if name in header]
    assert all(header.index(a) < header.index(b) for a, b in pairwise(told))


@pytest.mark.parametrize(
    ("share", "load", "disturbed"), [(1.0, None, False), (0.89, None, True), (0.95, 0.0, False), (1.0, 10_000.0, True)]
)
def test_times_of_a_busy_machine_are_marked(share: float, load: float | None, disturbed: bool) -> None:
    timing = Timing(median_ms=1.0, high_ms=2.0, repeats=5, faces_per_second=100.0, threads=1, share=share, load=load)
    assert timing.disturbed is disturbed
