"""How much of the score survives corruption and changes of light."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fer.data.corruption.registry import CORRUPTIONS
from fer.metrics.robustness import AccuracyGrid
from fer.report.context import ReportContext
from fer.report.page.wording import interval, percent
from fer.report.result import AnalysisResult
from fer.report.robustness.figures import Strip, strips
from fer.report.robustness.measurement import (
    LIGHTING_GOAL,
    Measurement,
    Summary,
    csv_rows,
    has_mce,
    measure,
    members,
    summarise,
)
from fer.report.robustness.section import Facts, robustness_section, severities_text, verdict
from fer.report.scores.statements import protocol
from fer.report.scores.tables import csv_text


def analyse(context: ReportContext) -> AnalysisResult | None:
    """The robustness section and its files; None where the options switch it off."""
    options = context.options.robustness
    if not options.enabled:
        return None
    measurement = measure(context, options)
    detail = context.run.record.name
    grid = measurement.grids[detail]
    baseline, notes = baseline_of(context, measurement)
    reference = None if baseline is None else measurement.grids[baseline]
    summaries = {name: summarise(of, baseline=reference) for name, of in measurement.grids.items()}
    facts = Facts(
        title=context.run.headline.evaluation_set.title,
        protocol=protocol(context.run),
        n=grid.n,
        of=measurement.of,
        seed=context.options.seed,
        resamples=context.options.bootstrap,
        baseline=baseline,
        detail=detail,
        left_out=measurement.left_out,
    )
    return AnalysisResult(
        sections=(
            robustness_section(
                facts, measurement.grids, summaries, examples=_examples(context, measurement, tuple(grid.names))
            ),
        ),
        metrics=_metrics(facts, context.run.headline_key, measurement.grids, summaries, reference),
        files={
            "robustness.csv": csv_text(
                [row for name, of in measurement.grids.items() for row in csv_rows(name, context.run.headline_key, of)]
            )
        },
        columns={name: summary.columns() for name, summary in summaries.items()},
        notes=notes,
        card=_card(facts, grid, summaries[detail]),
    )


def baseline_of(context: ReportContext, measurement: Measurement) -> tuple[str | None, tuple[str, ...]]:
    """The run that mCE is relative to, and what to tell of one that cannot be used."""
    wanted = context.options.robustness.baseline
    if wanted is None:
        return None, ()
    place = Path(wanted).expanduser().resolve()
    for run in context.runs:
        name = run.record.name
        if name == wanted or run.record.folder.path.resolve() == place:
            if name not in measurement.grids:
                told = f"robustness.baseline={wanted} was scored on other faces than {context.run.record.name}"
                return None, (f"{told}, so mCE is left out: name a run on the same data.",)
            if not has_mce(measurement.grids[name]):
                told = f"robustness.baseline={wanted} needs robustness.corruptions=all and all five severities"
                return None, (f"{told} (report=full has both): mCE is left out.",)
            return name, ()
    known = ", ".join(run.record.name for run in context.runs)
    told = f"robustness.baseline={wanted} is no run of this report ({known})"
    return None, (f"{told}, so mCE is left out: name one of them, or add it, as in 'run=[a,b]'.",)


def _examples(context: ReportContext, measurement: Measurement, names: tuple[str, ...]) -> tuple[Strip, ...]:
    """Strips of one face drawn at random; none on a page without faces."""
    if not context.options.faces:
        return ()
    seed = context.options.seed
    row = measurement.rows[np.random.default_rng([seed, 4]).integers(len(measurement.rows))]
    image = np.asarray(context.samples.images[row])
    return strips(image, names=names, severities=context.options.robustness.severities, seed=seed)


def _metrics(
    facts: Facts,
    key: str,
    grids: Mapping[str, AccuracyGrid],
    summaries: Mapping[str, Summary],
    reference: AccuracyGrid | None,
) -> dict[str, Any]:
    grid = grids[facts.detail]
    numbers: dict[str, Any] = {
        "set": key,
        "n": facts.n,
        "severities": list(grid.severities),
        "lighting_goal": LIGHTING_GOAL,
        "baseline": facts.baseline,
        "chance": float(grid.majority[0]),
        **summaries[facts.detail].as_dict(),
        "corruptions": {
            name: {
                "kind": CORRUPTIONS[name].kind,
                "accuracy": {str(s): grid.accuracy(name, s).as_dict() for s in grid.severities},
                "retention": grid.retention((name,)).as_dict(),
                "retention_beyond_chance": grid.corrected_retention((name,)).as_dict(),
            }
            for name in grid.names
        },
        "runs": {name: summary.as_dict() for name, summary in summaries.items()},
    }
    if reference is not None:
        for name in members(grid, "corruption"):
            numbers["corruptions"][name]["ce"] = grid.corruption_error(reference, (name,)).as_dict()
    return numbers


def _card(facts: Facts, grid: AccuracyGrid, summary: Summary) -> tuple[str, ...]:
    severities = severities_text(grid.severities)
    told = [
        f"Under {len(members(grid, 'lighting'))} changes of light at {severities} it keeps "
        f"{percent(summary.lighting.value)} of its clean accuracy ({interval('accuracy', summary.lighting)}; "
        f"{facts.statement}). {verdict(summary.lighting, summary.lighting_corrected)}"
    ]
    if summary.corruption is not None:
        told.append(
            f"Under the fifteen corruptions of arXiv 1903.12261 at {severities} it keeps "
            f"{percent(summary.corruption.value)} ({interval('accuracy', summary.corruption)}; {facts.statement})."
        )
    name, severity, accuracy = summary.worst
    told.append(
        f"Worst case measured: {CORRUPTIONS[name].title.lower()} at severity {severity}, accuracy "
        f"{percent(accuracy.value)} ({interval('accuracy', accuracy)}; {facts.statement})."
    )
    return tuple(told)
