"""How much of the score survives corruption and changes of light."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fer.common.errors import ConfigError
from fer.common.paths import expanded
from fer.data.corruption.registry import CORRUPTIONS, SEVERITIES
from fer.folders.record import RunRecord
from fer.metrics.robustness import AccuracyGrid
from fer.report.context import ReportContext
from fer.report.options import RobustnessOptions
from fer.report.page.wording import interval, percent
from fer.report.result import AnalysisResult
from fer.report.robustness.figures import Strip, strips
from fer.report.robustness.measurement import (
    LIGHTING_GOAL,
    Measurement,
    Summary,
    csv_rows,
    measure,
    members,
    summarise,
)
from fer.report.robustness.section import Facts, robustness_section, robustness_verdict, severities_text, verdict
from fer.report.scores.statements import protocol
from fer.report.scores.tables import csv_text


def analyse(context: ReportContext) -> AnalysisResult | None:
    """The robustness section and its files; None where the options switch it off."""
    options = context.options.robustness
    if not options.enabled:
        return None
    # Before the minutes of the work, not after.
    baseline, notes = baseline_of(context)
    measurement = measure(context, options)
    detail = context.run.record.name
    grid = measurement.grids[detail]
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
        verdicts=(robustness_verdict(summaries[detail]),),
        card=_card(facts, grid, summaries[detail]),
    )


def baseline_of(context: ReportContext) -> tuple[str | None, tuple[str, ...]]:
    """The run that mCE is relative to, and what to tell of one that was scored on other faces.

    Raises:
        ConfigError: as `check_baseline`.
    """
    record = check_baseline([run.record for run in context.runs], context.options.robustness)
    if record is None:
        return None, ()
    run = next(run for run in context.runs if run.record is record)
    if run.shares_rows(context.run, context.run.headline_key):
        return record.name, ()
    told = f"robustness.baseline={record.name} was scored on other faces than {context.run.record.name}"
    return None, (f"{told}, so mCE is left out: name a run on the same data.",)


def check_baseline(records: Sequence[RunRecord], options: RobustnessOptions) -> RunRecord | None:
    """The run that `robustness.baseline` names; None where it names none.

    Raises:
        ConfigError: it is none of the runs, or the options leave out what mCE is defined on.
    """
    wanted = options.baseline
    if wanted is None or not options.enabled:
        return None
    place = expanded(wanted).resolve()
    found = next((record for record in records if record.name == wanted or record.folder.path.resolve() == place), None)
    if found is None:
        known = ", ".join(record.name for record in records)
        raise ConfigError(
            f"robustness.baseline={wanted} is no run of this report ({known}): name one of them, or add it, as in "
            "'run=[a,b]'"
        )
    if options.corruptions != "all" or options.severities != SEVERITIES:
        raise ConfigError(
            f"robustness.baseline={wanted} needs robustness.corruptions=all and all five severities (report=full has "
            "both)"
        )
    return found


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
        f"{percent(summary.lighting_corrected.value)} of its accuracy beyond chance "
        f"({interval('accuracy', summary.lighting_corrected)}; {facts.statement}). "
        f"{verdict(summary.lighting_corrected)}"
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
