"""Every net by name; a net's module is imported when the net is asked for, and torch with it."""

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from fer.common.arguments import checked_arguments, parameters
from fer.common.errors import ConfigError, nearest

if TYPE_CHECKING:
    from torch import nn

NETS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "random": "fer.models.random_baseline:RandomBaseline",
        "majority": "fer.models.majority:Majority",
        "mlp": "fer.models.mlp:MLP",
        "cnn": "fer.models.cnn:CNN",
        "vgg": "fer.models.vgg:VGG",
        "skipcnn": "fer.models.skipcnn:SkipCNN",
        "resnet18": "fer.models.resnet:resnet18",
        "resnet50": "fer.models.resnet:resnet50",
        "efficientnetv2": "fer.models.efficientnet:efficientnetv2",
        "vit": "fer.models.vit:vit",
        "timm": "fer.models.timm_net:timm_net",
    }
)
"""Name -> "module:attribute" of its builder, a class or function with keyword arguments that gives a pure torch net:
normalised float32 images (B, `in_channels`, H, W) -> logits (B, `num_classes`)."""

GIVEN: Final = ("in_channels", "num_classes", "size")
"""What `build_net` itself hands to a builder, where the builder takes it."""


def build_net(name: str, *, in_channels: int, num_classes: int, size: int, params: Mapping[str, object]) -> "nn.Module":
    """A freshly initialised net, in training mode, on the CPU.

    Args:
        name: one of `NETS`.
        in_channels: image channels, 1 (grey) or 3 (RGB).
        num_classes: number of logits.
        size: height and width of the images, in pixels.
        params: the net's own parameters, as plain values.

    Raises:
        ConfigError: unknown net or parameter (the message names its nearest neighbours), a value of the wrong type or
            range, or a combination the net refuses.
    """
    arguments = check_params(name, params)
    return built(_builder(name), arguments, in_channels=in_channels, num_classes=num_classes, size=size)


def built(
    builder: Callable[..., "nn.Module"], arguments: Mapping[str, Any], *, in_channels: int, num_classes: int, size: int
) -> "nn.Module":
    """What a builder gives for checked arguments, with those of `GIVEN` that it takes."""
    given = {"in_channels": in_channels, "num_classes": num_classes, "size": size}
    takes = parameters(builder)
    return builder(**{key: value for key, value in given.items() if key in takes}, **arguments)


def check_params(name: str, params: Mapping[str, object]) -> dict[str, Any]:
    """The parameters of a net, validated against its builder's signature and converted to its types.

    Raises:
        ConfigError: unknown net, unknown or missing parameter, a value of the wrong type or range.
    """
    builder = _builder(name)
    return checked_arguments(builder, params, key="model.params", owner=name, given=GIVEN)


def param_names(name: str) -> tuple[str, ...] | None:
    """The parameters that a net takes; None where it takes whatever one likes.

    Raises:
        ConfigError: unknown net.
    """
    takes = {key: each for key, each in parameters(_builder(name)).items() if key not in GIVEN}
    return None if any(each.kind is each.VAR_KEYWORD for each in takes.values()) else tuple(takes)


def _builder(name: str) -> Callable[..., "nn.Module"]:
    if name not in NETS:
        known = ", ".join(NETS)
        raise ConfigError(f"model.name={name}: there is no such net{nearest(name, NETS)}; choose one of {known}")
    module, _, attribute = NETS[name].partition(":")
    builder: Callable[..., nn.Module] = getattr(import_module(module), attribute)
    return builder
