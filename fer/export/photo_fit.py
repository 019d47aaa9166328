"""Temperature and abstention threshold from photographs, judged on other persons than those that fitted them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.common.wording import printable_path
from fer.export.photographs import PhotographFaces
from fer.metrics.calibration import BINS, FEWEST_ACCEPTED, expected_calibration_error
from fer.metrics.selective import risk_coverage, threshold_reaching
from fer.metrics.temperature import TEMPERATURES, apply_temperature, fit_temperature
from fer.runtime.facts import ModelFacts, PhotographFacts
from fer.runtime.prior import Prior

FOLDS: Final = 5
"""Parts that the persons are dealt into: each is judged by what the others fitted."""

FEWEST: Final = 100
"""Faces without which neither temperature nor threshold says much."""


@dataclass(frozen=True, kw_only=True)
class PhotoFit:
    """What photographs say of a model's confidence.

    Attributes:
        temperature: to divide the logits by, besides what they are divided by already.
        threshold: lowest confidence, after it, of a certain prediction; None where none earns the target.
        facts: for the file.
        coverage_before: share of the faces with a certain prediction by the file as it was.
        accuracy_before: accuracy on these; None where there are none.
        error_before: calibration error (ECE) of the file as it was, in [0, 1].
        error: the same afterwards, on other persons.
        notes: what of the photographs was left out, a sentence each.
    """

    temperature: float
    threshold: float | None
    facts: PhotographFacts
    coverage_before: float
    accuracy_before: float | None
    error_before: float
    error: float
    notes: tuple[str, ...]


def fit_on_photographs(
    photographs: PhotographFaces,
    probabilities: npt.NDArray[np.float32],
    *,
    before: ModelFacts,
    target: float,
    told: tuple[str, ...] = (),
) -> PhotoFit:
    """Fits both on all faces, and says what they reach by cross-validation over persons.

    The threshold is the lowest at which the faces' own accuracy, where they are accepted, reaches the target; no margin
    is added for chance, so faces of other persons reach it half of the time. What they did reach is in the facts.

    Args:
        photographs: N faces.
        probabilities: the file's, (N, 7).
        before: what the file says of itself.
        target: what accepted faces are to reach, in (0, 1].
        told: see `fer.runtime.facts.PhotographFacts`.

    Raises:
        DataError: too few faces or persons.
    """
    if len(photographs.labels) < FEWEST or photographs.num_persons < 2 * FOLDS:
        raise DataError(
            f"--calibrate: {len(photographs.labels):,} faces of {photographs.num_persons:,} persons were found, too "
            f"few to fit on: give {FEWEST} faces of {2 * FOLDS} persons or more"
        )
    labels = photographs.labels
    correct = probabilities.argmax(axis=1) == labels
    temperature, threshold = _fit(probabilities, labels, target=target)
    parts = deal(photographs.persons, parts=FOLDS)
    accepted, calibrated = np.zeros(len(labels), dtype=bool), np.zeros(probabilities.shape)
    for part in range(FOLDS):
        here = parts == part
        own, least = _fit(probabilities[~here], labels[~here], target=target)
        calibrated[here] = apply_temperature(probabilities[here], own)
        accepted[here] = False if least is None else calibrated[here].max(axis=1) >= least
    certain = probabilities.max(axis=1) >= before.uncertain_below
    return PhotoFit(
        temperature=temperature,
        threshold=threshold,
        facts=PhotographFacts(
            name=photographs.name,
            n=len(labels),
            persons=photographs.num_persons,
            accuracy=float(correct.mean()),
            coverage=float(accepted.mean()),
            answered_accuracy=_mean(correct[accepted]),
            told=told,
        ),
        coverage_before=float(certain.mean()),
        accuracy_before=_mean(correct[certain]),
        error_before=expected_calibration_error(probabilities, labels, bins=BINS),
        error=expected_calibration_error(calibrated, labels, bins=BINS),
        notes=photographs.notes,
    )


def told_settings(prior: Prior | None, votes_share: float | None) -> tuple[str, ...]:
    """The settings of an export that labelled photographs may have chosen, in words."""
    by_hand = () if prior is None else (f"the shares of the emotions ({printable_path(prior.name)})",)
    return by_hand if votes_share is None else (*by_hand, f"the weight of the votes' head ({votes_share:g})")


def deal(persons: npt.NDArray[np.int64], *, parts: int) -> npt.NDArray[np.int64]:
    """int64 (N,): the part of each face; all faces of a person are in one, and the parts are about equally large.

    Persons with the most faces are dealt first, each to the smallest part.
    """
    names, number, counts = np.unique(persons, return_inverse=True, return_counts=True)
    size, part_of = np.zeros(parts, dtype=np.int64), np.zeros(len(names), dtype=np.int64)
    for person in np.argsort(-counts, kind="stable"):
        part_of[person] = size.argmin()
        size[part_of[person]] += counts[person]
    dealt: npt.NDArray[np.int64] = part_of[number]
    return dealt


def _fit(
    probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], *, target: float
) -> tuple[float, float | None]:
    temperature = fit_temperature(probabilities, labels)
    if temperature in TEMPERATURES:
        temperature = 1.0
    confidence = apply_temperature(probabilities, temperature).max(axis=1)
    curve = risk_coverage(confidence, probabilities.argmax(axis=1) == labels)
    return temperature, threshold_reaching(curve, target, at_least=FEWEST_ACCEPTED)


def _mean(correct: npt.NDArray[np.bool_]) -> float | None:
    return float(correct.mean()) if len(correct) else None
