"""A training loss that a configuration names by its class."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from fer.common.arguments import checked_arguments, parameters
from fer.common.errors import ConfigError
from fer.common.plugins import located

if TYPE_CHECKING:
    from fer.models.loss_config import OwnLossConfig

_GIVEN: Final = ("class_counts", "num_classes")


def check_own_loss(config: "OwnLossConfig") -> type[Any]:
    """The class of a loss, its arguments held against its signature.

    Raises:
        ConfigError: no such class, none that may be imported, no loss, or arguments it does not take.
    """
    found = located(config.target, "loss._target_", libraries=True)
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise ConfigError(
            f"loss._target_={config.target} is no class derived from torch.nn.Module: loss takes such classes only"
        )
    checked_arguments(found, config.arguments, key="loss", given=_GIVEN)
    return found


def build_own_loss(config: "OwnLossConfig", *, class_counts: npt.NDArray[np.int64], soft: bool = False) -> nn.Module:
    """A loss by its class, which was seen to give a scalar: (logits, label, target or None) -> scalar.

    Args:
        config: the class and its arguments.
        class_counts: training samples of each class, int64 (K,).
        soft: the training has soft targets.

    Raises:
        ConfigError: as for `check_own_loss`, what the class itself refuses, or a result that is no scalar.
    """
    found = check_own_loss(config)
    given = {"class_counts": torch.from_numpy(class_counts), "num_classes": len(class_counts)}
    takes = parameters(found)
    arguments = checked_arguments(found, config.arguments, key="loss", given=_GIVEN)
    shape = f"(2, {len(class_counts)})"
    tried = f"logits {shape} and labels (2,)"
    try:
        loss = found(**{key: value for key, value in given.items() if key in takes}, **arguments)
        loss = _with_three_arguments(loss)
        logits_BK = torch.zeros(2, len(class_counts), requires_grad=True)
        value = loss(logits_BK, torch.tensor([0, 1]), None)
        if soft:
            tried = f"logits {shape} and the soft targets {shape} that mixup, CutMix, votes and teachers give"
            value = loss(logits_BK, torch.tensor([0, 1]), torch.full(logits_BK.shape, 1 / len(class_counts)))
    # Whatever the code of others raises; FER_DEBUG=1 shows where.
    except Exception as error:
        told = (str(error).strip().splitlines() or [""])[0][:200]
        raise ConfigError(
            f"loss._target_={config.target} fails on {tried} with {type(error).__name__}: {told}"
        ) from error
    if not (isinstance(value, torch.Tensor) and value.ndim == 0 and value.requires_grad):
        told = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
        raise ConfigError(
            f"loss._target_={config.target} gives {told}: a loss gives one number that follows from the logits"
        )
    return loss


def _with_three_arguments(loss: nn.Module) -> nn.Module:
    """The loss as our steps call it, whether it takes soft targets beside the labels or in their place."""
    positional = [
        each
        for each in parameters(loss.forward).values()
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD, each.VAR_POSITIONAL)
    ]
    if len(positional) != 2 or any(each.kind is each.VAR_POSITIONAL for each in positional):
        return loss
    return TargetInPlaceOfLabel(loss)


class TargetInPlaceOfLabel(nn.Module):
    """Calls a loss of two arguments, as torch's are: soft targets stand where labels do.

    Args:
        loss: (logits, label or target) -> scalar.
    """

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, logits_BK: Tensor, label_B: Tensor, target_BK: Tensor | None = None) -> Tensor:
        """Logits (B, K), labels (B,), soft targets (B, K) or None -> scalar."""
        value: Tensor = self.loss(logits_BK, label_B if target_BK is None else target_BK)
        return value
