"""Any model of timm, by its name there."""

import difflib
import inspect
import re
import sys
from collections.abc import Mapping
from typing import Any, Final

import timm
import torch
from torch import nn

from fer.common.errors import ConfigError

_SET_ELSEWHERE: Final = {
    "in_chans": "model.channels",
    "img_size": "model.size",
    "pretrained": "model.pretrained",
    # timm would open the file with pickle, and a checkpoint names the options of its net.
    "checkpoint_path": "model.pretrained",
    "num_classes": "the seven emotions",
}
_UNEXPECTED: Final = re.compile(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'")


def timm_net(
    *,
    in_channels: int,
    num_classes: int,
    size: int,
    timm_name: str,
    options: Mapping[str, object] = {},
) -> nn.Module:
    """A timm model: images (B, C, H, W) -> logits (B, K).

    Args:
        in_channels: image channels.
        num_classes: number of logits.
        size: height and width of the images, in pixels; given to those models that are built for one size.
        timm_name: the architecture, with or without the tag of its ImageNet weights: "convnext_atto",
            "resnet18.a1_in1k". `timm.list_models()` lists them.
        options: further arguments of the model's class, such as `drop_path_rate`.

    Raises:
        ConfigError: an unknown name, tag or option (the message names its nearest neighbours), or a model that cannot
            take images of this size.
    """
    if not timm.is_model(timm_name):
        near = difflib.get_close_matches(timm_name, timm.list_models(), n=3, cutoff=0.5)
        raise ConfigError(
            f"model.params.timm_name={timm_name}: timm {timm.__version__} has no such model"
            + (f" (did you mean {' or '.join(near)}?)" if near else "; `timm.list_models()` lists them")
        )
    for option in options:
        if option in _SET_ELSEWHERE:
            raise ConfigError(f"model.params.options.{option}: leave it out; it follows from {_SET_ELSEWHERE[option]}")
    try:
        cfg = timm.get_pretrained_cfg(timm_name)
    except RuntimeError as error:
        tags = timm.list_pretrained(f"{timm_name.partition('.')[0]}.*")
        raise ConfigError(
            f"model.params.timm_name={timm_name}: there are no weights of that tag; choose one of {', '.join(tags)}"
        ) from error
    fixed_size = {"img_size": size} if cfg is not None and cfg.fixed_input_size else {}
    arguments: dict[str, Any] = {"in_chans": in_channels, "num_classes": num_classes, **fixed_size, **options}
    image = f"an image of {in_channels} x {size} x {size}"
    try:
        net: nn.Module = timm.create_model(timm_name, **arguments)
    except TypeError as error:
        unexpected = _UNEXPECTED.search(str(error))
        if unexpected is None:
            raise ConfigError(f"model.params.options: {timm_name} cannot be built with them: {error}") from error
        raise ConfigError(_unknown_option(timm_name, *unexpected.groups())) from error
    except (AssertionError, RuntimeError, ValueError) as error:
        raise ConfigError(f"{_does_not_take(timm_name, image, error)}, or check model.params.options") from error

    # Only a forward pass tells which sizes a model of timm can take.
    net.eval()
    try:
        with torch.no_grad():
            shape = tuple(net(torch.zeros(1, in_channels, size, size)).shape)
    except (AssertionError, RuntimeError, ValueError, IndexError) as error:
        raise ConfigError(_does_not_take(timm_name, image, error)) from error
    if shape != (1, num_classes):
        raise ConfigError(f"model.params.timm_name={timm_name} is no classifier: it turns {image} into shape {shape}")
    return net.train()


def _does_not_take(timm_name: str, image: str, error: Exception) -> str:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return (
        f"model.params.timm_name={timm_name} cannot take {image} ({reason}): try another model.size, such as 64 or 224"
    )


def _unknown_option(timm_name: str, class_name: str, option: str) -> str:
    # The class that refuses lies beside the model's function, unless it is a part shared by all of timm.
    refusing = getattr(sys.modules[timm.model_entrypoint(timm_name).__module__], class_name, None)
    takes = [] if refusing is None else list(inspect.signature(refusing).parameters)
    near = difflib.get_close_matches(option, takes, n=2, cutoff=0.5)
    return (
        f"model.params.options.{option}: {timm_name} takes no such argument"
        + (f" (did you mean {' or '.join(map(repr, near))}?)" if near else "")
        + (f"; it takes {', '.join(takes)}" if takes else "")
    )
