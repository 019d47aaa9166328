"""Parts of one's own, as small as they can be."""

from typing import Any, ClassVar

import numpy as np
from pytorch_lightning.loggers import CSVLogger
from torch import Tensor, nn

from fer.data.samples import FaceSamples
from fer.models.classifier import Classifier

OWN = {
    "augment=own": ("augment._target_=torch.nn.Identity",),
    "data=own": ("data._target_=support.own_parts.faces",),
    "loss=own": ("loss._target_=torch.nn.CrossEntropyLoss",),
    "model=own": ("model._target_=support.own_parts.OneConvolution",),
    "optimizer=own": ("optimizer._target_=torch.optim.NAdam",),
    "scheduler=own": ("scheduler._target_=torch.optim.lr_scheduler.ConstantLR",),
}
"""Option of a group -> what the command line says beside it."""


class OneConvolution(nn.Module):
    """A convolution, and a linear layer on its mean."""

    def __init__(self, *, in_channels: int, num_classes: int, width: int = 8) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, width, 5, stride=2)
        self.head = nn.Linear(width, num_classes)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        logits_BK: Tensor = self.head(self.conv(x_BCHW).relu().mean(dim=(2, 3)))
        return logits_BK


class KeyedLogger(CSVLogger):
    """Logs as Lightning's CSVLogger, and keeps the keys that it was given in `KEYS`."""

    KEYS: ClassVar[list[str | None]] = []

    def __init__(self, save_dir: str, *, api_key: str | None = None) -> None:
        super().__init__(save_dir)
        self.KEYS.append(api_key)


class Odd(nn.Module):
    """Whatever `output` says."""

    def __init__(self, *, output: str = "logits") -> None:
        super().__init__()
        self.output = output

    def forward(self, x_BCHW: Tensor) -> Any:
        if self.output == "fails":
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
        logits_BK = x_BCHW.mean(dim=(1, 2, 3))[:, None].expand(-1, 7)
        return {"few": logits_BK[:, :5], "list": [logits_BK], "scalar": logits_BK.sum()}.get(self.output, logits_BK)


class Doubled(Classifier):
    """Doubles the loss; its net is what `build_net` says."""

    def __init__(self, net: nn.Module, *, factor: float = 2.0, **arguments: Any) -> None:
        super().__init__(net, **arguments)
        self.factor = factor

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Any:
        step = super().training_step(batch, batch_idx)
        return None if step is None else step | {"loss": self.factor * step["loss"]}


class Silent(Classifier):
    """Says and does nothing at the end of an epoch."""

    def on_train_epoch_end(self) -> None:
        pass


def faces(*, count: int = 70) -> FaceSamples:
    """Noise: each half of it trains or selects."""
    rng = np.random.default_rng(0)
    return FaceSamples(
        images=rng.integers(0, 256, (count, 1, 48, 48), dtype=np.uint8),
        labels=np.arange(count) % 7,
        splits=np.where(np.arange(count) % 2, "Training", "PublicTest"),
        ids=np.array([f"noise {number}" for number in range(count)]),
        source="noise",
    )
