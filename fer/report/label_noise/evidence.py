"""What speaks for and against the labels of a run's headline faces, collected."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError, FerError
from fer.common.labels import EMOTIONS
from fer.metrics import Predictions
from fer.metrics.label_noise import LabelIssues, VoteScores, find_label_issues, score_against_votes
from fer.report.label_noise.copies import CopiedFaces, copied_faces
from fer.report.label_noise.sheet import Suspect, draw_suspect
from fer.report.label_noise.votes import FaceVotes, face_votes
from fer.report.scores.statements import trained_without_copies
from fer.report.subject import Subject


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
        vote_scores: labels and answers held against them.
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


def collect_evidence(subject: Subject) -> tuple[LabelNoise, tuple[str, ...]]:
    """The evidence, and a note on each part that a user's mistake keeps from being found."""
    options, run, samples = subject.options, subject.run, subject.samples
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
        votes, vote_note = _votes(subject)
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
        suspects=() if issues is None or not options.faces else _suspects(subject, unseen, issues, places),
        copies=copies,
        votes=None if scores is None else votes,
        vote_scores=scores,
        vote_note=vote_note,
    )
    return found, tuple(notes)


def _suspects(
    subject: Subject, unseen: Predictions, issues: LabelIssues, places: npt.NDArray[np.int64]
) -> tuple[Suspect, ...]:
    shown = min(subject.options.label_noise.shown, len(issues.rows))
    rows = subject.run.headline.evaluation_set.rows[places]
    return tuple(
        draw_suspect(
            subject.samples.images[rows[row]],
            name=str(unseen.ids[row]),
            given=EMOTIONS[unseen.labels[row]],
            suggested=EMOTIONS[suggested],
            score=float(score),
        )
        for row, suggested, score in zip(
            issues.rows[:shown].tolist(), issues.suggested[:shown].tolist(), issues.scores[:shown], strict=True
        )
    )


def _votes(subject: Subject) -> tuple[FaceVotes | None, str]:
    """The votes on the headline faces, or why there are none."""
    options, samples = subject.options.label_noise, subject.samples
    if options.ferplus is None:
        how = "report again with label_noise.ferplus=fer2013new.csv" if subject.run.data.is_fer2013 else ""
        return None, (
            f"Ten people's votes on each face (FER+, arXiv 1608.01041) were not given: to compare, {how}."
            if how
            else "FER+'s votes are about FER-2013 alone, so these labels have no second opinion by people."
        )
    faces = samples.take(subject.run.headline.evaluation_set.rows)
    votes = face_votes(replace(faces, groups={}, masks={}), ferplus=options.ferplus, csv=options.csv)
    if votes is not None:
        return votes, ""
    return None, (
        "FER+ was given but not used: its rows follow those of Kaggle's fer2013.csv and name no file, so they cannot "
        f"be joined to {samples.source}. With that CSV at hand, add label_noise.csv=fer2013.csv: the faces are then "
        "found by their pixels."
    )
