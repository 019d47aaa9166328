"""One run folder -> one evaluated run: the model's predictions on every test face, and everything counted on them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import CheckpointError, DataError
from fer.common.label_set import set_name
from fer.common.wording import counted
from fer.data.samples import FaceSamples, Split, content_hashes
from fer.folders.record import RunRecord
from fer.metrics import ClassScores, Estimate, Predictions, confusion_matrix, evaluate, evaluate_classes
from fer.report.evaluation.sets import SET_TITLES, Deduplication, EvaluationSet, Rows, deduplicate, evaluation_sets
from fer.report.evaluation.views import VIEWS, Views

if TYPE_CHECKING:
    from fer.report.options import ReportOptions

Predictor = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
"""A model: images (N, C, H, W) -> probabilities (N, K)."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Everything counted on one prediction table.

    Attributes:
        predictions: the table.
        metrics: a key of `fer.metrics.METRICS` -> score with interval.
        classes: label -> precision, recall, F1 with intervals.
        confusion: int64 array (K, K), rows are true classes.
    """

    predictions: Predictions
    metrics: Mapping[str, Estimate]
    classes: Mapping[str, ClassScores]
    confusion: npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class SetScores:
    """One evaluation set: as the model predicts (`plain`), and averaged with its predictions to further `views`."""

    evaluation_set: EvaluationSet
    plain: Scores
    averaged: Scores | None
    views: Views | None


def score(predictions: Predictions, *, resamples: int, seed: int) -> Scores:
    """All scores of one table."""
    return Scores(
        predictions=predictions,
        metrics=evaluate(predictions, resamples=resamples, seed=seed),
        classes=evaluate_classes(predictions),
        confusion=confusion_matrix(predictions.labels, predictions.predicted, len(predictions.classes)),
    )


def score_sets(
    samples: FaceSamples,
    sets: Sequence[EvaluationSet],
    predict: Predictor,
    *,
    views: Views | None,
    resamples: int,
    seed: int,
) -> dict[str, SetScores]:
    """The scores of every set by its key; a face in several sets is predicted once (and once in each view)."""
    rows = np.unique(np.concatenate([evaluation_set.rows for evaluation_set in sets]))
    images = samples.images[rows]
    probabilities_of: dict[bool, npt.NDArray[Any]] = {False: predict(images)}
    if views is not None:
        everything = [probabilities_of[False], *(predict(view) for view in views.of(images))]
        probabilities_of[True] = sum(everything[1:], start=everything[0]) / len(everything)

    def of(evaluation_set: EvaluationSet, averaged: bool) -> Scores:
        chosen = np.searchsorted(rows, evaluation_set.rows)
        table = Predictions(
            ids=samples.ids[evaluation_set.rows],
            labels=samples.labels[evaluation_set.rows],
            probabilities=probabilities_of[averaged][chosen],
            split=evaluation_set.title,
            classes=samples.classes,
        )
        return score(table, resamples=resamples, seed=seed)

    return {
        evaluation_set.key: SetScores(
            evaluation_set=evaluation_set,
            plain=of(evaluation_set, averaged=False),
            averaged=None if views is None else of(evaluation_set, averaged=True),
            views=views,
        )
        for evaluation_set in sets
    }


# A recomputed selection accuracy that is further off than this, in points, is worth a word: bfloat16 moves it by 0.1.
_REPRODUCES_WITHIN: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """What was scored on.

    Attributes:
        source: the data set in words.
        fingerprint: of its content.
        is_fer2013: its class counts are those of FER-2013.
        counts: split -> int64 array (K,), faces of each label; empty splits are left out.
        copies: what deduplication found; None without PrivateTest.
        unreadable: raw items that could not be decoded.
        reading: what was decided, dropped or changed on reading, a sentence each.
    """

    source: str
    fingerprint: str
    is_fer2013: bool
    counts: Mapping[str, npt.NDArray[np.int64]]
    copies: Deduplication | None
    unreadable: tuple[str, ...]
    reading: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class EvaluatedRun:
    """A run and its scores.

    Attributes:
        record: the run folder.
        num_parameters: of the net.
        input_shape: (channels, height, width) of what the net sees.
        data: what was scored on.
        sets: evaluation sets by key, in reading order.
        on_copies: scores on the PrivateTest faces that deduplication leaves out; None where there are none.
        training: accuracy on faces that it was trained on, as they are, drawn at random; None where none is known, or
            where it was trained on a part of the face.
        trained: int64 (N,), rows of its data that it was trained on; empty where they cannot be told.
        copies_trained_on: PrivateTest faces with the very pixels of a face that trained it; None where it is not known.
        notes: what a reader must know before the numbers.
        epoch: of the checkpoint that is scored, from 0; None where it is not known.
        votes_share: of two heads, the weight of the votes' in these predictions; None for a net with one.
        prior: the option of that name: how often the model was told to expect each emotion; None for the training's.
    """

    record: RunRecord
    num_parameters: int
    input_shape: tuple[int, int, int]
    data: DataFacts
    sets: Mapping[str, SetScores]
    on_copies: Scores | None = None
    training: Estimate | None = None
    trained: Rows = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    copies_trained_on: int | None = None
    epoch: int | None = None
    notes: tuple[str, ...] = field(default=())
    votes_share: float | None = None
    prior: str | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """What the run predicts, K names in the order of its outputs."""
        return self.headline.plain.predictions.classes

    @property
    def headline_key(self) -> str:
        """The set whose score stands on top: PrivateTest, unless the protocol or the data name another."""
        if self.record.protocol == "folder7178" and "folder7178" in self.sets:
            return "folder7178"
        return next(iter(self.sets))

    def shares_rows(self, other: "EvaluatedRun", key: str) -> bool:
        """Whether both runs are scored on the same rows of the same data in the set `key`."""
        return (
            self.data.fingerprint == other.data.fingerprint
            and key in self.sets
            and key in other.sets
            and np.array_equal(self.sets[key].evaluation_set.rows, other.sets[key].evaluation_set.rows)
        )

    @property
    def headline(self) -> SetScores:
        """The scores of that set."""
        return self.sets[self.headline_key]


def describe_data(samples: FaceSamples, *, fingerprint: str) -> DataFacts:
    """The facts of a data set."""
    from fer.data.audit import recognise

    counts = {split.value: samples.class_counts(split) for split in Split}
    has_private = bool((samples.splits == Split.PRIVATE).any())
    return DataFacts(
        source=samples.source,
        fingerprint=fingerprint,
        is_fer2013=recognise(samples)[0],
        counts={name: count for name, count in counts.items() if count.sum() > 0},
        copies=deduplicate(samples) if has_private else None,
        unreadable=samples.unreadable,
        reading=samples.notes,
    )


def evaluate_run(
    record: RunRecord,
    *,
    predict: Predictor,
    labels: tuple[str, ...],
    num_parameters: int,
    input_shape: tuple[int, int, int],
    trained_on: str,
    samples: FaceSamples,
    data: DataFacts,
    options: "ReportOptions",
    trained: Rows | None = None,
    epoch: int | None = None,
) -> EvaluatedRun:
    """Scores one run on every set its data allow.

    Args:
        record: the run folder, read.
        predict: the model.
        labels: its classes, in the order of its outputs.
        num_parameters: of the net.
        input_shape: (channels, height, width) the net sees.
        trained_on: fingerprint of its training data.
        samples: the data to score on.
        data: their facts.
        options: resamples, seed, test-time augmentation.
        trained: rows of `samples` that it was trained on; None for Training without the faces it held out.
        epoch: of the checkpoint, from 0; None where it is not known.

    Raises:
        CheckpointError: the model predicts other labels than the run says.
        DataError: the data hold no test face.
    """
    if labels != samples.classes:
        raise CheckpointError(
            f"{record.checkpoint} predicts {set_name(labels)}, and its run's config.yaml says "
            f"labels={set_name(samples.classes)}: one of the two is another run's"
        )
    sets, set_notes = evaluation_sets(samples)
    if len(sets) == 0:
        raise DataError(
            f"{samples.source} holds no PublicTest, PrivateTest or merged test face, so there is nothing to score: "
            "set data.root in the run's config.yaml to a copy of the data with its test splits"
        )
    views = VIEWS[options.tta] if options.tta else None
    scores = score_sets(samples, sets, predict, views=views, resamples=options.bootstrap, seed=options.seed)
    notes = [*record.notes, *set_notes]
    if trained_on != data.fingerprint:
        notes.append(
            f"The model was trained on data with fingerprint {trained_on or 'unknown'}, but scored on data with "
            f"fingerprint {data.fingerprint}: the data changed since training, so test faces may have been trained on."
        )
    other_votes = options.votes_share not in (None, record.votes_share)
    if other_votes:
        notes.append(
            f"In these predictions the votes' head has the weight {options.votes_share:g} (votes_share); the run says "
            f"{record.votes_share:g}."
        )
    on_copies = None
    if "private" in scores and data.copies is not None and len(data.copies.removed) > 0:
        table = scores["private"].plain.predictions
        private = scores["private"].evaluation_set.rows
        removed = table.take(np.searchsorted(private, data.copies.removed))
        on_copies = score(removed, resamples=options.bootstrap, seed=options.seed)
    told_otherwise = other_votes or options.prior is not None
    held_out = record.folder.predictions("heldout")
    if held_out.is_file():
        predictions = Predictions.read(held_out)
        if told_otherwise:
            predictions = _asked_again(predictions, samples, predict)
        # The file names them by their key.
        scores["heldout"] = _score_held_out(replace(predictions, split=SET_TITLES["heldout"]), options)
    copies_trained_on = None
    if data.copies is not None and trained is not None and len(trained) > 0:
        shown = content_hashes(samples.images, trained)
        tested = content_hashes(samples.images, np.flatnonzero(samples.splits == Split.PRIVATE))
        copies_trained_on = int(np.isin(tested, shown).sum())
    if trained is None:
        out = scores["heldout"].plain.predictions.ids if "heldout" in scores else ()
        trained = np.flatnonzero((samples.splits == Split.TRAINING) & ~np.isin(samples.ids, out))
    training = None
    if record.visible == "full":
        training = _training_accuracy(samples, predict, rows=trained, seed=options.seed)
    notes += _selection_notes(record, scores, told_otherwise=told_otherwise)
    return EvaluatedRun(
        record=record,
        num_parameters=num_parameters,
        input_shape=input_shape,
        data=data,
        sets=scores,
        on_copies=on_copies,
        training=training,
        trained=trained,
        copies_trained_on=copies_trained_on,
        epoch=epoch,
        notes=tuple(notes),
        votes_share=record.votes_share if options.votes_share is None else options.votes_share,
        prior=options.prior,
    )


_TRAINING_FACES: Final = 1000


def _training_accuracy(samples: FaceSamples, predict: Predictor, *, rows: Rows, seed: int) -> Estimate | None:
    """Accuracy on faces that were trained on, drawn at random, not augmented; None where there are none."""
    if len(rows) == 0:
        return None
    chosen = np.sort(np.random.default_rng([seed, 12]).permutation(rows)[:_TRAINING_FACES])
    right = predict(np.ascontiguousarray(samples.images[chosen])).argmax(axis=1) == samples.labels[chosen]
    return Estimate.of_share(int(right.sum()), len(chosen))


def _asked_again(saved: Predictions, samples: FaceSamples, predict: Predictor) -> Predictions:
    """What a model that was told another prior or share of the votes says of faces that the training asked it about."""
    row_of = {name: row for row, name in enumerate(samples.ids.tolist())}
    missing = sum(name not in row_of for name in saved.ids.tolist())
    if missing > 0:
        raise DataError(
            f"{samples.source} lacks {counted(missing, 'face')} that chose the epoch, so a model that is told another "
            "prior or votes_share cannot be asked about them: report without these, or set data_root"
        )
    rows = np.array([row_of[name] for name in saved.ids.tolist()], dtype=np.int64)
    return replace(saved, probabilities=predict(np.ascontiguousarray(samples.images[rows])))


def _score_held_out(predictions: Predictions, options: "ReportOptions") -> SetScores:
    """The selection faces of a protocol that holds out a part of Training."""
    description = f"The {counted(len(predictions), 'Training face')} that this protocol held out."
    return SetScores(
        evaluation_set=EvaluationSet(key="heldout", rows=np.empty(0, dtype=np.int64), description=description),
        plain=score(predictions, resamples=options.bootstrap, seed=options.seed),
        averaged=None,
        views=None,
    )


def _selection_notes(record: RunRecord, scores: Mapping[str, SetScores], *, told_otherwise: bool) -> list[str]:
    """What the reader must know of PublicTest under this protocol."""
    notes = []
    # What a run with a part of the face recorded is of that part: no score on whole faces reproduces it. Neither does
    # a model that was told other shares, or mixes its two heads in other shares.
    as_trained = record.visible == "full" and not told_otherwise
    recorded = record.final.get("public.accuracy")
    if isinstance(recorded, float) and "public" in scores and as_trained:
        here = scores["public"].plain.metrics["accuracy"].value
        if abs(100 * (here - recorded)) > _REPRODUCES_WITHIN:
            notes.append(
                f"The training recorded a PublicTest accuracy of {100 * recorded:.1f} %, but this report finds "
                f"{100 * here:.1f} % with the same checkpoint: the checkpoint, the data, the preprocessing or the "
                "numeric precision differ."
            )
    if "private" not in scores and record.protocol == "official" and "public" in scores:
        notes.append("PublicTest also chose the epoch, so a score on it is optimistic.")
    return notes
