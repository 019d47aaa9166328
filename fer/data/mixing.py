"""Mixup and CutMix of whole batches, each image with its own partner and weight.

Own code because timm's import costs nine seconds and its per-image mode loops over the batch in Python, and because
torchvision's versions draw one weight for the whole batch and take no generator.

Shape suffixes: B images, C channels, H height, W width, K classes.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def one_hot(label_B: Tensor, *, num_classes: int) -> Tensor:
    """int64 labels (B,) -> float32 targets (B, K)."""
    return F.one_hot(label_B, num_classes).float()


def symmetric_beta(alpha: float, *, uniform_B: Tensor, angle_B: Tensor, sign_B: Tensor) -> Tensor:
    """Draws of Beta(alpha, alpha) in [0, 1], float32 (B,), from three independent uniform draws in [0, 1) each.

    Devroye, "Random variate generation in one line of code" (1996): exact for every alpha > 0 and without a rejection
    loop, so it runs on any device from a given generator, which torch's own Beta cannot.
    """
    ratio_B = (uniform_B.pow(-1.0 / alpha) - 1.0) * torch.cos(2.0 * math.pi * angle_B).square()
    half_B = 0.5 / torch.sqrt(1.0 + 1.0 / ratio_B)
    return torch.where(sign_B < 0.5, 0.5 - half_B, 0.5 + half_B)


def cutmix_mask(lambda_B: Tensor, *, y_B: Tensor, x_B: Tensor, height: int, width: int) -> Tensor:
    """float32 (B, 1, H, W), 1 where the partner shows, else 0: a rectangle of area 1 - lambda, cut off at the edge.

    Args:
        lambda_B: share of the image to keep, in [0, 1].
        y_B: centre of the rectangle as a fraction of the height, in [0, 1).
        x_B: centre of the rectangle as a fraction of the width, in [0, 1).
        height: height in pixels.
        width: width in pixels.
    """

    def inside(centre_B: Tensor, size: int) -> Tensor:
        length_B = (torch.sqrt(1.0 - lambda_B) * size).round()
        start_B = (centre_B * size).floor() - (length_B / 2).floor()
        pixel_N = torch.arange(size, device=lambda_B.device)
        return ((pixel_N >= start_B[:, None]) & (pixel_N < (start_B + length_B)[:, None])).float()

    mask_BHW = inside(y_B, height)[:, :, None] * inside(x_B, width)[:, None, :]
    return mask_BHW[:, None]


def mix(
    image_BCHW: Tensor,
    target_BK: Tensor,
    *,
    mixup_alpha: float = 0.0,
    cutmix_alpha: float = 0.0,
    probability: float = 1.0,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Mixes each image, and its target in the same proportion, with another image of the batch.

    Mixup (arXiv 1710.09412): image = lambda * image + (1 - lambda) * partner. CutMix (arXiv 1905.04899): a rectangle of
    the partner, lambda being the share of pixels that is left, counted after the rectangle is cut off at the edge. With
    both on, each image takes either with probability 1/2. Partners follow one random cycle through the batch: no image
    is its own, and each is the partner of one.

    Args:
        image_BCHW: float images.
        target_BK: class probabilities, each row summing to 1.
        mixup_alpha: parameter of Beta(alpha, alpha); 0 turns mixup off.
        cutmix_alpha: parameter of Beta(alpha, alpha); 0 turns CutMix off.
        probability: share of images that are mixed at all; the others stay exactly as they are.
        generator: on the images' device.

    Returns:
        Images and targets, shapes unchanged. The inputs themselves are returned where both alphas are 0.
    """
    if mixup_alpha == 0.0 and cutmix_alpha == 0.0:
        return image_BCHW, target_BK
    height, width = image_BCHW.shape[-2:]
    draw = torch.rand((7, len(image_BCHW)), generator=generator, device=image_BCHW.device)
    uniform_B, angle_B, sign_B, mixed_B, which_B, y_B, x_B = draw.unbind()
    mixed_B = mixed_B < probability
    weight = torch.ones((len(image_BCHW), 1, 1, 1), device=image_BCHW.device)
    if mixup_alpha > 0.0:
        lambda_B = symmetric_beta(mixup_alpha, uniform_B=uniform_B, angle_B=angle_B, sign_B=sign_B)
        weight = torch.where(mixed_B, lambda_B, 1.0).view(-1, 1, 1, 1)
    lambda_B1 = weight.view(-1, 1)
    if cutmix_alpha > 0.0:
        cut_B = mixed_B if mixup_alpha == 0.0 else mixed_B & (which_B < 0.5)
        lambda_B = symmetric_beta(cutmix_alpha, uniform_B=uniform_B, angle_B=angle_B, sign_B=sign_B)
        mask_B1HW = cutmix_mask(lambda_B, y_B=y_B, x_B=x_B, height=height, width=width)
        # Exact in float32, unlike the mean: a pixel count below 2**24, divided once.
        shown_B1 = (height * width - mask_B1HW.sum(dim=(2, 3))) / (height * width)
        weight = torch.lerp(weight, 1.0 - mask_B1HW, cut_B.float().view(-1, 1, 1, 1))
        lambda_B1 = torch.where(cut_B[:, None], shown_B1, lambda_B1)
    cycle_B = torch.randperm(len(image_BCHW), generator=generator, device=image_BCHW.device)
    partner_B = torch.empty_like(cycle_B)
    partner_B[cycle_B] = cycle_B.roll(1)
    mixed_BCHW = torch.lerp(image_BCHW[partner_B], image_BCHW, weight)
    return mixed_BCHW, torch.lerp(target_BK[partner_B], target_BK, lambda_B1)
