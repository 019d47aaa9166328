"""A net, or a training system with its net, that a configuration or a checkpoint names by its class.

A `torch.nn.Module` gets `in_channels`, `num_classes` and `size` where it takes them, and its `model.params`. A class
derived from `fer.models.classifier.Classifier` brings steps of its own; its net is what its `build_net` gives, a static
or class method that takes the same, or without one the net that `model.name` names. What its `__init__` takes beyond
Classifier's stands under `model.params` too.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fer.common.arguments import checked_arguments, parameters
from fer.common.errors import ConfigError, nearest
from fer.common.plugins import class_name, located
from fer.models.registry import GIVEN, built, check_params

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class OwnNet:
    """What a `_target_` of the model section stands for.

    Attributes:
        net: `module:qualname` of the class that a checkpoint names; None where the net is one of the registry.
        net_params: arguments of the net.
        system: the class that trains it; None for the usual one.
        system_params: its own arguments.
    """

    net: str | None
    net_params: Mapping[str, Any]
    system: type[Any] | None
    system_params: Mapping[str, Any]


def resolved(target: str, params: Mapping[str, Any], *, name: str) -> OwnNet:
    """The class a model section names, its parameters held against its signature; nothing is built.

    Args:
        target: dotted name, or `module:qualname`.
        params: of the model section.
        name: of the model section: of the registry, for a system without a net of its own.

    Raises:
        ConfigError: no such class, none that may be imported, no net, or parameters it does not take.
    """
    found = net_class(target, "model._target_")
    if not _is_system(found):
        checked_arguments(found, params, key="model.params", given=GIVEN)
        return OwnNet(net=class_name(found), net_params=params, system=None, system_params={})
    own = _own_arguments(found)
    system_params = {key: value for key, value in params.items() if key in own}
    net_params = {key: value for key, value in params.items() if key not in own}
    usual = [key for key in parameters(found) if key not in own]
    system_params = checked_arguments(found, system_params, key="model.params", given=usual)
    builder = getattr(found, "build_net", None)
    if builder is None:
        check_params(name, net_params)
        return OwnNet(net=None, net_params=net_params, system=found, system_params=system_params)
    checked_arguments(builder, net_params, key="model.params", given=GIVEN)
    return OwnNet(net=class_name(found), net_params=net_params, system=found, system_params=system_params)


def net_class(target: str, key: str) -> type[Any]:
    """The class of a net or of a training system.

    Raises:
        ConfigError: see `resolved`.
    """
    from torch import nn

    found = located(target, key, libraries=True)
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise ConfigError(f"{key}={target} is no class derived from torch.nn.Module: model takes such classes only")
    if any(base.__name__ == "LightningModule" for base in found.__mro__) and not _is_system(found):
        raise ConfigError(
            f"{key}={target} is a LightningModule that does not derive from fer.models.classifier.Classifier: derive "
            "from it, or name its net"
        )
    return found


def build_own_net(
    target: str, *, in_channels: int, num_classes: int, size: int, params: Mapping[str, Any]
) -> "nn.Module":
    """A net by its class, freshly initialised, which was seen to give logits.

    Args:
        target: dotted name or `module:qualname` of the net's class, or of a system with `build_net`.
        in_channels: image channels.
        num_classes: number of logits.
        size: height and width of the images, in pixels.
        params: the net's own parameters.

    Raises:
        ConfigError: as for `resolved`, what the class itself refuses, or an output that is no logits.
    """
    found = net_class(target, "model._target_")
    builder: Callable[..., nn.Module] = found.build_net if _is_system(found) else found
    arguments = checked_arguments(builder, params, key="model.params", given=GIVEN)
    try:
        net = built(builder, arguments, in_channels=in_channels, num_classes=num_classes, size=size)
    except ConfigError:
        raise
    # Whatever the code of others raises; FER_DEBUG=1 shows where.
    except Exception as error:
        raise ConfigError(f"model._target_={target} cannot be built: {_told(error)}") from error
    _check_logits(net, target, in_channels=in_channels, num_classes=num_classes, size=size)
    return net


def _check_logits(net: "nn.Module", target: str, *, in_channels: int, num_classes: int, size: int) -> None:
    """Refuses a net that does not turn images (B, C, H, W) into logits (B, K); it comes back as it was."""
    import torch
    from torch import Tensor, nn

    if not isinstance(net, nn.Module):
        raise ConfigError(f"model._target_={target}: its build_net gives a {type(net).__name__}, no torch.nn.Module")
    asked = f"images (2, {in_channels}, {size}, {size})"
    modes = [(module, module.training) for module in net.modules()]
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            logits = net.eval()(torch.zeros(2, in_channels, size, size))
    except Exception as error:
        raise ConfigError(
            f"model._target_={target} fails on {asked} with {_told(error)}; model.channels and model.size say what it "
            "is shown"
        ) from error
    finally:
        for module, training in modes:
            module.training = training
    if not isinstance(logits, Tensor):
        raise ConfigError(f"model._target_={target} turns {asked} into a {type(logits).__name__}, no tensor of logits")
    if tuple(logits.shape) != (2, num_classes) or not logits.is_floating_point():
        raise ConfigError(
            f"model._target_={target} turns {asked} into {logits.dtype} of shape {tuple(logits.shape)}, where logits "
            f"(2, {num_classes}) are needed: let it take num_classes, and end in as many outputs"
        )


def named_layer(net: "nn.Module", name: str) -> "nn.Module":
    """A net's layer by its name, as `model.cam_layer` gives it.

    Raises:
        ConfigError: it has none of that name.
    """
    modules = dict(net.named_modules())
    if name not in modules or name == "":
        raise ConfigError(
            f"model.cam_layer={name}: {type(net).__name__} has no such layer{nearest(name, modules)}; it has "
            f"{', '.join(filter(None, modules))}"[:600]
        )
    layer: nn.Module = modules[name]
    return layer


def _is_system(found: type[Any]) -> bool:
    # By name: a report of a net alone need not wait for Lightning.
    return any((base.__module__, base.__name__) == ("fer.models.classifier", "Classifier") for base in found.__mro__)


def _own_arguments(found: type[Any]) -> set[str]:
    """What a system's `__init__` takes beyond Classifier's."""
    base = next(each for each in found.__mro__ if each.__module__ == "fer.models.classifier")
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return {name for name, each in parameters(found).items() if each.kind not in kinds} - set(parameters(base))


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0][:200]}"
