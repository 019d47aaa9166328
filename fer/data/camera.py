"""What lies between a face and its picture file: a lens, a sensor in little light, few pixels, and JPEG.

All of it is drawn anew for every image and computed for the whole batch on its device, as in `fer.data.augment`. Blur,
shrinking and enlarging work on rows and columns apart: they are products with one matrix an image and side.

Shape suffixes: B images, C channels, H height, W width; N pixels along a side, P pixels along it on the sensor.
"""

import math
from typing import Final, NamedTuple

import torch
from torch import Tensor

from fer.data.augment_config import AugmentConfig
from fer.data.batch_shard import WHOLE, BatchShard
from fer.data.jpeg import SIDE, jpeg

WHITE: Final = 5000.0
"""Electrons that a pixel of a small sensor holds: white in full light."""

READ_NOISE: Final = 2.0
"""Electrons of noise that reading a pixel adds, as standard deviation. Both are of a phone's order; four stops less
light leave white 312 electrons."""

# Standard deviation, in pixels, that leaves an image exactly as it is.
_SHARP: Final = 1e-3


class _Draw(NamedTuple):
    """Uniform draws in [0, 1), float32 (B,) each; all are made where any operation is on."""

    blur: Tensor
    blur_sigma: Tensor
    downscale: Tensor
    downscale_side: Tensor
    row: Tensor
    column: Tensor
    low_light: Tensor
    stops: Tensor
    gain: Tensor
    jpeg: Tensor
    quality: Tensor


def photographed(
    x_BCHW: Tensor, config: AugmentConfig, *, generator: torch.Generator, share: BatchShard = WHOLE
) -> Tensor:
    """The images as a camera would have taken and saved them: blurred, small, dark and noisy, compressed.

    Args:
        x_BCHW: float32 images in [0, 255], grey or RGB.
        config: which share of the images gets what, and how strongly.
        generator: on the images' device.
        share: which rows of a larger batch the images are; draws are made for the whole batch.

    Returns:
        float32 (B, C, H, W) in [0, 255]; exactly the images themselves where nothing was drawn for them.
    """
    total = len(x_BCHW) * share.of
    rand = torch.rand((len(_Draw._fields), total), generator=generator, device=x_BCHW.device)
    draw = _Draw(*rand[:, share.rows].unbind())
    sigma_B = torch.where(draw.blur < config.blur_probability, draw.blur_sigma * config.blur_fraction, 0.0)
    shrink_B = torch.exp(draw.downscale_side * math.log(config.downscale_to))
    shrink_B = torch.where(draw.downscale < config.downscale_probability, shrink_B, 1.0)

    # A face lies anywhere relative to the blocks of its picture's JPEG.
    compresses = config.jpeg_probability > 0.0
    down_BPN, up_BNP = [], []
    for side, start_B in zip(x_BCHW.shape[-2:], (draw.row, draw.column), strict=True):
        small_B = (side * shrink_B).round().clamp(min=1.0)
        first_B = (start_B * SIDE).floor().clamp(max=SIDE - 1) if compresses else torch.zeros_like(start_B)
        reach = -(-(side + SIDE - 1) // SIDE) * SIDE if compresses else side
        down = shrinking(side, small_B=small_B, first_B=first_B, reach=reach)
        down_BPN.append(down @ gaussian(side, sigma_B=sigma_B * side))
        up_BNP.append(enlarging(side, small_B=small_B, first_B=first_B, reach=reach))
    y_BCPP = down_BPN[0][:, None] @ x_BCHW @ down_BPN[1].mT[:, None]

    if config.low_light_probability > 0.0:
        shape = (total, *y_BCPP.shape[1:])
        normal_BCPP = torch.randn(shape, generator=generator, device=x_BCHW.device)[share.rows]
        stops_B = draw.stops * config.low_light_stops
        dark_BCPP = low_light(
            y_BCPP, stops_B=stops_B, gain_B=stops_B * draw.gain * config.low_light_gain, normal_BCHW=normal_BCPP
        )
        y_BCPP = torch.where(_each(draw.low_light < config.low_light_probability), dark_BCPP, y_BCPP)
    if compresses:
        least, most = config.jpeg_quality
        saved_BCPP = jpeg(y_BCPP, quality_B=least + draw.quality * (most - least))
        y_BCPP = torch.where(_each(draw.jpeg < config.jpeg_probability), saved_BCPP, y_BCPP)
    return (up_BNP[0][:, None] @ y_BCPP @ up_BNP[1].mT[:, None]).clamp_(0.0, 255.0)


def gaussian(side: int, *, sigma_B: Tensor) -> Tensor:
    """Matrices (B, N, N) that blur N = `side` pixels; nothing beyond the edge is looked at.

    Args:
        side: number of pixels.
        sigma_B: standard deviation in pixels; 0 is the identity.
    """
    place_N = torch.arange(side, device=sigma_B.device)
    weight_BN = torch.exp(-0.5 * (place_N / sigma_B.clamp(min=_SHARP)[:, None]).square())
    # Numbers too small to add anything would only slow the products down.
    weight_BN = weight_BN.sub_(1e-9).clamp_(min=0.0)
    weight_BNN = weight_BN[:, (place_N[:, None] - place_N).abs()]
    return weight_BNN.mul_(1.0 / weight_BNN.sum(dim=2, keepdim=True))


def shrinking(side: int, *, small_B: Tensor, first_B: Tensor, reach: int) -> Tensor:
    """Matrices (B, P, N) from N = `side` pixels to fewer, by a triangle as wide as two of the new pixels (Pillow's and
    torch's antialiased bilinear interpolation).

    Args:
        side: number of pixels.
        small_B: new number of pixels, whole and at most `side`.
        first_B: place of the first of them in the result, whole.
        reach: P, places of the result; those before and after the pixels repeat the nearest.
    """
    place_P = torch.arange(reach, device=small_B.device, dtype=torch.float32)
    pixel_BP = torch.minimum((place_P - first_B[:, None]).clamp(min=0.0), small_B[:, None] - 1.0)
    ratio_B1 = side / small_B[:, None]
    centre_BP1 = ((pixel_BP + 0.5) * ratio_B1 - 0.5)[:, :, None]
    place_N = torch.arange(side, device=small_B.device, dtype=torch.float32)
    # The triangle times its width, which the sum takes out again.
    weight_BPN = (place_N - centre_BP1).abs_().neg_().add_(ratio_B1[:, :, None]).clamp_(min=0.0)
    return weight_BPN.mul_(1.0 / weight_BPN.sum(dim=2, keepdim=True))


def enlarging(side: int, *, small_B: Tensor, first_B: Tensor, reach: int) -> Tensor:
    """Matrices (B, N, P) back from what `shrinking` gave to N = `side` pixels, by bilinear interpolation."""
    place_N = torch.arange(side, device=small_B.device, dtype=torch.float32)
    centre_BN = (place_N + 0.5) * (small_B / side)[:, None] - 0.5
    centre_BN = torch.minimum(centre_BN.clamp(min=0.0), small_B[:, None] - 1.0) + first_B[:, None]
    place_P = torch.arange(reach, device=small_B.device, dtype=torch.float32)
    return (place_P - centre_BN[:, :, None]).abs_().neg_().add_(1.0).clamp_(min=0.0)


def low_light(x_BCHW: Tensor, *, stops_B: Tensor, gain_B: Tensor, normal_BCHW: Tensor) -> Tensor:
    """Images as a sensor sees them that gets less light, in whole levels.

    Light arrives as electrons, which are counted with Poisson noise (here normal, of the same variance) and read with
    noise that does not depend on them; the camera's gain multiplies both. Light is taken as the square of the grey
    level: near sRGB's curve (IEC 61966-2-1, of mean exponent 2.2), and a fifth of the time of a power.

    Args:
        x_BCHW: float32 images in [0, 255], taken as free of noise.
        stops_B: halvings of the light.
        gain_B: doublings by the camera's gain, after the noise; `stops_B` brings the old brightness back.
        normal_BCHW: standard normal numbers.
    """
    electrons_BCHW = x_BCHW.square() * _each(WHITE / 255.0**2 * torch.exp2(-stops_B))
    counted_BCHW = electrons_BCHW + normal_BCHW * (electrons_BCHW + READ_NOISE**2).sqrt_()
    light_BCHW = counted_BCHW.mul_(_each(torch.exp2(gain_B) / WHITE)).clamp_(0.0, 1.0)
    return light_BCHW.sqrt_().mul_(255.0).round_()


def _each(value_B: Tensor) -> Tensor:
    return value_B.view(-1, 1, 1, 1)
