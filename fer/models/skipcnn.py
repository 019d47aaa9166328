"""The skip-connection CNN: a small residual net for 48 x 48 grey faces, the default model."""

from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor, nn

from fer.common.errors import ConfigError
from fer.models.layers import Fraction


class ConvNorm(nn.Sequential):
    """3 x 3 convolution, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class SkipBlock(nn.Module):
    """Basic residual block (He et al., arXiv 1512.03385, fig. 2): two 3 x 3 convolutions and an identity skip."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        norm = nn.BatchNorm2d(channels)
        # Each block starts as the identity: a deep net trains like a shallow one at first (arXiv 1706.02677, 5.1).
        nn.init.zeros_(norm.weight)
        self.body = nn.Sequential(
            ConvNorm(channels, channels), nn.Conv2d(channels, channels, 3, padding=1, bias=False), norm
        )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Feature map (B, D, h, w) -> one of the same shape."""
        y_BCHW: Tensor = self.relu(x_BCHW + self.body(x_BCHW))
        return y_BCHW


class SkipCNN(nn.Module):
    """Stages of a stride-2 convolution and residual blocks, then average pooling.

    Nothing runs at full resolution, where a CPU spends its time and a 48 px face gains the least: at 48 px the default
    has its blocks at 24 x 24, 12 x 12 and 6 x 6 cells. Wide and shallow beats narrow and deep where training time is
    short.

    Args:
        in_channels: image channels.
        num_classes: number of logits.
        widths: channels of each stage; each stage halves the map.
        blocks: residual blocks of each stage.
        dropout: probability of dropping a pooled feature.

    Raises:
        ConfigError: `widths` and `blocks` name different numbers of stages.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        num_classes: int,
        widths: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (48, 96, 192),
        blocks: tuple[NonNegativeInt, ...] = (1, 1, 1),
        dropout: Fraction = 0.0,
    ) -> None:
        super().__init__()
        if len(widths) != len(blocks):
            raise ConfigError(
                f"model.params.widths={list(widths)} and model.params.blocks={list(blocks)}: give one of each a stage"
            )
        stages: list[nn.Module] = []
        inputs = in_channels
        for width, count in zip(widths, blocks, strict=True):
            stages.append(nn.Sequential(ConvNorm(inputs, width, stride=2), *(SkipBlock(width) for _ in range(count))))
            inputs = width
        self.stages = nn.Sequential(*stages)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(inputs, num_classes)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Normalised image batch (B, C, H, W) -> logits (B, K)."""
        features_BD = self.pool(self.stages(x_BCHW)).flatten(1)
        logits_BK: Tensor = self.head(self.dropout(features_BD))
        return logits_BK

    def cam_layer(self) -> nn.Module:
        """The last stage: 6 x 6 cells at 48 px."""
        return self.stages[-1]
