"""Augmentation of whole batches on their device, with parameters drawn anew for every image.

Flip, rotation, shift, zoom, shear and the change of resolution are one resampling; brightness and contrast are one
multiplication and addition. Nothing loops over images, waits for the device, or uses float64 (absent on MPS).

Shape suffixes: B images, C channels, H height, W width, K classes; 111 stands for broadcast axes.
"""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from fer.common.labels import NUM_CLASSES
from fer.data.augment_config import AugmentConfig
from fer.data.batch_shard import WHOLE, BatchShard
from fer.data.camera import photographed
from fer.data.mixing import mix, one_hot
from fer.data.occlusion import apply_occlusion, region_mask
from fer.data.resampling_blur import sharpen

__all__ = ["Augment", "AugmentConfig", "erase", "resize", "warp"]

# Bilinear sampling reads 2 x 2 neighbours, so it aliases when it skips pixels. Shrinking to this multiple of the target
# with an antialiasing filter before the warp costs 5 us an image and, at 48 -> 32, brings the PSNR against a
# supersampled warp from 31.1 to 36.7 dB (FER-2013; shrunk straight to the target, which blurs twice: 29.9 dB).
_REDUCE_BEYOND = 4 / 3


class _Draw(NamedTuple):
    """Uniform draws in [0, 1), float32 (B,) each.

    All are made whatever the config, so that switching one operation on or off leaves the parameters of the others.
    """

    flip: Tensor
    rotate: Tensor
    translate_x: Tensor
    translate_y: Tensor
    scale: Tensor
    shear: Tensor
    brightness: Tensor
    contrast: Tensor
    gamma: Tensor
    noise: Tensor
    erase: Tensor
    erase_area: Tensor
    erase_aspect: Tensor
    erase_top: Tensor
    erase_left: Tensor
    occlude: Tensor
    occlude_region: Tensor


class Augment:
    """Varies training images as `config` says.

    Everything random comes from the generator that a call is given: equal state, equal result.

    Args:
        config: what is varied, and how far.
        num_classes: K, of the soft targets that mixed images get.
    """

    def __init__(self, config: AugmentConfig, *, num_classes: int = NUM_CLASSES) -> None:
        self.config = config
        self.num_classes = num_classes

    @property
    def mixes(self) -> bool:
        """Whether batches come out with soft targets."""
        return self.config.mixes

    def __call__(
        self, image_BCHW: Tensor, *, size: int | None = None, generator: torch.Generator, share: BatchShard = WHOLE
    ) -> Tensor:
        """Augmented copies of the images.

        Args:
            image_BCHW: uint8 images, grey or RGB.
            size: height and width of the result in pixels; None keeps those of the images.
            generator: on the images' device.
            share: which rows of a larger batch the images are; parameters are drawn for the whole batch, so an image
                is augmented alike whoever does it.

        Returns:
            float32 (B, C, size, size) in [0, 255]; exactly the images where config and `size` ask for no change.
        """
        config = self.config
        total = len(image_BCHW) * share.of
        rand = torch.rand((len(_Draw._fields), total), generator=generator, device=image_BCHW.device)
        draw = _Draw(*rand[:, share.rows].unbind())
        height, width = image_BCHW.shape[-2:] if size is None else (size, size)

        if config.photographs:
            image_BCHW = photographed(image_BCHW.float(), config, generator=generator, share=share)
        flip_B = draw.flip < config.flip_probability
        if config.warps:
            zoom = math.log1p(config.scale_fraction)
            x_BCHW = warp(
                image_BCHW.float(),
                flip_B=flip_B,
                angle_B=_signed(draw.rotate) * math.radians(config.rotate_degrees),
                shift_x_B=_signed(draw.translate_x) * config.translate_fraction,
                shift_y_B=_signed(draw.translate_y) * config.translate_fraction,
                zoom_B=torch.exp(_signed(draw.scale) * zoom),
                shear_B=_signed(draw.shear) * math.radians(config.shear_degrees),
                height=height,
                width=width,
                fill=config.fill,
                prefilter=config.prefilter,
            )
        else:
            if config.flip_probability > 0.0:
                image_BCHW = torch.where(flip_B.view(-1, 1, 1, 1), image_BCHW.flip(-1), image_BCHW)
            x_BCHW = resize(image_BCHW.float(), height=height, width=width)

        x_BCHW = self._photometric(x_BCHW, draw, generator, share)
        if config.erase_probability > 0.0:
            x_BCHW = erase(
                x_BCHW,
                chosen_B=draw.erase < config.erase_probability,
                area_B=config.erase_area[0] + draw.erase_area * (config.erase_area[1] - config.erase_area[0]),
                aspect_B=draw.erase_aspect,
                top_B=draw.erase_top,
                left_B=draw.erase_left,
                max_aspect=config.erase_aspect,
                noise=generator if config.erase_fill == "noise" else None,
                share=share,
            )
        if config.occlude_probability > 0.0:
            masks_RHW = _region_masks(config.occlude_regions, height, width, x_BCHW.device)
            # In float32 the product can round up to the number of regions itself.
            region_B = (draw.occlude_region * len(masks_RHW)).long().clamp_max(len(masks_RHW) - 1)
            hidden_BHW = masks_RHW[region_B] & (draw.occlude < config.occlude_probability).view(-1, 1, 1)
            x_BCHW = apply_occlusion(x_BCHW, hidden_BHW)
        return x_BCHW

    def batch(
        self,
        batch: Mapping[str, Tensor],
        *,
        size: int | None = None,
        generator: torch.Generator,
        share: BatchShard = WHOLE,
    ) -> dict[str, Tensor]:
        """The batch with its "image" augmented and, where the config mixes images, a soft "target" (B, K) float32.

        Args:
            batch: "image" uint8 (B, C, H, W), "label" int64 (B,), perhaps "target" (B, K) of an earlier step; other
                entries pass through.
            size: as in `__call__`.
            generator: as in `__call__`.
            share: as in `__call__`. Where the config mixes images, whose partners may be in any share, `batch` is the
                whole one all the same, and this share of it is returned.
        """
        if not self.config.mixes:
            return {**batch, "image": self(batch["image"], size=size, generator=generator, share=share)}
        image_BCHW = self(batch["image"], size=size, generator=generator)
        target_BK = batch.get("target")
        if target_BK is None:
            target_BK = one_hot(batch["label"], num_classes=self.num_classes)
        image_BCHW, target_BK = mix(
            image_BCHW,
            target_BK,
            mixup_alpha=self.config.mixup_alpha,
            cutmix_alpha=self.config.cutmix_alpha,
            probability=self.config.mix_probability,
            generator=generator,
        )
        mixed = {**batch, "image": image_BCHW, "target": target_BK}
        return {name: entry[share.rows] for name, entry in mixed.items()}

    def _photometric(self, x_BCHW: Tensor, draw: _Draw, generator: torch.Generator, share: BatchShard) -> Tensor:
        config = self.config
        changed = False
        if config.gamma > 0.0:
            gamma_B = torch.exp(_signed(draw.gamma) * math.log1p(config.gamma))
            # Filling with the mean rounds to a hair below black, of which there is no power.
            x_BCHW = (x_BCHW / 255.0).clamp_(min=0.0).pow(gamma_B.view(-1, 1, 1, 1)) * 255.0
        if config.brightness > 0.0 or config.contrast > 0.0:
            mean_B111 = x_BCHW.mean(dim=(1, 2, 3), keepdim=True)
            brightness_B111 = (1.0 + _signed(draw.brightness) * config.brightness).view(-1, 1, 1, 1)
            contrast_B111 = (1.0 + _signed(draw.contrast) * config.contrast).view(-1, 1, 1, 1)
            offset_B111 = mean_B111 * brightness_B111 * (1.0 - contrast_B111)
            x_BCHW = (x_BCHW * (brightness_B111 * contrast_B111)).add_(offset_B111)
            changed = True
        if config.noise_std > 0.0:
            shape = (len(x_BCHW) * share.of, *x_BCHW.shape[1:])
            normal_BCHW = torch.randn(shape, generator=generator, device=x_BCHW.device)[share.rows]
            x_BCHW = torch.addcmul(x_BCHW, normal_BCHW, (draw.noise * config.noise_std).view(-1, 1, 1, 1))
            changed = True
        return x_BCHW.clamp_(0.0, 255.0) if changed else x_BCHW


def resize(x_BCHW: Tensor, *, height: int, width: int) -> Tensor:
    """float32 (B, C, H, W) -> (B, C, height, width), by the interpolation of `fer.models.preprocess.Preprocess`."""
    if x_BCHW.shape[-2:] == (height, width):
        return x_BCHW
    shrinks = width < x_BCHW.shape[-1]
    return F.interpolate(x_BCHW, size=(height, width), mode="bilinear", align_corners=False, antialias=shrinks)


def warp(
    x_BCHW: Tensor,
    *,
    flip_B: Tensor,
    angle_B: Tensor,
    shift_x_B: Tensor,
    shift_y_B: Tensor,
    zoom_B: Tensor,
    shear_B: Tensor,
    height: int,
    width: int,
    fill: str = "border",
    prefilter: bool = False,
) -> Tensor:
    """Flips, zooms, shears, rotates and shifts each image, in that order, about its centre, in one bilinear resampling.

    Args:
        x_BCHW: float32 images (B, C, H, W).
        flip_B: bool; True mirrors left to right.
        angle_B: rotation in radians, positive is counter-clockwise as one sees the picture.
        shift_x_B: shift to the right as a fraction of the width.
        shift_y_B: shift downwards as a fraction of the height.
        zoom_B: magnification, over 1 shows the face larger.
        shear_B: angle in radians by which vertical lines lean; positive moves the lower part to the right.
        height: height of the result in pixels.
        width: width of the result in pixels.
        fill: "border", "mean", "black" or "reflect", see `AugmentConfig.fill`.
        prefilter: see `AugmentConfig.prefilter`.

    Returns:
        float32 (B, C, height, width), within the range of the input ("black": and 0).
    """
    reduced_height, reduced_width = round(height * _REDUCE_BEYOND), round(width * _REDUCE_BEYOND)
    if x_BCHW.shape[-2] > reduced_height and x_BCHW.shape[-1] > reduced_width:
        x_BCHW = resize(x_BCHW, height=reduced_height, width=reduced_width)

    if prefilter and x_BCHW.shape[-2:] == (height, width):
        x_BCHW = sharpen(x_BCHW)

    # The inverse map, from a place in the result to the place in the image it shows. Coordinates run from -1 to 1 along
    # each side (grid_sample's, align_corners=False), so that off-diagonal entries carry the ratio of the sides.
    cos_B, sin_B, lean_B = torch.cos(angle_B), torch.sin(angle_B), torch.tan(shear_B)
    mirror_B = 1.0 - 2.0 * flip_B.float()
    ratio = height / width
    xx_B = mirror_B * (cos_B - lean_B * sin_B) / zoom_B
    xy_B = mirror_B * (-sin_B - lean_B * cos_B) / zoom_B * ratio
    yx_B = sin_B / zoom_B / ratio
    yy_B = cos_B / zoom_B
    offset_x_B = -2.0 * (xx_B * shift_x_B + xy_B * shift_y_B)
    offset_y_B = -2.0 * (yx_B * shift_x_B + yy_B * shift_y_B)

    # An affine grid is the sum of a row and a column: broadcasting builds it 30 times faster than F.affine_grid does,
    # if it goes plane by plane, because vector instructions want the long axis last.
    column_W = (2.0 * torch.arange(width, device=x_BCHW.device) + 1.0) / width - 1.0
    row_H = (2.0 * torch.arange(height, device=x_BCHW.device) + 1.0) / height - 1.0
    by_column_B2W = torch.stack((xx_B, yx_B), dim=1)[:, :, None] * column_W
    by_row_B2H = torch.stack((xy_B, yy_B), dim=1)[:, :, None] * row_H
    offset_B21 = torch.stack((offset_x_B, offset_y_B), dim=1)[:, :, None]
    grid_B2HW = (by_row_B2H + offset_B21)[:, :, :, None] + by_column_B2W[:, :, None, :]
    if fill == "border":
        # Clamping to the outermost pixel centres is padding_mode="border", which MPS lacks before torch 2.13.
        for plane, side in ((0, x_BCHW.shape[-1]), (1, x_BCHW.shape[-2])):
            grid_B2HW[:, plane].clamp_(1.0 / side - 1.0, 1.0 - 1.0 / side)
    grid_BHW2 = grid_B2HW.permute(0, 2, 3, 1)

    if fill == "mean":
        # Zero padding of an image without its mean is padding with its mean.
        mean_BC11 = x_BCHW.mean(dim=(2, 3), keepdim=True)
        return mean_BC11 + F.grid_sample(x_BCHW - mean_BC11, grid_BHW2, padding_mode="zeros", align_corners=False)
    padding = "reflection" if fill == "reflect" else "zeros"
    return F.grid_sample(x_BCHW, grid_BHW2, padding_mode=padding, align_corners=False)


def erase(
    x_BCHW: Tensor,
    *,
    chosen_B: Tensor,
    area_B: Tensor,
    aspect_B: Tensor,
    top_B: Tensor,
    left_B: Tensor,
    max_aspect: float = 3.3,
    noise: torch.Generator | None = None,
    share: BatchShard = WHOLE,
) -> Tensor:
    """Replaces one rectangle of each chosen image (random erasing, arXiv 1708.04896).

    Args:
        x_BCHW: float32 images in [0, 255].
        chosen_B: bool, the images to erase in.
        area_B: area of the rectangle as a fraction of the image's, in (0, 1].
        aspect_B: in [0, 1): where height over width lies, on a logarithmic scale, between the least and the largest
            that `max_aspect` and the sides allow: the rectangle always fits, without the paper's repeated draws.
        top_B: in [0, 1): where the rectangle lies between the top and the bottom.
        left_B: in [0, 1): where it lies between left and right.
        max_aspect: bound of height over width, and of width over height, in fractions of the sides.
        noise: generator for uniform noise in the rectangle; None fills it with the image's mean.
        share: which rows of a larger batch the images are; noise is drawn for the whole batch.

    Returns:
        float32 images of the same shape, in [0, 255].
    """
    height, width = x_BCHW.shape[-2:]
    bound_B = torch.log(torch.clamp(1.0 / area_B, max=max_aspect))
    rows_B = torch.sqrt(area_B * torch.exp(_signed(aspect_B) * bound_B)).mul(height).round().clamp(1, height)
    # The width makes up for the rounding of the height.
    columns_B = (area_B * height * width / rows_B).round().clamp(1, width)
    top_B = (top_B * (height - rows_B + 1)).floor()
    left_B = (left_B * (width - columns_B + 1)).floor()
    row_H, column_W = torch.arange(height, device=x_BCHW.device), torch.arange(width, device=x_BCHW.device)
    inside_BH = (row_H >= top_B[:, None]) & (row_H < (top_B + rows_B)[:, None]) & chosen_B[:, None]
    inside_BW = (column_W >= left_B[:, None]) & (column_W < (left_B + columns_B)[:, None])
    # Products of floats and lerp (exact at 0 and 1) take a seventh of the time of bool masks and where on a CPU.
    inside_B1HW = (inside_BH.float()[:, :, None] * inside_BW.float()[:, None, :])[:, None]
    if noise is None:
        value = x_BCHW.mean(dim=(2, 3), keepdim=True)
    else:
        shape = (len(x_BCHW) * share.of, *x_BCHW.shape[1:])
        value = torch.rand(shape, generator=noise, device=x_BCHW.device)[share.rows] * 255.0
    return torch.lerp(x_BCHW, value, inside_B1HW)


def _signed(uniform_B: Tensor) -> Tensor:
    """[0, 1) -> [-1, 1)."""
    return 2.0 * uniform_B - 1.0


@lru_cache(maxsize=32)
def _region_masks(regions: tuple[str, ...], height: int, width: int, device: torch.device) -> Tensor:
    """Bool (R, H, W), kept: building them takes longer than applying them."""
    return torch.stack([region_mask(name, height=height, width=width, device=device) for name in regions])
