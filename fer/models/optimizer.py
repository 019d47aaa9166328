"""The optimiser a configuration names, over a net's parameter groups."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic import ConfigDict, Field, model_validator

from fer.common.errors import ConfigError
from fer.common.section import Section

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

    from fer.models.param_groups import ParamGroup

MUON: Final = "timm.optim.Muon"
FORMER_MUON: Final = "fer.models.muon.Muon"
"""What run folders of earlier versions name: the same update, of a class of ours."""


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

    @model_validator(mode="before")
    @classmethod
    def _of_earlier_versions(cls, section: object) -> object:
        return current(section) if isinstance(section, Mapping) else section

    @property
    def arguments(self) -> dict[str, Any]:
        """The class's own arguments beside `lr` and `weight_decay`."""
        return dict(self.model_extra or {})


def current(section: Mapping[str, Any]) -> dict[str, Any]:
    """An optimizer section in this version's words: that of a run trained with `FORMER_MUON` names `MUON`."""
    if section.get("_target_") != FORMER_MUON:
        return dict(section)
    changed = {("ns_steps" if key == "iterations" else key): value for key, value in section.items()}
    return {**changed, "_target_": MUON, "nesterov": section.get("nesterov", True), "ns_coefficients": "original"}


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
    arguments = config.arguments
    told = (
        [_for_muon(group, eps=arguments.get("eps", 1e-8)) for group in groups] if _is_muon(optimizer_class) else groups
    )
    try:
        optimizer: Optimizer = optimizer_class(told, lr=config.lr, weight_decay=config.weight_decay, **arguments)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"optimizer: {config.target}: {error}") from error
    return optimizer


def _is_muon(optimizer_class: type) -> bool:
    return (optimizer_class.__module__, optimizer_class.__name__) == ("timm.optim.muon", "Muon")


def _for_muon(group: "ParamGroup", *, eps: float) -> dict[str, Any]:
    """A group as timm's Muon takes it: every matrix and filter is made orthogonal, the rest follows AdamW.

    By shape alone timm would give AdamW the filters of grey images and of depthwise convolutions, and with Nesterov's
    momentum it would give the rest NAdamW.

    Args:
        group: of `fer.models.param_groups`.
        eps: AdamW's.
    """
    if group["weights"]:
        return {**group, "use_muon": True}
    return {**group, "use_fallback": True, "nesterov": False, "eps": eps}


def state_of_earlier_versions(saved: Mapping[str, Any], optimizer: "Optimizer") -> dict[str, Any]:
    """The state dict of `FORMER_MUON` as one of timm's Muon; any other as it is.

    Args:
        saved: an optimiser's state in a checkpoint.
        optimizer: the one that goes on from it.
    """
    import torch

    groups = saved["param_groups"]
    if not _is_muon(type(optimizer)) or not any("iterations" in group for group in groups):
        return dict(saved)
    names = {"momentum": "momentum_buffer", "mean": "exp_avg", "square": "exp_avg_sq"}
    state = {}
    for index, entry in saved["state"].items():
        changed = {names.get(key, key): value for key, value in entry.items()}
        if "step" in changed:
            changed["step"] = torch.tensor(float(changed["step"]))
        state[index] = {**changed, "use_muon": "momentum_buffer" in changed}
    # What the schedule changes goes on, what the class is told is this one's own.
    went_on = ("lr", "initial_lr", "weight_decay", "params")
    return {
        "state": state,
        "param_groups": [
            {
                **{key: value for key, value in own.items() if key != "params"},
                **{key: group[key] for key in went_on if key in group},
            }
            for own, group in zip(optimizer.param_groups, groups, strict=True)
        ],
    }
