"""Areas under the ROC curves of one table of predictions, for many weightings of its faces at once."""

import numpy as np
import numpy.typing as npt

from fer.metrics.predictions import Floats
from fer.metrics.sparse import sparse_matrix


class RocAreas:
    """One-vs-rest areas under the ROC curves of C classes.

    The area is the weighted share of (positive, negative) pairs that the score puts in order, ties counting half,
    computed from weighted mid-ranks (Hanley and McNeil 1982, section "Wilcoxon"). What depends on the predictions alone
    is sorted once here; a bootstrap then needs thousands of weightings.

    Args:
        labels_N: true classes, 0 to C - 1.
        probabilities_NC: the score of each class; only the order matters.
    """

    def __init__(self, labels_N: npt.NDArray[np.int64], probabilities_NC: npt.NDArray[np.float32] | Floats) -> None:
        n, self._num_classes = probabilities_NC.shape
        # The places of a class's sorted faces at which a positive, or those tied with it, begin or end cut them into
        # stretches, of which only the sums matter: the stretches of all classes are the rows of one matrix.
        stretch_of_NC = np.empty((n, self._num_classes), dtype=np.int64)
        self._bounds: list[slice] = []
        self._positives: list[npt.NDArray[np.int64]] = []
        self._begins: list[npt.NDArray[np.int64]] = []
        self._ends: list[npt.NDArray[np.int64]] = []
        rows = 0
        for c in range(self._num_classes):
            order = np.argsort(probabilities_NC[:, c], kind="stable")
            score = probabilities_NC[order, c]
            positive = np.flatnonzero(labels_N[order] == c)
            begin, end = np.searchsorted(score, score[positive]), np.searchsorted(score, score[positive], side="right")
            cuts = np.unique(np.concatenate([[0], begin, end]))
            stretch_of_NC[order, c] = rows + np.searchsorted(cuts, np.arange(n), side="right") - 1
            self._bounds.append(slice(rows, rows + len(cuts)))
            self._positives.append(order[positive])
            self._begins.append(np.searchsorted(cuts, begin))
            self._ends.append(np.searchsorted(cuts, end))
            rows += len(cuts)
        faces = np.repeat(np.arange(n), self._num_classes)
        ones = np.ones(stretch_of_NC.size, dtype=np.float32)
        self._sums = sparse_matrix(ones, stretch_of_NC.ravel(), faces, shape=(rows, n))

    def weighted(self, weights_NB: npt.NDArray[np.float32] | Floats) -> tuple[Floats, Floats]:
        """Areas for B weightings of the faces, and the weights of the areas: two float64 arrays (C, B).

        A class without positives, or with nothing else, has area and weight 0. Whole-number weights are summed exactly
        in float32 below 2^24 faces.
        """
        stretches_SB = self._sums @ weights_NB
        total_B = weights_NB.sum(axis=0, dtype=np.float64)
        areas = np.zeros((self._num_classes, weights_NB.shape[1]))
        support = np.zeros_like(areas)
        for c, bounds in enumerate(self._bounds):
            # Weight of the faces before each cut.
            before_CB = np.zeros((bounds.stop - bounds.start + 1, weights_NB.shape[1]), dtype=stretches_SB.dtype)
            np.cumsum(stretches_SB[bounds], axis=0, out=before_CB[1:])
            rank_PB = 0.5 * (before_CB[self._begins[c]] + before_CB[self._ends[c]])
            positive_PB = weights_NB[self._positives[c]]
            positives_B = positive_PB.sum(axis=0, dtype=np.float64)
            negatives_B = total_B - positives_B
            # Every pair of positives, each face with itself included, adds half its weight to the ranks: take it off.
            ordered_B = np.einsum("pb,pb->b", positive_PB, rank_PB, dtype=np.float64) - 0.5 * positives_B**2
            pairs_B = positives_B * negatives_B
            np.divide(ordered_B, pairs_B, out=areas[c], where=pairs_B > 0)
            support[c] = np.where(negatives_B > 0, positives_B, 0)
        return areas, support
