"""From pictures to rows: every query one row, every row one query, as far as they go."""

from collections import defaultdict
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.data.fer2013.original import Original
from fer.data.samples import Split

_AGREES: Final = 2.0
"""What the same label, or the same split, adds to a pair's log likelihood."""

_BOTH: Final = -3
"""How well a query and a row fit that agree in label (2) and split (1): sorted, the best comes first."""

_TWIN: Final = 8.0
"""A query goes to its second choice where the first is taken by another, and this much better at most."""


def assign_rows(
    *,
    query: npt.NDArray[np.int64],
    picture: npt.NDArray[np.int64],
    value: npt.NDArray[np.float64],
    labels: npt.NDArray[np.int64],
    splits: npt.NDArray[np.str_],
    original: Original,
) -> npt.NDArray[np.int64]:
    """int64 (N,): the row of each of N queries, -1 for those without a pair.

    The best pairs are made first. A picture that the original has k times is given to k queries; of its rows, each
    query gets one with its own label and split where there is one, once more where others of its split have them all
    (it is doubled, as in a training part that was balanced by repeating faces). What is left over has its best picture
    once more too.

    Args:
        query: int64 (P,), candidate pairs in any order.
        picture: int64 (P,).
        value: float64 (P,), log likelihood of the pair, up to a constant of the query's.
        labels: int64 (N,).
        splits: str (N,).
        original: the fingerprint.
    """
    order, begins = original.rows_of
    rows = np.full(len(labels), -1, dtype=np.int64)
    if len(query) == 0:
        return rows
    value = value + _AGREES * _agreement(query, picture, labels=labels, splits=splits, original=original)
    best = np.full(len(labels), -np.inf)
    np.maximum.at(best, query, value)
    contender = value >= best[query] - _TWIN
    query, picture, value = query[contender], picture[contender], value[contender]
    room = np.diff(begins)
    given: dict[int, int] = {}
    first_choice: dict[int, int] = {}
    for at in np.argsort(-value, kind="stable").tolist():
        asked, wanted = int(query[at]), int(picture[at])
        first_choice.setdefault(asked, wanted)
        if asked not in given and room[wanted] > 0:
            given[asked] = wanted
            room[wanted] -= 1
    sharers: defaultdict[int, list[int]] = defaultdict(list)
    for asked, wanted in first_choice.items():
        sharers[given.get(asked, wanted)].append(asked)
    for wanted, askers in sharers.items():
        choices = order[begins[wanted] : begins[wanted + 1]].tolist()
        if len(choices) == 1:
            rows[askers] = choices[0]
        else:
            _share(rows, sorted(askers), choices, labels=labels, splits=splits, original=original)
    return rows


def _share(
    rows: npt.NDArray[np.int64],
    askers: list[int],
    choices: list[int],
    *,
    labels: npt.NDArray[np.int64],
    splits: npt.NDArray[np.str_],
    original: Original,
) -> None:
    """Gives the rows of one picture to the queries that show it: first those that agree in label and split.

    A query that agrees with a row in both, and not with those that are left, is that row's picture once more, and none
    that came over from another split.
    """
    fits = [
        (-2 * (labels[asker] == original.labels[row]) - _may_be(splits[asker], original.splits[row]), asker, row)
        for asker in askers
        for row in choices
    ]
    taken: set[int] = set()
    second: dict[int, int] = {}
    doubled: set[int] = set()
    for fit, asker, row in sorted(fits):
        second.setdefault(asker, row)
        if rows[asker] < 0 and row not in taken and (fit == _BOTH or asker not in doubled):
            rows[asker] = row
            taken.add(row)
        elif fit == _BOTH:
            doubled.add(asker)
    for asker in askers:
        if rows[asker] < 0:
            rows[asker] = second[asker]


def _may_be(stated: str, own: str) -> bool:
    """Whether a picture that a copy puts into the split `stated` may be one of the split `own`."""
    return stated == own or (stated == Split.MERGED_TEST and own != Split.TRAINING)


def _agreement(
    query: npt.NDArray[np.int64],
    picture: npt.NDArray[np.int64],
    *,
    labels: npt.NDArray[np.int64],
    splits: npt.NDArray[np.str_],
    original: Original,
) -> npt.NDArray[np.float64]:
    """float64 (P,): 1 where a row of the picture has the query's label, and 1 more where one has its split."""
    num_labels = 8
    names = {name: place for place, name in enumerate(np.unique(original.splits).tolist())}
    has_label = np.zeros((len(original.signs), num_labels), dtype=bool)
    has_label[original.picture_of, original.labels] = True
    # Two columns more: what a merged test part may be, and what is not known.
    has_split = np.zeros((len(original.signs), len(names) + 2), dtype=bool)
    has_split[original.picture_of, [names[name] for name in original.splits.tolist()]] = True
    has_split[original.picture_of[original.splits != Split.TRAINING], len(names)] = True
    names[Split.MERGED_TEST.value] = len(names)
    split = np.array([names.get(name, len(names)) for name in splits.tolist()])
    agreement: npt.NDArray[np.float64] = (
        has_label[picture, labels[query]].astype(np.float64) + has_split[picture, split[query]]
    )
    return agreement
