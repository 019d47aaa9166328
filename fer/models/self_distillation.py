"""Self-distillation: what the net itself predicted for a face in earlier epochs becomes part of the face's target."""

from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor

from fer.common.errors import CheckpointError

_NEWEST: Final = 0.5
"""Weight of the newest prediction; the paper keeps that alone. One is of one view of the face, an average of all."""


class SelfDistillationTargets:
    """Remembers what a training predicts for its faces, and softens their labels with it.

    The share of the prediction grows with the training, from nothing to `weight`, as the predictions become worth more
    (Kim et al., "Self-knowledge distillation with progressive refinement of targets", arXiv 2006.12000, equation 4). A
    label that contradicts every similar face is so held against it less and less. It costs 4 bytes a face and label.

    No module: it belongs to one training, not to the net, and averaged weights would average it.

    Args:
        rows: N, the samples that indices point at.
        num_classes: K, what is predicted of each.
        weight: share of the target that is the net's own prediction at the very end, in (0, 1].
    """

    def __init__(self, rows: int, *, num_classes: int, weight: float) -> None:
        self.weight = weight
        self.prediction_NK = torch.zeros(rows, num_classes)

    def __deepcopy__(self, memo: Mapping[int, Any]) -> "SelfDistillationTargets":
        # Averaged weights are a deep copy of what trains, and never train.
        return self

    def to(self, device: torch.device) -> None:
        """Moves the memory to where the net trains."""
        self.prediction_NK = self.prediction_NK.to(device)

    def soften(self, target_BK: Tensor, index_B: Tensor, *, done: float) -> Tensor:
        """The target (B, K) with its share of what the net predicted before; unchanged where it predicted nothing yet.

        Args:
            target_BK: rows summing to 1.
            index_B: int64 rows of the samples.
            done: share of the training that is over, in [0, 1).
        """
        prediction_BK = self.prediction_NK[index_B]
        share_B1 = self.weight * done * (prediction_BK.sum(dim=1, keepdim=True) > 0)
        return torch.lerp(target_BK, prediction_BK, share_B1)

    @torch.no_grad()
    def remember(self, index_B: Tensor, logits_BK: Tensor) -> None:
        """Takes in the predictions (B, K) of the rows `index_B`."""
        before_BK = self.prediction_NK[index_B]
        now_BK = logits_BK.detach().float().softmax(dim=1)
        first_B1 = before_BK.sum(dim=1, keepdim=True) == 0
        self.prediction_NK[index_B] = torch.where(first_B1, now_BK, torch.lerp(before_BK, now_BK, _NEWEST))

    def load(self, prediction_NK: Tensor) -> None:
        """Goes on from the memory (N, K) that a checkpoint kept.

        Raises:
            CheckpointError: it is of another number of faces.
        """
        if prediction_NK.shape != self.prediction_NK.shape:
            raise CheckpointError(
                f"the checkpoint remembers predictions of {len(prediction_NK):,} faces, the data have "
                f"{len(self.prediction_NK):,}"
            )
        self.prediction_NK.copy_(prediction_NK)
