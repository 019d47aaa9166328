"""The sections of the page on the scores, and their table rows, which the model card shows too."""

import math
from typing import Any

from fer.common.wording import duration
from fer.metrics import METRICS, normalise_rows
from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.page.section import Cell, Chart, Section, cell
from fer.report.page.wording import flat_facts, interval, number, parameters, percent
from fer.report.scores import figures
from fer.report.scores.statements import (
    copies_trained_on,
    has_official_splits,
    human_reference,
    is_synthetic,
    majority_share,
    meanings,
    most_confused_with,
    optimism,
    protocol_in_full,
    set_title,
    statement,
)
from fer.report.scores.tables import averages


def score_sections(run: EvaluatedRun, *, title: str) -> list[Section]:
    """What the run scores, under the title of its first section."""
    return [result_section(run, title=title), scores_section(run), classes_section(run), confusion_section(run)]


def facts_sections(run: EvaluatedRun, *, report_command: str, resamples: int) -> list[Section]:
    """Where the scores come from."""
    curves = curves_section(run)
    return [
        *([] if curves is None else [curves]),
        data_section(run),
        reproduction_section(run, report_command=report_command),
        terms_section(run, resamples=resamples),
    ]


def result_section(run: EvaluatedRun, *, title: str) -> Section:
    """The headline number, what it can be held against, and what it means."""
    accuracy = run.headline.plain.metrics["accuracy"]
    human = human_reference(run)
    majority, share = majority_share(run)
    tiles = []
    if run.headline.averaged is not None and run.headline.views is not None:
        label = f"Accuracy with {run.headline.views.faces} averaged in"
        tiles.append((label, "accuracy", run.headline.averaged, run.headline_key, True))
    if _has_copies(run) and "private_dedup" in run.sets and run.headline_key == "private":
        tiles.append(
            ("Accuracy without copied faces", "accuracy", run.sets["private_dedup"].plain, "private_dedup", False)
        )
    tiles.append(("Macro F1", "macro_f1", run.headline.plain, run.headline_key, False))
    if "public" in run.sets and run.headline_key != "public":
        tiles.append((f"Accuracy on {set_title(run, 'public')}", "accuracy", run.sets["public"].plain, "public", False))
    return Section(
        key="result",
        title=title,
        template="scores/result.html.j2",
        folded=False,
        context={
            "number": percent(accuracy.value),
            "interval": interval("accuracy", accuracy),
            "statement": statement(run, run.headline_key),
            "scale": {
                "value": 100 * accuracy.value,
                "low": 100 * accuracy.low,
                "high": 100 * accuracy.high,
                "human": None if human is None else (100 * (human[0] - human[1]), 200 * human[1]),
                "chance": 100 / len(run.labels),
                "majority": 100 * share,
                "majority_name": majority,
            },
            "tiles": [
                {
                    "label": label,
                    "value": number(metric, scores.metrics[metric].value),
                    "interval": interval(metric, scores.metrics[metric]),
                    "statement": statement(run, key, tta=tta),
                }
                for label, metric, scores, key, tta in tiles
            ],
            "meanings": meanings(run),
        },
    )


def _has_copies(run: EvaluatedRun) -> bool:
    return run.data.copies is not None and len(run.data.copies.removed) > 0


def scores_section(run: EvaluatedRun) -> Section:
    """Every set, with and without test-time augmentation, in every metric."""
    return Section(
        key="scores",
        title="All scores",
        template="scores/scores.html.j2",
        lead=f"{len(METRICS)} metrics on {', '.join(dict.fromkeys(row['title'] for row in score_rows(run)))}.",
        context={
            "metrics": list(METRICS.values()),
            "rows": score_rows(run),
            "views": run.headline.views,
            "protocol": protocol_in_full(run),
            "seed": run.record.seed,
            "sets": [
                (set_title(run, key), scores.evaluation_set.description + optimism(run, key))
                for key, scores in run.sets.items()
            ],
        },
    )


def classes_section(run: EvaluatedRun) -> Section:
    """Precision, recall and F1 of each emotion."""
    classes = run.headline.plain.classes
    caption = f"F1, recall and precision of each emotion with 95 % intervals. {statement(run, run.headline_key)}."
    return Section(
        key="classes",
        title="Class by class",
        template="scores/classes.html.j2",
        folded=False,
        context={
            "rows": class_rows(run),
            "averages": _average_rows(run),
            "n": len(run.headline.plain.predictions),
            "statement": statement(run, run.headline_key),
        },
        charts=(
            Chart(key="classes", caption=caption, draw=lambda palette: figures.class_figure(classes, palette=palette)),
        ),
    )


def _average_rows(run: EvaluatedRun) -> list[tuple[str, list[str]]]:
    """`accuracy`, `macro avg` and `weighted avg` as the table's last rows: name, then precision, recall and F1."""
    rows = []
    for name, of in averages(run.headline.plain).items():
        values = (of.get(column) for column in ("precision", "recall", "f1"))
        rows.append((name, ["" if value is None else percent(float(value)) for value in values]))
    return rows


def confusion_section(run: EvaluatedRun) -> Section:
    """The confusion matrix."""
    counts, labels = run.headline.plain.confusion, run.labels
    shares = normalise_rows(counts)
    pairs = sorted(
        (
            (int(counts[t, p]), t, p)
            for t in range(len(labels))
            for p in range(len(labels))
            if t != p and counts[t, p] > 0
        ),
        key=lambda pair: -pair[0],
    )
    return Section(
        key="confusion",
        title="Confusion matrix",
        template="scores/confusion.html.j2",
        folded=False,
        context={
            "emotions": labels,
            "rows": [
                {
                    "name": emotion,
                    "support": int(counts[t].sum()),
                    "cells": [
                        {
                            "count": int(counts[t, p]),
                            "share": round(float(shares[t, p]), 3),
                            "percent": f"{100 * shares[t, p]:.0f}",
                        }
                        for p in range(len(labels))
                    ],
                }
                for t, emotion in enumerate(labels)
            ],
            "pairs": [
                f"{labels[t]} predicted as {labels[p]}: {count:,} of {counts[t].sum():,} faces "
                f"({percent(shares[t, p], 0)})"
                for count, t, p in pairs[:5]
            ],
            "statement": statement(run, run.headline_key),
        },
    )


def curves_section(run: EvaluatedRun) -> Section | None:
    """How the run learned; None without epochs."""
    epochs = run.record.epochs
    if len(epochs) == 0:
        return None
    known = [epoch for epoch in epochs if epoch.get("valid/accuracy") is not None]
    best = max(known, key=lambda epoch: float(epoch["valid/accuracy"]), default=None)
    charts = (
        Chart(
            key="curve-loss",
            caption="Loss on training batches and on the selection faces.",
            draw=lambda palette: figures.loss_figure(epochs, scored=run.epoch, palette=palette),
        ),
        Chart(
            key="curve-score",
            caption="Accuracy and macro F1 on the selection faces"
            f"{', and training accuracy' if any(epoch.get('train/accuracy') is not None for epoch in epochs) else ''}.",
            draw=lambda palette: figures.score_figure(epochs, scored=run.epoch, palette=palette),
        ),
        *(
            [
                Chart(
                    key="curve-learning-rate",
                    caption="Learning rate by epoch.",
                    draw=lambda palette: figures.learning_rate_figure(epochs, scored=run.epoch, palette=palette),
                )
            ]
            if any(epoch.get("lr") is not None for epoch in epochs)
            else []
        ),
    )
    return Section(
        key="curves",
        title="Learning curves",
        template="scores/curves.html.j2",
        folded=False,
        context={
            "epochs": len(epochs),
            "best": None
            if best is None
            else f"Highest selection accuracy: {percent(best['valid/accuracy'])} in epoch {best['epoch'] + 1}"
            + ("." if run.epoch in (None, best["epoch"]) else f"; the checkpoint is epoch {run.epoch + 1}'s."),
            "training": None
            if run.training is None
            else f"Of {run.training.n:,} Training faces, drawn at random and not augmented, the checkpoint has "
            f"{percent(run.training.value)} right ({interval('accuracy', run.training)}).",
        },
        charts=charts,
    )


def data_section(run: EvaluatedRun) -> Section:
    """Which faces trained, selected and scored."""
    data = run.data
    return Section(
        key="data",
        title="Data and protocol",
        template="scores/data.html.j2",
        context={
            "source": data.source,
            "fingerprint": data.fingerprint,
            "protocol": protocol_in_full(run),
            "emotions": run.labels,
            "counts": [(name, counts.tolist(), int(counts.sum())) for name, counts in data.counts.items()],
            "copies": data.copies,
            "copies_trained_on": copies_trained_on(run),
            "unreadable": data.unreadable,
            "reading": data.reading,
            "synthetic": is_synthetic(run),
        },
        charts=(
            Chart(
                key="distribution",
                caption="Share of each emotion in each split.",
                draw=lambda palette: figures.distribution_figure(data.counts, labels=run.labels, palette=palette),
            ),
        ),
    )


def reproduction_section(run: EvaluatedRun, *, report_command: str) -> Section:
    """The commands, versions and machine behind the numbers."""
    manifest = run.record.manifest
    return Section(
        key="repeat",
        title="How to reproduce it",
        template="scores/reproduce.html.j2",
        lead="Commands, versions and machine behind these numbers.",
        context={
            "train_command": manifest.get("command"),
            "report_command": report_command,
            "run_dir": str(run.record.folder.path),
            "checkpoint": run.record.checkpoint.name,
            "facts": [
                ("model", f"{run.record.model}, {parameters(run.num_parameters)} parameters"),
                ("input", " x ".join(map(str, run.input_shape))),
                *told_facts(run),
                ("seed", str(run.record.seed)),
                ("training time", duration(run.record.final.get("train_seconds"))),
                *[row for row in flat_facts(manifest) if row[0] not in ("command", "seed")],
            ],
        },
    )


def told_facts(run: EvaluatedRun) -> list[tuple[str, str]]:
    """What else makes the predictions: how two heads are mixed, and which shares the model was told."""
    share = [] if run.votes_share is None else [("votes_share (weight of the votes' head)", f"{run.votes_share:g}")]
    return share if run.prior is None else [*share, ("prior (how often each emotion is expected)", run.prior)]


def terms_section(run: EvaluatedRun, *, resamples: int) -> Section:
    """What the words mean."""
    return Section(
        key="terms",
        title="What the words mean",
        template="scores/terms.html.j2",
        lead="Metrics, intervals and sets in a sentence each.",
        context={
            "resamples": resamples,
            "views": run.headline.views,
            "guessing": math.log(len(run.labels)),
            "official": run.record.protocol == "official",
            "official_splits": has_official_splits(run),
        },
    )


def score_rows(run: EvaluatedRun) -> list[dict[str, Any]]:
    """A table row for each set, alone and with test-time augmentation: title, tta, n, a cell for each metric."""
    return [
        {
            "title": set_title(run, key),
            "tta": None if views is None else views.title,
            "n": len(table.predictions),
            "cells": [cell(metric, table.metrics[metric]) for metric in METRICS],
        }
        for key, scores in run.sets.items()
        # Without copies it is PrivateTest itself.
        if key != "private_dedup" or _has_copies(run)
        for views, table in ((None, scores.plain), (scores.views, scores.averaged))
        if table is not None
    ]


def class_rows(run: EvaluatedRun) -> list[dict[str, Any]]:
    """A table row for each emotion of the headline set: name, cells (precision, recall, F1), support, most confused
    with.
    """
    rows = []
    for c, emotion in enumerate(run.labels):
        scores, other = run.headline.plain.classes[emotion], most_confused_with(run, c)
        # All three are shares, as accuracy is.
        cells = [cell("accuracy", estimate) for estimate in (scores.precision, scores.recall, scores.f1)]
        if scores.support == 0:
            # 0 by the convention for ratios without a face: it says nothing of the model.
            cells[1:] = [Cell(text="not tested", interval="no test face", sort=-1.0)] * 2
            confused_with = "not tested"
        elif other is None:
            confused_with = "never confused"
        else:
            confused_with = f"{run.labels[other[0]]} ({percent(other[1] / scores.support, 0)})"
        rows.append(
            {
                "name": emotion,
                "cells": cells,
                "support": scores.support,
                "called": scores.called,
                "other": confused_with,
            }
        )
    return rows
