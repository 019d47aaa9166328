"""FER+'s votes on the headline faces."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fer.common.errors import ConfigError, DataError
from fer.common.labels import DROP, EMOTIONS, canonical_name
from fer.data.ferplus import FERPLUS_COLUMNS, FerPlusJoin, FerPlusVotes, join_ferplus, read_ferplus
from fer.data.samples import FaceSamples
from fer.data.vote_targets import vote_shares
from fer.metrics.label_noise import OTHER_EMOTION

RULE = (
    "A majority is more than half of a face's votes. For distributions, votes that stand alone are taken for slips (as "
    "in arXiv 1608.01041), votes for contempt, “unknown” and “not a face” are left out, and the rest is scaled to 1; "
    "faces where these make up half of the votes or more, or where one of them got more votes than any emotion, are "
    "left out."
)
"""What becomes of votes that none of the seven emotions stands for."""


@dataclass(frozen=True, kw_only=True)
class FaceVotes:
    """The votes on N faces.

    Attributes:
        join: how they were found.
        shares: float32 (N, 7), see `fer.data.vote_targets.vote_shares`; 0 where not usable.
        usable: bool (N,), whether `shares` holds a distribution.
        majority: int64 (N,), index of an emotion, `OTHER_EMOTION` for contempt, -1 without a majority, for "unknown",
            "not a face", and where no votes were found.
        non_faces: faces that more than half of the voters called "not a face".
    """

    join: FerPlusJoin
    shares: npt.NDArray[np.float32]
    usable: npt.NDArray[np.bool_]
    majority: npt.NDArray[np.int64]
    non_faces: int


def face_votes(samples: FaceSamples, *, ferplus: Path, csv: Path | None) -> FaceVotes | None:
    """The votes on each sample; None where the samples need a CSV to be joined and there is none.

    Raises:
        ConfigError: the CSV holds none of these faces.
        DataError: a file cannot be read, or the rows do not line up.
    """
    votes = read_ferplus(ferplus.expanduser())
    join = join_ferplus(samples, votes=votes, csv=None if csv is None else _read_csv(csv))
    if join is None:
        return None
    if not (join.rows >= 0).any():
        raise ConfigError(
            f"label_noise.csv={csv} holds none of the {len(samples):,} faces scored here ({samples.source}): give the "
            "fer2013.csv of the same data set, or leave label_noise.ferplus out"
        )
    return _of_rows(votes, join)


def _of_rows(votes: FerPlusVotes, join: FerPlusJoin) -> FaceVotes:
    found = join.rows >= 0
    shares, usable = vote_shares(votes.votes[join.rows], contempt=DROP, majority=False)
    column = np.where(found, votes.majority()[join.rows], -1)
    return FaceVotes(
        join=join,
        shares=np.where(found[:, None], shares, 0).astype(np.float32),
        usable=usable & found,
        majority=np.where(column >= 0, _EMOTION_OF[column], -1),
        non_faces=int((column == FERPLUS_COLUMNS.index("NF")).sum()),
    )


def _read_csv(path: Path) -> FaceSamples:
    from fer.data.fer2013 import load_fer2013

    path = path.expanduser()
    if not path.is_file():
        raise ConfigError(f"label_noise.csv={path} is not there: give the path of Kaggle's fer2013.csv")
    try:
        return load_fer2013(path).samples
    except DataError as error:
        raise ConfigError(f"label_noise.csv={path}: {error}") from error


def _emotion_of_column(name: str) -> int:
    emotion = canonical_name(name)
    if emotion in EMOTIONS:
        return EMOTIONS.index(emotion)
    return OTHER_EMOTION if emotion == "contempt" else -1


_EMOTION_OF = np.array([_emotion_of_column(name) for name in FERPLUS_COLUMNS], dtype=np.int64)
