"""The random baseline: chance, as a net that goes through the same training, report and export as any other."""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_GREY_STEPS: Final = 32.0
_LEVELS: Final = 4096.0
_SPREAD: Final = 1e-3


class RandomBaseline(nn.Module):
    """Guesses a class at random, yet the same one for the same image on every machine and in every batch.

    Each class score is a hash of the image: its grey levels, as whole numbers, times random whole weights, summed and
    taken modulo 4096. Whole numbers below 2**24 are exact in float32, whatever the order of summation; so neither the
    batch size nor the device nor ONNX Runtime changes a guess. The scores are squeezed into [0, 0.001]: every class is
    given a probability of 1 / K, and the largest score is that of a class drawn at random.

    Nothing is trained.

    Args:
        in_channels: image channels.
        num_classes: number of logits.
        size: height and width of the images, in pixels; others are resampled to it.
        seed: which of the random guessers this is.
    """

    weight: Tensor

    def __init__(self, *, in_channels: int, num_classes: int, size: int, seed: int = 0) -> None:
        super().__init__()
        self.size = size
        generator = torch.Generator().manual_seed(seed)
        weight_KN = torch.randint(-32, 32, (num_classes, in_channels * size * size), generator=generator)
        self.register_buffer("weight", weight_KN.float())

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Normalised image batch (B, C, H, W) -> logits (B, K) in [0, 0.001], without a gradient."""
        if x_BCHW.shape[-2:] != (self.size, self.size):
            x_BCHW = F.interpolate(x_BCHW, size=(self.size, self.size), mode="bilinear", align_corners=False)
        level_BN = torch.round(x_BCHW.detach().float().flatten(1) * _GREY_STEPS)
        # Not a matrix product, which autocast would round to bfloat16.
        hash_BK = torch.stack([(level_BN * weight_N).sum(dim=1) for weight_N in self.weight], dim=1) / _LEVELS
        return (hash_BK - torch.floor(hash_BK)) * _SPREAD
