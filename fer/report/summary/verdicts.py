"""The lines of the summary that the scores, the training and the data give, each by a rule that it states.

A limit without a source is a choice of this project's, as the page says. A pass rests on evidence: an interval that
leaves the bad side out. Where too few faces leave both sides open, the line says look.
"""

from collections.abc import Mapping
from typing import Final

from fer.common.wording import counted
from fer.metrics import Estimate
from fer.metrics.estimate import share_difference
from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.evaluation.views import Views
from fer.report.page.wording import interval, percent, points
from fer.report.result import Judgement, Verdict
from fer.report.scores.statements import (
    PUBLISHED,
    chose_epoch,
    copies_trained_on,
    human_reference,
    is_synthetic,
    majority_share,
    published_range,
    set_title,
)

MISTAKES_REMOVED: Final = 0.5
"""Where no published range is known: the share of the mistakes of always predicting the most common label that a model
must do away with."""

FOUND: Final = 0.5
"""A label whose recall is below it is missed more often than found."""

GAP: Final = (0.15, 0.3)
"""Accuracy on Training faces above that on test faces: up to the first a pass, from the second on a failure."""

RISE: Final = 0.1
"""Share by which the last epoch's selection loss may lie above the lowest."""

COPIED: Final = 0.05
"""Share of test faces with copies in Training from which the headline is not to be used."""


def accuracy_verdict(run: EvaluatedRun) -> Verdict:
    """The headline beside the same without copies, held against what is published for this data."""
    accuracy = run.headline.plain.metrics["accuracy"]
    text = f"{percent(accuracy.value)} on {set_title(run, run.headline_key)} ({interval('accuracy', accuracy)})"
    if run.headline_key == "private" and "private_dedup" in run.sets:
        clean = run.sets["private_dedup"].plain.metrics["accuracy"]
        copied = run.data.copies is not None and len(run.data.copies.removed) > 0
        text += (
            f"; {percent(clean.value)} without copied faces ({interval('accuracy', clean)})"
            if copied
            else "; no face of it is a copy of another"
        )
    averaged = run.headline.averaged
    best = accuracy if averaged is None else averaged.metrics["accuracy"]
    verdict, why, rule = _accuracy(run, accuracy, best, views=None if averaged is None else run.headline.views)
    if chose_epoch(run, run.headline_key) and verdict == "pass":
        verdict, why = "look", f"{why}, but on faces that chose the epoch"
    return Verdict(
        question="How accurate is it?",
        verdict=verdict,
        value=accuracy.value,
        text=f"{text}: {why}.",
        section="result",
        rule=f"{rule} A set that chose the epoch passes nothing.",
    )


def _accuracy(
    run: EvaluatedRun, accuracy: Estimate, best: Estimate, *, views: Views | None
) -> tuple[Judgement, str, str]:
    """The verdict, why, and the rule; `best` is the accuracy with test-time augmentation, where there are `views`."""
    label, share = majority_share(run)
    known, people = published_range(run), human_reference(run)
    always = f"always predicting “{label}” ({percent(share)})"
    nothing, unsure = f"no more than {always}", f"more than {always}, but not for certain"
    if known is not None and people is not None:
        low, high = known
        least = people[0] - people[1]
        spanned = f"{100 * low:.1f} to {percent(high)}"
        rule = (
            f"Pass: the interval, with test-time augmentation where there is one, reaches into the {spanned} that "
            f"single networks are published with on PrivateTest ({'; '.join(PUBLISHED)}). Look: below that range for "
            f"certain, or above it (look for leaked faces). Fail: below {percent(least, 0)} for certain, the lower end "
            "of people's agreement with these labels (65 ± 5 %, arXiv 1307.0414), or no more than always predicting "
            "the most common label."
        )
        here = f"{percent(best.value)}{f' with {views.faces} averaged in' if views is not None else ''}"
        if accuracy.value <= share:
            return "fail", nothing, rule
        if best.high < least:
            return "fail", f"below the {percent(least, 0)} that people reach at least", rule
        if accuracy.low <= share:
            return "look", unsure, rule
        if best.high < low:
            return "look", f"below the published {spanned} of single networks", rule
        if best.low > high:
            return "look", f"{here} is above the published {spanned} of single networks: look for leaked faces", rule
        within = f"{here} is within" if low <= best.value <= high else f"the interval of {here} reaches into"
        return "pass", f"{within} the published {spanned} of single networks", rule
    removed = [(end - share) / (1 - share) if share < 1 else 0.0 for end in (accuracy.low, accuracy.value)]
    rule = (
        f"No published range is known here. Pass: for certain over {percent(MISTAKES_REMOVED, 0)} of the mistakes of "
        "always predicting the most common label are gone. Fail: no more than that prediction. Look: between."
    )
    if accuracy.value <= share:
        return "fail", nothing, rule
    if accuracy.low <= share:
        return "look", unsure, rule
    why = f"{percent(removed[1], 0)} fewer mistakes than always predicting “{label}”"
    return "pass" if removed[0] > MISTAKES_REMOVED else "look", why, rule


def weak_classes_verdict(run: EvaluatedRun) -> Verdict:
    """The label with the lowest recall, which ones are missed more often than found, and which may be."""
    classes = {name: scores for name, scores in run.headline.plain.classes.items() if scores.support > 0}
    worst = min(classes, key=lambda name: classes[name].recall.value)
    recall, guess = classes[worst].recall, 1 / len(run.labels)
    lost = [name for name, scores in classes.items() if scores.recall.high < guess]
    weak = [name for name, scores in classes.items() if scores.recall.high < FOUND]
    open_ = [name for name, of in classes.items() if of.recall.low <= FOUND <= of.recall.high]
    text = f"Lowest recall: {worst}, {percent(recall.value)} ({interval('accuracy', recall)}, n = {recall.n:,})"
    if weak:
        text += f"; missed more often than found: {', '.join(weak)}"
    if open_:
        text += f"; too few faces to tell: {', '.join(open_)}"
    untested = [name for name in run.labels if name not in classes]
    if untested:
        text += f"; never tested, as no test face carries it: {', '.join(untested)}"
    return Verdict(
        question="Are there weak emotions?",
        verdict="fail" if lost else "look" if weak or open_ or untested else "pass",
        value=recall.value,
        text=f"{text}.",
        section="classes",
        rule=f"Pass: every recall is above {percent(FOUND, 0)} for certain (its interval). Fail: one is below "
        f"{percent(guess)} for certain, what guessing would find. Look: otherwise, or where a "
        "class has no test face.",
    )


def overfitting_verdict(run: EvaluatedRun) -> Verdict:
    """Accuracy on Training faces as they are against that on test faces, and how the selection loss ended."""
    question, section = "Did it overfit?", "curves"
    rule = (
        "Accuracy on Training faces, drawn at random and not augmented, less that on the test faces without copies. "
        f"Pass: less than {points(GAP[0])} points for certain, and the selection loss ended at most {percent(RISE, 0)} "
        f"above its lowest. Fail: {points(GAP[1])} points or more for certain. Look: otherwise."
    )
    losses = [float(epoch["valid/loss"]) for epoch in run.record.epochs if epoch.get("valid/loss") is not None]
    lowest = min(losses, default=0.0)
    # Above a loss of 0 any other lies infinitely far.
    rise = None if not losses else 0.0 if losses[-1] == lowest else (losses[-1] - lowest) / max(abs(lowest), 1e-12)
    ended = (
        "the selection loss was not recorded"
        if rise is None
        else f"the selection loss ended {percent(rise)} above its lowest"
        if rise > 0 and lowest != 0
        else f"the selection loss ended at {losses[-1]:.3g}, after 0"
        if rise > 0
        else "the selection loss was lowest at the end"
    )
    gap = training_gap(run)
    if gap is None:
        return Verdict(
            question=question,
            verdict="look",
            value=None,
            text=f"Not known: no Training faces could be scored; {ended}.",
            section=section,
            rule=rule,
        )
    verdict: Judgement = "look"
    if gap.low >= GAP[1]:
        verdict = "fail"
    elif gap.high < GAP[0] and rise is not None and rise <= RISE:
        verdict = "pass"
    assert run.training is not None
    return Verdict(
        question=question,
        verdict=verdict,
        value=gap.value,
        text=f"{percent(run.training.value)} of Training faces are right, {points(gap.value, plus=True)} points "
        f"against test faces ({points(gap.low, plus=True)} to {points(gap.high, plus=True)}); {ended}.",
        section=section,
        rule=rule,
    )


def training_gap(run: EvaluatedRun) -> Estimate | None:
    """Accuracy on Training faces less that on test faces without copies; None where no Training face was scored."""
    if run.training is None:
        return None
    clean = run.sets.get("private_dedup") if run.headline_key == "private" else None
    test = (run.headline if clean is None else clean).plain.metrics["accuracy"]
    return share_difference(run.training, test)


def leakage_verdict(run: EvaluatedRun) -> Verdict:
    """Whether test faces were trained on."""
    copies = run.data.copies

    def line(verdict: Judgement, value: float | None, text: str) -> Verdict:
        return Verdict(
            question="Were test faces trained on?",
            verdict=verdict,
            value=value,
            text=text,
            section="data",
            rule="Pass: no PrivateTest face has the very pixels of a Training face, or the run left such faces out. "
            f"Fail: over {percent(COPIED, 0)} of them have, or the data changed since the training. Look: fewer "
            "have, or it is not known. Near-copies and further pictures of one person are not looked for.",
        )

    if any("the data changed since training" in note for note in run.notes):
        return line("fail", None, "Perhaps: the data changed since the training.")
    if copies is None:
        return line("look", None, "Not known: without PrivateTest no copies were looked for.")
    if copies.of_training == 0:
        return line("pass", 0.0, "No PrivateTest face has the very pixels of a Training face.")
    known_by_heart = copies_trained_on(run)
    if known_by_heart == 0:
        told = counted(copies.of_training, "PrivateTest face")
        return line("pass", 0.0, f"Copies of {told} are in Training, which this run left out.")
    share = known_by_heart / (len(copies.kept) + len(copies.removed))
    return line(
        "fail" if share > COPIED else "look",
        float(known_by_heart),
        f"{counted(known_by_heart, 'PrivateTest face')} ({percent(share)}) "
        f"{'has' if known_by_heart == 1 else 'have'} the very pixels of a face that trained it (data.dedup=true leaves "
        "such faces out).",
    )


def copy_verdict(run: EvaluatedRun) -> Verdict:
    """Whether the copy of the data set is the published one, as the run's manifest records it."""

    def line(verdict: Judgement, text: str) -> Verdict:
        return Verdict(
            question="Is the copy of the data unaltered?",
            verdict=verdict,
            value=None,
            text=text,
            section="data",
            rule="Pass: every picture is the published one, or drawn by this program. Look: encoded anew, or not "
            "known. Fail: altered.",
        )

    data = run.record.manifest.get("data")
    copy = data.get("copy") if isinstance(data, Mapping) else None
    # Empty where the data are no FER-2013, which alone has an original to be held against.
    if isinstance(copy, Mapping) and copy:
        found, change = str(copy.get("verdict")), str(copy.get("change") or "").strip().rstrip(".")
        told: dict[str, tuple[Judgement, str]] = {
            "original": ("pass", "It is the published data, face by face"),
            "reencoded": ("look", "The published faces, encoded anew"),
            "altered": ("fail", "Altered against the published data"),
        }
        verdict, text = told.get(found, ("look", "Not known"))
        return line(verdict, f"{text}: {change}." if change and found != "original" else f"{text}.")
    if is_synthetic(run):
        return line("pass", "The faces are rendered by this program from a seed.")
    if isinstance(copy, Mapping):
        return line("look", "Not known: the only published data that this program knows are FER-2013's.")
    return line("look", "Not known: the run did not record it (fer-data audit tells).")


def not_measured(question: str, name: str) -> Verdict:
    """The line of a question that this report did not ask."""
    return Verdict(
        question=question,
        verdict="look",
        value=None,
        text=f"Not measured in this report (the analysis {name} was off or failed).",
        section="",
    )
