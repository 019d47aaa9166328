"""The occlusion sections of the page, their tables, and sentences that hold only where the numbers carry them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fer.data.face_masks import STUDY_MASKS
from fer.data.regions import HALVES
from fer.metrics import METRICS, Estimate
from fer.metrics.significance import accuracy_difference
from fer.report.occlusion import figures
from fer.report.occlusion.measurement import MaskScores, Recovery, RunUnderMasks
from fer.report.page.section import Chart, Section, cell
from fer.report.page.wording import NBSP, interval, percent, points
from fer.report.scores.statements import is_synthetic, protocol, set_title, statement

_METRIC_HEADS = {"accuracy": "Accuracy", "macro_f1": "Macro F1", "weighted_f1": "Weighted F1", "weighted_auc": "AUC"}
"""Metrics of the tables, with their heads."""

# An emotion with fewer faces says little about what it needs.
_ENOUGH = 30


def statement_of(one: RunUnderMasks, *, seed: int) -> str:
    """Split, protocol and n, of the faces that were drawn where not all were taken."""
    key = one.run.headline_key
    n, of = len(one.scores["full"].predictions), len(one.run.sets[key].plain.predictions)
    if n == of:
        return statement(one.run, key)
    drawn = f"n = {n:,}, drawn at random from {of:,} (seed {seed})"
    return f"{set_title(one.run, key)}, {protocol(one.run)}, no test-time augmentation, {drawn}"


def masks_section(one: RunUnderMasks, said: Sequence[str], *, seed: int) -> Section:
    """One model under every mask."""
    told = statement_of(one, seed=seed)
    charts = [
        Chart(
            key="occlusion-masks",
            caption="What the named masks hide. Left and right are those of the picture.",
            draw=lambda palette: figures.masks_figure(palette=palette),
        ),
        Chart(
            key="occlusion-accuracy",
            caption=f"Accuracy with a part of every face hidden, with 95 % intervals. {told}.",
            draw=lambda palette: figures.accuracy_figure(one, palette=palette),
        ),
    ]
    if any(scores.mask.kind == "patches" for scores in one.scores.values()):
        charts.append(
            Chart(
                key="occlusion-patches",
                caption=f"Accuracy as random patches hide more of every face, with a 95 % interval band. {told}.",
                draw=lambda palette: figures.patches_figure(one, palette=palette),
            )
        )
    return Section(
        key="occlusion",
        title="With a part of the face hidden",
        template="occlusion/masks.html.j2",
        lead=said[0] if said else "",
        context={
            "said": said,
            "metrics": list(_METRIC_HEADS.values()),
            "rows": mask_rows(one),
            "emotions": one.run.labels,
            "recalls": recall_rows(one),
            "statement": told,
            "trained_on": one.trained_on,
            "seed": seed,
            "synthetic": is_synthetic(one.run),
        },
        charts=tuple(charts),
    )


def study_section(
    study: Sequence[RunUnderMasks], said: Sequence[str], found: Sequence[Recovery], cautions: Sequence[str]
) -> Section:
    """The table of training mask by test mask."""
    detail = next((one for one in study if one.trained_on == "full"), study[0])
    told = statement(detail.run, detail.run.headline_key)
    charts: tuple[Chart, ...] = ()
    if found:
        charts = (
            Chart(
                key="occlusion-study",
                caption="Accuracy on each half: of the model trained on whole faces, and of the one trained on that "
                f"half alone, with 95 % intervals. {told}.",
                draw=lambda palette: figures.recovery_figure(found, palette=palette),
            ),
        )
    return Section(
        key="occlusion-study",
        title="Occlusion study: trained on one part, tested on another",
        template="occlusion/study.html.j2",
        context={
            "said": said,
            "cautions": cautions,
            "tables": study_tables(study),
            "masks": [mask.key for mask in STUDY_MASKS],
            "statement": told,
            "synthetic": is_synthetic(detail.run),
        },
        charts=charts,
    )


def study_statements(
    study: Sequence[RunUnderMasks], found: Sequence[Recovery], *, resamples: int, seed: int
) -> list[str]:
    """Sentences on the table of training mask by test mask."""
    said = []
    for one in found:
        start = (
            f"With nothing but the {one.half} half visible, the model trained on whole faces falls from "
            f"{percent(one.before.value)} to {percent(one.masked.value)}."
        )
        end = f"The one fine-tuned on that half reaches {percent(one.tuned.value)} ({interval('accuracy', one.tuned)})"
        if not np.isfinite(one.recovered.value):
            start = (
                f"Hiding all but the {one.half} half costs the model trained on whole faces nothing that this many "
                f"faces can show ({percent(one.before.value)} and {percent(one.masked.value)})."
            )
            said.append(f"{start} {end}.")
        elif one.gain.low > 0:
            said.append(
                f"{start} {end}, which brings back {percent(one.recovered.value, 0)} of the loss "
                f"(95{NBSP}% interval {_span(one.recovered)})."
            )
        else:
            said.append(f"{start} {end}: no gain that the faces can tell from chance ({_points(one.gain)}).")
    said += _which_half(study, ("upper", "lower"), resamples=resamples, seed=seed)
    said += _which_half(study, ("left", "right"), resamples=resamples, seed=seed)
    said += _price(study, resamples=resamples, seed=seed)
    return said


def mask_statements(one: RunUnderMasks, *, resamples: int, seed: int) -> list[str]:
    """Sentences on one model under every mask."""
    scores = one.scores
    whole = scores["full"]
    if whole.metrics["accuracy"].value == 0:
        return [
            f"With nothing hidden none of these {len(whole.predictions):,} faces is recognised, so that nothing "
            "can be said of what hiding a part costs."
        ]
    said = []
    if one.trained_on == "full":
        said.append(_halves_apart(scores, resamples=resamples, seed=seed))
    eyes, mouth = scores["eyes_hidden"], scores["mouth_hidden"]
    apart = _apart(eyes, mouth, resamples=resamples, seed=seed)
    if apart.low > 0 or apart.high < 0:
        worse, better = (mouth, eyes) if apart.value > 0 else (eyes, mouth)
        # The boxes differ in size: it says more that the smaller one costs more than that the larger one does.
        smaller = " although less of the picture is covered" if worse.mask.hidden < better.mask.hidden else ""
        said.append(
            f"Hiding the {worse.mask.region} costs more than hiding the {better.mask.region}{smaller}: "
            f"{percent(worse.metrics['accuracy'].value)} against {percent(better.metrics['accuracy'].value)} "
            f"(whole faces: {percent(whole.metrics['accuracy'].value)})."
        )
    else:
        said.append(
            f"Hiding the mouth and hiding the eyes cost about the same: {percent(mouth.metrics['accuracy'].value)} and "
            f"{percent(eyes.metrics['accuracy'].value)} (whole faces: {percent(whole.metrics['accuracy'].value)}); the "
            f"difference, {_points(apart)}, can be chance."
        )
    for hidden in (mouth, eyes):
        sentence = _who_needs(whole, hidden, resamples=resamples, seed=seed)
        if sentence is not None:
            said.append(sentence)
    patches = [each for each in scores.values() if each.mask.kind == "patches"]
    if patches:
        first, last = patches[0], patches[-1]
        said.append(
            f"With a tenth of the picture hidden in random patches it keeps {percent(first.retention.value, 0)} of its "
            f"accuracy, with half of it hidden {percent(last.retention.value, 0)} ({_span(last.retention)})."
        )
    return said


def _halves_apart(scores: Mapping[str, MaskScores], *, resamples: int, seed: int) -> str:
    """Which half alone serves a model for whole faces best and worst, and which halves cannot be told from these."""

    def told(end: MaskScores) -> str:
        equal = [
            half
            for half in HALVES
            if half != end.mask.key
            and (apart := _apart(scores[half], end, resamples=resamples, seed=seed)).low <= 0 <= apart.high
        ]
        beside = f", not to be told from {' and '.join(equal)}" if equal else ""
        return f"({percent(end.retention.value, 0)}, {_span(end.retention)}{beside})"

    ranked = sorted((scores[half] for half in HALVES), key=lambda each: each.metrics["accuracy"].value)
    worst, best = ranked[0], ranked[-1]
    return (
        f"Of the four halves, the {best.mask.region} one alone lets it keep most of its accuracy {told(best)}, the "
        f"{worst.mask.region} one least {told(worst)}."
    )


def _apart(first: MaskScores, second: MaskScores, *, resamples: int, seed: int) -> Estimate:
    return accuracy_difference(first.predictions, second.predictions, resamples=resamples, seed=seed)


def recall_losses(whole: MaskScores, hidden: MaskScores, *, resamples: int, seed: int) -> Mapping[str, Estimate]:
    """Emotion -> recall on whole faces less recall under the mask, for emotions with enough faces."""
    labels = whole.predictions.labels
    losses = {}
    for c, emotion in enumerate(whole.predictions.classes):
        rows = np.flatnonzero(labels == c)
        if len(rows) >= _ENOUGH:
            losses[emotion] = accuracy_difference(
                whole.predictions.take(rows), hidden.predictions.take(rows), resamples=resamples, seed=seed
            )
    return losses


def _who_needs(whole: MaskScores, hidden: MaskScores, *, resamples: int, seed: int) -> str | None:
    losses = recall_losses(whole, hidden, resamples=resamples, seed=seed)
    sure = {emotion: loss for emotion, loss in losses.items() if loss.low > 0}
    if not sure:
        return None
    # By the lower bound: the greatest loss is easily that of the rarest emotion, by chance.
    most = max(sure, key=lambda emotion: sure[emotion].low)
    before, after = whole.recall[most].value, hidden.recall[most].value
    return (
        f"The emotion that most clearly needs the {hidden.mask.region} is {most}: without the {hidden.mask.region}, "
        f"recall falls from {percent(before, 0)} to {percent(after, 0)} ({_points(sure[most])} lost, "
        f"n = {sure[most].n:,})."
    )


def _which_half(study: Sequence[RunUnderMasks], pair: tuple[str, str], *, resamples: int, seed: int) -> list[str]:
    """Which of two opposite halves carries more, each scored by the model trained on it."""
    run_on = {one.trained_on: one for one in reversed(study)}
    if any(half not in run_on for half in pair):
        return []
    first, second = (run_on[half].scores[half] for half in pair)
    apart = _apart(first, second, resamples=resamples, seed=seed)
    values = f"{percent(first.metrics['accuracy'].value)} and {percent(second.metrics['accuracy'].value)}"
    if apart.low <= 0 <= apart.high:
        return [
            f"The {pair[0]} and the {pair[1]} half carry about the same, each scored by the model trained on it: "
            f"{values}; the difference, {_points(apart)}, can be chance."
        ]
    more, less = pair if apart.value > 0 else pair[::-1]
    return [
        f"The {more} half carries more than the {less} one, each scored by the model trained on it: {values} on the "
        f"{pair[0]} and the {pair[1]} half, a difference of {_points(apart)}."
    ]


def _price(study: Sequence[RunUnderMasks], *, resamples: int, seed: int) -> list[str]:
    """What the halves' models lose on whole faces."""
    run_on = {one.trained_on: one for one in reversed(study)}
    halves = [half for half in HALVES if half in run_on]
    if "full" not in run_on or not halves:
        return []
    whole = run_on["full"].scores["full"].predictions
    lost = {
        half: accuracy_difference(whole, run_on[half].scores["full"].predictions, resamples=resamples, seed=seed)
        for half in halves
    }
    told = ", ".join(f"{half} {points(-loss.value, plus=True)}" for half, loss in lost.items())
    sure = [half for half, loss in lost.items() if loss.low > 0]
    return [
        f"On whole faces the fine-tuned models score, against the one trained on them, in points: {told}. "
        + (
            f"Learning to do with a half has its price for: {', '.join(sure)}."
            if sure
            else "None of these differences shows a price that could not be chance."
        )
    ]


def _span(estimate: Estimate) -> str:
    return f"{100 * estimate.low:.0f} to {100 * estimate.high:.0f}{NBSP}%"


def _points(estimate: Estimate) -> str:
    """A difference in points with its interval, its sign left to the sentence."""
    low, high = sorted((estimate.low, estimate.high))
    if estimate.value < 0:
        low, high = -high, -low
    return f"{100 * abs(estimate.value):.1f} points, {points(low)} to {points(high)}"


def mask_rows(one: RunUnderMasks) -> list[dict[str, Any]]:
    """A table row for each mask: title, hidden area, retention, a cell for each metric shown."""
    return [
        {
            "title": scores.mask.title,
            "hidden": (percent(scores.mask.hidden, 0), scores.mask.hidden),
            # A share, as accuracy is.
            "retention": cell("accuracy", scores.retention),
            "cells": [cell(metric, scores.metrics[metric]) for metric in _METRIC_HEADS],
        }
        for scores in one.scores.values()
    ]


def recall_rows(one: RunUnderMasks) -> list[dict[str, Any]]:
    """A heat-table row for each mask: recall of each emotion and its change against whole faces, in points."""
    whole, labels = one.scores["full"], one.run.labels
    support = np.bincount(whole.predictions.labels, minlength=len(labels))
    rows = []
    for key, scores in one.scores.items():
        change = [100 * (scores.recall[emotion].value - whole.recall[emotion].value) for emotion in labels]
        # Emotions without a face have no recall to lose.
        worst = min((c for c in range(len(labels)) if support[c] > 0), key=lambda c: change[c])
        rows.append(
            {
                "title": scores.mask.title,
                "cells": [
                    {
                        "share": round(scores.recall[emotion].value, 3),
                        "text": f"{100 * scores.recall[emotion].value:.0f}" if support[c] > 0 else "",
                        "change": "" if key == "full" or support[c] == 0 else _signed(change[c]),
                        "worst": key != "full" and c == worst and change[c] < 0,
                    }
                    for c, emotion in enumerate(labels)
                ],
            }
        )
    return rows


def study_tables(study: Sequence[RunUnderMasks]) -> list[dict[str, Any]]:
    """The table of training mask by test mask in each metric shown; shades run from a table's least to its greatest."""
    masks = {one.trained_on for one in study}
    repeated = len(masks) < len(study)
    tables = []
    for metric in _METRIC_HEADS:
        values = np.array([[one.scores[mask.key].metrics[metric].value for mask in STUDY_MASKS] for one in study])
        low, high = np.nanmin(values), np.nanmax(values)
        rows = []
        for one in study:
            cells = []
            for mask in STUDY_MASKS:
                estimate = one.scores[mask.key].metrics[metric]
                share = (estimate.value - low) / (high - low) if high > low else 0.5
                cells.append(
                    {
                        "share": round(float(np.nan_to_num(share)), 3),
                        "text": _short(metric, estimate.value),
                        "half": f"±{_short(metric, (estimate.high - estimate.low) / 2)}",
                        "own": mask.key == one.trained_on,
                    }
                )
            name = f"{one.trained_on} ({one.run.record.name})" if repeated else one.trained_on
            rows.append({"name": name, "cells": cells})
        tables.append({"key": metric, "title": METRICS[metric], "rows": rows})
    return tables


def _short(metric: str, value: float) -> str:
    if not np.isfinite(value):
        return "?"
    return f"{value:.3f}" if metric == "weighted_auc" else f"{100 * value:.1f}"


def _signed(change: float) -> str:
    """A change in whole points, with a real minus sign."""
    rounded = round(change)
    return "0" if rounded == 0 else f"{'+' if rounded > 0 else '−'}{abs(rounded)}"
