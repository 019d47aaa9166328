"""Writes the page of a sweep."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fer.common.files import remove_leftovers, write_atomic, written_whole
from fer.common.wording import counted, duration, shell_word
from fer.folders.sweep import SweepFolder, TrialRecord
from fer.report.page.render import render_page
from fer.report.page.section import Chart, Section
from fer.report.page.wording import percent
from fer.report.sweep import figures
from fer.report.sweep.importance import FEWEST, Importance, importance
from fer.report.sweep.trials import SweepTrials, loss_of, text_of


def write_sweep_report(path: Path) -> Path:
    """Writes `report.html` and `figures/` into a sweep's folder, from its files alone.

    Returns:
        The page.

    Raises:
        DataError: no sweep, or one without trials.
    """
    folder = SweepFolder(path)
    trials = SweepTrials.read(folder)
    found = importance(trials)
    sections = [
        section for section in (_result(folder, trials), _search(trials, found), _table(trials)) if section is not None
    ]
    model = trials.facts["settings"]["model"]["name"]
    html = render_page(
        sections,
        title=f"Sweep of {model}",
        subtitle=f"{counted(len(trials.records), 'trial')}, {trials.facts['algorithm']}, judged by {_judge(trials)}",
        notes=_notes(trials),
        faces=False,
        kind="fer-sweep",
    )
    remove_leftovers(path, of=folder.report.name)
    with written_whole(path, last=folder.report.name) as aside:
        for chart in (chart for section in sections for chart in section.charts):
            for kind in ("png", "svg"):
                write_atomic(aside / "figures" / f"{chart.key}.{kind}", chart.file(kind))
        write_atomic(aside / folder.report.name, html)
    return folder.report


def _judge(trials: SweepTrials) -> str:
    folds = trials.facts["folds"]
    name = trials.measure
    if folds is not None:
        return f"mean {name} over {folds} folds of Training"
    protocol = trials.facts["settings"]["data"].get("protocol", "official")
    faces = "PublicTest" if protocol == "official" else f"the held-out part of Training ({protocol})"
    return f"{name} on {faces}"


def _notes(trials: SweepTrials) -> list[str]:
    failed = sum(record.status == "failed" for record in trials.records)
    notes = []
    if failed > 0:
        notes.append(f"{failed} of {len(trials.records)} trials failed; the table at the end says why.")
    if len(trials.finished) > 1:
        notes.append(
            f"The best of {len(trials.finished)} finished trials is best partly by luck: its number on the faces that "
            "chose it is too good. Train it again with other seeds, and let fer-report open PrivateTest once."
        )
    return notes


def _result(folder: SweepFolder, trials: SweepTrials) -> Section:
    best = trials.best
    counts = {
        status: sum(record.status == status for record in trials.records) for status in ("ok", "pruned", "failed")
    }
    busy = sum(record.seconds for record in trials.records)
    finished = [loss_of(record) for record in trials.finished]
    median = statistics.median(finished) if finished else None
    what = f"By {_judge(trials)}, {counted(len(trials.records), 'trial')}"
    return Section(
        key="result",
        title="The best trial",
        template="sweep/result.html.j2",
        context={
            "objective": trials.measure,
            "judge": _judge(trials),
            "best": best,
            "value": None if best is None else _shown(trials, loss_of(best)),
            "median": None if median is None else _shown(trials, median),
            "counts": counts,
            "busy": duration(busy),
            "settings": [] if best is None else [(key, text_of(value)) for key, value in best.params.items()],
            "command": None if best is None else best.command,
            "next": f"fer-train {shell_word(f'@{folder.best}')} [KEY=VALUE ...]",
        },
        charts=(
            Chart(
                key="history",
                caption=f"Value of every trial in the order of their ends, and the best so far. {what}.",
                draw=lambda palette: figures.history_figure(trials, palette),
            ),
            Chart(
                key="curves",
                caption=f"How every trial went. {what}.",
                draw=lambda palette: figures.curves_figure(trials, palette),
            ),
        ),
    )


def _search(trials: SweepTrials, found: Importance | None) -> Section | None:
    varied = [setting for setting in trials.settings if len(set(map(text_of, trials.values(setting)))) > 1]
    if not varied or len(trials.scored) < 2:
        return None
    ranked = varied if found is None else [setting for setting in found.shares if setting in varied]
    what = f"By {_judge(trials)}, {len(trials.scored)} trials"
    charts = [
        Chart(
            key="parallel",
            caption=f"Every trial as a line through its settings; orange: the best, blue: the best quarter. {what}.",
            draw=lambda palette: figures.parallel_figure(trials, ranked, palette),
        ),
        Chart(
            key="slices",
            caption=f"The value against each setting alone; crosses: given up half-way. {what}.",
            draw=lambda palette: figures.slices_figure(trials, ranked, palette),
        ),
    ]
    if found is not None:
        charts.insert(
            0,
            Chart(
                key="importance",
                caption=f"How much each setting matters, in a random forest over the trials, with the middle 95 % of "
                f"shuffles. {what}.",
                draw=lambda palette: figures.importance_figure(found, palette),
            ),
        )
    return Section(
        key="settings",
        title="What made good trials good",
        template="sweep/settings.html.j2",
        context={
            "explained": None if found is None else percent(max(found.explained, 0.0), 0),
            "learned": found is not None and found.explained > 0.1,
            "n": len(trials.scored),
            "fewest": FEWEST,
        },
        charts=tuple(charts),
    )


def _table(trials: SweepTrials) -> Section:
    return Section(
        key="trials",
        title="Every trial",
        template="sweep/trials.html.j2",
        context={
            "objective": trials.measure,
            "judge": _judge(trials),
            "settings": trials.settings,
            "rows": _rows(trials, sorted(trials.records, key=lambda record: (_order(record), record.trial))),
        },
    )


def _rows(trials: SweepTrials, records: Sequence[TrialRecord]) -> list[dict[str, Any]]:
    words = {"ok": "finished", "pruned": "given up", "failed": "failed"}
    return [
        {
            "trial": record.trial,
            "status": words[record.status],
            "error": record.error,
            "value": "" if record.loss is None else _shown(trials, record.loss),
            "sort": "" if record.loss is None else trials.value(record.loss),
            "seconds": f"{record.seconds:.0f}",
            "cells": [text_of(record.params[key]) if key in record.params else "" for key in trials.settings],
            "command": record.command,
        }
        for record in records
    ]


def _order(record: TrialRecord) -> tuple[int, float]:
    rank = ("ok", "pruned", "failed").index(record.status)
    return rank, record.loss if record.loss is not None else 0.0


def _shown(trials: SweepTrials, loss: float) -> str:
    value = trials.value(loss)
    return percent(value) if trials.is_share else f"{value:.4f}"
