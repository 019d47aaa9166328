"""Pictures for tests of what is done to pixels, and the generator that draws it."""

import torch
from torch import Tensor


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def faces(count: int = 8, *, channels: int = 1, height: int = 24, width: int = 24) -> Tensor:
    """Smooth random pictures (bilinear warps of white noise compare badly), uint8 (B, C, H, W)."""
    coarse = torch.rand((count, channels, 5, 5), generator=seeded(99))
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic")
    return (smooth.clamp(0, 1) * 255).byte()


def checkerboard(count: int, height: int, width: int) -> Tensor:
    board_HW = (torch.arange(height)[:, None] + torch.arange(width)) % 2 * 255
    return board_HW.float().expand(count, 1, height, width)
