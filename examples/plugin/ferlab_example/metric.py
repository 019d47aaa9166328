"""How far off a wrong emotion is: a metric is torchmetrics'."""

import torch
from torch import Tensor
from torchmetrics import Metric

# Pleasant is positive: means of the emotions' words in the circumplex of affect (Russell 1980, figure 2), rounded.
_VALENCE = (-0.4, -0.7, -0.1, 0.9, -0.8, 0.2, 0.0)


class ValenceError(Metric):
    """Mean distance between the pleasantness of the true emotion and that which the probabilities expect, 0 to 2."""

    higher_is_better = False
    full_state_update = False

    def __init__(self) -> None:
        super().__init__()
        self.add_state("distance", default=torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("faces", default=torch.tensor(0), dist_reduce_fx="sum")

    def update(self, probabilities_NK: Tensor, label_N: Tensor) -> None:
        """Probabilities (N, 7) in the order of `fer.common.labels.EMOTIONS`, and labels int64 (N,)."""
        valence_K = torch.tensor(_VALENCE, device=label_N.device)
        self.distance += (probabilities_NK @ valence_K - valence_K[label_N]).abs().sum()
        self.faces += len(label_N)

    def compute(self) -> Tensor:
        """A scalar; NaN of no faces."""
        return self.distance / self.faces
