"""What a copy of FER-2013 is, in plain words: the original, re-encoded, altered, or nothing known.

Most copies on the web were changed under the original's names, and a score on changed pictures does not compare with
published ones. What was done follows from the pictures that were recognised, each held against the original's
statistics: brightness and contrast by their means and standard deviations, sharpening and blur by the gain of each
band of frequencies (a sketch regressed on the original's), and the distance in grey levels by the differences of the
sketches.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from fer.data.fer2013.contradictions import contradictions
from fer.data.fer2013.original import Original
from fer.data.fer2013.recognise import Recognition
from fer.data.fer2013.signature import SIDE, SKETCH_STEPS, frequencies_of_bands, means_and_stds, sketches
from fer.data.samples import Split

Verdict = Literal["original", "reencoded", "altered", "unknown"]

_LEAST_SHARE: Final = 0.5
"""Recognised share below which a copy is not called one."""

_STRANGERS: Final = 0.01
"""Share of pictures that are not the original's, or not under its label, from which a copy is altered."""

_FEWEST: Final = 30
"""Pictures from which a change can be estimated."""

_MANY: Final = 500
"""Pictures from which noise is told from a codec's loss."""


@dataclass(frozen=True, kw_only=True)
class CopyFacts:
    """A copy, held against the original's 35,887 rows.

    Attributes:
        verdict: `original` (every recognised picture bit for bit), `reencoded` (a codec's loss and nothing else, or
            as little noise), `altered`, or `unknown` (fewer than half of the pictures are FER-2013's).
        change: what was done to the pictures, in words.
        pictures: how many the copy holds.
        recognised: those that are FER-2013's.
        missing: rows of the original that no picture is.
        doubled: pictures beyond the times the original has them.
        relabelled: recognised pictures under another label than the original's.
        moved: recognised pictures in another split than the original's.
        leaked: those of `moved` that came into, or out of, PrivateTest.
        strange: pictures that are not FER-2013's.
    """

    verdict: Verdict
    change: str
    pictures: int
    recognised: int
    missing: int
    doubled: int
    relabelled: int
    moved: int
    leaked: int
    strange: int

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "CopyFacts":
        """The inverse of `to_json`.

        Raises:
            ValueError: it is not one.
        """
        if set(told) != {field.name for field in fields(cls)} or told["verdict"] not in get_args(Verdict):
            raise ValueError("no facts of a copy")
        return cls(**told)

    def to_json(self) -> dict[str, Any]:
        """Plain types."""
        return asdict(self)

    @property
    def headline(self) -> str:
        """The verdict in one sentence."""
        return {
            "original": "The pictures are FER-2013's, bit for bit.",
            "reencoded": f"The pictures are FER-2013's, {self.change}.",
            "altered": f"An altered copy of FER-2013 ({self.change}): scores on it do not compare with published ones.",
            "unknown": "Not recognised as FER-2013: another data set, or altered beyond recognition"
            + (f" ({self.change})." if self.change else "."),
        }[self.verdict]

    @property
    def differences(self) -> str:
        """The counts that are not 0, in one phrase; empty where the copy holds the original's rows and nothing else."""
        counts = {
            "missing": self.missing,
            "doubled": self.doubled,
            "under another label": self.relabelled,
            "in another split": self.moved,
            "not FER-2013's": self.strange,
        }
        return ", ".join(f"{count:,} {words}" for words, count in counts.items() if count)

    @property
    def warning(self) -> str | None:
        """One line for who is about to train on it; None where there is nothing to warn of."""
        if self.verdict in ("original", "reencoded") and not self.differences:
            return None
        told = f"{self.headline} {self.recognised:,} of {self.pictures:,} pictures recognised"
        return f"{told}; {self.differences}" if self.differences else told


def describe_copy(
    images_NHW: npt.NDArray[np.uint8],
    *,
    labels: npt.NDArray[np.int64],
    splits: npt.NDArray[np.str_],
    found: Recognition,
    original: Original,
    resized_from: str = "",
) -> CopyFacts:
    """The facts of a copy whose pictures were looked up.

    Args:
        images_NHW: grey, 48 x 48.
        labels: int64 (N,).
        splits: str (N,), values of `Split`; other words are not held against the original's.
        found: what `recognise` found.
        original: the fingerprint.
        resized_from: the size the pictures had, in words; empty for 48 x 48.
    """
    known = np.flatnonzero(found.rows >= 0)
    rows = found.rows[known]
    moved, relabelled = contradictions(rows, labels=labels[known], splits=splits[known], original=original)
    tested = (Split.PRIVATE, Split.MERGED_TEST)
    leaked = moved & (np.isin(splits[known], tested) | (original.splits[rows] == Split.PRIVATE))
    distinct = len(np.unique(rows))
    counts: dict[str, int] = {
        "pictures": len(labels),
        "recognised": len(known),
        "missing": len(original) - distinct,
        "doubled": len(known) - distinct,
        "relabelled": int(relabelled.sum()),
        "moved": int(moved.sum()),
        "leaked": int(leaked.sum()),
        "strange": len(labels) - len(known),
    }
    if len(known) < max(1, _LEAST_SHARE * len(labels)):
        share = f"{len(known):,} of {len(labels):,} pictures are recognised" if len(labels) else "no pictures"
        return CopyFacts(verdict="unknown", change=share, **counts)
    changes = [] if not resized_from else [f"resized from {resized_from}"]
    if found.geometry.words:
        changes.append(found.geometry.words)
    verdict: Verdict = "original"
    exact = float(found.exact[known].mean())
    place = np.flatnonzero(found.in_place & ~found.exact)
    # The sum of two bytes lets one changed picture in 65,536 through.
    if exact < 1 and not found.geometry.words and len(place) > 0:
        loss, told = _what_was_done(images_NHW[place], original, found.rows[place])
        verdict = "reencoded" if not told and not changes else "altered"
        changed = len(known) - int(found.exact[known].sum())
        share = f"{changed / len(known):.0%} of the" if changed >= _STRANGERS * len(known) else f"{changed:,}"
        aside = "" if exact < 0.01 else f" in {share} pictures"
        told = [*told, f"{loss:.1f} grey levels off (root mean square){aside}"]
        changes += ["compressed anew", *told] if verdict == "reencoded" else told
    if len(known) - len(place) - found.exact.sum() > 0.01 * len(known) and not found.geometry.words:
        changes.append("some pictures cropped, shifted or mirrored")
    if counts["strange"] >= _STRANGERS * len(labels):
        changes.append(f"{counts['strange'] / len(labels):.0%} of the pictures are not FER-2013's")
    if counts["relabelled"] >= _STRANGERS * len(known):
        changes.append(f"{counts['relabelled'] / len(known):.0%} of the labels are not FER-2013's")
    # Of a re-encoded copy, the two words are "compressed anew" and by how much.
    if len(changes) > (2 if verdict == "reencoded" else 0):
        verdict = "altered"
    return CopyFacts(verdict=verdict, change=", ".join(changes) or "bit for bit", **counts)


def _what_was_done(
    images_NHW: npt.NDArray[np.uint8], original: Original, rows: npt.NDArray[np.int64]
) -> tuple[float, list[str]]:
    """(root mean square difference in grey levels, changes beyond a codec's in words)."""
    pictures = original.picture_of[rows]
    stats = means_and_stds(images_NHW)
    mean, std = original.means[pictures].astype(float), original.deviations[pictures] * 0.5 - 0.25
    own = sketches(images_NHW).astype(np.float64)
    steps = np.array(SKETCH_STEPS)
    theirs = original.sketches[pictures] * steps
    # Rounding to a step adds its square / 12 to every square of a difference.
    by_band = np.maximum(((own - theirs) ** 2).mean(axis=0) - steps**2 / 12, 0)
    energy = by_band.sum() / SIDE**2
    errors = by_band / frequencies_of_bands()
    brighter = stats[:, 0] - mean
    loss = float(np.sqrt(energy + max(0.0, (brighter**2).mean() - 1 / 12)))
    if len(rows) < _FEWEST:
        return loss, []
    coarse, middle, fine = (own * theirs).sum(axis=0) / (theirs**2).sum(axis=0)
    told = []
    # Of a copy whose contrast was evened out, pictures with little and with much come out alike.
    evenness = float(np.polyfit(np.log(np.maximum(std, 1)), np.log(np.maximum(stats[:, 1], 1)), 1)[0])
    contrast = float(np.median(stats[:, 1] / np.maximum(std, 1)))
    if evenness < 0.5:
        told.append("histogram or contrast evened out picture by picture")
    # Sharpening and blur change the standard deviation too, and leave the coarse alone.
    if not 0.97 <= contrast <= 1.03 and not 0.97 <= coarse <= 1.03:
        told.append(f"contrast x {contrast:.2g}")
    if abs(float(np.median(brighter))) > 1.5:
        told.append(
            f"{'brighter' if np.median(brighter) > 0 else 'darker'} by {abs(np.median(brighter)):.0f} grey levels"
        )
    gain_middle, gain_fine = middle / coarse, fine / coarse
    if gain_fine > 1.1 or gain_middle > 1.06:
        told.append(f"sharpened (fine detail x {gain_fine:.2g})")
    elif gain_middle < 0.985 or gain_fine < 0.6:
        told.append(f"blurred or resampled (fine detail x {gain_fine:.2g})")
    used = np.flatnonzero(np.bincount(images_NHW.reshape(-1), minlength=256))
    if len(used) <= 0.5 * (used[-1] - used[0] + 1):
        told.append(f"only {len(used)} grey levels")
    # Noise is as strong in coarse detail as in fine, of which a codec's loss takes the most.
    if not told and len(rows) >= _MANY and loss > 2 and gain_fine > 0.985 and errors[2] < 4 * errors[0]:
        told.append("noise")
    # A codec that is so far off leaves out fine detail; noise does not.
    if not told and (loss > 12 or (loss > 6 and gain_fine > 0.95)):
        told.append("noise, or heavy compression")
    return loss, told
