"""What speaks for and against the labels of a run's headline faces: the model, equal pictures, FER+'s votes."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fer.common.errors import ConfigError, DataError, FerError
from fer.common.labels import DROP, label_of
from fer.data.ferplus import FERPLUS_COLUMNS, FerPlusJoin, FerPlusVotes, join_ferplus, read_ferplus
from fer.data.samples import FaceSamples, Split, content_hashes
from fer.data.vote_targets import vote_shares
from fer.metrics import Predictions
from fer.metrics.label_noise import OTHER_EMOTION, LabelIssues, VoteScores, find_label_issues, score_against_votes
from fer.report.context import ReportContext
from fer.report.label_noise.figures import Suspect, draw_suspect
from fer.report.scores.statements import trained_without_copies

RULE = (
    "A majority is more than half of a face's votes. For distributions, votes that stand alone are taken for slips (as "
    "in arXiv 1608.01041), votes for contempt, “unknown” and “not a face” are left out, and the rest is scaled to 1; "
    "faces where these make up half of the votes or more, or where one of them got more votes than any emotion, are "
    "left out."
)
"""What becomes of votes that none of FER-2013's labels stands for."""


def vote_rule(labels: tuple[str, ...]) -> str:
    """What becomes of votes that no label stands for."""
    others = [name for name in FERPLUS_COLUMNS[:-2] if label_of(name, labels) is None]
    named = [*others, "“unknown”"]
    return RULE.replace("contempt, “unknown”", ", ".join(named))


@dataclass(frozen=True, kw_only=True)
class FaceVotes:
    """The votes on N faces.

    Attributes:
        join: how they were found.
        shares: float32 (N, K), see `fer.data.vote_targets.vote_shares`; 0 where not usable.
        usable: bool (N,), whether `shares` holds a distribution.
        majority: int64 (N,), index of a label, `OTHER_EMOTION` for an emotion that is none, -1 without a majority, for
            "unknown", "not a face", and where no votes were found.
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
    return _of_rows(votes, join, labels=samples.classes)


def _of_rows(votes: FerPlusVotes, join: FerPlusJoin, *, labels: tuple[str, ...]) -> FaceVotes:
    found = join.rows >= 0
    shares, usable = vote_shares(votes.votes[join.rows], contempt=DROP, majority=False, labels=labels)
    label_of_column = np.array([_label_of_column(name, labels) for name in FERPLUS_COLUMNS], dtype=np.int64)
    column = np.where(found, votes.majority()[join.rows], -1)
    return FaceVotes(
        join=join,
        shares=np.where(found[:, None], shares, 0).astype(np.float32),
        usable=usable & found,
        majority=np.where(column >= 0, label_of_column[column], -1),
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


def _label_of_column(name: str, labels: tuple[str, ...]) -> int:
    label = label_of(name, labels)
    if label is not None:
        return labels.index(label)
    return -1 if name in ("unknown", "NF") else OTHER_EMOTION


@dataclass(frozen=True, kw_only=True)
class CopiedFaces:
    """What the copies of N test faces say.

    Attributes:
        in_training: bool (N,), the pixels equal those of a Training face.
        conflicting: int64 (K,), places among the N faces whose pixels occur under another label too, in any split.
        predicted_label: how many of these are predicted as their own label.
        predicted_other: how many with a label that an equal picture carries.
    """

    in_training: npt.NDArray[np.bool_]
    conflicting: npt.NDArray[np.int64]
    predicted_label: int
    predicted_other: int


def copied_faces(samples: FaceSamples, *, rows: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64]) -> CopiedFaces:
    """Looks for equal pictures of the faces at `rows`, which the model predicted as `predicted`, int64 (N,)."""
    _, group = np.unique(content_hashes(samples.images), return_inverse=True)
    labels_of: dict[int, set[int]] = {}
    for name, label in zip(group.tolist(), samples.labels.tolist(), strict=True):
        labels_of.setdefault(name, set()).add(label)
    conflicting = np.array([place for place, row in enumerate(rows) if len(labels_of[int(group[row])]) > 1], np.int64)
    predicted_label = predicted_other = 0
    for place in conflicting:
        row, label = rows[place], int(predicted[place])
        predicted_label += label == samples.labels[row]
        predicted_other += label in labels_of[int(group[row])] - {int(samples.labels[row])}
    return CopiedFaces(
        in_training=np.isin(group[rows], group[samples.splits == Split.TRAINING]),
        conflicting=conflicting,
        predicted_label=int(predicted_label),
        predicted_other=int(predicted_other),
    )


@dataclass(frozen=True, kw_only=True)
class LabelNoise:
    """Everything that was found.

    Attributes:
        unseen: the headline faces the model was not trained on.
        unseen_places: int64 (M,), their places among the headline faces; the others are copies of Training faces.
        issues: likely label errors among `unseen`; None where they cannot be looked for.
        suspects: the first of them, drawn; empty for a page without faces.
        copies: what equal pictures say.
        votes: FER+'s votes on the headline faces; None without.
        vote_scores: labels and predictions held against them.
        vote_note: why there are no votes.
    """

    unseen: Predictions
    unseen_places: npt.NDArray[np.int64]
    issues: LabelIssues | None
    suspects: tuple[Suspect, ...]
    copies: CopiedFaces
    votes: FaceVotes | None
    vote_scores: VoteScores | None
    vote_note: str


def collect_evidence(context: ReportContext) -> tuple[LabelNoise, tuple[str, ...]]:
    """The evidence, and a note on each part that a user's mistake keeps from being found."""
    options, run, samples = context.options, context.run, context.samples
    predictions, rows = run.headline.plain.predictions, run.headline.evaluation_set.rows
    copies = copied_faces(samples, rows=rows, predicted=predictions.predicted)
    # A face that was trained on is no witness of its own label.
    seen = copies.in_training & (not trained_without_copies(run))
    places = np.flatnonzero(~seen)
    unseen = predictions.take(places)
    notes: list[str] = []
    issues, votes, scores, vote_note = None, None, None, ""
    try:
        issues = find_label_issues(unseen, seed=options.seed)
    except DataError as error:
        notes.append(f"No label errors were looked for: {error}")
    try:
        votes, vote_note = _votes(context)
        if votes is not None:
            scores = score_against_votes(
                predictions,
                shares=votes.shares,
                usable=votes.usable,
                majority=votes.majority,
                resamples=options.bootstrap,
                seed=options.seed,
            )
    except FerError as error:
        vote_note = f"The comparison with FER+ is missing: {error}"
        notes.append(vote_note)
    found = LabelNoise(
        unseen=unseen,
        unseen_places=places,
        issues=issues,
        suspects=() if issues is None or not options.faces else _suspects(context, unseen, issues, places),
        copies=copies,
        votes=None if scores is None else votes,
        vote_scores=scores,
        vote_note=vote_note,
    )
    return found, tuple(notes)


def _suspects(
    context: ReportContext, unseen: Predictions, issues: LabelIssues, places: npt.NDArray[np.int64]
) -> tuple[Suspect, ...]:
    shown = min(context.options.label_noise.shown, len(issues.rows))
    rows = context.run.headline.evaluation_set.rows[places]
    return tuple(
        draw_suspect(
            context.samples.images[rows[row]],
            name=str(unseen.ids[row]),
            given=unseen.classes[unseen.labels[row]],
            suggested=unseen.classes[suggested],
            score=float(score),
        )
        for row, suggested, score in zip(
            issues.rows[:shown].tolist(), issues.suggested[:shown].tolist(), issues.scores[:shown], strict=True
        )
    )


def _votes(context: ReportContext) -> tuple[FaceVotes | None, str]:
    """The votes on the headline faces, or why there are none."""
    options, samples = context.options.label_noise, context.samples
    if options.ferplus is None:
        how = "report again with label_noise.ferplus=fer2013new.csv" if context.run.data.is_fer2013 else ""
        return None, (
            f"Ten people's votes on each face (FER+, arXiv 1608.01041) were not given: to compare, {how}."
            if how
            else "FER+'s votes are about FER-2013 alone, so these labels have no second opinion by people."
        )
    faces = samples.take(context.run.headline.evaluation_set.rows)
    votes = face_votes(replace(faces, groups={}, masks={}), ferplus=options.ferplus, csv=options.csv)
    if votes is not None:
        return votes, ""
    return None, (
        "FER+ was given but not used: its rows follow those of Kaggle's fer2013.csv and name no file, so they cannot "
        f"be joined to {samples.source}. With that CSV at hand, add label_noise.csv=fer2013.csv: the faces are then "
        "found by their pixels."
    )
