"""The training loss: cross entropy, and what the literature adds to it against class imbalance and noisy labels.

Shape suffixes: B images, K classes.
"""

from collections.abc import Sequence
from typing import Literal, assert_never

import numpy as np
import numpy.typing as npt
import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn import functional as F

from fer.common.errors import ConfigError
from fer.common.labels import EMOTIONS
from fer.models.loss_config import LossConfig, OwnLossConfig
from fer.models.own_loss import build_own_loss

__all__ = ["ClassificationLoss", "LossConfig", "WeightScheme", "build_loss", "class_weights"]

WeightScheme = Literal["inverse", "effective", "sqrt"]


class ClassificationLoss(nn.Module):
    """Cross entropy between target and predicted distribution, with every term of `LossConfig`:

        loss = sum_bk w_k q_bk (1 - p_bk)**gamma (-log p_bk) / sum_bk w_k t_bk,    p_b = softmax(z_b + tau log prior)

    where t is the target (one-hot label, or soft), and q is t after label smoothing. With hard labels and without gamma
    and tau it equals `torch.nn.CrossEntropyLoss(weight, label_smoothing)`; with soft targets torch divides by B even if
    classes have weights. Computed in float32, whatever the dtype of the logits.

    Args:
        label_smoothing: in [0, 1).
        focal_gamma: 0 or more.
        weight_K: weight w of each class; None weighs all alike.
        adjustment_K: tau log prior of each class; None adds nothing.
    """

    def __init__(
        self,
        *,
        label_smoothing: float = 0.0,
        focal_gamma: float = 0.0,
        weight_K: Tensor | None = None,
        adjustment_K: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing
        self.focal_gamma = focal_gamma
        # Known from the training data at every start, so no part of a checkpoint.
        self.register_buffer("weight_K", weight_K, persistent=False)
        self.register_buffer("adjustment_K", adjustment_K, persistent=False)
        self.weight_K: Tensor | None
        self.adjustment_K: Tensor | None

    def forward(self, logits_BK: Tensor, label_B: Tensor, target_BK: Tensor | None = None) -> Tensor:
        """Mean loss of the batch, a float32 scalar.

        Args:
            logits_BK: raw scores, any floating dtype.
            label_B: int64 class indices; not read where `target_BK` is given.
            target_BK: soft targets, rows summing to 1 (mixup, CutMix, annotators' votes).
        """
        logits_BK = logits_BK.float()
        if self.adjustment_K is not None:
            logits_BK = logits_BK + self.adjustment_K
        num_classes = logits_BK.shape[1]
        target_BK = F.one_hot(label_B, num_classes).float() if target_BK is None else target_BK.float()
        logp_BK = F.log_softmax(logits_BK, dim=1)
        cost_BK = -logp_BK
        if self.focal_gamma > 0.0:
            # The floor keeps the gradient finite where p rounds to 1 and gamma is below 1.
            cost_BK = cost_BK * (-torch.expm1(logp_BK)).clamp_min(1e-8).pow(self.focal_gamma)
        if self.weight_K is not None:
            cost_BK = cost_BK * self.weight_K
        smooth_BK = torch.lerp(target_BK, torch.full_like(target_BK, 1.0 / num_classes), self.label_smoothing)
        total = (smooth_BK * cost_BK).sum()
        if self.weight_K is None:
            return total / len(target_BK)
        return total / _over_processes((target_BK * self.weight_K).sum())

    def extra_repr(self) -> str:
        """What `print` shows of the loss."""
        return f"label_smoothing={self.label_smoothing}, focal_gamma={self.focal_gamma}"


def _over_processes(weight: Tensor) -> Tensor:
    """The mean of `weight` over the processes of a distributed training, each with an equal share of the batch.

    Their losses are averaged afterwards: divided by this, they add up to the loss of the whole batch.
    """
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return weight
    torch.distributed.all_reduce(weight)
    return weight / torch.distributed.get_world_size()


def build_loss(
    config: LossConfig | OwnLossConfig,
    *,
    class_counts: npt.NDArray[np.int64],
    shown_counts: npt.NDArray[np.int64] | None = None,
    labels: Sequence[str] = EMOTIONS,
    soft: bool = False,
) -> nn.Module:
    """The loss a config describes, for training data with these counts of samples per class, int64 (K,).

    `shown_counts`, int64 (K,), are how many of each class an epoch shows, where that is balanced: the prior that logit
    adjustment takes out again is that of what the net is shown. `labels` names the classes in messages; `soft` says
    that the training has soft targets.

    Raises:
        ConfigError: for logit adjustment with a class that has no training samples, whose prior has no logarithm; for
            a class of one's own that is no loss.
    """
    if isinstance(config, OwnLossConfig):
        return build_own_loss(config, class_counts=class_counts, soft=soft)
    weight_K = None
    if config.class_weights != "none":
        weights = class_weights(class_counts, scheme=config.class_weights, beta=config.effective_beta)
        weight_K = torch.from_numpy(weights).float()
    adjustment_K = None
    if config.logit_adjustment > 0.0:
        shown = class_counts if shown_counts is None else shown_counts
        if (shown == 0).any():
            names = labels if len(shown) == len(labels) else [str(k) for k in range(len(shown))]
            missing = ", ".join(name for name, count in zip(names, shown, strict=True) if count == 0)
            raise ConfigError(
                f"logit_adjustment={config.logit_adjustment} needs training samples of every class, and {missing} has "
                "none: set logit_adjustment=0 (class_weights works without them), or add a source that has them"
            )
        prior = shown / shown.sum()
        adjustment_K = torch.from_numpy(config.logit_adjustment * np.log(prior)).float()
    return ClassificationLoss(
        label_smoothing=config.label_smoothing,
        focal_gamma=config.focal_gamma,
        weight_K=weight_K,
        adjustment_K=adjustment_K,
    )


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
