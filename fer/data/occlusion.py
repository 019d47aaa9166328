"""Hides parts of faces: named regions for the occlusion study, random patches for the robustness study.

Masks are True where the face is hidden. `keep(image, "upper")` leaves the upper half visible and hides the rest (the
"upper" training mask of the occlusion literature); `hide(image, "upper")` does the opposite.

Shape suffixes: B images, C channels, H height, W width.
"""

from typing import Final, Literal

import torch
from torch import Tensor

from fer.data.regions import region_box

Fill = float | Literal["mean"]
"""What replaces hidden pixels: a grey level in [0, 255], or the mean of the image's visible pixels, by channel."""

_CELLS: Final = 8
"""Along each side of a picture; they make patches of 6 x 6 pixels of a 48 x 48 face."""


def region_mask(region: str, *, height: int, width: int, device: torch.device | None = None) -> Tensor:
    """Bool tensor (H, W), True inside the named region (see `fer.data.regions.EXTENTS`).

    Raises:
        ConfigError: for an unknown region.
    """
    top, bottom, left, right = region_box(region, height=height, width=width)
    mask_HW = torch.zeros((height, width), dtype=torch.bool, device=device)
    mask_HW[top:bottom, left:right] = True
    return mask_HW


def random_patches(
    count: int, *, fraction: float | Tensor, height: int, width: int, generator: torch.Generator
) -> Tensor:
    """Bool tensor (count, H, W) on the generator's device, True in randomly chosen cells of an 8 x 8 grid.

    Every mask hides exactly round(fraction * 64) cells, so the hidden area is within half a cell of `fraction` where
    `height` and `width` are multiples of 8.

    Args:
        count: number of masks.
        fraction: hidden share of the area in [0, 1], one for all masks or a tensor (count,).
        height: height of the pictures in pixels, at least 8.
        width: width of the pictures in pixels, at least 8.
        generator: source of randomness; its device is that of the masks.
    """
    device = generator.device
    rank_BN = torch.rand((count, _CELLS * _CELLS), generator=generator, device=device).argsort(dim=1).argsort(dim=1)
    share_B = torch.as_tensor(fraction, dtype=torch.float32, device=device).expand(count)
    hidden_BRR = (rank_BN < (share_B * _CELLS * _CELLS).round()[:, None]).view(count, _CELLS, _CELLS)
    row_H = torch.arange(height, device=device) * _CELLS // height
    column_W = torch.arange(width, device=device) * _CELLS // width
    return hidden_BRR[:, row_H[:, None], column_W]


def apply_occlusion(image_BCHW: Tensor, hidden: Tensor, *, fill: Fill = "mean") -> Tensor:
    """The images with hidden pixels replaced; no hidden pixel influences the result.

    Args:
        image_BCHW: uint8, or float in [0, 255].
        hidden: bool (H, W) for all images, or (B, H, W); True is hidden.
        fill: grey level in [0, 255], or "mean" of what stays visible (black where nothing does).

    Returns:
        Tensor of the same shape and dtype.
    """
    hidden_B1HW = hidden.view(-1, 1, *hidden.shape[-2:])
    if fill == "mean":
        visible = ~hidden_B1HW
        count = visible.sum(dim=(2, 3), keepdim=True).clamp_min(1)
        value = (image_BCHW.float() * visible).sum(dim=(2, 3), keepdim=True) / count
    else:
        value = torch.full((), fill, device=image_BCHW.device)
    if not image_BCHW.is_floating_point():
        value = value.round()
    return torch.where(hidden_B1HW, value.to(image_BCHW.dtype), image_BCHW)


def hide(image_BCHW: Tensor, region: str, *, fill: Fill = "mean") -> Tensor:
    """The images without the named region; see `apply_occlusion` for shapes and fill."""
    mask_HW = region_mask(region, height=image_BCHW.shape[-2], width=image_BCHW.shape[-1], device=image_BCHW.device)
    return apply_occlusion(image_BCHW, mask_HW, fill=fill)


def keep(image_BCHW: Tensor, region: str, *, fill: Fill = "mean") -> Tensor:
    """The images with nothing but the named region; `keep(image, "full")` equals the images."""
    mask_HW = region_mask(region, height=image_BCHW.shape[-2], width=image_BCHW.shape[-1], device=image_BCHW.device)
    return apply_occlusion(image_BCHW, ~mask_HW, fill=fill)
