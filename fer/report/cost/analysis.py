"""What each run costs, and what accuracy it gives for it."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from fer.common.processes import cores
from fer.common.wording import duration
from fer.metrics import Estimate
from fer.report.comparison.groups import ComparableRuns, comparable_groups, group_of
from fer.report.context import ReportContext
from fer.report.cost.figures import cost_figure
from fer.report.cost.measurement import BATCH, RunCost, costs_of
from fer.report.evaluation.sets import SET_TITLES
from fer.report.page.figures import Palette
from fer.report.page.section import Chart, Section, cell
from fer.report.page.wording import parameters, percent
from fer.report.result import AnalysisResult
from fer.report.scores.statements import protocol
from fer.report.scores.tables import COLUMNS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def analyse(context: ReportContext) -> AnalysisResult | None:
    """The cost of every run; None where it is switched off."""
    if not context.options.cost.enabled:
        return None
    costs = costs_of(context)
    return AnalysisResult(
        sections=(_section(context, costs),),
        metrics={name: _numbers(cost) for name, cost in costs.items()},
        columns={name: _numbers(cost) for name, cost in costs.items()},
        card=(_sentence(costs[context.run.record.name]),),
    )


def _section(context: ReportContext, costs: Mapping[str, RunCost]) -> Section:
    scores = {run.record.name: _choosing_score(run.sets) for run in context.runs}
    devices = {cost.training.device for cost in costs.values()}
    return Section(
        key="cost",
        title="What it costs",
        template="cost/section.html.j2",
        lead=_lead(costs[context.run.record.name]),
        context={
            "rows": [
                {
                    **_row(run.record.name, costs[run.record.name]),
                    "accuracy": None if (score := scores[run.record.name]) is None else cell("accuracy", score),
                    "is_detail": run is context.run,
                }
                for run in context.runs
            ],
            "detail": context.run.record.name,
            "batch": BATCH,
            "threads": next(iter(costs.values())).timing.threads,
            "devices": len(devices) > 1,
            "measured": any(cost.training.energy_kwh is not None for cost in costs.values()),
            "disturbed": next((_disturbed(cost) for cost in costs.values() if cost.timing.disturbed), None),
            "columns": list(COLUMNS.items()),
        },
        charts=tuple(_charts(context, costs)),
    )


def _choosing_score(sets: Mapping[str, Any]) -> Estimate | None:
    """PublicTest accuracy, the score to choose a model by; None where the data have no PublicTest."""
    if "public" not in sets:
        return None
    accuracy: Estimate = sets["public"].plain.metrics["accuracy"]
    return accuracy


def _charts(context: ReportContext, costs: Mapping[str, RunCost]) -> list[Chart]:
    """Accuracy against latency and against parameters, of the runs that compare with the one in detail."""
    group = group_of(context.run, comparable_groups(context.runs))
    key = "public" if "public" in context.run.sets else context.run.headline_key
    names = [run.record.name for run in group.runs]
    if len(names) < 2:
        return []
    scores = {run.record.name: run.sets[key].plain.metrics["accuracy"] for run in group.runs}
    told = _told(group, context, key)
    charts = []
    for name, what, axis, cost_by_name in (
        (
            "latency",
            "the time of one face",
            "milliseconds a face, one CPU thread (median)",
            {n: costs[n].timing.median_ms for n in names},
        ),
        ("parameters", "the number of parameters", "million parameters", {n: costs[n].parameters / 1e6 for n in names}),
    ):
        drawn = {n: cost for n, cost in cost_by_name.items() if cost > 0}
        # Runs of one cost would stand in one column: nothing to see.
        if len(set(drawn.values())) < 2:
            continue
        missing = [n for n in names if n not in drawn]
        caption = f"{SET_TITLES[key]} accuracy against {what} (logarithmic); {told}"
        if missing:
            caption += f" Without any, so not drawn: {', '.join(missing)}."
        charts.append(
            Chart(
                key=f"cost-{name}",
                caption=caption,
                draw=partial(_draw, drawn, {n: scores[n] for n in drawn}, axis, f"{SET_TITLES[key]} accuracy (%)"),
            )
        )
    return charts


def _draw(
    costs: Mapping[str, float], scores: Mapping[str, Estimate], axis: str, label: str, palette: Palette
) -> "Figure":
    return cost_figure(costs, scores, axis=axis, label=label, palette=palette)


def _told(group: ComparableRuns, context: ReportContext, key: str) -> str:
    """Protocol, n and what is left out."""
    n = len(context.run.sets[key].plain.predictions)
    told = f"{protocol(context.run)}, no test-time augmentation, n = {n:,}; bars are 95 % intervals."
    left_out = len(context.runs) - len(group.runs)
    if left_out > 0:
        told += f" {left_out} {'run' if left_out == 1 else 'runs'} of other data or protocol left out."
    return told


def _row(name: str, cost: RunCost) -> dict[str, Any]:
    """Each cost as (text, number to sort by)."""
    timing, training = cost.timing, cost.training
    seconds = duration(training.seconds)
    return {
        "name": name,
        "parameters": (parameters(cost.parameters), cost.parameters),
        "megabytes": (f"{cost.weight_megabytes:.2f} MB", cost.weight_megabytes),
        "macs": (_millions(cost.macs), cost.macs),
        "flops": (_millions(cost.flops), cost.flops),
        "median": (f"{timing.median_ms:.2f} ms", timing.median_ms),
        "high": (f"{timing.high_ms:.2f} ms", timing.high_ms),
        "repeats": timing.repeats,
        "throughput": (f"{timing.faces_per_second:,.0f}", timing.faces_per_second),
        "training": (seconds if training.finished else f"{seconds} so far", _sortable(training.seconds)),
        "epochs": training.epochs,
        "speed": (
            "not recorded" if training.images_per_second is None else f"{training.images_per_second:,.0f}",
            _sortable(training.images_per_second),
        ),
        "device": training.device,
        "energy": (
            "not measured" if training.energy_kwh is None else f"{training.energy_kwh:.4g} kWh",
            _sortable(training.energy_kwh),
        ),
        "energy_source": training.energy_source,
        "co2": (
            "not measured" if training.co2_kg is None else f"{1000 * training.co2_kg:.3g} g",
            _sortable(training.co2_kg),
        ),
    }


def _numbers(cost: RunCost) -> dict[str, Any]:
    """The columns of `model_eval.csv` that this analysis adds; what is not recorded is None."""
    return {
        "macs": round(cost.macs),
        "flops": cost.flops,
        "weight_megabytes": cost.weight_megabytes,
        "latency_ms": cost.timing.median_ms,
        "latency_p95_ms": cost.timing.high_ms,
        "latency_repeats": cost.timing.repeats,
        "faces_per_second": cost.timing.faces_per_second,
        "threads": cost.timing.threads,
        "timed_while_busy": cost.timing.disturbed,
        "train_device": cost.training.device,
        "energy_kwh": cost.training.energy_kwh,
        "co2_kg": cost.training.co2_kg,
    }


def _sentence(cost: RunCost) -> str:
    timing = cost.timing
    return (
        f"The weights take {cost.weight_megabytes:.2f} MB as float32; one face needs {_millions(cost.macs)} "
        f"multiply-accumulates and took {timing.median_ms:.2f} ms (median; 95th percentile {timing.high_ms:.2f} ms, "
        f"{timing.repeats} faces one at a time, one CPU thread, preprocessing included, PyTorch) on the machine of "
        f"this report.{' ' + _disturbed(cost) if timing.disturbed else ''}"
    )


def _lead(cost: RunCost) -> str:
    busy = " (measured on a busy machine)" if cost.timing.disturbed else ""
    return (
        f"{parameters(cost.parameters)} parameters, {cost.timing.median_ms:.2f} ms a face on one CPU thread in "
        f"PyTorch{busy}."
    )


def _disturbed(cost: RunCost) -> str:
    load = "" if cost.timing.load is None else f", load average {cost.timing.load:.1f} on {cores()} cores"
    return (
        f"The machine was busy with other programs (the timed thread got {percent(cost.timing.share, 0)} of a core"
        f"{load}): these times are too long. Repeat them on a quiet machine."
    )


def _millions(count: float) -> str:
    return f"{count / 1e6:,.1f} M" if count < 1e9 else f"{count / 1e9:,.2f} G"


def _sortable(value: float | None) -> float | str:
    return "" if value is None else value
