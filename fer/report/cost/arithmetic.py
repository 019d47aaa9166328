"""Size and arithmetic of a net, which no machine changes."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from torch import nn

BYTES_PER_NUMBER: Final = 4
"""Of float32."""


def weight_megabytes(net: "nn.Module") -> float:
    """Size of the weights as float32, in 10^6 bytes: parameters and the floating-point buffers an answer needs.

    Counted on the net, so that what a checkpoint holds beside the weights (optimiser, averages) does not matter.
    """
    numbers = sum(parameter.numel() for parameter in net.parameters())
    numbers += sum(buffer.numel() for buffer in net.buffers() if buffer.is_floating_point())
    return numbers * BYTES_PER_NUMBER / 1e6


def flops(net: "nn.Module", *, channels: int, size: int) -> int:
    """Floating-point operations of one face, 1 multiply-accumulate counted as 2 (`torch.utils.flop_counter`).

    Convolutions, matrix products and attention are counted; normalisation, activations and pooling, a per cent or so
    of a net of this kind, are not.

    Args:
        net: on any device, in eval mode.
        channels: channels it takes.
        size: height and width it takes, in pixels.
    """
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    device = next((tensor.device for tensor in net.state_dict().values()), torch.device("cpu"))
    x_BCHW = torch.zeros(1, channels, size, size, device=device)
    # Some versions do not count the CPU's fused attention; as plain matrix products every version counts it.
    with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        net(x_BCHW)
    return int(counter.get_total_flops())
