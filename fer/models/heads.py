"""Two heads on one net: FER-2013's own labels, and the shares of FER+'s votes, each with logits of its own.

The labels came from search words, the votes from ten people who looked at each face; a body that learns both at once
(multi-task learning: Caruana, Machine Learning 28, 1997) is taught by the cleaner one without forgetting the other. A
trained pair is merged into one head: a weighted mean of logits is the geometric mean of the two distributions, up to
its norm, and the weighted mean of two linear layers is one linear layer.

Shape suffixes: B images, K classes, H heads.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from fer.common.errors import ConfigError
from fer.models.loss_config import LossConfig, OwnLossConfig
from fer.models.losses import ClassificationLoss, build_loss

HEADS: Final = ("labels", "votes")
"""What the heads of a net with two predict, in the order of its outputs."""


class TwoHeadLoss(nn.Module):
    """The loss of the labels' head and that of the votes' head, in shares that sum to 1.

    A face without a clear vote has a target of zeros in the votes' part, which costs nothing.

    Args:
        labels: loss of the labels' head: (logits, label, target) -> scalar.
        votes_weight: share of the votes' head, in [0, 1].
    """

    def __init__(self, labels: nn.Module, *, votes_weight: float) -> None:
        super().__init__()
        self.labels = labels
        self.votes = ClassificationLoss()
        self.votes_weight = votes_weight

    def forward(self, logits_BHK: Tensor, label_B: Tensor, target_BHK: Tensor) -> Tensor:
        """Mean loss of the batch, a float32 scalar.

        Args:
            logits_BHK: (B, 2 K), the labels' head first.
            label_B: int64 class indices.
            target_BHK: (B, 2 K), one-hot labels (or what mixing made of them), then shares of votes.
        """
        labels_BK, votes_BK = logits_BHK.chunk(len(HEADS), dim=1)
        label_target_BK, vote_target_BK = target_BHK.chunk(len(HEADS), dim=1)
        return torch.lerp(
            self.labels(labels_BK, label_B, label_target_BK),
            self.votes(votes_BK, label_B, vote_target_BK),
            self.votes_weight,
        )


def build_head_loss(
    config: LossConfig | OwnLossConfig,
    *,
    class_counts: npt.NDArray[np.int64],
    labels: Sequence[str],
    heads: int,
    shown_counts: npt.NDArray[np.int64] | None = None,
    soft: bool = False,
) -> nn.Module:
    """The loss a config describes, over one head or two; see `fer.models.losses.build_loss`."""
    loss = build_loss(config, class_counts=class_counts, shown_counts=shown_counts, labels=labels, soft=soft)
    return loss if heads == 1 else TwoHeadLoss(loss, votes_weight=config.votes_weight)


def merged_logits(logits_BHK: Tensor, *, votes_share: float) -> Tensor:
    """Logits (B, K) of both heads' (B, 2 K) as one; `votes_share` in [0, 1] is the votes' weight."""
    labels_BK, votes_BK = logits_BHK.chunk(len(HEADS), dim=1)
    return torch.lerp(labels_BK, votes_BK, votes_share)


def head_probabilities(logits_BHK: Tensor, *, heads: int) -> Tensor:
    """Probabilities (B, H K) of logits (B, H K); those of each head sum to 1."""
    return torch.cat([part.softmax(dim=1) for part in logits_BHK.chunk(heads, dim=1)], dim=1)


def merge_heads(net: nn.Module, *, num_classes: int, votes_share: float) -> None:
    """Replaces the last linear layer of a net with two heads by their weighted mean, in place: a plain net is left.

    Args:
        net: image batch -> logits (B, 2 `num_classes`).
        num_classes: K.
        votes_share: weight of the votes' head, in [0, 1].

    Raises:
        ConfigError: the net does not end in one linear layer.
    """
    place, layer = heads_layer(net, outputs=len(HEADS) * num_classes)
    merged = nn.Linear(layer.in_features, num_classes, bias=layer.bias is not None)
    with torch.no_grad():
        merged.weight.copy_(_mean(layer.weight, votes_share=votes_share))
        if layer.bias is not None:
            merged.bias.copy_(_mean(layer.bias, votes_share=votes_share))
    parent, _, name = place.rpartition(".")
    setattr(net.get_submodule(parent), name, merged.to(layer.weight.device).train(layer.training))


def _mean(parameter: Tensor, *, votes_share: float) -> Tensor:
    """The weighted mean of the two halves of a parameter along its first axis."""
    labels, votes = parameter.chunk(len(HEADS))
    return torch.lerp(labels, votes, votes_share)


def heads_layer(net: nn.Module, *, outputs: int) -> tuple[str, nn.Linear]:
    """The name and the last linear layer of a net with two heads, of `outputs` in all.

    Raises:
        ConfigError: there is none, or more than one.
    """
    instead = "choose another model, or data.targets=blend, which needs one head"
    return last_linear(net, outputs=outputs, wanted="data.targets=both", instead=instead)


def last_linear(net: nn.Module, *, outputs: int, wanted: str, instead: str) -> tuple[str, nn.Linear]:
    """The name and the one linear layer of a net with so many outputs, which gives its logits.

    Args:
        net: image batch -> logits (B, `outputs`).
        outputs: of the layer.
        wanted: what needs it, the subject of the error.
        instead: what to do where there is no such layer.

    Raises:
        ConfigError: there is none, or more than one.
    """
    found = [
        (name, module)
        for name, module in net.named_modules()
        if isinstance(module, nn.Linear) and module.out_features == outputs and name
    ]
    if len(found) != 1:
        raise ConfigError(
            f"{wanted} needs a net that ends in one linear layer of {outputs} outputs, and {type(net).__name__} has "
            f"{len(found)}: {instead}"
        )
    return found[0]
