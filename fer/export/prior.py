"""Emotions in other shares than the training's, written into the model that is exported."""

import numpy as np
import numpy.typing as npt
import torch

from fer.common.errors import ConfigError
from fer.common.label_set import check_emotions
from fer.models.checkpoint import LoadedModel
from fer.models.heads import last_linear
from fer.runtime.prior import Prior


def shift_prior(model: LoadedModel, *, probabilities_NK: npt.NDArray[np.floating], prior: Prior) -> dict[str, float]:
    """Adds log(new share / old share) to the biases of the last layer; gives the new shares by label.

    That is Bayes' rule where the classes come in other shares and each looks as it did (Saerens, Latinne and
    Decaestecker, Neural Computation 14(1), 2002, equation 2.4). The old shares are the means of the probabilities.

    Args:
        model: whose net is changed in place.
        probabilities_NK: of the selection faces, before; rows sum to 1.
        prior: the shares that hold.

    Raises:
        ConfigError: no one linear layer with a bias gives the net's logits, the model rules an emotion
            out, or it predicts other labels than the seven.
    """
    check_emotions(model.labels, f"--prior {prior.name}")
    old_K = probabilities_NK.mean(axis=0, dtype=np.float64)
    if old_K.min() <= 0:
        raise ConfigError(f"--prior {prior.name}: the model rules emotions out, and no share brings them back")
    instead = "give --prior to fer-predict or fer-serve instead"
    _, layer = last_linear(model.net, outputs=len(model.labels), wanted=f"--prior {prior.name}", instead=instead)
    if layer.bias is None:
        raise ConfigError(f"--prior {prior.name}: the last layer of {model.spec.name} has no biases: {instead}")
    with torch.no_grad():
        layer.bias.add_(torch.from_numpy(np.log(np.asarray(prior.shares) / old_K)))
    return dict(zip(model.labels, prior.shares, strict=True))
