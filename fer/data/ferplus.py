"""FER+ (Barsoum et al. 2016, arXiv 1608.01041): ten people's votes for every image of FER-2013.

The votes name no image: they follow the rows of Kaggle's `fer2013.csv`. Every copy of FER-2013 joins through the rows
that its pictures were recognised as (`FaceSamples.original_rows`), with the votes that come with this package. A
`fer2013new.csv` of one's own also joins a CSV in its order, whatever that holds.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.common.labels import label_of
from fer.data.csv_table import open_rows, refuse_doubled
from fer.data.samples import FaceSamples, Split

FERPLUS_COLUMNS: Final = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
    "unknown",
    "NF",
)
"""What one could vote for, in the file's order; NF is "not a face"."""

_READ: Final = ("Usage", *FERPLUS_COLUMNS)

ASSET: Final = "ferplus_votes.npz"
"""The votes, in the room of FER-2013; made by `scripts/pack_ferplus.py`, under the licence beside it."""

_MOST_VOTES: Final = 1000
"""Ten people voted; more than this is another number."""

# Votes joined by a wrong order agree with a sixth of the labels; the right order with about two thirds.
_ENOUGH_TO_TELL = 100
_LEAST_AGREEMENT = 0.4


@dataclass(frozen=True, kw_only=True)
class FerPlusVotes:
    """The votes, a row for each row of Kaggle's `fer2013.csv`, in its order.

    Attributes:
        votes: int64 (N, 10), votes for each of `FERPLUS_COLUMNS`.
        splits: str (N,), values of `Split`.
    """

    votes: npt.NDArray[np.int64]
    splits: npt.NDArray[np.str_]

    def majority(self) -> npt.NDArray[np.int64]:
        """int64 (N,): the column with more than half of the row's votes, or -1."""
        most = self.votes.argmax(axis=1)
        clear = self.votes.max(axis=1) * 2 > self.votes.sum(axis=1)
        return np.where(clear, most, -1)


@lru_cache(maxsize=1)
def shipped_votes() -> FerPlusVotes:
    """The published votes, as they come with this package.

    Those of PrivateTest are for the audit and the report, as its labels are.
    """
    from fer.data.fer2013.original import load_original

    with (files("fer.data.fer2013") / ASSET).open("rb") as file, np.load(file, allow_pickle=False) as stored:
        votes = stored["votes"].T.astype(np.int64)
    return FerPlusVotes(votes=votes, splits=load_original().splits)


@dataclass(frozen=True, kw_only=True)
class JoinedVotes:
    """The votes on N samples.

    Attributes:
        votes: int64 (N, 10), for each of `FERPLUS_COLUMNS`; 0 where there are none.
        found: bool (N,), whether there are.
        majority: int64 (N,), the column with more than half of a sample's votes, or -1.
    """

    votes: npt.NDArray[np.int64]
    found: npt.NDArray[np.bool_]
    majority: npt.NDArray[np.int64]


def votes_for(samples: FaceSamples, *, path: Path | None = None) -> JoinedVotes | None:
    """The votes on each sample; None where they are not of FER-2013 as far as can be told.

    Args:
        samples: N samples of any source; those of a report or of training, as only their votes are read.
        path: a `fer2013new.csv` of one's own; None for the votes that come with the package.

    Raises:
        DataError: the file cannot be read, or a CSV's rows do not line up with its own.
    """
    votes = shipped_votes() if path is None else read_ferplus(path)
    rows = _rows(samples, votes=votes, own=path is not None)
    if rows is None:
        return None
    if samples.original_rows is None:
        _check_labels_fit(samples, votes=votes, rows=rows)
    found = rows >= 0
    return JoinedVotes(
        votes=np.where(found[:, None], votes.votes[rows], 0),
        found=found,
        majority=np.where(found, votes.majority()[rows], -1),
    )


def _rows(samples: FaceSamples, *, votes: FerPlusVotes, own: bool) -> npt.NDArray[np.int64] | None:
    """int64 (N,): the row of votes of each sample, -1 for none; None where nothing joins them."""
    rows = samples.original_rows
    if rows is not None:
        if rows.max() >= len(votes.votes):
            raise DataError(f"FER+ has {len(votes.votes):,} rows, FER-2013 35,887: give the whole fer2013new.csv")
        return rows
    # Other pictures have no row of the published votes, whatever their CSV is called.
    return ferplus_rows(samples, votes=votes) if own else None


def read_ferplus(path: Path) -> FerPlusVotes:
    """The votes of `fer2013new.csv`.

    Rows without an image name are kept (173 in the published file, all voted "not a face"), and the names' numbers are
    not used: they are not row numbers of `fer2013.csv`. Only the order of the rows joins the two files.

    Raises:
        DataError: the file is missing, is not FER+, or a row of it cannot be read.
    """
    if not path.is_file():
        raise DataError(f"no FER+ file at {path}: give the path of fer2013new.csv")
    votes: list[list[int]] = []
    splits: list[str] = []
    with path.open("rb") as file:
        names, rows = open_rows(file, origin=str(path))
        missing = [name for name in _READ if name not in names]
        if missing:
            raise DataError(f"{path} is not FER+'s fer2013new.csv: it has no column {', '.join(missing)}")
        refuse_doubled(names, _READ, origin=str(path))
        at = [names.index(name) for name in _READ]
        for line, cells in rows:
            try:
                usage, *counts = (cells[place] for place in at)
                splits.append(Split(usage.strip()).value)
                votes.append([_votes(cell) for cell in counts])
            except (ValueError, IndexError) as error:
                raise DataError(f"{path}, line {line}: cannot read this row of votes ({error})") from error
    if not votes:
        raise DataError(f"{path} has no rows of votes")
    return FerPlusVotes(votes=np.array(votes, dtype=np.int64), splits=np.array(splits, dtype=str))


def _votes(cell: str) -> int:
    count = int(cell)
    if not 0 <= count <= _MOST_VOTES:
        raise ValueError(f"{count} votes, expected 0 to {_MOST_VOTES}")
    return count


def ferplus_rows(samples: FaceSamples, *, votes: FerPlusVotes) -> npt.NDArray[np.int64] | None:
    """The row of votes of each sample, int64 (N,); None where the samples were not read from a CSV.

    Raises:
        DataError: the rows do not line up (another CSV, or one that was sorted or cut).
    """
    matches = [re.search(r"\.csv:(\d+)$", name) for name in samples.ids.tolist()]
    if not matches or any(match is None for match in matches):
        return None
    # The reader counts rows from 1, after the header.
    rows = np.array([int(match[1]) for match in matches if match is not None], dtype=np.int64) - 1
    count = len(votes.votes)
    if rows.max() >= count:
        raise DataError(f"the CSV has {rows.max() + 1:,} rows and FER+ only {count:,}: they are not of the same images")
    astray = np.flatnonzero(votes.splits[rows] != samples.splits)
    if len(astray) > 0:
        first = astray[0]
        raise DataError(
            f"FER+ says {votes.splits[rows[first]]} for {samples.ids[first]}, the CSV {samples.splits[first]}: the "
            "rows do not line up; FER+ joins Kaggle's fer2013.csv in its original order only"
        )
    return rows


def _check_labels_fit(samples: FaceSamples, *, votes: FerPlusVotes, rows: npt.NDArray[np.int64]) -> None:
    """Refuses votes that mostly contradict the labels, as they do where a CSV was sorted within its splits."""
    joined = np.flatnonzero(rows >= 0)
    clear, agreeing = agreement(samples.take(joined), majority=votes.majority()[rows[joined]])
    if clear >= _ENOUGH_TO_TELL and agreeing < _LEAST_AGREEMENT * clear:
        raise DataError(
            f"only {agreeing:,} of {clear:,} FER-2013 labels are the emotion that FER+ voted for, where about two "
            "thirds should be: the rows do not line up; FER+ joins Kaggle's fer2013.csv in its original order only"
        )


def agreement(samples: FaceSamples, *, majority: npt.NDArray[np.int64]) -> tuple[int, int]:
    """How many samples have a clear FER+ emotion, and how many of these have it as FER-2013's label.

    Args:
        samples: N samples.
        majority: int64 (N,), the sample's `FerPlusVotes.majority`.
    """
    names = [None if name in ("unknown", "NF") else label_of(name, samples.classes) for name in FERPLUS_COLUMNS]
    to_emotion = np.array([-1 if name is None else samples.classes.index(name) for name in names])
    # An emotion that the faces have no label for, as FER-2013 none for contempt: those count, and never agree.
    clear = (majority >= 0) & (majority <= FERPLUS_COLUMNS.index("contempt"))
    return int(clear.sum()), int((to_emotion[majority[clear]] == samples.labels[clear]).sum())
