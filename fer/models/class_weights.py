"""How much each class weighs in the loss, from its count of training samples. NumPy alone."""

from typing import Literal, assert_never

import numpy as np
import numpy.typing as npt

WeightScheme = Literal["inverse", "effective", "sqrt"]


def class_weights(
    counts: npt.NDArray[np.int64], *, scheme: WeightScheme, beta: float = 0.999
) -> npt.NDArray[np.float64]:
    """Weight of each class in the loss, float64 (K,), mean 1 over the classes that have samples; 0 for the others.

    Args:
        counts: training samples of each class, (K,).
        scheme: "inverse" to the count n; "sqrt", inverse to its square root; "effective", inverse to the effective
            number of samples (1 - beta**n) / (1 - beta) (arXiv 1901.05555, equation 2).
        beta: in [0, 1), of "effective" only: 0 weighs all classes alike, towards 1 it becomes "inverse".
    """
    present = counts > 0
    n = np.where(present, counts, 1).astype(np.float64)
    if scheme == "inverse":
        weights = 1.0 / n
    elif scheme == "sqrt":
        weights = 1.0 / np.sqrt(n)
    elif scheme == "effective":
        weights = (1.0 - beta) / (1.0 - beta**n)
    else:
        assert_never(scheme)
    weights = np.where(present, weights, 0.0)
    scaled: npt.NDArray[np.float64] = weights * present.sum() / weights.sum()
    return scaled
