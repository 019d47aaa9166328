"""Steps of one's own: a class derived from Classifier."""

from typing import Any

from torch import Tensor, nn

from fer.models.classifier import Classifier


class WarmTemperature(Classifier):
    """Divides the logits by a temperature while training; what it is used with afterwards is the plain net.

    It has no `build_net`, so that it trains whatever net `model.name` names:
    `fer-train model=cnn model._target_=ferlab_example.system.WarmTemperature model.params.temperature=2`.

    Args:
        net: what is trained.
        temperature: over 1, targets are fitted less sharply.
        arguments: of Classifier.
    """

    def __init__(self, net: nn.Module, *, temperature: float = 1.5, **arguments: Any) -> None:
        super().__init__(net, **arguments)
        self.temperature = temperature

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Loss of one batch."""
        x_BCHW = self.preprocess(batch["image"], size=self.train_size)
        loss: Tensor = self.loss(self.net(x_BCHW) / self.temperature, batch["label"], batch.get("target"))
        self.log("train/loss", loss, on_step=False, on_epoch=True)
        return loss
