"""Which runs may be compared: those scored on the same faces under the same protocol."""

from collections.abc import Sequence
from dataclasses import dataclass

from fer.metrics import Predictions
from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.scores.statements import protocol


@dataclass(frozen=True, kw_only=True)
class ComparableRuns:
    """Runs whose headline scores may be compared.

    Attributes:
        name: a letter, in the order in which the runs were named.
        runs: at least one.
    """

    name: str
    runs: tuple[EvaluatedRun, ...]

    @property
    def tables(self) -> dict[str, Predictions]:
        """Each run's predictions on the headline set, without test-time augmentation, by the run's name."""
        return {run.record.name: run.headline.plain.predictions for run in self.runs}

    @property
    def description(self) -> str:
        """What the runs have in common, in a line."""
        first = self.runs[0]
        n = len(first.headline.plain.predictions)
        title = first.headline.evaluation_set.title
        return f"{protocol(first)}, data {first.data.fingerprint}, {title}, n = {n:,}"


def comparable_groups(runs: Sequence[EvaluatedRun]) -> tuple[ComparableRuns, ...]:
    """The runs in groups of one protocol, one data fingerprint and one set of faces; groups in order of their first.

    A protocol decides what a run trained on and what chose its epoch, a fingerprint what the faces and labels are:
    across either, a difference in score says nothing about the models.
    """
    members: dict[tuple[object, ...], list[EvaluatedRun]] = {}
    for run in runs:
        table = run.headline.plain.predictions
        faces = hash((table.ids.tobytes(), table.labels.tobytes()))
        key = (run.record.protocol, run.data.fingerprint, run.headline_key, faces)
        members.setdefault(key, []).append(run)
    return tuple(
        ComparableRuns(name=_letter(number), runs=tuple(group)) for number, group in enumerate(members.values())
    )


def group_of(run: EvaluatedRun, groups: Sequence[ComparableRuns]) -> ComparableRuns:
    """The group a run is in."""
    return next(group for group in groups if any(member is run for member in group.runs))


def _letter(number: int) -> str:
    """0 -> "A", 25 -> "Z", 26 -> "A2"."""
    turn, place = divmod(number, 26)
    return chr(ord("A") + place) + (str(turn + 1) if turn > 0 else "")
