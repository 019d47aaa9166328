"""How far the test labels can be trusted: likely label errors, and FER+'s votes where they are given."""

from typing import Any

from fer.common.wording import counted
from fer.metrics.label_noise import LabelIssues
from fer.report.context import ReportContext
from fer.report.label_noise.figures import agreement_figure, contact_sheet, entropy_figure, wrong_labels_figure
from fer.report.label_noise.measurement import LabelNoise, collect_evidence
from fer.report.label_noise.section import (
    gave_the_labels,
    label_noise_metrics,
    label_noise_section,
    labels_verdict,
    readable,
    unseen_statement,
)
from fer.report.page.section import Chart, png
from fer.report.page.wording import interval, percent
from fer.report.result import AnalysisResult
from fer.report.scores.statements import is_synthetic, statement
from fer.report.scores.tables import csv_text


def analyse(context: ReportContext) -> AnalysisResult | None:
    """The headline set's labels, held against the model and against FER+; None where it is switched off.

    Nothing is relabelled and nothing left out of any other number of the report.
    """
    options, run = context.options.label_noise, context.run
    if not options.enabled:
        return None
    found, notes = collect_evidence(context)
    said = statement(run, run.headline_key)
    own = gave_the_labels(context, found)
    charts: dict[str, Chart] = {}
    if found.vote_scores is not None:
        levels = found.vote_scores.levels
        charts["votes"] = Chart(
            key="label-noise-votes",
            caption="By how far FER+'s voters agree on a face: how often the model gives the most voted emotion"
            f"{'' if own else ' and the label, and how often these two are the same'}. {said}.",
            draw=lambda palette: agreement_figure(levels, own=own, palette=palette),
        )
        by_entropy = found.vote_scores.error_by_entropy
        charts["entropy"] = Chart(
            key="label-noise-entropy",
            caption="Error against how far the voters disagree: eighths of the faces by the entropy of their votes, "
            f"with 95 % intervals. {said}.",
            draw=lambda palette: entropy_figure(by_entropy, palette=palette),
        )
    if found.issues is not None and readable(found):
        issues = found.issues
        charts["emotions"] = Chart(
            key="label-noise-emotions",
            caption="Model-label disagreement: the share of each label's faces that confident learning counts as "
            f"another emotion. {unseen_statement(run, found)}.",
            draw=lambda palette: wrong_labels_figure(issues.wrong_of, overall=issues.wrong.value, palette=palette),
        )
    verdict = labels_verdict(context, found)
    return AnalysisResult(
        sections=(label_noise_section(context, found, charts),),
        metrics=label_noise_metrics(run, found),
        files=_files(found),
        columns=_columns(context, found),
        notes=notes,
        verdicts=() if verdict is None else (verdict,),
        # The labels of synthetic faces are true by construction: all that is flagged there is the model's own error.
        card=() if is_synthetic(run) else _card(found, unseen_statement(run, found), own=own),
    )


def _files(found: LabelNoise) -> dict[str, str | bytes]:
    files: dict[str, str | bytes] = {}
    labels = found.unseen.classes
    if found.issues is not None:
        files["label_noise/label_issues.csv"] = csv_text(_issue_rows(found, found.issues))
        files["label_noise/confident_joint.csv"] = csv_text(
            [
                {"label": emotion, **dict(zip(labels, row, strict=True))}
                for emotion, row in zip(labels, found.issues.confident_joint.tolist(), strict=True)
            ]
        )
    if found.suspects:
        files["label_noise/contact_sheet.png"] = png(contact_sheet(found.suspects, labels))
    return files


def _issue_rows(found: LabelNoise, issues: LabelIssues) -> list[dict[str, Any]]:
    unseen = found.unseen
    return [
        {
            "rank": rank,
            "id": str(unseen.ids[row]),
            "given_label": unseen.classes[unseen.labels[row]],
            "suggested_label": unseen.classes[suggested],
            "score": float(score),
            "suggested_probability": float(unseen.probabilities[row, suggested]),
        }
        for rank, (row, suggested, score) in enumerate(
            zip(issues.rows.tolist(), issues.suggested.tolist(), issues.scores.tolist(), strict=True), start=1
        )
    ]


def _columns(context: ReportContext, found: LabelNoise) -> dict[str, dict[str, Any]]:
    scores = found.vote_scores
    if scores is None:
        return {}
    numbers = {"ferplus_accuracy": scores.majority_accuracy.value, "ferplus_kl": scores.kl.value}
    return {context.run.record.name: numbers}


def _card(found: LabelNoise, unseen: str, *, own: bool) -> tuple[str, ...]:
    sentences = []
    if found.issues is not None:
        wrong = found.issues.wrong
        sentences.append(
            f"Model-label disagreement ({unseen}): confident learning suggests another label for "
            f"{counted(len(found.issues.rows), 'face')}"
            + (
                f", and counts {percent(wrong.value)} of all as another than their label "
                f"({interval('accuracy', wrong)}, n = {wrong.n:,}). "
                if readable(found)
                else ". "
            )
            + "Wrong labels and the model's own errors are in it. No label was changed."
        )
    scores = found.vote_scores
    if scores is not None:
        label, people = scores.label_is_majority, scores.majority_accuracy
        of_labels = (
            "the labels are what most voters saw. On faces with more than half of the votes the model agrees with them"
            if own
            else f"{percent(label.value)} of the labels are the emotion that most voters saw "
            f"({interval('accuracy', label)}, n = {label.n:,}). On faces with such a majority the model agrees with "
            f"the label in {percent(scores.accuracy.value)} and with the majority"
        )
        sentences.append(
            f"FER+: {of_labels} in {percent(people.value)} (n = {people.n:,}); KL(votes || model) is "
            f"{scores.kl.value:.3f} nats (n = {scores.kl.n:,})."
        )
    elif found.vote_note:
        sentences.append(f"Label noise: {found.vote_note}")
    return tuple(sentences)
