"""The multi-layer perceptron: what pixels alone give, without any notion of place."""

from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from fer.models.layers import Fraction


class MLP(nn.Module):
    """Hidden layers of linear map, batch norm, ReLU and dropout over the flattened image.

    Args:
        in_channels: image channels.
        num_classes: number of logits.
        size: height and width of the images, in pixels; others are resampled to it.
        hidden: width of each hidden layer; none makes it logistic regression.
        dropout: probability of dropping a hidden unit.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        num_classes: int,
        size: int,
        hidden: tuple[PositiveInt, ...] = (512, 256),
        dropout: Fraction = 0.3,
    ) -> None:
        super().__init__()
        self.size = size
        layers: list[nn.Module] = []
        inputs = in_channels * size * size
        for width in hidden:
            # The batch norm's shift takes the place of a bias.
            linear = nn.Linear(inputs, width, bias=False)
            layers.append(nn.Sequential(linear, nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(dropout)))
            inputs = width
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(inputs, num_classes)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Normalised image batch (B, C, H, W) -> logits (B, K)."""
        if x_BCHW.shape[-2:] != (self.size, self.size):
            x_BCHW = F.interpolate(x_BCHW, size=(self.size, self.size), mode="bilinear", align_corners=False)
        logits_BK: Tensor = self.head(self.layers(x_BCHW.flatten(1)))
        return logits_BK
