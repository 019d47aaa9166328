"""Whether, and where, a training began to learn its faces by heart, from the losses of its epochs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

MARGIN: Final = 0.01
"""Share by which the validation loss must have risen: less is the noise of one epoch."""


@dataclass(frozen=True, kw_only=True)
class Parting:
    """How plain training faces and validation faces fare at the end.

    Attributes:
        epoch: the epoch, from 0, with the lowest validation loss, after which the losses part; None where they do not.
        words: the same in a sentence or two.
    """

    epoch: int | None
    words: str


def parting(epochs: Sequence[Mapping[str, Any]]) -> Parting | None:
    """What the losses say; None without two epochs that have both.

    They part after the epoch with the lowest validation loss, where since then that loss rose by more than `MARGIN`
    while the loss of plain training faces fell on.

    Args:
        epochs: `epoch` (from 0), `plain/loss`, `plain/accuracy`, `valid/loss` and `valid/accuracy` of each.
    """
    keys = ("plain/loss", "valid/loss", "plain/accuracy", "valid/accuracy")
    known = [line for line in epochs if all(line.get(key) is not None for key in keys)]
    if len(known) < 2:
        return None
    best, last = min(known, key=lambda line: float(line["valid/loss"])), known[-1]
    seen, unseen = 100 * last["plain/accuracy"], 100 * last["valid/accuracy"]
    gap = (
        f"At the end {seen:.1f} % of plain training faces are right and {unseen:.1f} % of validation faces "
        f"({seen - unseen:+.1f} points)."
    )
    fell = last["plain/loss"] < best["plain/loss"]
    if fell and last["valid/loss"] > (1 + MARGIN) * best["valid/loss"]:
        words = (
            f"The losses part after epoch {best['epoch'] + 1}: since then that of plain training faces fell from "
            f"{best['plain/loss']:.3f} to {last['plain/loss']:.3f} while that of validation faces rose from "
            f"{best['valid/loss']:.3f} to {last['valid/loss']:.3f}: faces are learned by heart. {gap}"
        )
        return Parting(epoch=int(best["epoch"]), words=words)
    return Parting(epoch=None, words=f"The losses do not part. {gap}")
