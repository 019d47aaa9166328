"""The only preprocessing there is: it lives in the checkpoint and inside the exported graph."""

from torch import Tensor, nn
from torch.nn import functional as F

from fer.common.luma import LUMA


class Preprocess(nn.Module):
    """Turns stored images into what a net sees: channels, size, scale.

    Args:
        channels: channels the net takes, 1 (grey) or 3 (RGB).
        size: height and width the net takes, in pixels.
        mean: grey level that becomes 0, in [0, 1]; the default is that of FER-2013's Training pixels.
        std: standard deviation of grey levels that becomes 1, in (0, 1]; the default likewise.
    """

    def __init__(self, *, channels: int = 1, size: int = 48, mean: float = 0.5136, std: float = 0.3067) -> None:
        super().__init__()
        self.channels = channels
        self.size = size
        self.mean = mean
        self.std = std

    def forward(self, image_BCHW: Tensor, size: int | None = None) -> Tensor:
        """Image batch (B, C, H, W), uint8 or float in [0, 255], C = 1 or 3 -> float32 (B, `channels`, size, size).

        `size` overrides the net's own size (training at a growing resolution).
        """
        x_BCHW = image_BCHW.float()
        if x_BCHW.shape[1] == 3 and self.channels == 1:
            luma = x_BCHW.new_tensor(LUMA).view(1, 3, 1, 1)
            x_BCHW = (x_BCHW * luma).sum(dim=1, keepdim=True)
        side = self.size if size is None else size
        if x_BCHW.shape[-2:] != (side, side):
            x_BCHW = F.interpolate(
                x_BCHW, size=(side, side), mode="bilinear", align_corners=False, antialias=side < x_BCHW.shape[-1]
            )
        x_BCHW = (x_BCHW / 255.0 - self.mean) / self.std
        if x_BCHW.shape[1] == 1 and self.channels == 3:
            x_BCHW = x_BCHW.expand(-1, 3, -1, -1)
        return x_BCHW

    @property
    def arguments(self) -> dict[str, float | int]:
        """What `__init__` needs to build it again."""
        return {"channels": self.channels, "size": self.size, "mean": self.mean, "std": self.std}

    def extra_repr(self) -> str:
        """What `print(net)` shows."""
        return f"channels={self.channels}, size={self.size}, mean={self.mean}, std={self.std}"
