"""The majority baseline: what one can score without looking at the image."""

import torch
from torch import Tensor, nn


class Majority(nn.Module):
    """Gives every image the class shares of the training labels, and so predicts the most frequent class.

    Its loss is the entropy of the labels, the number a trained net has to beat. Nothing is trained; until
    `set_class_counts` is called, all classes are alike.

    Args:
        num_classes: number of logits.
    """

    log_prior: Tensor

    def __init__(self, *, num_classes: int) -> None:
        super().__init__()
        self.register_buffer("log_prior", torch.full((num_classes,), 1 / num_classes).log())

    def set_class_counts(self, counts_K: Tensor) -> None:
        """Takes the number of training samples per class, (K,).

        A class without samples counts as half a sample, so that its logit is finite.
        """
        n_K = counts_K.to(self.log_prior).clamp(min=0.5)
        self.log_prior.copy_((n_K / n_K.sum()).log())

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Image batch (B, C, H, W) -> logits (B, K): the same log-probabilities for each image."""
        return self.log_prior.expand(x_BCHW.shape[0], -1)
