"""The section of the page on label noise, and its numbers as `metrics.json` holds them."""

from typing import Any, Final

import numpy as np

from fer.common.label_set import told
from fer.common.labels import CONTEMPT
from fer.metrics import Estimate
from fer.metrics.label_noise import LEAST_ACCURACY
from fer.report.context import ReportContext
from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.label_noise.figures import Suspect
from fer.report.label_noise.measurement import LabelNoise, vote_rule
from fer.report.page.section import Cell, Chart, Section, cell, data_uri, webp
from fer.report.page.wording import interval, percent
from fer.report.result import Judgement, Verdict
from fer.report.scores.statements import is_synthetic, protocol, statement


def label_noise_section(context: ReportContext, found: LabelNoise, charts: dict[str, Chart]) -> Section:
    """Likely errors, votes and conflicting copies; `charts` by what they show: "votes", "emotions"."""
    run, issues, copies = context.run, found.issues, found.copies
    title = run.headline.evaluation_set.title
    return Section(
        key="label-noise",
        title="How far to trust the labels",
        template="label_noise/section.html.j2",
        context={
            "title": title,
            "statement": statement(run, run.headline_key),
            "n": len(run.headline.plain.predictions),
            "unseen_statement": unseen_statement(run, found),
            "unseen": len(found.unseen),
            "left_out": len(run.headline.plain.predictions) - len(found.unseen),
            "issues": None if issues is None else len(issues.rows),
            "unsought": unsought(found) if issues is None else "",
            "wrong": None if issues is None or not readable(found) else cell("accuracy", issues.wrong),
            "accuracy": percent(unseen_accuracy(found)),
            "least": percent(LEAST_ACCURACY, 0),
            "joint": None if issues is None else list(zip(run.labels, issues.confident_joint.tolist(), strict=True)),
            "emotions": run.labels,
            "cards": [_card(face) for face in found.suspects],
            "vote_note": found.vote_note,
            "votes": _votes(found),
            "own": gave_the_labels(context, found),
            "rule": vote_rule(run.labels),
            "all_labels": told(run.labels),
            "conflicts": {
                "n": len(copies.conflicting),
                "label": copies.predicted_label,
                "other": copies.predicted_other,
                "neither": len(copies.conflicting) - copies.predicted_label - copies.predicted_other,
            },
            "synthetic": is_synthetic(run),
            "order": list(charts),
        },
        charts=tuple(charts.values()),
    )


def unseen_statement(run: EvaluatedRun, found: LabelNoise) -> str:
    """Split, protocol, augmentation and n of what the model was asked about: faces that it was not trained on."""
    title = run.headline.evaluation_set.title
    return f"{title}, {protocol(run)}, no test-time augmentation, n = {len(found.unseen):,}"


def unseen_accuracy(found: LabelNoise) -> float:
    """Accuracy on the faces that the model was not trained on; NaN for none."""
    return float((found.unseen.predicted == found.unseen.labels).mean()) if len(found.unseen) > 0 else float("nan")


def readable(found: LabelNoise) -> bool:
    """Whether the model is right often enough for its disagreement to say something of the labels."""
    return unseen_accuracy(found) >= LEAST_ACCURACY


def unsought(found: LabelNoise) -> str:
    """Why no label errors were looked for, half a sentence."""
    if len(found.unseen) == 0:
        return "the model was trained on every test face"
    return "the test faces carry one label alone, so that none can be another’s"


def gave_the_labels(context: ReportContext, found: LabelNoise) -> bool:
    """Whether the labels are the votes' majority, and the votes no judge of them: FER-2013's own have no contempt."""
    return CONTEMPT in context.run.labels and found.vote_scores is not None


TRUSTED: Final = 0.95
"""Share of labels that most of ten people must share for the labels to be trusted."""


def labels_verdict(context: ReportContext, found: LabelNoise) -> Verdict:
    """The summary's line: what people's votes say where they are known, else what the model contradicts."""
    votes, issues = found.vote_scores, found.issues
    own = gave_the_labels(context, found)
    votes = None if own else votes

    def line(verdict: Judgement, value: float | None, text: str) -> Verdict:
        return Verdict(
            question="Can the labels be trusted?",
            verdict=verdict,
            value=value,
            text=text,
            section="label-noise",
            rule=f"With people's votes: pass where for certain over {percent(TRUSTED, 0)} of the labels are what most "
            "of ten people saw, fail where for certain less than half are. Without, or where the votes gave the "
            "labels: pass where confident learning puts the labels that the model contradicts below "
            f"{percent(1 - TRUSTED, 0)} for certain (mistakes that the training labels share stay unseen). Look: "
            "otherwise.",
        )

    if is_synthetic(context.run):
        return line("pass", None, "The faces are synthetic and their labels true by construction.")
    if votes is not None:
        share = votes.label_is_majority
        verdict: Judgement = "pass" if share.low > TRUSTED else "fail" if share.high < 0.5 else "look"
        text = f"{percent(share.value)} of the labels ({interval('accuracy', share)}) are what most of ten people saw"
        return line(verdict, share.value, f"{text} (n = {share.n:,}).")
    if issues is None or not readable(found):
        given = "the labels are people’s votes themselves" if own else "no people’s votes were given"
        why = unsought(found) if issues is None else "the model is right too seldom to doubt a label"
        return line("look", None, f"Not known: {given}, and {why}.")
    return line(
        "pass" if issues.wrong.high < 1 - TRUSTED else "look",
        issues.wrong.value,
        f"The model contradicts {percent(issues.wrong.value)} of the labels ({interval('accuracy', issues.wrong)}): "
        "wrong labels and its own mistakes together.",
    )


def _votes(found: LabelNoise) -> dict[str, Any] | None:
    votes, scores = found.votes, found.vote_scores
    if votes is None or scores is None:
        return None
    return {
        "joined": int(votes.found.sum()),
        "by_picture": votes.by_picture,
        "non_faces": votes.non_faces,
        "label": _share(scores.label_is_majority),
        "label_n": scores.label_is_majority.n,
        "accuracy": _share(scores.accuracy),
        "majority": _share(scores.majority_accuracy),
        "majority_n": scores.majority_accuracy.n,
        "published": None if found.published is None else [_share(one) for one in found.published],
        "published_n": [] if found.published is None else [one.n for one in found.published],
        "usable": scores.kl.n,
        "kl": cell("kl", scores.kl),
        "cross_entropy": cell("cross_entropy", scores.cross_entropy),
        "entropy": cell("entropy", scores.entropy),
        "levels": [
            {
                "name": level.name,
                "n": level.accuracy.n,
                "entropy": f"{level.lowest:.2f} to {level.highest:.2f}",
                "sort": level.highest,
                "cells": [_share(level.label_is_top), _share(level.accuracy), _share(level.top_accuracy)],
            }
            for level in scores.levels
        ],
        "check": vote_check(found),
    }


def _share(estimate: Estimate) -> Cell:
    return cell("accuracy", estimate)


def _card(face: Suspect) -> dict[str, Any]:
    return {
        "uri": data_uri(webp(face.picture), "image/webp"),
        "width": face.picture.shape[1],
        "height": face.picture.shape[0],
        "given": face.given,
        "suggested": face.suggested,
        "score": percent(face.score),
        "alt": f"Face labelled {face.given}, which the model takes for {face.suggested}.",
        "id": face.id,
    }


def label_noise_metrics(run: EvaluatedRun, found: LabelNoise) -> dict[str, Any]:
    """Likely errors, conflicting copies and votes, plain types."""
    issues, copies = found.issues, found.copies
    metrics: dict[str, Any] = {
        "set": run.headline_key,
        "protocol": run.record.protocol,
        "n": len(run.headline.plain.predictions),
        "conflicting_copies": {
            "n": len(copies.conflicting),
            "answered_with_the_label": copies.predicted_label,
            "answered_with_the_label_of_a_copy": copies.predicted_other,
        },
        "ferplus": None if found.vote_scores is None else _vote_metrics(found),
    }
    if issues is not None:
        metrics["likely_errors"] = {
            "n": len(found.unseen),
            "left_out_as_copies_of_training": len(run.headline.plain.predictions) - len(found.unseen),
            "flagged": len(issues.rows),
            "accuracy": unseen_accuracy(found),
            "disagreement_share": issues.wrong.as_dict() if readable(found) else None,
            "disagreement_share_of": {emotion: estimate.as_dict() for emotion, estimate in issues.wrong_of.items()}
            if readable(found)
            else None,
            "confident_joint": {
                emotion: dict(zip(run.labels, row, strict=True))
                for emotion, row in zip(run.labels, issues.confident_joint.tolist(), strict=True)
            },
        }
    return metrics


def _vote_metrics(found: LabelNoise) -> dict[str, Any]:
    votes, scores = found.votes, found.vote_scores
    assert votes is not None
    assert scores is not None
    return {
        "rule": vote_rule(found.unseen.classes),
        "joined": int(votes.found.sum()),
        "joined_by": "picture" if votes.by_picture else "row",
        "non_faces": votes.non_faces,
        "label_is_majority": scores.label_is_majority.as_dict(),
        "accuracy": scores.accuracy.as_dict(),
        "majority_accuracy": scores.majority_accuracy.as_dict(),
        "published_protocol": None
        if found.published is None
        else dict(zip(("seven", "eight"), (one.as_dict() for one in found.published), strict=True)),
        "kl_votes_model": scores.kl.as_dict(),
        "cross_entropy": scores.cross_entropy.as_dict(),
        "vote_entropy": scores.entropy.as_dict(),
        "by_agreement": {
            level.name: {
                "entropy": [level.lowest, level.highest],
                "label_is_top": level.label_is_top.as_dict(),
                "accuracy": level.accuracy.as_dict(),
                "top_accuracy": level.top_accuracy.as_dict(),
            }
            for level in scores.levels
        },
        "likely_errors": vote_check(found),
    }


def vote_check(found: LabelNoise) -> dict[str, int] | None:
    """What the voters say of the faces whose label the model speaks against, and of the others; None without votes.

    Counted are faces with a majority: `flagged`, of these `flagged_voters_differ` from the label and
    `flagged_voters_suggest` the same emotion as the model; `others` and `others_voters_differ`.
    """
    if found.issues is None or found.votes is None:
        return None
    majority, labels = found.votes.majority[found.unseen_places], found.unseen.labels
    flagged = np.zeros(len(labels), dtype=bool)
    flagged[found.issues.rows] = True
    clear = majority >= 0
    suggested = found.unseen.predicted
    return {
        "flagged": int((clear & flagged).sum()),
        "flagged_voters_differ": int((clear & flagged & (majority != labels)).sum()),
        "flagged_voters_suggest": int((clear & flagged & (majority == suggested)).sum()),
        "others": int((clear & ~flagged).sum()),
        "others_voters_differ": int((clear & ~flagged & (majority != labels)).sum()),
    }
