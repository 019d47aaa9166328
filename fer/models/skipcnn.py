"""The skip-connection CNN: a small residual net for 48 x 48 grey faces, the default model."""

from torch import Tensor, nn


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
        y_BCHW: Tensor = self.relu(x_BCHW + self.body(x_BCHW))
        return y_BCHW


class SkipCNN(nn.Module):
    """Stages of a stride-2 convolution and residual blocks at 1/2, 1/4 and 1/8 of the input, then average pooling.

    Nothing runs at full resolution, where a CPU spends its time and a 48 px face gains little; widths that are
    multiples of 32 fill the vector units in bfloat16.

    Args:
        in_channels: image channels.
        num_classes: number of logits.
        width: channels of the first stage; the later stages have two and four times as many.
        blocks: residual blocks a stage.
        dropout: probability of dropping a pooled feature.
    """

    def __init__(
        self, *, in_channels: int = 1, num_classes: int = 7, width: int = 32, blocks: int = 2, dropout: float = 0.0
    ) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        inputs = in_channels
        for stage_width in (width, 2 * width, 4 * width):
            stages.append(
                nn.Sequential(ConvNorm(inputs, stage_width, stride=2), *(SkipBlock(stage_width) for _ in range(blocks)))
            )
            inputs = stage_width
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
