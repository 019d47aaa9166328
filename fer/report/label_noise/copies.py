"""Test faces whose pixels occur elsewhere in the data: seen in training, or under another label."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer.data.samples import FaceSamples, Split, content_hashes


@dataclass(frozen=True, kw_only=True)
class CopiedFaces:
    """What the copies of N test faces say.

    Attributes:
        in_training: bool (N,), the pixels equal those of a Training face.
        conflicting: int64 (K,), places among the N faces whose pixels occur under another label too, in any split.
        answered_label: how many of these are answered with their own label.
        answered_other: how many with a label that an equal picture carries.
    """

    in_training: npt.NDArray[np.bool_]
    conflicting: npt.NDArray[np.int64]
    answered_label: int
    answered_other: int


def copied_faces(samples: FaceSamples, *, rows: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64]) -> CopiedFaces:
    """Looks for equal pictures of the faces at `rows`, which the model answered with `predicted`, int64 (N,)."""
    _, group = np.unique(content_hashes(samples.images), return_inverse=True)
    labels_of: dict[int, set[int]] = {}
    for name, label in zip(group.tolist(), samples.labels.tolist(), strict=True):
        labels_of.setdefault(name, set()).add(label)
    conflicting = np.array([place for place, row in enumerate(rows) if len(labels_of[int(group[row])]) > 1], np.int64)
    answered_label = answered_other = 0
    for place in conflicting:
        row, answer = rows[place], int(predicted[place])
        answered_label += answer == samples.labels[row]
        answered_other += answer in labels_of[int(group[row])] - {int(samples.labels[row])}
    return CopiedFaces(
        in_training=np.isin(group[rows], group[samples.splits == Split.TRAINING]),
        conflicting=conflicting,
        answered_label=int(answered_label),
        answered_other=int(answered_other),
    )
