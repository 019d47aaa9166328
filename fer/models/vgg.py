"""The VGG variant of Khaireddin and Chen (arXiv 2105.03588), a known strong plain net on FER-2013."""

from typing import Annotated

from pydantic import Field, PositiveInt
from torch import Tensor, nn

from fer.models.layers import Fraction


class VGG(nn.Module):
    """Stages of two 3 x 3 convolutions and max-pooling, then wide fully connected layers (arXiv 2105.03588, III-B).

    Most of its parameters lie between the flattened map and the first fully connected layer, which learns where in the
    face to look; the map's cells are averaged down to those of the net's own size where images of another come.

    Args:
        in_channels: image channels.
        num_classes: number of logits.
        size: height and width of the images, in pixels.
        widths: channels of each stage; each stage halves the map.
        hidden: sizes of the fully connected layers.
        dropout: probability of dropping a unit after each fully connected layer.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        num_classes: int,
        size: int,
        widths: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (64, 128, 256, 512),
        hidden: tuple[PositiveInt, ...] = (4096, 4096),
        dropout: Fraction = 0.2,
    ) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        inputs = in_channels
        for width in widths:
            layers: list[nn.Module] = []
            for _ in range(2):
                layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
                inputs = width
            stages.append(nn.Sequential(*layers, nn.MaxPool2d(2, ceil_mode=True)))
        self.stages = nn.Sequential(*stages)
        cells = max(1, size >> len(widths))
        self.pool = nn.AdaptiveAvgPool2d(cells)
        layers = []
        inputs *= cells * cells
        for units in hidden:
            layers += [nn.Linear(inputs, units), nn.ReLU(), nn.Dropout(dropout)]
            inputs = units
        self.hidden = nn.Sequential(*layers)
        self.head = nn.Linear(inputs, num_classes)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Normalised image batch (B, C, H, W) -> logits (B, K)."""
        features_BD = self.pool(self.stages(x_BCHW)).flatten(1)
        logits_BK: Tensor = self.head(self.hidden(features_BD))
        return logits_BK

    def cam_layer(self) -> nn.Module:
        """The last convolution before pooling: 6 x 6 cells at 48 px."""
        last = self.stages[-1]
        assert isinstance(last, nn.Sequential)
        return last[-2]
