"""One temperature that mends overconfident or underconfident probabilities. NumPy; SciPy only to fit.

Probabilities come from prediction tables. Logits are known from them up to a constant a face, which the softmax does
not see, so their logarithms stand for the logits.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.metrics.predictions import Floats

Probabilities = npt.NDArray[np.float32] | Floats

TEMPERATURES: Final = (0.01, 100.0)
"""The lowest and the highest temperature that is fitted."""


def log_probabilities(probabilities_NC: Probabilities) -> Floats:
    """float64 array (N, C): logarithms, finite everywhere, that stand for the logits.

    A probability of exactly 0 was too small for its type, so it is taken as the type's smallest normal number
    (1.2e-38 in float32).
    """
    floor = np.finfo(probabilities_NC.dtype).tiny
    logs: Floats = np.log(np.maximum(probabilities_NC, floor).astype(np.float64))
    return logs


def apply_temperature(probabilities_NC: Probabilities, temperature: float) -> Floats:
    """float64 array (N, C): softmax(log p / temperature), rows sum to 1 (Guo et al. 2017, arXiv 1706.04599, section
    4.2).

    Above 1 it lowers confidence, below 1 it raises it. The order of the classes of a face stays as it is, so every
    prediction, and with it accuracy, does too.

    Args:
        probabilities_NC: float array (N, C), rows sum to 1; exact zeros are allowed.
        temperature: above 0.
    """
    logits_NC = log_probabilities(probabilities_NC) / temperature
    weights_NC = np.exp(logits_NC - logits_NC.max(axis=1, keepdims=True))
    shares: Floats = weights_NC / weights_NC.sum(axis=1, keepdims=True)
    return shares


def fit_temperature(probabilities_NC: Probabilities, labels_N: npt.NDArray[np.int64]) -> float:
    """The temperature with the least negative log-likelihood, within `TEMPERATURES` (arXiv 1706.04599, section 4.2).

    The loss is convex in 1 / temperature, so the root of its derivative is its only minimum. Where the loss still falls
    at a bound (every prediction correct, or none better than guesses), the bound is returned; where every
    temperature is as good as every other (uniform probabilities), 1 is.

    Args:
        probabilities_NC: float array (N, C), rows sum to 1; exact zeros are allowed.
        labels_N: true classes.

    Raises:
        DataError: no faces.
    """
    from scipy import optimize

    root: Any = optimize.brentq
    if len(labels_N) == 0:
        raise DataError("there are no faces, so there is no temperature to fit")
    z_NC = log_probabilities(probabilities_NC)
    if np.ptp(z_NC, axis=1).max() == 0:
        return 1.0

    def slope(inverse: float) -> float:
        return float(slopes(z_NC, labels_N, inverse).mean())

    coldest, hottest = TEMPERATURES
    if slope(1 / hottest) >= 0:
        return hottest
    if slope(1 / coldest) <= 0:
        return coldest
    return 1 / float(root(slope, 1 / hottest, 1 / coldest, xtol=1e-12, rtol=1e-12))


def slopes(logits_NC: Floats, labels_N: npt.NDArray[np.int64], inverse: float) -> Floats:
    """float64 array (N,): derivative of each face's loss by 1 / temperature, rising with it.

    It is the mean logit under the model's probabilities at that temperature, less the label's logit.

    Args:
        logits_NC: finite.
        labels_N: true classes.
        inverse: 1 / temperature.
    """
    z_NC = logits_NC - logits_NC.max(axis=1, keepdims=True)
    weights_NC = np.exp(inverse * z_NC)
    mean_N = (weights_NC * z_NC).sum(axis=1) / weights_NC.sum(axis=1)
    rises: Floats = mean_N - z_NC[np.arange(len(labels_N)), labels_N]
    return rises
