"""Which row of the original each picture of a copy is, whatever was done to the copy.

What was done as a whole is found first, on a sample: nothing, a crop, a border, a shift, a mirror, a turn, a negative.
Then every picture looks for
its own (`lookup`); those that do not find it try what may have been done to them alone. A picture is taken for one of
the original's where the likeness leaves no doubt, or where it is good, stands alone, and the picture's statistics
change as those of the rest of the copy do.

Near-duplicates and equal pictures are told apart, as far as they can be, by their fine signatures, by statistics, by
label and split, and by the rule that a picture is not there more often than in the original.
"""

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.data.fer2013.assignment import assign_rows
from fer.data.fer2013.contradictions import contradictions, not_believed
from fer.data.fer2013.lookup import Pairs, lookup_in, weighted_agreement
from fer.data.fer2013.original import STD_STEP, Original, checksums
from fer.data.fer2013.signature import (
    BITS,
    FINE_BITS,
    IDENTITY,
    SKETCH_STEPS,
    Geometry,
    coefficients,
    crop,
    means_and_stds,
    sketches,
)

SURE: Final = 0.78
"""Likeness that no face of elsewhere reached (1,262 photographs, 1,400 synthetic faces)."""

GOOD: Final = 0.66
ALONE: Final = 0.12
"""A likeness of `GOOD` will do where the next picture is this much less alike."""

FAR: Final = 0.18
"""The same for a picture that is looked for under many changes."""

FAIR: Final = 0.6
APART: Final = 0.04
"""The same, where the picture's statistics change as those of the copy do."""

LITTLE: Final = 45.0
BEHIND: Final = 1.0
"""Log likelihoods (`_Search.value`): below the first, or by the second below another picture's, a row is not given.
Chosen on equalised and CLAHE'd copies of all 35,887, with the next: of the wrong rows 45 % go, of the right 0.1 %."""

_SURE_ALONE: Final = 0.75

_BACKGROUND: Final = 0.5
"""Likeness of the most alike stranger, usually: it is there even where the lookup did not meet it."""

_CONTENDERS: Final = 0.12
_CHI_SQUARE: Final = 16.3
"""99.9 % of a chi-square of 3 degrees of freedom: one for each sketch."""

_TWINS: Final = 32
"""Signs in which near-duplicates differ at most."""

_PLAIN: Final = 0.95
"""Likeness of a picture that was hardly changed: it does not miss its own."""

_NEARLY_ALL: Final = 0.95
"""Where so many are recognised, the rest most probably is of FER-2013 too."""

_FEW: Final = 4000
_SAMPLE: Final = 200
_TURNED: Final = 6
_TURNS: Final = (-15, -12, -9, -6, -3, 3, 6, 9, 12, 15)
_SHIFTS: Final = (-3, -2, -1, 0, 1, 2, 3)

WHOLE: Final = (
    *(crop(pixels, mirrored=mirrored) for mirrored in (False, True) for pixels in (0, 1, 2, 3, 4)),
    *(Geometry(top, left) for top, left in product(_SHIFTS, _SHIFTS) if top or left),
    *(crop(-pixels) for pixels in range(1, 13)),
    *(Geometry(turned=degrees, negative=negative) for negative in (False, True) for degrees in (0, 90, 180, 270)),
    *(Geometry(turned=degrees) for degrees in _TURNS),
)
"""What may have been done to a copy as a whole."""

_FINER: Final = (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5)
"""Degrees from a turn of `_TURNS` that are tried next."""

SINGLE: Final = (
    *(crop(pixels, mirrored=mirrored) for mirrored in (False, True) for pixels in (0, 2, 4)),
    # No shift of up to 3 pixels is more than one away from one of these.
    *(Geometry(top, left) for top, left in product(_SHIFTS, _SHIFTS) if (top or left) and (top + left) % 2 == 0),
)
"""What may have been done to a picture alone, by augmentation for example."""


@dataclass(frozen=True, kw_only=True)
class Recognition:
    """N pictures and the original's rows.

    Attributes:
        rows: int64 (N,), -1 for pictures that are not the original's.
        geometry: what was done to the copy as a whole.
        exact: bool (N,), the pixels are the original's.
        in_place: bool (N,), found under `geometry`, so that their statistics compare.
    """

    rows: npt.NDArray[np.int64]
    geometry: Geometry
    exact: npt.NDArray[np.bool_]
    in_place: npt.NDArray[np.bool_]


def recognise(
    images_NHW: npt.NDArray[np.uint8],
    *,
    labels: npt.NDArray[np.int64],
    splits: npt.NDArray[np.str_],
    original: Original,
) -> Recognition:
    """Looks every picture up.

    Args:
        images_NHW: grey, 48 x 48.
        labels: int64 (N,), to tell near-duplicates apart; -1 where unknown.
        splits: str (N,), for the same; any word that is no official split where unknown.
        original: the fingerprint.
    """
    count = len(images_NHW)
    stats = means_and_stds(images_NHW)
    exact_sums = checksums(images_NHW)
    shown = np.flatnonzero(stats[:, 1] >= STD_STEP)
    search = _Search(images_NHW, original)
    geometry = search.geometry_of(shown)
    pairs = search.find(shown, geometry)
    calm = None
    if geometry == IDENTITY:
        calm = _Calibration.of(images_NHW, pairs, search.stand_alone(pairs, least=GOOD, margin=ALONE), original)
    pairs = search.find_doubtful(pairs, shown, geometry)
    accepted = search.stand_alone(pairs, least=GOOD, margin=ALONE)
    if calm is not None:
        usual = calm.surprise_of_best(pairs, count) <= _CHI_SQUARE
        accepted = search.stand_alone(pairs, least=GOOD, margin=FAR) | (
            usual & search.stand_alone(pairs, least=FAIR, margin=APART)
        )
    nearly_all = len(shown) > 0 and bool(accepted[shown].mean() >= _NEARLY_ALL)
    if nearly_all:
        accepted |= search.rows_left_over(pairs, accepted, labels=labels)
    pairs = _only(pairs, accepted)
    others = search.find_changed(shown[~accepted[shown]], known=geometry)

    in_place = accepted.copy()
    value = search.value(pairs, geometry, calm)
    match = exact_sums[pairs.query] == original.checks[pairs.picture]
    value[match] += 100
    blank = np.setdiff1d(np.arange(count), shown)
    known = accepted.sum() + len(np.unique(others.query))
    if len(blank) > 2 * np.isin(original.picture_of, original.blank).sum() or known <= len(shown) / 2:
        # So many blank pictures are not FER-2013's twelve; and what shows nothing is known by its company alone.
        blank = blank[:0]
    level = original.means[original.blank].astype(float)
    blank_picture = original.blank[np.abs(stats[blank, 0, None] - level).argmin(axis=1)]
    in_place[blank] = True
    rows = assign_rows(
        query=np.concatenate([pairs.query, others.query, blank]),
        picture=np.concatenate([pairs.picture, others.picture, blank_picture]),
        value=np.concatenate([value, 60 * others.likeness, np.zeros(len(blank))]),
        labels=labels,
        splits=splits,
        original=original,
    )
    if calm is not None and nearly_all:
        rows[_weakly_founded(rows, pairs, value, original)] = -1
        # Alone in being cropped or shifted among thousands that are not: only where it is nearly sure.
        rows[others.query[others.likeness < _SURE_ALONE]] = -1
    likeness = _likeness_given(rows, original, pairs, others)
    for against in contradictions(rows, labels=labels, splits=splits, original=original):
        rows[not_believed(against, likeness, certain=_PLAIN)] = -1
    found = rows >= 0
    exact = np.zeros(count, dtype=bool)
    exact[found] = exact_sums[found] == original.checks[original.picture_of[rows[found]]]
    return Recognition(rows=rows, geometry=geometry, exact=exact, in_place=in_place & found)


class _Search:
    def __init__(self, images_NHW: npt.NDArray[np.uint8], original: Original) -> None:
        self._images = images_NHW
        self._original = original
        self._lookup = lookup_in(original)

    def find(self, queries: npt.NDArray[np.int64], geometry: Geometry, *, turned: int = _TURNED) -> Pairs:
        """Candidates that are nearly as alike as each picture's best."""
        measured = coefficients(self._images[queries], geometry=geometry)
        pairs = self._lookup.find(measured, turned=turned)
        best = pairs.best(len(queries))
        kept = pairs.likeness >= best[pairs.query] - _CONTENDERS
        return Pairs(queries[pairs.query[kept]], pairs.picture[kept], pairs.likeness[kept])

    def geometry_of(self, queries: npt.NDArray[np.int64]) -> Geometry:
        """What makes a sample of the pictures most like the original's."""
        sample = queries[:: max(1, len(queries) // _SAMPLE)][:_SAMPLE]
        if len(sample) == 0:
            return IDENTITY

        def likeness(geometry: Geometry) -> float:
            return float(
                self._lookup.find(coefficients(self._images[sample], geometry=geometry), turned=3)
                .best(len(sample))
                .mean()
            )

        plain = likeness(IDENTITY)
        # JPEG, a resampling, a change of contrast: nothing moved.
        if plain > _PLAIN:
            return IDENTITY
        best = max(WHOLE, key=likeness)
        if best.turned in _TURNS:
            best = max((Geometry(turned=best.turned + degrees) for degrees in _FINER), key=likeness)
        return best if likeness(best) > plain + 0.02 else IDENTITY

    def find_changed(self, queries: npt.NDArray[np.int64], *, known: Geometry) -> Pairs:
        """Candidates of pictures that something was done to alone; the geometries that help a sample are tried."""
        found = [Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))]
        left = queries
        for geometry in SINGLE:
            if geometry == known or len(left) == 0:
                continue
            sample = left[:: max(1, len(left) // _SAMPLE)][:_SAMPLE]
            tried = self.find(sample, geometry, turned=4)
            if self.stand_alone(tried, least=GOOD, margin=FAR).sum() * 100 < len(sample):
                continue
            pairs = self.find(left, geometry, turned=4)
            alone = self.stand_alone(pairs, least=GOOD, margin=FAR)
            found.append(_only(pairs, alone))
            left = left[~alone[left]]
        return Pairs(
            np.concatenate([pairs.query for pairs in found]),
            np.concatenate([pairs.picture for pairs in found]),
            np.concatenate([pairs.likeness for pairs in found]),
        )

    def find_doubtful(self, pairs: Pairs, queries: npt.NDArray[np.int64], geometry: Geometry) -> Pairs:
        """The pairs, and for pictures that may have missed their own in the lookup those of a full comparison.

        In doubt are pictures without a sure candidate, and those whose candidate is another's, and more alike to it.
        Of more than `_FEW`, the most alike are compared: strangers in their thousands are not worth it.
        """
        best = pairs.best(len(self._images))
        first = np.unique(pairs.query, return_index=True)[1]
        second_hand = np.zeros(len(self._images), dtype=bool)
        asked = np.bincount(pairs.picture[first], minlength=len(self._original.signs))
        crowded = asked[pairs.picture[first]] > np.diff(self._original.rows_of[1])[pairs.picture[first]]
        second_hand[pairs.query[first]] = crowded & (best[pairs.query[first]] < _PLAIN)
        doubtful = queries[(best[queries] < SURE) | second_hand[queries]]
        doubtful = np.sort(doubtful[np.argsort(-best[doubtful], kind="stable")][:_FEW])
        if len(doubtful) == 0:
            return pairs
        more = self._lookup.find_everywhere(coefficients(self._images[doubtful], geometry=geometry))
        settled = ~np.isin(pairs.query, doubtful)
        return Pairs(
            np.concatenate([pairs.query[settled], doubtful[more.query]]),
            np.concatenate([pairs.picture[settled], more.picture]),
            np.concatenate([pairs.likeness[settled], more.likeness]),
        )

    def stand_alone(self, pairs: Pairs, *, least: float, margin: float) -> npt.NDArray[np.bool_]:
        """bool (N,): the best candidate is sure, or at least `least` and by `margin` better than any but its twins."""
        count = len(self._images)
        best = pairs.best(count)
        queries, first = np.unique(pairs.query, return_index=True)
        favourite = np.zeros(count, dtype=np.int64)
        favourite[queries] = pairs.picture[first]
        rival = np.full(count, _BACKGROUND, dtype=np.float32)
        other = self._lookup.distance(pairs.picture, favourite[pairs.query]) > _TWINS
        np.maximum.at(rival, pairs.query[other], pairs.likeness[other])
        return (best >= SURE) | ((best >= least) & (best - rival >= margin))

    def rows_left_over(
        self, pairs: Pairs, accepted: npt.NDArray[np.bool_], *, labels: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_]:
        """bool (N,): pictures whose best candidate nobody else has, and whose label it has too."""
        first = np.unique(pairs.query, return_index=True)[1]
        query, picture = pairs.query[first], pairs.picture[first]
        claimed = np.isin(picture, picture[accepted[query]])
        order, begins = self._original.rows_of
        agrees = self._original.labels[order[begins[picture]]] == labels[query]
        likely = np.zeros(len(self._images), dtype=bool)
        likely[query] = agrees & ~claimed
        return likely & self.stand_alone(pairs, least=_BACKGROUND, margin=APART / 2)

    def value(self, pairs: Pairs, geometry: Geometry, calm: "_Calibration | None") -> npt.NDArray[np.float64]:
        """float64 (P,): what speaks for each pair against the query's others, as a log likelihood."""
        value = 60.0 * pairs.likeness.astype(np.float64)
        place = self._original.fine_place[pairs.picture]
        # Where one of several candidates has no fine signature, it is no near-duplicate.
        fine = np.flatnonzero(place >= 0)
        queries, at = np.unique(pairs.query[fine], return_inverse=True)
        if len(queries) > 0:
            measured = coefficients(self._images[queries], geometry=geometry, count=BITS + FINE_BITS)[:, BITS:]
            finely = weighted_agreement(measured, self._original.fine_unpacked, at, place[fine])
            value[fine] += 60.0 * finely
        without = place < 0
        value[without] += 60.0 * pairs.likeness[without]
        if calm is not None:
            value -= np.minimum(calm.surprise(pairs), 60.0) / 2
        return value


@dataclass(frozen=True)
class _Calibration:
    """How the statistics of a copy's pictures follow from the original's: sketch = gain * original's, give or take.

    Sketches are in standard deviations of their picture: equalisation gives every picture a gain of its own.
    """

    own: npt.NDArray[np.floating]
    theirs: npt.NDArray[np.floating]
    gain: npt.NDArray[np.float64]
    variance: npt.NDArray[np.float64]

    @classmethod
    def of(
        cls, images_NHW: npt.NDArray[np.uint8], pairs: Pairs, sure: npt.NDArray[np.bool_], original: Original
    ) -> "_Calibration | None":
        """From the pictures that are sure; None where these are too few."""
        _, first = np.unique(pairs.query, return_index=True)
        first = first[sure[pairs.query[first]]]
        if len(first) < _SAMPLE:
            return None
        steps = np.array(SKETCH_STEPS, np.float32)
        own = sketches(images_NHW) / np.maximum(means_and_stds(images_NHW)[:, 1:], 1)
        stds = np.maximum(original.deviations[:, None] * np.float32(STD_STEP), 1)
        theirs = original.sketches * steps / stds
        y, x = own[pairs.query[first]], theirs[pairs.picture[first]]
        gain = (x * y).sum(axis=0) / (x * x).sum(axis=0)
        # The median: some of them are near-duplicates of the right one.
        variance = np.median((y - gain * x) ** 2, axis=0) / 0.455
        floor = (steps / 50) ** 2 / 12
        return cls(own, theirs, gain, np.maximum(variance, floor))

    def surprise(self, pairs: Pairs) -> npt.NDArray[np.float64]:
        """float64 (P,): squared distance from what is expected, in variances, over the three sketches."""
        off = self.own[pairs.query] - self.gain * self.theirs[pairs.picture]
        total: npt.NDArray[np.float64] = (off**2 / self.variance).sum(axis=1)
        return total

    def surprise_of_best(self, pairs: Pairs, count: int) -> npt.NDArray[np.float64]:
        """float64 (count,): of each query's first candidate."""
        surprise = np.full(count, np.inf)
        queries, first = np.unique(pairs.query, return_index=True)
        surprise[queries] = self.surprise(pairs)[first]
        return surprise


def _weakly_founded(
    rows: npt.NDArray[np.int64], pairs: Pairs, value: npt.NDArray[np.float64], original: Original
) -> npt.NDArray[np.bool_]:
    """bool (N,): given a row whose picture little speaks for, or less than for another's: mostly near-duplicates."""
    given = np.where(rows >= 0, original.picture_of[rows], -1)
    own = given[pairs.query] == pairs.picture
    mine, rival = np.full(len(rows), np.inf), np.full(len(rows), -np.inf)
    mine[pairs.query[own]] = value[own]
    np.maximum.at(rival, pairs.query[~own], value[~own])
    return (mine < LITTLE) | (mine < rival - BEHIND)


def _likeness_given(rows: npt.NDArray[np.int64], original: Original, *found: Pairs) -> npt.NDArray[np.float64]:
    """float64 (N,): the likeness of each picture and the row it was given; NaN where they were not compared."""
    given = np.where(rows >= 0, original.picture_of[rows], -1)
    likeness = np.full(len(rows), np.nan)
    for pairs in found:
        own = given[pairs.query] == pairs.picture
        likeness[pairs.query[own]] = pairs.likeness[own]
    return likeness


def _only(pairs: Pairs, accepted: npt.NDArray[np.bool_]) -> Pairs:
    kept = accepted[pairs.query]
    return Pairs(pairs.query[kept], pairs.picture[kept], pairs.likeness[kept])
