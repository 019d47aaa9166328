"""The lines of the summary: those of the analyses, and those that the scores, the data and the training give."""

from collections.abc import Mapping
from typing import Any, Final

from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.page.section import Section
from fer.report.page.wording import interval, percent, points
from fer.report.result import AnalysisResult, Verdict
from fer.report.scores.statements import is_synthetic, majority_share, set_title, trained_without_copies

QUESTIONS: Final[Mapping[str, str]] = {
    "calibration": "Are its confidences calibrated?",
    "label_noise": "Can the labels be trusted?",
    "robustness": "Is it robust to changes of light?",
    "fairness": "Does it serve groups alike?",
}
"""What an analysis answers; asked even where it was not made."""

WEAK_RECALL: Final = 0.5
"""An emotion whose recall is below it for certain is missed more often than found."""

COPIES_LIFT: Final = 0.01
"""Accuracy that copies of test faces may add before it is worth a look."""

GAP: Final = (0.15, 0.3)
"""Training accuracy above selection accuracy: from the first on worth a look, from the second on a failure."""

RISE: Final = 0.1
"""Share by which the last epoch's selection loss may lie above the lowest."""


def summarise(run: EvaluatedRun, results: Mapping[str, AnalysisResult]) -> tuple[Verdict, ...]:
    """The summary of the run in detail, in the order of the page."""
    answered = {name: found.verdicts for name, found in results.items()}
    of_analyses = [
        verdict
        for name, question in QUESTIONS.items()
        for verdict in (answered.get(name) or (_not_measured(question, name),))
    ]
    return (
        accuracy_verdict(run),
        weak_classes_verdict(run),
        overfitting_verdict(run),
        *of_analyses,
        leakage_verdict(run),
        copy_verdict(run),
        # Those that a package of one's own adds.
        *(verdict for name, verdicts in answered.items() if name not in QUESTIONS for verdict in verdicts),
    )


def summary_section(verdicts: tuple[Verdict, ...], *, keys: frozenset[str]) -> Section:
    """The section on top of the page; `keys` are those of the page's sections, for links."""
    words = {"pass": "pass", "look": "look", "fail": "fail"}
    return Section(
        key="summary",
        title="In short",
        template="summary/summary.html.j2",
        context={
            "rows": [
                {
                    "question": one.question,
                    "verdict": one.verdict,
                    "word": words[one.verdict],
                    "text": one.text,
                    "section": one.section if one.section in keys else None,
                }
                for one in verdicts
            ]
        },
        folded=False,
    )


def accuracy_verdict(run: EvaluatedRun) -> Verdict:
    """The headline beside the same without copies, held against always predicting the most common emotion."""
    accuracy = run.headline.plain.metrics["accuracy"]
    title = set_title(run, run.headline_key)
    text = f"{percent(accuracy.value)} on {title} ({interval('accuracy', accuracy)})"
    lifted = False
    if run.headline_key == "private" and "private_dedup" in run.sets:
        clean = run.sets["private_dedup"].plain.metrics["accuracy"]
        copied = run.data.copies is not None and len(run.data.copies.removed) > 0
        text += (
            f"; {percent(clean.value)} without copied faces ({interval('accuracy', clean)})"
            if copied
            else "; no face of it is a copy of another"
        )
        lifted = accuracy.value - clean.value >= COPIES_LIFT
    emotion, share = majority_share(run)
    beaten = accuracy.low > share
    if not beaten:
        text += f"; always predicting “{emotion}” scores {percent(share)}"
    return Verdict(
        question="How accurate is it?",
        verdict="fail" if not beaten else "look" if lifted or run.headline_key in ("public", "heldout") else "pass",
        value=accuracy.value,
        text=f"{text}.",
        section="result",
    )


def weak_classes_verdict(run: EvaluatedRun) -> Verdict:
    """The emotion with the lowest recall, and how many are missed more often than found."""
    classes = {name: scores for name, scores in run.headline.plain.classes.items() if scores.support > 0}
    worst = min(classes, key=lambda name: classes[name].recall.value)
    recall = classes[worst].recall
    weak = [name for name, scores in classes.items() if scores.recall.high < WEAK_RECALL]
    text = f"Lowest recall: {worst}, {percent(recall.value)} ({interval('accuracy', recall)}, n = {recall.n:,})"
    if weak:
        text += f"; missed more often than found: {', '.join(weak)}"
    never = any(scores.recall.value == 0 for scores in classes.values())
    return Verdict(
        question="Are there weak emotions?",
        verdict="fail" if never else "look" if weak else "pass",
        value=recall.value,
        text=f"{text}.",
        section="classes",
    )


def overfitting_verdict(run: EvaluatedRun) -> Verdict:
    """Training against selection accuracy in the best epoch where both are known, else how the selection loss ended."""
    question, section = "Did it overfit?", "curves"
    known = [epoch for epoch in run.record.epochs if epoch.get("valid/accuracy") is not None]
    best: Mapping[str, Any] = max(known, key=lambda epoch: float(epoch["valid/accuracy"]), default={})
    if best.get("train/accuracy") is not None:
        gap = float(best["train/accuracy"]) - float(best["valid/accuracy"])
        verdict = "fail" if gap >= GAP[1] else "look" if gap >= GAP[0] else "pass"
        text = (
            f"Training accuracy is {points(gap)} points above the selection accuracy in epoch {best['epoch'] + 1}."
            if gap >= 0
            else f"Training accuracy is not above the selection accuracy in epoch {best['epoch'] + 1}."
        )
        return Verdict(question=question, verdict=verdict, value=gap, text=text, section=section)  # type: ignore[arg-type]
    losses = [float(epoch["valid/loss"]) for epoch in run.record.epochs if epoch.get("valid/loss") is not None]
    if len(losses) == 0:
        return Verdict(
            question=question, verdict="look", value=None, text="Not known: no epochs were recorded.", section=section
        )
    rise = losses[-1] / min(losses) - 1
    return Verdict(
        question=question,
        verdict="look" if rise > RISE else "pass",
        value=rise,
        text=f"The selection loss ended {percent(rise)} above its lowest; training accuracy was not recorded."
        if rise > 0
        else "The selection loss was lowest at the end; training accuracy was not recorded.",
        section=section,
    )


def leakage_verdict(run: EvaluatedRun) -> Verdict:
    """Whether test faces were trained on."""
    question = "Were test faces trained on?"
    if any("the data changed since training" in note for note in run.notes):
        return Verdict(
            question=question,
            verdict="fail",
            value=None,
            text="Perhaps: the data changed since the training.",
            section="data",
        )
    copies = run.data.copies
    if copies is None:
        return Verdict(
            question=question,
            verdict="look",
            value=None,
            text="Not known: without PrivateTest no copies were looked for.",
            section="data",
        )
    if copies.of_training == 0 or trained_without_copies(run):
        text = (
            "No test face is a pixel-for-pixel copy of a Training face."
            if copies.of_training == 0
            else f"{copies.of_training:,} test faces have copies in Training, which this run left out."
        )
        return Verdict(question=question, verdict="pass", value=0.0, text=text, section="data")
    return Verdict(
        question=question,
        verdict="look",
        value=float(copies.of_training),
        text=f"{copies.of_training:,} test faces are pixel-for-pixel copies of Training faces (data.dedup=true leaves "
        "them out).",
        section="data",
    )


def copy_verdict(run: EvaluatedRun) -> Verdict:
    """Whether the copy of the data set is the published one, as the run's manifest records it."""
    question = "Is the copy of the data unaltered?"
    data = run.record.manifest.get("data")
    copy = data.get("copy") if isinstance(data, Mapping) else None
    # Empty where the data are no FER-2013, which alone has an original to be held against.
    if isinstance(copy, Mapping) and copy:
        found, change = str(copy.get("verdict")), str(copy.get("change") or "").strip()
        told = {
            "original": ("pass", "It is the published data, face by face."),
            "reencoded": ("look", "The published faces, encoded anew"),
            "altered": ("fail", "Altered against the published data"),
        }.get(found, ("look", "Not known"))
        detail = f": {change.rstrip('.')}." if change and found != "original" else "" if found == "original" else "."
        return Verdict(
            question=question,
            verdict=told[0],  # type: ignore[arg-type]
            value=None,
            text=told[1] + detail,
            section="data",
        )
    if is_synthetic(run):
        return Verdict(
            question=question,
            verdict="pass",
            value=None,
            text="The faces are rendered by this program from a seed.",
            section="data",
        )
    return Verdict(
        question=question,
        verdict="look",
        value=None,
        text="Not known: the run did not record it (fer-data audit tells).",
        section="data",
    )


def _not_measured(question: str, name: str) -> Verdict:
    return Verdict(
        question=question,
        verdict="look",
        value=None,
        text=f"Not measured in this report (the analysis {name} was off or failed).",
        section="",
    )
