"""Mean and standard deviation over seeds, where runs differ by nothing else."""

from dataclasses import asdict
from typing import Any

from fer.metrics import METRICS
from fer.report.context import ReportContext
from fer.report.page.figures import Palette
from fer.report.page.section import Chart, Section
from fer.report.page.wording import NBSP, number, percent
from fer.report.result import AnalysisResult
from fer.report.scores.statements import protocol, set_title
from fer.report.scores.tables import csv_text, tta_title
from fer.report.seeds.figures import seeds_figure
from fer.report.seeds.measurement import SeedGroup, Spread, seed_groups, spreads


def analyse(context: ReportContext) -> AnalysisResult | None:
    """The spread over seeds; None where no two finished runs differ by their seed alone."""
    groups = seed_groups(context.runs)
    if len(groups) == 0:
        return None
    found = {group.name: spreads(group.runs) for group in groups}
    return AnalysisResult(
        sections=(_section(groups, found),),
        metrics={
            group.name: {
                "runs": [run.record.name for run in group.runs],
                "seeds": [run.record.seed for run in group.runs],
                **{key: {metric: _plain(one) for metric, one in of.items()} for key, of in found[group.name].items()},
            }
            for group in groups
        },
        files={"seeds.csv": csv_text([row for group in groups for row in _csv_rows(group, found[group.name])])},
        columns={
            run.record.name: {
                "seed_group": group.name,
                "seed_group_n": len(group.runs),
                **_columns(found[group.name]),
            }
            for group in groups
            for run in group.runs
        },
        card=tuple(_sentence(group, found[group.name]) for group in groups if _holds(group, context)),
    )


def _section(groups: tuple[SeedGroup, ...], found: dict[str, dict[str, dict[str, Spread]]]) -> Section:
    charts = []
    for group in groups:
        key = group.runs[0].headline_key
        title = set_title(group.runs[0], key)
        estimates = {run.record.name: run.sets[key].plain.metrics["accuracy"] for run in group.runs}
        over_seeds = found[group.name][key]["accuracy"]

        def draw(palette: Palette, estimates: Any = estimates, over: Spread = over_seeds, title: str = title) -> Any:
            return seeds_figure(estimates, over, label=f"{title} accuracy", palette=palette)

        charts.append(
            Chart(
                key="seeds" if len(groups) == 1 else f"seeds-{group.name}",
                caption=f"{_who(group, groups)}{title} accuracy of each seed with its interval over faces, and the "
                f"mean of {len(group.runs)} seeds with one standard deviation either side; "
                f"{protocol(group.runs[0])}, no test-time augmentation, n = {over_seeds.n:,}.",
                draw=draw,
            )
        )
    return Section(
        key="seeds",
        title="How much the seed moves the scores",
        template="seeds/section.html.j2",
        context={
            "groups": [
                {
                    "name": group.name,
                    "model": group.runs[0].record.model,
                    "protocol": protocol(group.runs[0]),
                    "runs": ", ".join(run.record.name for run in group.runs),
                    "seeds": ", ".join(str(run.record.seed) for run in group.runs),
                    "count": len(group.runs),
                    "repeated": ", ".join(run.record.name for run in group.repeated),
                    "held_out": group.runs[0].record.protocol != "official",
                    "revisions": group.revisions if len(group.revisions) > 1 else (),
                    "sentence": _sentence(group, found[group.name]),
                    "rows": [
                        {
                            "title": set_title(group.runs[0], key),
                            "tta": tta_title(group.runs[0], key),
                            "n": next(iter(of.values())).n,
                            "cells": [_cell(metric, of[metric]) for metric in METRICS],
                        }
                        for key, of in found[group.name].items()
                    ],
                }
                for group in groups
            ],
            "metrics": list(METRICS.values()),
            "several": len(groups) > 1,
        },
        charts=tuple(charts),
    )


def _who(group: SeedGroup, groups: tuple[SeedGroup, ...]) -> str:
    return f"Recipe {group.name}: " if len(groups) > 1 else ""


def _sentence(group: SeedGroup, found: dict[str, dict[str, Spread]]) -> str:
    """The headline over seeds."""
    first = group.runs[0]
    one = found[first.headline_key]["accuracy"]
    seeds = ", ".join(str(run.record.seed) for run in group.runs)
    return (
        f"Over {one.seeds} training seeds ({seeds}) the accuracy on {set_title(first, first.headline_key)} is "
        f"{percent(one.mean)} on average, with a standard deviation of {100 * one.std:.1f} points "
        f"({percent(one.low)} to {percent(one.high)}; {protocol(first)}, no test-time augmentation, n = {one.n:,})."
    )


def _cell(metric: str, one: Spread) -> dict[str, Any]:
    return {
        "mean": number(metric, one.mean).removesuffix(f"{NBSP}%"),
        "std": number(metric, one.std),
        "range": f"{number(metric, one.low)} to {number(metric, one.high)}",
        "sort": one.mean,
    }


def _plain(one: Spread) -> dict[str, Any]:
    """For JSON, which has no NaN: an undefined score is null. The files call the standard deviation `deviation`."""
    plain = {key: value if value == value else None for key, value in asdict(one).items()}
    return {"deviation" if key == "std" else key: value for key, value in plain.items()}


def _csv_rows(group: SeedGroup, found: dict[str, dict[str, Spread]]) -> list[dict[str, Any]]:
    return [
        {"seed_group": group.name, "model": group.runs[0].record.model, "set": key, "metric": metric, **_plain(one)}
        for key, of in found.items()
        for metric, one in of.items()
    ]


def _columns(found: dict[str, dict[str, Spread]]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for key, of in found.items():
        for metric, one in of.items():
            plain = _plain(one)
            columns[f"{key}_{metric}_seed_mean"] = plain["mean"]
            columns[f"{key}_{metric}_seed_deviation"] = plain["deviation"]
    return columns


def _holds(group: SeedGroup, context: ReportContext) -> bool:
    """Whether the run in detail, which the card is about, is one of the group."""
    return any(run is context.run for run in group.runs)
