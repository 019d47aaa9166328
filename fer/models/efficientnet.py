"""EfficientNetV2-B0 (Tan and Le, arXiv 2104.00298) with a stem for small faces."""

from typing import Literal

import timm
from torch import nn

from fer.models.layers import Fraction


def efficientnetv2(
    *,
    in_channels: int,
    num_classes: int,
    stem: Literal["imagenet", "lowres"] = "lowres",
    dropout: Fraction = 0.2,
    drop_path: Fraction = 0.1,
) -> nn.Module:
    """EfficientNetV2-B0: images (B, C, H, W) of any size -> logits (B, K).

    Args:
        in_channels: image channels.
        num_classes: number of logits.
        stem: "imagenet", a convolution of stride 2, leaves 2 x 2 cells at the end of a 48 px image; "lowres", the same
            convolution with stride 1, leaves 3 x 3 at 1.6 times the cost. ImageNet weights fit both.
        dropout: probability of dropping a pooled feature.
        drop_path: probability of skipping the last residual branch; it rises linearly from 0 (arXiv 1603.09382).
    """
    net: nn.Module = timm.create_model(
        "tf_efficientnetv2_b0",
        in_chans=in_channels,
        num_classes=num_classes,
        drop_rate=dropout,
        drop_path_rate=drop_path,
    )
    if stem == "lowres":
        assert isinstance(net.conv_stem, nn.Conv2d)
        net.conv_stem.stride = (1, 1)
    return net
