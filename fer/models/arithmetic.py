"""Size and arithmetic of a net, which no machine changes, and what follows from them."""

from typing import Final

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

BYTES_PER_NUMBER: Final = 4
"""Of float32."""

STRIDED_DEPTHWISE: Final = 0.005
"""Share of a net's arithmetic in strided depthwise convolutions from which on float32 is faster on CPUs."""


def weight_megabytes(net: nn.Module) -> float:
    """Size of the weights as float32, in 10^6 bytes: parameters and the floating-point buffers a prediction needs.

    Counted on the net, so that what a checkpoint holds beside the weights (optimiser, averages) does not matter.
    """
    numbers = sum(parameter.numel() for parameter in net.parameters())
    numbers += sum(buffer.numel() for buffer in net.buffers() if buffer.is_floating_point())
    return numbers * BYTES_PER_NUMBER / 1e6


def flops(net: nn.Module, *, channels: int, size: int) -> int:
    """Floating-point operations of one face, 1 multiply-accumulate counted as 2 (`torch.utils.flop_counter`).

    Convolutions, matrix products and attention are counted; normalisation, activations and pooling, a per cent or so
    of a net of this kind, are not.

    Args:
        net: on any device.
        channels: channels it takes.
        size: height and width it takes, in pixels.
    """
    return int(_counted(net, channels=channels, size=size).get_total_flops())


def slow_in_bfloat16(net: nn.Module, *, channels: int, size: int) -> bool:
    """Whether a net is one of those that CPUs train faster in float32: those with strided depthwise convolutions.

    oneDNN has no fast gradient of these in bfloat16. Nets that spend `STRIDED_DEPTHWISE` of their arithmetic on them
    train at 1.2 to 2.4 times the speed in float32 (docs/how-to/cost.md), those that spend less mostly in bfloat16.

    Args:
        net: any net of images.
        channels: channels it takes.
        size: height and width it takes, in pixels.
    """
    strided = [
        name
        for name, layer in net.named_modules()
        if isinstance(layer, nn.Conv2d) and 1 < layer.in_channels == layer.groups and max(layer.stride) > 1
    ]
    if not strided:
        return False
    counter = _counted(net, channels=channels, size=size)
    by_layer, root = counter.get_flop_counts(), type(net).__name__
    there = sum(sum(by_layer.get(f"{root}.{name}" if name else root, {}).values()) for name in strided)
    return there > STRIDED_DEPTHWISE * counter.get_total_flops()


def _counted(net: nn.Module, *, channels: int, size: int) -> FlopCounterMode:
    """A counter that saw one face predicted; the net stays in its mode."""
    device = next((tensor.device for tensor in net.state_dict().values()), torch.device("cpu"))
    x_BCHW = torch.zeros(1, channels, size, size, device=device)
    training = net.training
    # Some versions do not count the CPU's fused attention; as plain matrix products every version counts it.
    counter = FlopCounterMode(display=False)
    with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH), counter:
        net.eval()(x_BCHW)
    net.train(training)
    return counter
