"""Every net by name; a net's module is imported when the net is asked for, and torch with it."""

import inspect
import typing
from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter, ValidationError

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

_GIVEN: Final = ("in_channels", "num_classes", "size")
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
    builder = _builder(name)
    given = {"in_channels": in_channels, "num_classes": num_classes, "size": size}
    takes = inspect.signature(builder).parameters
    return builder(**{key: value for key, value in given.items() if key in takes}, **arguments)


def check_params(name: str, params: Mapping[str, object]) -> dict[str, Any]:
    """The parameters of a net, validated against its builder's signature and converted to its types.

    Raises:
        ConfigError: unknown net, unknown or missing parameter, a value of the wrong type or range.
    """
    builder = _builder(name)
    signature = {key: value for key, value in inspect.signature(builder).parameters.items() if key not in _GIVEN}
    for key in params:
        if key not in signature:
            takes = f"it takes {', '.join(signature)}" if signature else "it takes none"
            raise ConfigError(f"model.params.{key}: {name} has no parameter {key!r}{nearest(key, signature)}; {takes}")
    for key, parameter in signature.items():
        if parameter.default is parameter.empty and key not in params:
            raise ConfigError(f"model={name} needs model.params.{key}")
    function = builder.__init__ if inspect.isclass(builder) else builder
    hints = typing.get_type_hints(function, include_extras=True)
    return {key: _convert(key, value, hints[key]) for key, value in params.items()}


def _builder(name: str) -> Callable[..., "nn.Module"]:
    if name not in NETS:
        known = ", ".join(NETS)
        raise ConfigError(f"model.name={name}: there is no such net{nearest(name, NETS)}; choose one of {known}")
    module, _, attribute = NETS[name].partition(":")
    builder: Callable[..., nn.Module] = getattr(import_module(module), attribute)
    return builder


def _convert(key: str, value: object, hint: Any) -> Any:
    try:
        return TypeAdapter(hint).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(["model.params", key, *map(str, first["loc"])])
        raise ConfigError(f"{where}={first['input']!r}: {first['msg']}") from error
