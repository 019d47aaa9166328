"""The vision transformer (Dosovitskiy et al., arXiv 2010.11929) at the scale of small faces."""

from typing import Annotated, Literal

import timm
from pydantic import Field, PositiveInt
from torch import nn

from fer.common.errors import ConfigError
from fer.models.layers import Fraction


def vit(
    *,
    in_channels: int,
    num_classes: int,
    size: int,
    patch_size: Annotated[int, Field(ge=2)] = 8,
    embed_dim: PositiveInt = 192,
    depth: PositiveInt = 6,
    heads: PositiveInt = 3,
    pool: Literal["avg", "token"] = "avg",
    dropout: Fraction = 0.0,
    drop_path: Fraction = 0.1,
) -> nn.Module:
    """A ViT: images (B, C, H, W) -> logits (B, K).

    Other sizes than `size` work too: the position embedding is resampled to the grid of the image.

    Args:
        in_channels: image channels.
        num_classes: number of logits.
        size: height and width of the images, in pixels; a multiple of `patch_size`.
        patch_size: height and width of a patch, in pixels; 8 gives 6 x 6 tokens at 48 px, 6 gives 8 x 8.
        embed_dim: width of a token. With 192 and 3 heads, ImageNet weights of ViT-Tiny fit, whatever depth and patch.
        depth: transformer blocks.
        heads: attention heads a block; divides `embed_dim`.
        pool: classify the mean of the tokens (better from scratch, arXiv 2205.01580, 2) or the class token.
        dropout: probability of dropping a pooled feature.
        drop_path: probability of skipping the last residual branch; it rises linearly from 0 (arXiv 1603.09382).

    Raises:
        ConfigError: `patch_size` does not divide `size`, or `heads` does not divide `embed_dim`.
    """
    if size % patch_size:
        raise ConfigError(
            f"model.params.patch_size={patch_size} does not divide model.size={size}: "
            f"choose one of {', '.join(str(patch) for patch in range(2, size + 1) if size % patch == 0)}"
        )
    if embed_dim % heads:
        raise ConfigError(f"model.params.heads={heads} does not divide model.params.embed_dim={embed_dim}")
    net: nn.Module = timm.create_model(
        "vit_tiny_patch16_224",
        img_size=size,
        patch_size=patch_size,
        in_chans=in_channels,
        num_classes=num_classes,
        embed_dim=embed_dim,
        depth=depth,
        num_heads=heads,
        global_pool=pool,
        drop_rate=dropout,
        drop_path_rate=drop_path,
        dynamic_img_size=True,
        dynamic_img_pad=True,
    )
    return net
