"""What speaks for and against the labels of a run's headline faces: the model, equal pictures, FER+'s votes."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError, FerError
from fer.common.label_set import LABEL_SETS
from fer.common.labels import DROP, EMOTIONS, label_of
from fer.common.paths import expanded
from fer.data.ferplus import FERPLUS_COLUMNS, JoinedVotes, votes_for
from fer.data.samples import FaceSamples, Split, content_hashes
from fer.data.vote_targets import vote_shares
from fer.metrics import Predictions
from fer.metrics.estimate import Estimate
from fer.metrics.label_noise import OTHER_EMOTION, LabelIssues, VoteScores, find_label_issues, score_against_votes
from fer.report.context import ReportContext
from fer.report.label_noise.figures import Suspect, draw_suspect
from fer.report.scores.statements import copies_trained_on

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
        found: bool (N,), whether a face has votes.
        by_picture: found by its picture, as faces of FER-2013 are; else by its row in a CSV.
        shares: float32 (N, K), see `fer.data.vote_targets.vote_shares`; 0 where not usable.
        usable: bool (N,), whether `shares` holds a distribution.
        majority: int64 (N,), index of a label, `OTHER_EMOTION` for an emotion that is none, -1 without a majority, for
            "unknown", "not a face", and where no votes were found.
        non_faces: faces that more than half of the voters called "not a face".
        published: str (N,), one of the eight emotions by the rule of published comparisons (arXiv 1608.01041: lone
            votes are dropped, and more than half of the rest agree), "" where they do not.
    """

    found: npt.NDArray[np.bool_]
    by_picture: bool
    shares: npt.NDArray[np.float32]
    usable: npt.NDArray[np.bool_]
    majority: npt.NDArray[np.int64]
    non_faces: int
    published: npt.NDArray[np.str_]


def face_votes(joined: JoinedVotes, *, by_picture: bool, labels: tuple[str, ...]) -> FaceVotes:
    """What the votes say of each face."""
    shares, usable = vote_shares(joined.votes, contempt=DROP, majority=False, labels=labels)
    eight = LABEL_SETS["ferplus8"]
    one_of_eight, agreed = vote_shares(joined.votes, contempt=DROP, majority=True, labels=eight)
    label_of_column = np.array([_label_of_column(name, labels) for name in FERPLUS_COLUMNS], dtype=np.int64)
    return FaceVotes(
        found=joined.found,
        by_picture=by_picture,
        shares=shares,
        usable=usable,
        majority=np.where(joined.majority >= 0, label_of_column[joined.majority], -1),
        non_faces=int((joined.majority == FERPLUS_COLUMNS.index("NF")).sum()),
        published=np.where(agreed, np.array(eight)[one_of_eight.argmax(axis=1)], ""),
    )


def published_scores(predictions: Predictions, *, published: npt.NDArray[np.str_]) -> tuple[Estimate, Estimate] | None:
    """Accuracy on the faces of seven emotions, and of eight, by `FaceVotes.published`; shares have Wilson intervals.

    None for a model that does not predict all seven, or where no face counts.
    """
    if not set(EMOTIONS) <= set(predictions.classes):
        return None
    right = np.array(predictions.classes)[predictions.predicted] == published
    seven, eight = right[np.isin(published, EMOTIONS)], right[published != ""]
    if len(seven) == 0:
        return None
    return Estimate.of_share(int(seven.sum()), len(seven)), Estimate.of_share(int(eight.sum()), len(eight))


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
        published: accuracy on FER+'s faces as published comparisons count them, of seven emotions and of eight; None
            without votes, and for models that do not predict all seven.
        vote_note: why there are no votes.
    """

    unseen: Predictions
    unseen_places: npt.NDArray[np.int64]
    issues: LabelIssues | None
    suspects: tuple[Suspect, ...]
    copies: CopiedFaces
    votes: FaceVotes | None
    vote_scores: VoteScores | None
    published: tuple[Estimate, Estimate] | None
    vote_note: str


def collect_evidence(context: ReportContext) -> tuple[LabelNoise, tuple[str, ...]]:
    """The evidence, and a note on each part that a user's mistake keeps from being found."""
    options, run, samples = context.options, context.run, context.samples
    predictions, rows = run.headline.plain.predictions, run.headline.evaluation_set.rows
    copies = copied_faces(samples, rows=rows, predicted=predictions.predicted)
    # A face that was trained on is no witness of its own label.
    seen = copies.in_training & (copies_trained_on(run) > 0)
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
        published=None if scores is None or votes is None else published_scores(predictions, published=votes.published),
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
    path, samples = context.options.label_noise.ferplus, context.samples
    faces = replace(samples.take(context.run.headline.evaluation_set.rows), groups={}, masks={})
    joined = votes_for(faces, path=None if path is None else expanded(path))
    if joined is None or not joined.found.any():
        return None, (
            "FER+ (arXiv 1608.01041) holds ten people's votes on FER-2013's pictures, and none of those scored here is "
            f"one ({samples.source}): these labels have no second opinion by people."
        )
    return face_votes(joined, by_picture=samples.original_rows is not None, labels=samples.classes), ""
