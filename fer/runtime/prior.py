"""How often each emotion is to be expected, told instead of learned: a change of the class prior."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import ConfigError, nearest
from fer.common.labels import EMOTIONS
from fer.common.paths import expanded

EVERYDAY_COUNTS: Final = {
    "angry": 3671, "disgust": 3995, "fear": 1088, "happy": 30537, "sad": 10559, "surprise": 7060, "neutral": 34883,
}  # fmt: skip
"""Faces by their label among the 91,793 of ExpW, the Expression in-the-Wild set (Zhang, Luo, Loy and Tang, IJCV 126,
2018, arXiv 1609.06426): faces of pictures from the web, each labelled by hand. The counts add up to the set's total,
and others who counted its label file found the same."""

NAMES: Final = ("everyday", "balanced")

_TOLERANCE: Final = 0.01
"""How far from 1 a file's shares may sum: people round."""


@dataclass(frozen=True)
class Prior:
    """Shares of the emotions.

    Attributes:
        name: as it was told: "everyday", "balanced" or the file's name.
        shares: in the order of `EMOTIONS`, above 0, summing to 1.
    """

    name: str
    shares: tuple[float, ...]


def open_prior(told: str, *, option: str = "--prior ") -> Prior:
    """The prior of a name, or of a CSV file with the columns label and share, a row an emotion.

    Args:
        told: "everyday", "balanced" or a path.
        option: what stands before it where it was told, for messages.

    Raises:
        ConfigError: another name, or a file that cannot be read, lacks an emotion, or whose shares are none.
    """
    if told == "everyday":
        total = sum(EVERYDAY_COUNTS.values())
        return Prior(told, tuple(EVERYDAY_COUNTS[name] / total for name in EMOTIONS))
    if told == "balanced":
        return Prior(told, (1 / len(EMOTIONS),) * len(EMOTIONS))
    path = expanded(told)
    if told == "" or (not path.exists() and path.suffix == ""):
        raise ConfigError(
            f"{option}{told or repr(told)}: use {' or '.join(NAMES)}, or a file of label,share{nearest(told, NAMES)}"
        )
    return Prior(path.name, _read(path, said=f"{option}{path}"))


def with_prior(
    probabilities_NC: npt.NDArray[np.floating], *, old: tuple[float, ...], new: tuple[float, ...]
) -> npt.NDArray[np.float32]:
    """float32 array (N, C): the probabilities where the classes come in other shares, p'(c) ~ p(c) new(c) / old(c).

    Saerens, Latinne and Decaestecker, Neural Computation 14(1), 2002, equation 2.4: Bayes' rule, for faces of each
    class that look as they did in training.

    Args:
        probabilities_NC: rows sum to 1.
        old: shares that the probabilities take for granted, all above 0.
        new: those that hold.
    """
    weighted_NC = probabilities_NC.astype(np.float64) * (np.asarray(new) / np.asarray(old))
    shares: npt.NDArray[np.float32] = (weighted_NC / weighted_NC.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def _read(path: Path, *, said: str) -> tuple[float, ...]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{said} cannot be read: {error.strerror or error}") from error
    except UnicodeError as error:
        raise ConfigError(f"{said} is no text: give a CSV file of label,share") from error
    found: dict[str, float] = {}
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if any(row)]
    except csv.Error as error:
        raise ConfigError(f"{said} is no CSV file of label,share: {error}") from error
    for row in rows[1:] if rows and rows[0][:2] == ["label", "share"] else rows:
        if len(row) != 2:
            raise ConfigError(f"{said}: {','.join(row)[:80]!r} is no row of label,share")
        label, share = row[0].lower(), _number(row[1])
        if label not in EMOTIONS:
            raise ConfigError(f"{said}: {row[0][:80]!r} is no emotion{nearest(label, EMOTIONS)}: {', '.join(EMOTIONS)}")
        if label in found or not 0 < share < 1:
            what = (
                "comes twice" if label in found else f"has the share {row[1][:80]}, which must be above 0 and below 1"
            )
            raise ConfigError(f"{said}: {label} {what}")
        found[label] = share
    missing = [name for name in EMOTIONS if name not in found]
    if missing:
        raise ConfigError(f"{said} has no share of {', '.join(missing)}: give each emotion a row of label,share")
    total = sum(found.values())
    if abs(total - 1) > _TOLERANCE:
        raise ConfigError(f"{said}: the shares sum to {total:g}, and must to 1")
    return tuple(found[name] / total for name in EMOTIONS)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
