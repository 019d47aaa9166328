"""The custom CNN: a plain stack of convolutions, without skip connections."""

from typing import Annotated

from pydantic import Field, PositiveInt
from torch import Tensor, nn

from fer.models.layers import Fraction


class CNN(nn.Module):
    """Stages of 3 x 3 convolutions, batch norm and ReLU in the manner of VGG (arXiv 1409.1556), then average pooling.

    Max-pooling halves the map between stages: 48, 24, 12 and 6 cells a side at 48 px. Average pooling in place of VGG's
    fully connected layers leaves the net with few parameters and free of the image's size (arXiv 1312.4400, 3.2).

    Args:
        in_channels: image channels.
        num_classes: number of logits.
        widths: channels of each stage; multiples of 32 fill a CPU's vector units in bfloat16.
        convs: convolutions a stage.
        stage_dropout: probability of dropping a whole channel after each stage but the last.
        dropout: probability of dropping a pooled feature.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        num_classes: int,
        widths: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (32, 64, 128, 256),
        convs: PositiveInt = 2,
        stage_dropout: Fraction = 0.1,
        dropout: Fraction = 0.3,
    ) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        inputs = in_channels
        for width in widths:
            layers: list[nn.Module] = [nn.MaxPool2d(2), nn.Dropout2d(stage_dropout)] if stages else []
            for _ in range(convs):
                # ReLU out of place: attribution methods such as DeepLift need its input, and it costs 4 % of the time.
                layers += [nn.Conv2d(inputs, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
                inputs = width
            stages.append(nn.Sequential(*layers))
        self.stages = nn.Sequential(*stages)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(inputs, num_classes)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Normalised image batch (B, C, H, W) -> logits (B, K)."""
        logits_BK: Tensor = self.head(self.dropout(self.pool(self.stages(x_BCHW)).flatten(1)))
        return logits_BK

    def cam_layer(self) -> nn.Module:
        """The last stage: 6 x 6 cells at 48 px."""
        return self.stages[-1]
