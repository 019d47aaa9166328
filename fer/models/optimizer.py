"""The optimiser a configuration names, over a net's parameter groups."""

from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field

from fer.common.errors import ConfigError
from fer.common.section import Section

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer


class OptimizerConfig(Section):
    """A torch or timm optimiser class and its arguments.

    Attributes:
        target: dotted name of the class (`_target_` in YAML).
        lr: peak learning rate.
        weight_decay: applied to weights only, never to norms, biases or embeddings.
        layer_decay: factor from each layer to the one below it (arXiv 1801.06146, 3.2); null = off.
        grad_clip: largest gradient norm; null = off.
    """

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)

    target: str = Field(alias="_target_")
    lr: float = Field(gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    layer_decay: float | None = Field(default=None, gt=0, le=1)
    grad_clip: float | None = Field(default=None, gt=0)

    @property
    def arguments(self) -> dict[str, Any]:
        """The class's own arguments beside `lr` and `weight_decay`."""
        return dict(self.model_extra or {})


def build_optimizer(config: OptimizerConfig, net: "nn.Module") -> "Optimizer | None":
    """The optimiser over `net`'s trainable parameters; None where it has none.

    Raises:
        ConfigError: the class refused its arguments.
    """
    # A configuration is checked before torch loads.
    from hydra.utils import get_class

    from fer.models.param_groups import param_groups

    groups = param_groups(net, lr=config.lr, weight_decay=config.weight_decay, layer_decay=config.layer_decay)
    if not groups:
        return None
    optimizer_class: Any = get_class(config.target)
    try:
        optimizer: Optimizer = optimizer_class(
            groups, lr=config.lr, weight_decay=config.weight_decay, **config.arguments
        )
    except (TypeError, ValueError) as error:
        raise ConfigError(f"optimizer: {config.target}: {error}") from error
    return optimizer
