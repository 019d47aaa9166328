"""The model's predictions on the faces of another data set, those it was trained on left out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.data.near_duplicates import near_duplicates
from fer.data.resize import fit_images
from fer.data.samples import FaceSamples, Split, content_hashes
from fer.data.sources import at_size, open_samples, with_labels
from fer.metrics import Estimate, Predictions, confusion_matrix, normalise_rows
from fer.metrics.label_subset import evaluate_label_subset, present_classes
from fer.report.options import CrossSet, TestFaces

SIMILAR_FROM: Final = 0.95
"""Normalised cross-correlation from which two faces count as nearly the same, as in the audit."""

_SPLITS: Final[dict[str, tuple[Split, ...]]] = {
    "test": (Split.PRIVATE, Split.MERGED_TEST),
    "valid": (Split.PUBLIC,),
    "train": (Split.TRAINING,),
    "all": tuple(Split),
}
_WORDS: Final = {
    "test": "its test part",
    "valid": "its validation part",
    "train": "its training part",
    "all": "all faces",
}


@dataclass(frozen=True, kw_only=True)
class CrossScore:
    """One data set, scored.

    Attributes:
        key: names it in files; unique.
        title: names it in tables.
        source: what was read, in words.
        faces: which of its faces were predicted, in words.
        fingerprint: of its content.
        shared: faces left out because the model was trained on or chosen by one with the same pixels.
        similar: further faces that look nearly the same as one of those (`fer.data.near_duplicates`); they are scored.
        labels: what is predicted, K names.
        missing: labels that none of its faces shows.
        metrics: score by key (`fer.metrics.METRICS` and `SUBSET_ACCURACY`), macro scores over the emotions it has.
        recalls: float64 array (K,), recall of each label; NaN for those it lacks.
        support: int64 array (K,), faces of each label.
        notes: what reading the set decided, dropped or changed.
    """

    key: str
    title: str
    source: str
    faces: str
    fingerprint: str
    shared: int
    similar: int
    labels: tuple[str, ...]
    missing: tuple[str, ...]
    metrics: dict[str, Estimate]
    recalls: npt.NDArray[np.float64]
    support: npt.NDArray[np.int64]
    notes: tuple[str, ...]

    @property
    def n(self) -> int:
        """Faces behind every score."""
        return int(self.support.sum())


@dataclass(frozen=True, kw_only=True)
class SeenFaces:
    """What a run was trained on and chosen by.

    Attributes:
        images: uint8 (M, C, S, S), its Training and PublicTest faces, as the run stored them.
        hashes: their content hashes.
    """

    images: npt.NDArray[np.uint8]
    hashes: npt.NDArray[np.str_]

    @classmethod
    def of(cls, samples: FaceSamples) -> "SeenFaces":
        """Those of a run's own data set."""
        images = samples.images[np.isin(samples.splits, (Split.TRAINING, Split.PUBLIC))]
        return cls(images=images, hashes=np.unique(content_hashes(images)))

    @property
    def channels(self) -> int:
        """Of the stored images."""
        return int(self.images.shape[1])

    @property
    def size(self) -> int:
        """Height and width of the stored images."""
        return int(self.images.shape[2])

    def equal(self, images_NCHW: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
        """Bool (N,): the image, at the size and colour of the run's data, has the very pixels of one of them."""
        return np.isin(content_hashes(self._fitted(images_NCHW)), self.hashes)

    def similar(self, images_NCHW: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
        """Bool (N,): it is a near-duplicate of one of them, mirrored included."""
        index, _ = near_duplicates(self._fitted(images_NCHW), references_NCHW=self.images, threshold=SIMILAR_FROM)
        return index >= 0

    def _fitted(self, images_NCHW: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        return fit_images(images_NCHW, size=self.size, channels=self.channels)


def score_set(
    wanted: CrossSet,
    *,
    key: str,
    title: str,
    seen: SeenFaces,
    labels: tuple[str, ...],
    predict: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]],
    resamples: int,
    seed: int,
) -> CrossScore:
    """Opens one data set at the size and colour of the run's own data, and scores the model on it.

    Args:
        wanted: the set.
        key: see `CrossScore`.
        title: see `CrossScore`.
        seen: what the run was trained on.
        labels: what it predicts.
        predict: images (N, C, H, W) -> probabilities (N, K).
        resamples: bootstrap resamples.
        seed: of the resampling.

    Raises:
        DataError: the set cannot be opened, lacks the split asked for, or holds only faces the run has seen.
    """
    asked = with_labels(wanted.data, labels)
    packed = open_samples(at_size(asked, size=seen.size, channels=seen.channels))
    samples = packed.samples
    part = _part(samples, wanted.split)
    rows = np.flatnonzero(np.isin(samples.splits, _SPLITS[part]))
    if len(rows) == 0:
        raise DataError(
            f"{samples.source} has no faces in {_WORDS[part]}: choose another split of it "
            "(auto, test, valid, train, all)"
        )
    images = samples.images[rows]
    known = seen.equal(images)
    if known.all():
        raise DataError(
            f"all {len(rows):,} faces of {samples.source} ({_WORDS[part]}) are among those this run was trained on or "
            "chosen by: a score on them would mean nothing"
        )
    rows, images = rows[~known], images[~known]
    predictions = Predictions(
        ids=samples.ids[rows],
        labels=samples.labels[rows],
        probabilities=predict(images),
        split=f"{title}, {_WORDS[part]}",
        classes=samples.classes,
    )
    return score_table(
        predictions,
        key=key,
        title=title,
        source=samples.source,
        faces=_WORDS[part],
        fingerprint=packed.fingerprint,
        shared=int(known.sum()),
        similar=int(seen.similar(images).sum()),
        notes=samples.notes,
        resamples=resamples,
        seed=seed,
    )


def score_table(
    predictions: Predictions,
    *,
    key: str,
    title: str,
    source: str,
    faces: str,
    fingerprint: str,
    shared: int,
    similar: int,
    notes: tuple[str, ...],
    resamples: int,
    seed: int,
) -> CrossScore:
    """The scores of one prediction table; the other arguments as in `CrossScore`."""
    present = present_classes(predictions.labels)
    confusion = confusion_matrix(predictions.labels, predictions.predicted, len(predictions.classes))
    support = confusion.sum(axis=1)
    return CrossScore(
        key=key,
        title=title,
        source=source,
        faces=faces,
        fingerprint=fingerprint,
        shared=shared,
        similar=similar,
        labels=predictions.classes,
        missing=tuple(name for number, name in enumerate(predictions.classes) if number not in present),
        metrics=evaluate_label_subset(predictions, resamples=resamples, seed=seed),
        recalls=np.where(support > 0, np.diagonal(normalise_rows(confusion)), np.nan),
        support=support,
        notes=notes,
    )


def _part(samples: FaceSamples, split: TestFaces) -> str:
    if split != "auto":
        return split
    return "test" if np.isin(samples.splits, _SPLITS["test"]).any() else "all"
