"""One model tested on other data sets, in one table (Torralba and Efros 2011: a model knows its data set first)."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from fer.common.errors import FerError
from fer.common.label_set import told
from fer.metrics.label_subset import SUBSET_ACCURACY
from fer.report.context import ReportContext
from fer.report.cross_data.figures import recall_figure, transfer_figure
from fer.report.cross_data.measurement import SIMILAR_FROM, CrossScore, SeenFaces, score_set, score_table
from fer.report.cross_data.photographs import metrics_of, photographs_section, predictions_csv, read_set, sentence
from fer.report.page.section import Cell, Chart, Section, cell
from fer.report.page.wording import interval, percent
from fer.report.result import AnalysisResult
from fer.report.scores.statements import protocol
from fer.report.scores.tables import csv_text

COLUMNS = ("accuracy", SUBSET_ACCURACY, "balanced_accuracy", "macro_f1", "weighted_f1", "weighted_auc")
"""Metrics of the table, in its order."""


_NOTABLE = 0.02
"""Share of similar faces from which a score needs a warning."""


def analyse(context: ReportContext) -> AnalysisResult | None:
    """The scores of the run in detail on `cross_data.sets` and `cross_data.photographs`; None where none is named."""
    options = context.options.cross_data
    if not options.enabled or len(options.sets) + len(options.photographs) == 0:
        return None
    found = [_on_sets(context)] * bool(options.sets) + [_on_photographs(context)] * bool(options.photographs)
    return AnalysisResult(
        sections=tuple(section for one in found for section in one.sections),
        metrics={key: value for one in found for key, value in one.metrics.items()},
        files={path: content for one in found for path, content in one.files.items()},
        columns={
            context.run.record.name: {
                key: value for one in found for key, value in one.columns.get(context.run.record.name, {}).items()
            }
        },
        notes=tuple(note for one in found for note in one.notes),
        card=tuple(said for one in found for said in one.card),
    )


def _on_photographs(context: ReportContext) -> AnalysisResult:
    wanted, options = context.options.cross_data.photographs, context.options
    keys = _numbered(["photographs"] * len(wanted), "_")
    _, channels, size, _ = context.samples.images.shape
    read, notes = [], []
    for each, key in zip(wanted, keys, strict=True):
        try:
            read.append(
                read_set(
                    each,
                    key=key,
                    size=size,
                    channels=channels,
                    labels=context.run.labels,
                    predict=context.predict,
                    resamples=options.bootstrap,
                    seed=options.seed,
                )
            )
        except FerError as error:
            notes.append(f"The photographs of {each.root} are missing from this report: {error}")
    if not read:
        return AnalysisResult(notes=tuple(notes))
    shares = ("found", "right_of_found", "right_of_all", "balanced")
    return AnalysisResult(
        sections=(photographs_section(read, run=context.run.record.name),),
        metrics={one.key: metrics_of(one) for one in read},
        files={"photographs.csv": predictions_csv(read)},
        columns={
            context.run.record.name: {
                f"cross_{one.key}_{name}": getattr(one.scores, name).value for one in read for name in shares
            }
        },
        notes=tuple(notes),
        card=tuple(sentence(one) for one in read),
    )


def _on_sets(context: ReportContext) -> AnalysisResult:
    options = context.options.cross_data
    own = _own_score(context)
    seen = SeenFaces.of(context.samples)
    scores, scored, notes = [own], [], []
    names = [wanted.source for wanted in options.sets]
    keys, titles = _numbered(names, "_"), _numbered([TITLES[name] for name in names], " ")
    for wanted, key, numbered in zip(options.sets, keys, titles, strict=True):
        title = numbered if wanted.title is None else wanted.title
        try:
            scores.append(
                score_set(
                    wanted,
                    key=key,
                    title=title,
                    seen=seen,
                    labels=context.run.labels,
                    predict=context.predict,
                    resamples=context.options.bootstrap,
                    seed=context.options.seed,
                )
            )
            scored.append(wanted.source)
        except FerError as error:
            notes.append(f"The data set “{title}” is missing from the table of other data sets: {error}")
    if len(scores) == 1:
        return AnalysisResult(notes=tuple(notes))
    return AnalysisResult(
        sections=(_section(context, scores, seen, sources=scored),),
        metrics={score.key: _metrics(score) for score in scores},
        files={"cross_data.csv": csv_text([_row(score) for score in scores])},
        columns={context.run.record.name: _columns(scores[1:])},
        notes=tuple(notes),
        card=tuple(_sentence(score, own) for score in scores[1:]),
    )


def _own_score(context: ReportContext) -> CrossScore:
    """The headline of the run's own data, scored as the others are."""
    run = context.run
    title = run.headline.evaluation_set.title
    return score_table(
        run.headline.plain.predictions,
        key="own",
        title=f"own {title}",
        source=run.data.source,
        faces=protocol(run),
        fingerprint=run.data.fingerprint,
        shared=0,
        similar=0,
        notes=(),
        resamples=context.options.bootstrap,
        seed=context.options.seed,
    )


def _numbered(names: Sequence[str], separator: str) -> list[str]:
    """The names, with a number where several are equal."""
    return [
        name if names.count(name) == 1 else f"{name}{separator}{names[: place + 1].count(name)}"
        for place, name in enumerate(names)
    ]


def _section(
    context: ReportContext, scores: Sequence[CrossScore], seen: SeenFaces, *, sources: Sequence[str]
) -> Section:
    run = context.run
    own, others = scores[0], scores[1:]
    statement = f"no test-time augmentation, run {run.record.name}, trained on {run.data.source}"
    charts = (
        Chart(
            key="cross-data-scores",
            caption=f"Accuracy and macro F1 on each set (number of faces), 95 % intervals; {statement}.",
            draw=lambda palette: transfer_figure(scores, palette=palette),
        ),
        Chart(
            key="cross-data-recall",
            caption="Recall of each emotion on each set, “none” where a set has no such face; how many faces are "
            "behind each stands in cross_data.csv.",
            draw=lambda palette: recall_figure(scores, palette=palette),
        ),
    )
    return Section(
        key="cross-data",
        title="On other data sets",
        template="cross_data/section.html.j2",
        context={
            "rows": [_table_row(score) for score in scores],
            "own_title": own.title,
            "size": seen.size,
            "colour": "grey" if seen.channels == 1 else "RGB",
            "trained_on": run.data.source,
            "missing": [(score.title, ", ".join(score.missing)) for score in others if score.missing],
            "all_labels": told(own.labels),
            "threshold": SIMILAR_FROM,
            "overlapping": [
                (score.title, f"{score.similar:,}", percent(score.similar / score.n))
                for score in others
                if score.similar > _NOTABLE * score.n
            ],
            "same": [score.title for score in others if score.fingerprint == own.fingerprint],
            "conventions": [CONVENTIONS[name] for name in dict.fromkeys(sources)],
            "notes": [(score.title, score.notes) for score in others if score.notes],
            "resamples": f"{context.options.bootstrap:,}",
        },
        charts=charts,
    )


def _table_row(score: CrossScore) -> dict[str, Any]:
    cells = []
    for metric in COLUMNS:
        # With all labels there, limiting the predictions changes nothing.
        if metric == SUBSET_ACCURACY and not score.missing:
            cells.append(Cell(text="the same", interval="", sort=score.metrics["accuracy"].value))
        else:
            cells.append(cell("accuracy" if metric == SUBSET_ACCURACY else metric, score.metrics[metric]))
    return {
        "title": score.title,
        "source": score.source,
        "faces": score.faces,
        "n": score.n,
        "shared": score.shared,
        "similar": score.similar,
        "emotions": len(score.labels) - len(score.missing),
        "cells": cells,
        "own": score.key == "own",
    }


def _metrics(score: CrossScore) -> dict[str, Any]:
    return {
        "title": score.title,
        "source": score.source,
        "faces": score.faces,
        "fingerprint": score.fingerprint,
        "n": score.n,
        "shared_with_training": score.shared,
        "similar_to_training": score.similar,
        "missing_emotions": list(score.missing),
        **{metric: estimate.as_dict() for metric, estimate in score.metrics.items()},
        "recall": {
            name: None if np.isnan(recall) else float(recall)
            for name, recall in zip(score.labels, score.recalls.tolist(), strict=True)
        },
    }


def _row(score: CrossScore) -> dict[str, Any]:
    """A row of cross_data.csv."""
    row: dict[str, Any] = {
        "set": score.key,
        "title": score.title,
        "source": score.source,
        "faces": score.faces,
        "fingerprint": score.fingerprint,
        "n": score.n,
        "shared_with_training": score.shared,
        "similar_to_training": score.similar,
        "missing_emotions": " ".join(score.missing),
    }
    for metric, estimate in score.metrics.items():
        row |= estimate.as_columns(metric)
    for name, recall, support in zip(score.labels, score.recalls.tolist(), score.support.tolist(), strict=True):
        row |= {f"recall_{name}": None if np.isnan(recall) else recall, f"n_{name}": support}
    return row


def _columns(scores: Sequence[CrossScore]) -> dict[str, Any]:
    """What `model_eval.csv` gets."""
    columns: dict[str, Any] = {}
    for score in scores:
        columns[f"cross_{score.key}_n"] = score.n
        for metric in ("accuracy", "balanced_accuracy", "macro_f1"):
            columns[f"cross_{score.key}_{metric}"] = score.metrics[metric].value
    return columns


def _sentence(score: CrossScore, own: CrossScore) -> str:
    accuracy, macro = score.metrics["accuracy"], score.metrics["macro_f1"]
    without = f", which has no {' and no '.join(score.missing)} faces" if score.missing else ""
    return (
        f"On {score.title} ({score.source}, {score.faces}, n = {score.n:,}{without}) its accuracy is "
        f"{percent(accuracy.value)} ({interval('accuracy', accuracy)}) and its macro F1 {percent(macro.value)}; on its "
        f"{own.title} the accuracy is {percent(own.metrics['accuracy'].value)}."
    )


CONVENTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "fer2013": "FER-2013: faces found by searching the web for words of emotion; people agree with 65 ± 5 % of the "
        "labels (arXiv 1307.0414).",
        "affectnet": "AffectNet: faces from the web, each labelled by one trained annotator, with labels revised in "
        "some copies; the classes are near to balanced here and not in life.",
        "ckplus": "CK+48: expressions posed in a laboratory at their peak, without neutral faces, three nearly equal "
        "frames of each sequence: the faces are not independent, so the true intervals are wider than those shown.",
        "rafdb": "RAF-DB: photographs from the web, each labelled by about forty people, most often happy or neutral.",
        "synthetic": "Synthetic faces: their label is the expression that was drawn. A score on them says nothing "
        "about real faces.",
        "folder": "A folder of one's own: its labels mean what whoever sorted it meant.",
        "merged": "Merged sets: labels of several conventions, in the proportions of the sets.",
    }
)
"""Source -> how its labels came about."""

TITLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "fer2013": "FER-2013",
        "affectnet": "AffectNet",
        "ckplus": "CK+48",
        "rafdb": "RAF-DB",
        "synthetic": "Synthetic faces",
        "folder": "Folder",
        "merged": "Merged sets",
    }
)
"""Source -> its name in tables."""
