"""ResNet18 and ResNet50 (He et al., arXiv 1512.03385) with stems for small faces."""

from typing import Literal

import timm
from torch import nn

from fer.models.layers import Fraction

Stem = Literal["imagenet", "nopool", "lowres"]
"""Resolution of the first stage, and of the last at 48 px:

- imagenet: 7 x 7 convolution of stride 2, then max-pooling: 12 cells a side, 2 at the end;
- nopool: the same convolution without the pooling: 24 cells, 3 at the end, at 2.4 times the cost;
- lowres: 3 x 3 convolution of stride 1, no pooling (as for CIFAR, arXiv 1512.03385, 4.2): 48 cells, 6 at the end, at
  8 (ResNet18) to 10 times (ResNet50) the cost. ImageNet weights fit all of it but this convolution, which starts anew.
"""


def resnet18(
    *,
    in_channels: int,
    num_classes: int,
    stem: Stem = "nopool",
    dropout: Fraction = 0.0,
    drop_path: Fraction = 0.0,
    zero_init_last: bool = False,
) -> nn.Module:
    """ResNet18: images (B, C, H, W) of any size -> logits (B, K).

    Args:
        in_channels: image channels.
        num_classes: number of logits.
        stem: see `Stem`.
        dropout: probability of dropping a pooled feature.
        drop_path: probability of skipping the last residual branch; it rises linearly from 0 (arXiv 1603.09382).
        zero_init_last: start each residual block as the identity (arXiv 1706.02677, 5.1): here the first passes
            teach it less so, while ResNet50 needs it (docs/results/experiments.md).
    """
    return _resnet(
        "resnet18",
        in_channels=in_channels,
        num_classes=num_classes,
        stem=stem,
        dropout=dropout,
        drop_path=drop_path,
        zero_init_last=zero_init_last,
    )


def resnet50(
    *,
    in_channels: int,
    num_classes: int,
    stem: Stem = "imagenet",
    dropout: Fraction = 0.0,
    drop_path: Fraction = 0.0,
    zero_init_last: bool = True,
) -> nn.Module:
    """ResNet50: images (B, C, H, W) of any size -> logits (B, K).

    Arguments as for `resnet18`. Without `zero_init_last` its first passes lead nowhere.
    """
    return _resnet(
        "resnet50",
        in_channels=in_channels,
        num_classes=num_classes,
        stem=stem,
        dropout=dropout,
        drop_path=drop_path,
        zero_init_last=zero_init_last,
    )


def _resnet(
    timm_name: str,
    *,
    in_channels: int,
    num_classes: int,
    stem: Stem,
    dropout: float,
    drop_path: float,
    zero_init_last: bool,
) -> nn.Module:
    net: nn.Module = timm.create_model(
        timm_name,
        in_chans=in_channels,
        num_classes=num_classes,
        drop_rate=dropout,
        drop_path_rate=drop_path,
        zero_init_last=zero_init_last,
    )
    if stem == "lowres":
        assert isinstance(net.conv1, nn.Conv2d)
        net.conv1 = nn.Conv2d(in_channels, net.conv1.out_channels, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(net.conv1.weight, mode="fan_out", nonlinearity="relu")
    if stem != "imagenet":
        net.maxpool = nn.Identity()
    for module in net.modules():
        if isinstance(module, nn.ReLU):
            # Attribution methods such as DeepLift need each activation's input; it costs less than 4 % of the time.
            module.inplace = False
    return net
