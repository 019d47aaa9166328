"""What JPEG does to images, as one pass of arithmetic over a batch on its device.

A file is never written: entropy coding loses nothing, so that rounding the coefficients of each block of 8 x 8 pixels
is all there is to see.

Shape suffixes: B images, C channels, H height, W width; N blocks, of 64 pixels or coefficients.
"""

import math
from functools import lru_cache
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

SIDE: Final = 8
"""Pixels along the side of a block."""

# ITU-T T.81 (1992), tables K.1 (luminance) and K.2 (chrominance), row by row.
_LUMINANCE: Final = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMINANCE: Final = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)
# JFIF 1.02: Y, Cb and Cr of R, G and B.
_YCC: Final = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
_RGB: Final = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))


def jpeg(x_BCHW: Tensor, *, quality_B: Tensor) -> Tensor:
    """Images as they come back from a JPEG file of ITU-T T.81 (baseline, without subsampled colour).

    Args:
        x_BCHW: float32 images in [0, 255], grey or RGB; rounded to whole levels first. Sides that are no multiple of
            8 are filled up with their last row or column, as encoders do.
        quality_B: of each image, in [1, 100], by the scale of the Independent JPEG Group (libjpeg, Pillow, OpenCV);
            rounded to whole numbers.

    Returns:
        float32 (B, C, H, W), whole levels in [0, 255].
    """
    height, width = x_BCHW.shape[-2:]
    x_BCHW = F.pad(x_BCHW.round(), (0, -width % SIDE, 0, -height % SIDE), mode="replicate")
    colour = x_BCHW.shape[1] == 3
    if colour:
        x_BCHW = _matrixed(x_BCHW, _YCC)
        x_BCHW[:, 1:] += 128.0
        x_BCHW = x_BCHW.round_().clamp_(0.0, 255.0)
    basis, tables_C64 = _constants(colour, x_BCHW.device)
    step_BC164 = _scaled(tables_C64, quality_B)[:, :, None]
    # As libjpeg's integer transform: coefficients in whole eighths, then halves away from zero.
    eighth_BCN64 = (_blocks(x_BCHW - 128.0) @ (8.0 * basis.T)).round_()
    level_BCN64 = eighth_BCN64.abs().div_(8.0 * step_BC164).add_(0.5).floor_().copysign_(eighth_BCN64)
    block_BCN64 = level_BCN64.mul_(step_BC164) @ basis
    x_BCHW = _joined(block_BCN64, like=x_BCHW).add_(128.0).round_().clamp_(0.0, 255.0)
    if colour:
        x_BCHW[:, 1:] -= 128.0
        x_BCHW = _matrixed(x_BCHW, _RGB).round_().clamp_(0.0, 255.0)
    return x_BCHW[..., :height, :width]


def _scaled(tables_C64: Tensor, quality_B: Tensor) -> Tensor:
    """Quantiser steps (B, C, 64), by `jpeg_quality_scaling` of libjpeg: half the table at 75, twice at 25."""
    quality_B = quality_B.round().clamp(1.0, 100.0)
    percent_B = torch.where(quality_B < 50.0, (5000.0 / quality_B).floor(), 200.0 - 2.0 * quality_B)
    return ((tables_C64 * percent_B[:, None, None] + 50.0) / 100.0).floor().clamp_(1.0, 255.0)


def _blocks(x_BCHW: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, N, 64)."""
    batch, channels, height, width = x_BCHW.shape
    cut = x_BCHW.reshape(batch, channels, height // SIDE, SIDE, width // SIDE, SIDE)
    return cut.transpose(3, 4).reshape(batch, channels, -1, SIDE * SIDE)


def _joined(block_BCN64: Tensor, *, like: Tensor) -> Tensor:
    """(B, C, N, 64) -> the shape of `like`."""
    batch, channels, height, width = like.shape
    cut = block_BCN64.reshape(batch, channels, height // SIDE, width // SIDE, SIDE, SIDE)
    return cut.transpose(3, 4).reshape(like.shape)


def _matrixed(x_BCHW: Tensor, matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    """Every pixel's three channels times a matrix."""
    weight = torch.tensor(matrix, dtype=x_BCHW.dtype, device=x_BCHW.device)
    return F.conv2d(x_BCHW, weight[:, :, None, None])


@lru_cache(maxsize=8)
def _constants(colour: bool, device: torch.device) -> tuple[Tensor, Tensor]:
    """The two-dimensional cosine transform (64, 64), a row a coefficient, and the tables (C, 64)."""
    wave = [
        [math.cos((2 * x + 1) * u * math.pi / 16) * (math.sqrt(0.125) if u == 0 else 0.5) for x in range(SIDE)]
        for u in range(SIDE)
    ]
    line_88 = torch.tensor(wave)
    tables = (_LUMINANCE, _CHROMINANCE, _CHROMINANCE) if colour else (_LUMINANCE,)
    tables_C64 = torch.tensor(tables, dtype=torch.float32).reshape(len(tables), SIDE * SIDE)
    return torch.kron(line_88, line_88).to(device), tables_C64.to(device)
