"""The section of the page on label noise."""

from typing import Any

from fer.common.labels import EMOTIONS
from fer.metrics import Estimate
from fer.report.label_noise.evidence import LabelNoise
from fer.report.label_noise.numbers import vote_check
from fer.report.label_noise.sheet import Suspect
from fer.report.label_noise.votes import RULE
from fer.report.page.section import Cell, Chart, Section, cell, data_uri, webp
from fer.report.page.wording import percent
from fer.report.scores.statements import is_synthetic, protocol, statement
from fer.report.subject import Subject


def label_noise_section(subject: Subject, found: LabelNoise, charts: dict[str, Chart]) -> Section:
    """Likely errors, votes and conflicting copies; `charts` by what they show: "votes", "emotions"."""
    run, issues, copies = subject.run, found.issues, found.copies
    title = run.headline.evaluation_set.title
    return Section(
        key="label-noise",
        title="How far to trust the labels",
        template="label_noise/section.html.j2",
        context={
            "title": title,
            "statement": statement(run, run.headline_key),
            "n": len(run.headline.plain.predictions),
            "unseen_statement": f"{title}, {protocol(run)}, no test-time augmentation, n = {len(found.unseen):,}",
            "unseen": len(found.unseen),
            "left_out": len(run.headline.plain.predictions) - len(found.unseen),
            "issues": None if issues is None else len(issues.rows),
            "wrong": None if issues is None else cell("accuracy", issues.wrong),
            "joint": None if issues is None else list(zip(EMOTIONS, issues.confident_joint.tolist(), strict=True)),
            "emotions": EMOTIONS,
            "cards": [_card(face) for face in found.suspects],
            "vote_note": found.vote_note,
            "votes": _votes(found),
            "rule": RULE,
            "conflicts": {
                "n": len(copies.conflicting),
                "label": copies.answered_label,
                "other": copies.answered_other,
                "neither": len(copies.conflicting) - copies.answered_label - copies.answered_other,
            },
            "synthetic": is_synthetic(run),
            "order": list(charts),
        },
        charts=tuple(charts.values()),
    )


def _votes(found: LabelNoise) -> dict[str, Any] | None:
    votes, scores = found.votes, found.vote_scores
    if votes is None or scores is None:
        return None
    return {
        "joined": int((votes.join.rows >= 0).sum()),
        "match": votes.join.match,
        "non_faces": votes.non_faces,
        "label": _share(scores.label_is_majority),
        "label_n": scores.label_is_majority.n,
        "accuracy": _share(scores.accuracy),
        "majority": _share(scores.majority_accuracy),
        "majority_n": scores.majority_accuracy.n,
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
