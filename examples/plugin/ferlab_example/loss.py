"""Symmetric cross entropy (Wang et al. 2019, arXiv 1908.06112), which trusts labels less: a loss is a torch module."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SymmetricCrossEntropy(nn.Module):
    """`alpha` CE(target, p) + `beta` CE(p, target), where log 0 counts as `floor` (equations 6 and 7).

    Args:
        alpha: weight of the usual cross entropy.
        beta: weight of the reverse one.
        floor: below 0.
    """

    def __init__(self, *, alpha: float = 1.0, beta: float = 0.2, floor: float = -4.0) -> None:
        super().__init__()
        self.alpha, self.beta, self.floor = alpha, beta, floor

    def forward(self, logits_BK: Tensor, label_B: Tensor, target_BK: Tensor | None = None) -> Tensor:
        """Logits (B, K), labels (B,), and where there are any soft targets (B, K) -> scalar."""
        if target_BK is None:
            target_BK = F.one_hot(label_B, logits_BK.shape[1]).float()
        logp_BK = F.log_softmax(logits_BK.float(), dim=1)
        usual = -(target_BK * logp_BK).sum(dim=1).mean()
        reverse = -(logp_BK.exp() * torch.log(target_BK).clamp(min=self.floor)).sum(dim=1).mean()
        return self.alpha * usual + self.beta * reverse
