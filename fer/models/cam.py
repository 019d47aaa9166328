"""Which layer of a net to explain, and how its output becomes a map."""

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn

from fer.common.errors import ConfigError
from fer.models.layers import top_layers
from fer.models.own_net import named_layer
from fer.models.protocols import HasCamLayer

MIN_CELLS: Final = 4
"""Cells a side that a map needs to show a part of a face: one cell is then 12 px of 48."""

CHOSEN: Final = "chosen_cam_layer"
"""Attribute of a net that holds the name of the layer to explain, where `model.cam_layer` names one."""


class CamTarget(NamedTuple):
    """A layer for Grad-CAM.

    Attributes:
        layer: the module whose output is explained.
        to_grid: turns that output into a map (B, D, h, w); None where it is one.
    """

    layer: nn.Module
    to_grid: Callable[[Tensor], Tensor] | None


def cam_target(net: nn.Module, *, in_channels: int, size: int) -> CamTarget | None:
    """The layer of `net` that Grad-CAM should explain; None where the net has no notion of place.

    A layer that the configuration names is taken, then one that the net names (`cam_layer()`). Other nets are tried out
    on one image. In a transformer it is the input of the last block's attention, the last place where every token still
    counts; elsewhere the deepest top-level part whose output is a map of at least `MIN_CELLS` cells a side (of at least
    2, where there is no such part).

    Args:
        net: any net of the registry, on any device; its modes and weights stay as they are.
        in_channels: image channels.
        size: height and width of the images to explain, in pixels.

    Raises:
        ConfigError: the layer that `model.cam_layer` names gives neither a map nor tokens of a square.
    """
    chosen: str | None = getattr(net, CHOSEN, None)
    if chosen is not None:
        return _named(net, chosen, in_channels=in_channels, size=size)
    if isinstance(net, HasCamLayer):
        return CamTarget(net.cam_layer(), None)
    candidates = [module for _, module in top_layers(net)]
    blocks = getattr(net, "blocks", None)
    attention_input: nn.Module | None = (
        getattr(blocks[-1], "norm1", None) if isinstance(blocks, nn.Sequential | nn.ModuleList) else None
    )
    if attention_input is not None:
        candidates.append(attention_input)
    outputs = _outputs(net, candidates, torch.zeros(1, in_channels, size, size))

    if attention_input is not None and attention_input in outputs and outputs[attention_input].ndim == 3:
        # XCiT adds its class token only after these blocks.
        for prefix in (getattr(net, "num_prefix_tokens", 0), 0):
            places = outputs[attention_input].shape[1] - prefix
            if places > 1 and math.isqrt(places) ** 2 == places:
                return CamTarget(attention_input, partial(tokens_to_grid, prefix=prefix))

    channels_last = getattr(net, "output_fmt", "NCHW") == "NHWC"
    cells = {
        module: min(output.shape[1:3] if channels_last else output.shape[2:4])
        for module, output in outputs.items()
        if output.ndim == 4
    }
    for enough in (MIN_CELLS, 2):
        deep_first = (module for module in reversed(cells) if cells[module] >= enough)
        layer = next(deep_first, None)
        if layer is not None:
            return CamTarget(layer, channels_last_to_grid if channels_last else None)
    return None


def _named(net: nn.Module, name: str, *, in_channels: int, size: int) -> CamTarget:
    layer = named_layer(net, name)
    output = _outputs(net, [layer], torch.zeros(1, in_channels, size, size)).get(layer)
    if output is not None and output.ndim == 4:
        return CamTarget(layer, channels_last_to_grid if getattr(net, "output_fmt", "NCHW") == "NHWC" else None)
    if output is not None and output.ndim == 3:
        for prefix in (getattr(net, "num_prefix_tokens", 0), 0, 1):
            places = output.shape[1] - prefix
            if places > 1 and math.isqrt(places) ** 2 == places:
                return CamTarget(layer, partial(tokens_to_grid, prefix=prefix))
    told = "does not run exactly once, or gives no tensor" if output is None else f"gives {tuple(output.shape)}"
    raise ConfigError(
        f"model.cam_layer={name} {told}: Grad-CAM needs a layer whose output is a map (B, D, h, w), or tokens of a "
        "square"
    )


def tokens_to_grid(tokens_BTD: Tensor, *, prefix: int) -> Tensor:
    """Tokens (B, T, D), the first `prefix` of them not of a place, of a square image -> map (B, D, h, w)."""
    places_BTD = tokens_BTD[:, prefix:]
    side = math.isqrt(places_BTD.shape[1])
    assert side * side == places_BTD.shape[1], places_BTD.shape
    return places_BTD.transpose(1, 2).reshape(-1, places_BTD.shape[2], side, side)


def channels_last_to_grid(x_BhwD: Tensor) -> Tensor:
    """Map (B, h, w, D) -> map (B, D, h, w)."""
    return x_BhwD.permute(0, 3, 1, 2)


def _outputs(net: nn.Module, modules: Iterable[nn.Module], x_BCHW: Tensor) -> dict[nn.Module, Tensor]:
    """What those of `modules` that run exactly once put out, in the order they end."""
    ran: list[nn.Module] = []
    outputs: dict[nn.Module, Tensor] = {}

    def keep(module: nn.Module, _inputs: Any, output: Any) -> None:
        ran.append(module)
        if isinstance(output, Tensor):
            outputs[module] = output

    modes = [(module, module.training) for module in net.modules()]
    device = next((tensor.device for tensor in net.state_dict().values()), torch.device("cpu"))
    handles = [module.register_forward_hook(keep) for module in modules]
    net.eval()
    try:
        with torch.no_grad():
            net(x_BCHW.to(device))
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training
    return {module: output for module, output in outputs.items() if ran.count(module) == 1}
