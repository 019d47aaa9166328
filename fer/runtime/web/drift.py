"""Whether the faces a server sees still look like those its model knows; numbers only, no image is kept.

The last faces are compared with the model's reference:

- shares of the labels by the population stability index, PSI = sum((p - q) ln(p / q)) (Siddiqi 2006, Credit Risk
  Scorecards, chapter 8: below 0.1 stable, above 0.25 changed), with half a face added to every label so that none is
  zero;
- means of confidence, brightness and sharpness by their shift in standard deviations of the reference (Cohen's d; 0.5
  is a medium effect, Cohen 1988, section 2.2.3) and by the z-score of that shift, which tells it from chance.

The alarm needs `MIN_FACES` faces and either a PSI above `PSI_ALARM` and above what chance alone gives once in a
thousand times, or a mean that is off by more than `EFFECT_ALARM` standard deviations with |z| above `Z_ALARM`. Chance:
of n faces against m, PSI is about (1/n + 1/m) times a chi-square with one degree of freedom less than there are labels
(Yurdakul and Naranjo, Journal of Risk Model Validation 14(4), 2020).

Where the model was told a prior, its labels and confidence are others than those of the reference, which was measured
without: both are given and not judged; brightness and sharpness are.
"""

import math
import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from fer.runtime.facts import Reference

MIN_FACES: Final = 50
PSI_ALARM: Final = 0.25
_Z_CHANCE: Final = 3.0902
"""99.9th percentile of the standard normal distribution."""

EFFECT_ALARM: Final = 0.5
Z_ALARM: Final = 3.0


@dataclass(frozen=True, kw_only=True)
class Shift:
    """How one mean moved.

    Attributes:
        now: mean over the remembered faces.
        reference: mean of the reference.
        effect: (now - reference) / standard deviation of the reference.
        z: effect / sqrt(1 / faces + 1 / faces of the reference), about standard normal where nothing changed and faces
            are independent.
        alarm: whether it is too far off.
    """

    now: float
    reference: float
    effect: float
    z: float
    alarm: bool


@dataclass(frozen=True, kw_only=True)
class DriftState:
    """The drift log at one moment.

    Attributes:
        faces: remembered faces.
        window: how many are remembered at most.
        enough: whether they are enough to judge by.
        shares: label -> share among the remembered faces.
        reference: label -> share in the reference.
        psi: population stability index, 0 without faces.
        psi_limit: above which it is too much for so many faces.
        told_prior: the prior that the predictions were changed to, so that they are not judged; None: they are judged.
        shifts: statistic -> `Shift`; empty without faces.
        alarm: whether anything is too far off.
        sentence: all of it in words.
    """

    faces: int
    window: int
    enough: bool
    shares: Mapping[str, float]
    reference: Mapping[str, float]
    psi: float
    psi_limit: float
    told_prior: str | None
    shifts: Mapping[str, Shift]
    alarm: bool
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """Plain types, as JSON holds them, with the limits of the test."""
        limits = {"min_faces": MIN_FACES, "effect": EFFECT_ALARM, "z": Z_ALARM}
        return asdict(self) | {"limits": limits}


@dataclass(frozen=True, kw_only=True)
class SeenFace:
    """What the drift log remembers of a face.

    Attributes:
        label: the emotion predicted.
        confidence: its probability in [0, 1].
        brightness: mean grey in [0, 1].
        sharpness: as `fer.runtime.statistics.sharpness`.
    """

    label: str
    confidence: float
    brightness: float
    sharpness: float


class DriftLog:
    """Remembers label, confidence, brightness and sharpness of the last faces; safe to use from several threads.

    Args:
        reference: what they are compared with.
        window: how many faces are remembered.
        told_prior: the name of the prior that the model was told, if any.
    """

    def __init__(self, reference: Reference, *, window: int, told_prior: str | None = None) -> None:
        self._told_prior = told_prior
        self._reference = reference
        self._faces: deque[SeenFace] = deque(maxlen=window)
        self._lock = threading.Lock()

    def add(self, face: SeenFace) -> None:
        """Remembers the numbers of one face."""
        with self._lock:
            self._faces.append(face)

    def state(self) -> DriftState:
        """The remembered faces against the reference."""
        with self._lock:
            faces = list(self._faces)
        count, enough = len(faces), len(faces) >= MIN_FACES
        labels = Counter(face.label for face in faces)
        shares = {label: labels[label] / max(count, 1) for label in self._reference.labels}
        psi = _psi(labels, self._reference.labels) if faces else 0.0
        shifts = {name: self._shift(name, faces, enough) for name in self._reference.means} if faces else {}
        limit = max(PSI_ALARM, by_chance(len(self._reference.labels)) * (1 / max(count, 1) + 1 / self._reference.n))
        off = psi > limit and self._told_prior is None
        alarm = (enough and off) or any(shift.alarm for shift in shifts.values())
        return DriftState(
            faces=count,
            window=self._faces.maxlen or 0,
            enough=enough,
            shares=shares,
            reference=dict(self._reference.labels),
            psi=psi,
            psi_limit=limit,
            told_prior=self._told_prior,
            shifts=shifts,
            alarm=alarm,
            sentence=self._sentence(count, shares, off, shifts),
        )

    def _shift(self, name: str, faces: list[SeenFace], enough: bool) -> Shift:
        now = sum(float(getattr(face, name)) for face in faces) / len(faces)
        effect = (now - self._reference.means[name]) / self._reference.deviations[name]
        # The reference's own mean is off by chance, too.
        z = effect / math.sqrt(1 / len(faces) + 1 / self._reference.n)
        judged = enough and (name != "confidence" or self._told_prior is None)
        alarm = judged and abs(effect) > EFFECT_ALARM and abs(z) > Z_ALARM
        return Shift(now=now, reference=self._reference.means[name], effect=effect, z=z, alarm=alarm)

    def _sentence(self, count: int, shares: Mapping[str, float], off: bool, shifts: Mapping[str, Shift]) -> str:
        said = _sentence(count, shares, self._reference.labels, off, shifts)
        if self._told_prior is None:
            return said
        return (
            f"{said} Labels and confidence are not judged: the reference was measured without the prior "
            f"{self._told_prior}, which changes them."
        )


def by_chance(labels: int) -> float:
    """What a chi-square with one degree of freedom less than there are labels exceeds once in a thousand times.

    By Wilson and Hilferty (PNAS 17(12), 1931), whose third of a power is nearly normal: 3 % too much for two labels,
    under 1 % from seven on.
    """
    freedom = max(1, labels - 1)
    spread = 2 / (9 * freedom)
    return freedom * (1 - spread + _Z_CHANCE * math.sqrt(spread)) ** 3


def _psi(labels: Counter[str], reference: Mapping[str, float]) -> float:
    total = labels.total() + 0.5 * len(reference)
    now = {label: (labels[label] + 0.5) / total for label in reference}
    # The reference gets the same half face, so that equal shares come out as zero.
    base = {label: (share * labels.total() + 0.5) / total for label, share in reference.items()}
    return sum((now[label] - base[label]) * math.log(now[label] / base[label]) for label in reference)


_WORDS: Final = {
    "confidence": ("the model is less sure than usual", "the model is surer than usual"),
    "brightness": ("faces are darker than usual", "faces are brighter than usual"),
    "sharpness": ("faces are blurrier than usual", "faces are sharper or noisier than usual"),
}


def _sentence(
    count: int, shares: Mapping[str, float], reference: Mapping[str, float], off: bool, shifts: Mapping[str, Shift]
) -> str:
    if count < MIN_FACES:
        return f"{count} of the {MIN_FACES} faces needed to tell."
    found = []
    if off:
        label = max(shares, key=lambda each: abs(shares[each] - reference[each]))
        found.append(f"{label} is seen in {shares[label]:.0%} of the faces instead of {reference[label]:.0%}")
    found += [_WORDS[name][shift.effect > 0] for name, shift in shifts.items() if shift.alarm]
    if not found:
        return f"The last {count} faces look like those the model was measured on."
    return (
        f"The last {count} faces differ from those the model was measured on: {', '.join(found)}. "
        "Its accuracy on them is not known. One person in front of a camera is reason enough."
    )
