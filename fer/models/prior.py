"""Emotions in other shares than the training's, written into a model."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from fer.common.errors import ConfigError
from fer.common.label_set import check_emotions
from fer.models.checkpoint import LoadedModel
from fer.models.heads import last_linear


def shift_prior(
    model: LoadedModel,
    *,
    probabilities_NK: npt.NDArray[np.floating],
    shares: Sequence[float],
    told: str,
    temperature: float = 1.0,
    instead: str = "give --prior to fer-predict or fer-serve instead",
) -> dict[str, float]:
    """Adds log(new share / old share) to what the last layer's biases give; gives the new shares by label.

    That is Bayes' rule where the classes come in other shares and each looks as it did (Saerens, Latinne and
    Decaestecker, Neural Computation 14(1), 2002, equation 2.4). The old shares are the means of the probabilities.

    Args:
        model: whose net is changed in place.
        probabilities_NK: of the selection faces, before; rows sum to 1.
        shares: those that hold, in the order of the seven emotions; above 0, summing to 1.
        told: where they were told ("--prior everyday"), for messages.
        temperature: that the logits are divided by after the net, and were for the probabilities.
        instead: what to do where the net cannot be told, for messages.

    Raises:
        ConfigError: no one linear layer with a bias gives the net's logits, the model rules an emotion
            out, or it predicts other labels than the seven.
    """
    check_emotions(model.labels, told)
    old_K = probabilities_NK.mean(axis=0, dtype=np.float64)
    if old_K.min() <= 0:
        raise ConfigError(f"{told}: the model rules emotions out, and no share brings them back")
    _, layer = last_linear(model.net, outputs=len(model.labels), wanted=told, instead=instead)
    if layer.bias is None:
        raise ConfigError(f"{told}: the last layer of {model.spec.name} has no biases: {instead}")
    with torch.no_grad():
        layer.bias.add_(torch.from_numpy(temperature * np.log(np.asarray(shares) / old_K)).to(layer.bias))
    return dict(zip(model.labels, shares, strict=True))
