"""What the page says of a model, from nothing but the facts in its file."""

from collections.abc import Mapping
from typing import Final

from fer.common.labels import EMOTIONS
from fer.runtime.facts import ModelFacts

COPIES: Final[Mapping[tuple[str, str], int]] = {("6ef63dc6fe741cbb", "PublicTest"): 280}
"""(data fingerprint, split) -> faces of the split that equal a training face to the pixel, as `fer-data audit` counts
them: for files written before `ModelFacts.copies`, by the fingerprint they hold. This is FER-2013, trained on whole."""

LEFT_OUT: Final = "left out of training"
"""Words of a protocol (`fer.data.protocol`) without the copies."""

_FLATTERED: Final = (
    " Some of its settings may have been chosen with the same photographs, so expect a little less of others."
)

_SYNTHETIC: Final = "synthetic faces"
_FER2013: Final = "FER-2013"


def describe_model(facts: ModelFacts, *, told_prior: str | None = None) -> dict[str, str]:
    """What its labels mean ("labels"), how often they are right ("scores"), and how often when it is certain
    ("certainty"); the last two were measured without `told_prior`, and say so where there is one."""
    without = "" if told_prior is None else _without(told_prior)
    return {"labels": _labels(facts), "scores": without + _scores(facts), "certainty": without + _certainty(facts)}


def _without(told_prior: str) -> str:
    return f"Its predictions here are changed by the prior {told_prior}; these figures were measured without it. "


def _labels(facts: ModelFacts) -> str:
    if _is(facts, _SYNTHETIC):
        return (
            "The model learned from synthetic faces, each made to show one expression: it names the one that a face "
            "looks most like. How it does on real people is not known, and it knows nothing about you."
        )
    return (
        f"The model names what the people who labelled the faces of {facts.source} would call a face like this; it "
        "knows nothing about you."
    )


def _scores(facts: ModelFacts) -> str:
    accuracy = facts.metrics.get("accuracy")
    if accuracy is None or accuracy.value is None:
        return f"It was trained on {facts.source} ({facts.protocol}). Its file does not say how often it is right."
    interval = "" if accuracy.low is None or accuracy.high is None else f" ({accuracy.low:.0%} to {accuracy.high:.0%})"
    chosen = "its best epoch and its threshold" if facts.photographs is None else "its best epoch"
    sentences = [
        f"On the {accuracy.n:,} faces of {facts.split} in {facts.source}, this model gave the same label as the data "
        f"set for {accuracy.value:.0%}{interval} of them.",
        _of_copies(facts, accuracy.n),
        f"The same faces chose {chosen}, so expect a little less. ({facts.protocol[:1].upper()}{facts.protocol[1:]}.)",
    ]
    if _is(facts, _FER2013) and facts.labels == EMOTIONS:
        sentences.insert(1, "People agree with these labels about 65% of the time.")
    if facts.photographs is not None:
        sentences.insert(
            0,
            f"On {facts.photographs.n:,} faces in photographs of people, it gave the label that people gave to "
            f"{facts.photographs.accuracy:.0%} of them." + (_FLATTERED if facts.photographs.told else ""),
        )
    return " ".join(sentences)


def _of_copies(facts: ModelFacts, n: int) -> str:
    copies = counted_copies(facts)
    if copies is None:
        return "How many of them are copies of faces it was trained on has not been counted."
    if copies == 0:
        return "None of them is a copy of a face it was trained on."
    are = "is a copy of a face" if copies == 1 else "are copies of faces"
    return f"{copies:,} of these {n:,} {are} it was trained on, which it may know by heart."


def _certainty(facts: ModelFacts) -> str:
    if facts.threshold is None or facts.answered_accuracy is None:
        return "With this model, every prediction is uncertain."
    if facts.photographs is not None:
        return (
            f"The line was set on {facts.photographs.n:,} {facts.fitted_on}: of those of other persons, "
            f"{facts.coverage:.0%} were above it, and {facts.answered_accuracy:.0%} of these were right."
        )
    return (
        f"On those faces, {facts.coverage:.0%} of the predictions were above the line, and "
        f"{facts.answered_accuracy:.0%} of these were right."
    )


def counted_copies(facts: ModelFacts) -> int | None:
    """How many of the faces that a model was measured on equal one it was trained on; None where nobody counted."""
    if facts.copies is not None:
        return facts.copies
    known = COPIES.get((facts.data_fingerprint, facts.split))
    return 0 if known is not None and LEFT_OUT in facts.protocol else known


def _is(facts: ModelFacts, source: str) -> bool:
    return facts.source.lower().startswith(source.lower())
