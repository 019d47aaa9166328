"""A shadow across a batch of faces: an augmentation is a torch module on whole batches, on their device."""

import torch
from torch import Tensor, nn


class SideShadow(nn.Module):
    """Darkens each face towards one side, by an amount drawn anew for every face.

    Args:
        strength: the darkest side keeps at least 1 - `strength` of its light, in [0, 1].
    """

    def __init__(self, *, strength: float = 0.5) -> None:
        super().__init__()
        if not 0 <= strength <= 1:
            raise ValueError(f"strength={strength} is not in [0, 1]")
        self.strength = strength

    def forward(self, image_BCHW: Tensor, *, generator: torch.Generator) -> Tensor:
        """Images uint8 (B, C, H, W) -> float32 of the same shape, in [0, 255]."""
        amount_B = self.strength * torch.rand(len(image_BCHW), generator=generator, device=image_BCHW.device)
        left_B = torch.rand(len(image_BCHW), generator=generator, device=image_BCHW.device) < 0.5
        ramp_W = torch.linspace(0, 1, image_BCHW.shape[3], device=image_BCHW.device)
        ramp_BW = torch.where(left_B[:, None], 1 - ramp_W, ramp_W)
        return image_BCHW.float() * (1 - amount_B[:, None] * ramp_BW)[:, None, None, :]
