"""Rows that speak against the split or the label that the copy itself states: moved pictures, or wrong rows?

A wrong row has another split than the stated one about as often as chance has it, and another label in most cases; it
is found among pictures that are little like their rows. Pictures that were really moved or relabelled are so whatever
their likeness. So the surest quarter of the pictures says how many of a copy were moved or relabelled. Where the others
have more than twice that share, their contradictions are wrong rows for the most part, and are not given.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from fer.data.fer2013.original import Original
from fer.data.samples import Split

_SUREST: Final = 0.25
_TWICE: Final = 2
_FEWEST: Final = 400
"""Pictures below which the surest quarter says nothing."""


def contradictions(
    rows: npt.NDArray[np.int64],
    *,
    labels: npt.NDArray[np.int64],
    splits: npt.NDArray[np.str_],
    original: Original,
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Two of bool (N,): another split, and another label, than the row's; False where none is stated or no row given.

    Args:
        rows: int64 (N,), -1 for none.
        labels: int64 (N,), -1 where unknown.
        splits: str (N,), any word that is no official split where unknown.
        original: the fingerprint.
    """
    found = rows >= 0
    own = original.splits[rows]
    fits = (splits == own) | ((splits == Split.MERGED_TEST) & (own != Split.TRAINING))
    return found & np.isin(splits, list(Split)) & ~fits, found & (labels >= 0) & (labels != original.labels[rows])


def not_believed(
    against: npt.NDArray[np.bool_], likeness: npt.NDArray[np.floating], *, certain: float
) -> npt.NDArray[np.bool_]:
    """bool (N,): contradictions that are wrong rows for the most part; see the module.

    Args:
        against: bool (N,), the row speaks against what the copy states.
        likeness: float (N,), of each picture and its row; NaN where it has none.
        certain: likeness from which a row is believed whatever it says.
    """
    compared = np.isfinite(likeness)
    nothing = np.zeros(len(against), dtype=bool)
    if compared.sum() < _FEWEST:
        return nothing
    surest = compared & (likeness >= np.quantile(likeness[compared], 1 - _SUREST))
    others = compared & ~surest
    # One more, so that a handful of moved pictures is not taken for errors because none is among the surest.
    true_share = (1 + (against & surest).sum()) / surest.sum()
    if others.sum() == 0 or (against & others).sum() <= _TWICE * true_share * others.sum():
        return nothing
    wrong: npt.NDArray[np.bool_] = against & others & (likeness < certain)
    return wrong
