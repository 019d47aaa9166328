"""A small residual net with blur pooling (Zhang 2019, arXiv 1904.11486): a net is a plain torch module."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class BlurNet(nn.Module):
    """Stages of one residual block; between them the map is blurred before it is halved.

    `in_channels` and `num_classes` are told by ferlab (and `size`, where a net takes it); the others stand under
    `model.params`, and are checked against this signature before data are read.

    Args:
        in_channels: image channels.
        num_classes: number of logits.
        widths: channels of each stage.
        dropout: of pooled features.
    """

    def __init__(
        self, *, in_channels: int, num_classes: int, widths: tuple[int, ...] = (16, 32, 64), dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        for width in widths:
            self.stages.append(_Stage(in_channels, width))
            in_channels = width
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(in_channels, num_classes)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Normalised images (B, C, H, W) -> logits (B, K)."""
        for number, stage in enumerate(self.stages):
            x_BCHW = stage(x_BCHW if number == 0 else _blurred_half(x_BCHW))
        logits_BK: Tensor = self.head(self.dropout(x_BCHW.mean(dim=(2, 3))))
        return logits_BK


class _Stage(nn.Module):
    def __init__(self, inner: int, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inner, width, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(width)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        x_BCHW = F.relu(self.first_norm(self.first(x_BCHW)))
        return F.relu(x_BCHW + self.second_norm(self.second(x_BCHW)))


def _blurred_half(x_BCHW: Tensor) -> Tensor:
    """Half the height and width, after the binomial filter [1, 2, 1] along both."""
    line = torch.tensor([0.25, 0.5, 0.25], dtype=x_BCHW.dtype, device=x_BCHW.device)
    channels = x_BCHW.shape[1]
    kernel = (line[:, None] * line).expand(channels, 1, 3, 3)
    return F.conv2d(x_BCHW, kernel, stride=2, padding=1, groups=channels)
