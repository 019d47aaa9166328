"""Guided Grad-CAM: the fine grain of guided backpropagation inside the places Grad-CAM names."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from fer.explain.attribution import NotApplicableError, attributing, batches
from fer.explain.grad_cam import ToGrid, cam_batch
from fer.explain.heat_maps import HeatMaps, heat_maps

_RELU: Final[frozenset[Any]] = frozenset({F.relu, torch.relu, Tensor.relu})
_RELU_IN_PLACE: Final[frozenset[Any]] = frozenset({F.relu_, torch.relu_, Tensor.relu_})
_OTHERS: Final[Mapping[Any, str]] = {
    F.gelu: "GELU",
    F.silu: "SiLU",
    F.mish: "Mish",
    F.hardswish: "hard swish",
    F.elu: "ELU",
    F.selu: "SELU",
    F.celu: "CELU",
    F.softplus: "softplus",
    F.leaky_relu: "leaky ReLU",
    F.prelu: "PReLU",
    F.relu6: "ReLU6",
    F.hardtanh: "hard tanh",
}


class _GuidedReLU(torch.autograd.Function):
    """ReLU whose backward pass lets only positive gradients through (arXiv 1412.6806, section 4)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y: Tensor = x.clamp_min(0)
        ctx.save_for_backward(y > 0)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (passed,) = ctx.saved_tensors
        guided: Tensor = gradients[0].clamp_min(0) * passed
        return guided


class GuidedReLUs(TorchFunctionMode):
    """Inside, every ReLU is a guided one: modules, shared modules, functional calls, in place or not.

    Captum's GuidedBackprop hooks `nn.ReLU` modules and so misses the functional calls in silence; here the call itself
    is exchanged. Where all ReLUs are modules both give the same numbers.

    Attributes:
        relus: how many ReLUs ran.
        others: names of other activations that ran.
    """

    def __init__(self) -> None:
        super().__init__()
        self.relus = 0
        self.others: set[str] = set()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Guides a ReLU, notes another activation, leaves the rest alone."""
        named = {} if kwargs is None else kwargs
        if func in _RELU or func in _RELU_IN_PLACE:
            self.relus += 1
            x = args[0] if args else named["input"]
            in_place = func in _RELU_IN_PLACE or bool(args[1] if len(args) > 1 else named.get("inplace", False))
            y: Tensor = _GuidedReLU.apply(x)
            return x.copy_(y) if in_place else y
        if func in _OTHERS:
            self.others.add(_OTHERS[func])
        return func(*args, **named)


def guided_gradients(net: nn.Module, x_BCHW: Tensor, classes_B: Tensor) -> Tensor:
    """Guided backpropagation of one batch: signed (B, C, H, W); to be called inside `attributing`.

    Raises:
        NotApplicableError: the net has no ReLU, or other activations too, for which the rule means nothing.
    """
    with GuidedReLUs() as mode:
        logits_BK = net(x_BCHW)
    if mode.relus == 0 or mode.others:
        found = "no ReLU" if mode.relus == 0 else "more than ReLUs"
        named = f" ({', '.join(sorted(mode.others))})" if mode.others else ""
        raise NotApplicableError(
            method="guided_grad_cam",
            reason="guided backpropagation changes how a ReLU passes gradients back, and this net has "
            f"{found}{named}; take grad_cam or integrated_gradients",
        )
    (gradient_BCHW,) = torch.autograd.grad(logits_BK.gather(1, classes_B[:, None]).sum(), x_BCHW)
    return gradient_BCHW


def guided_grad_cam(
    net: nn.Module,
    *,
    x_NCHW: Tensor,
    classes_N: Tensor,
    layer: nn.Module,
    to_grid: ToGrid | None = None,
    out_size: tuple[int, int] | None = None,
    batch_size: int = 64,
) -> HeatMaps:
    """Guided Grad-CAM (arXiv 1610.02391, section 3.2): guided backpropagation times the enlarged Grad-CAM map.

    Of the guided gradient only the size counts, the largest over the image's channels: its sign says that a pixel
    should be lighter or darker, not that it speaks for or against the class. Arguments as for `grad_cam`.

    Raises:
        NotApplicableError: the net has no ReLU, or other activations too.
    """
    size = (int(x_NCHW.shape[-2]), int(x_NCHW.shape[-1]))
    found = []
    with attributing(net, x_NCHW.device.type):
        for x_BCHW, classes_B in batches(x_NCHW, classes_N, batch_size=batch_size):
            fine_BHW = guided_gradients(net, x_BCHW, classes_B).abs().amax(dim=1)
            coarse_Bhw = cam_batch(net, layer, x_BCHW, classes_B, to_grid=to_grid)
            coarse_B1HW = F.interpolate(coarse_Bhw[:, None], size=size, mode="bilinear", align_corners=False)
            found.append(fine_BHW * coarse_B1HW[:, 0])
    return heat_maps(found, out_size=size if out_size is None else out_size)
