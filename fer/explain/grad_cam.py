"""Grad-CAM: which places of a layer's map spoke for a class."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fer.explain.attribution import attributing, batches
from fer.explain.heat_maps import HeatMaps, heat_maps

ToGrid = Callable[[Tensor], Tensor]
"""Turns a layer's tokens (N, T, D) into a spatial map (N, D, h, w)."""


def grad_cam(
    net: nn.Module,
    *,
    x_NCHW: Tensor,
    classes_N: Tensor,
    layer: nn.Module,
    to_grid: ToGrid | None = None,
    out_size: tuple[int, int] | None = None,
    batch_size: int = 64,
) -> HeatMaps:
    """Gradient-weighted class activation maps (Grad-CAM, arXiv 1610.02391, section 3).

    Each map is ReLU(sum_k a_k A_k): the layer's activation maps A_k, weighted by the mean gradient a_k of the class's
    logit. Computed in float32, because bfloat16 gradients underflow to empty maps. The net comes back as it was:
    train or eval mode of every module, `requires_grad` and gradients of every parameter.

    Args:
        net: image batch (N, C, H, W) -> logits (N, K); parameters in float32.
        x_NCHW: preprocessed faces, on the net's device.
        classes_N: int64, the class each map explains.
        layer: the layer whose output is explained, a module of `net`.
        to_grid: for a layer whose output is tokens; None for one whose output is (N, D, h, w).
        out_size: (H, W) of the maps; None for the size of `x_NCHW`.
        batch_size: faces at a time.
    """
    size = (int(x_NCHW.shape[-2]), int(x_NCHW.shape[-1])) if out_size is None else out_size
    with attributing(net, x_NCHW.device.type):
        found = [
            cam_batch(net, layer, x_BCHW, classes_B, to_grid=to_grid)
            for x_BCHW, classes_B in batches(x_NCHW, classes_N, batch_size=batch_size)
        ]
    return heat_maps(found, out_size=size)


def cam_batch(net: nn.Module, layer: nn.Module, x_BCHW: Tensor, classes_B: Tensor, *, to_grid: ToGrid | None) -> Tensor:
    """Maps (B, h, w), at least 0, of one batch; to be called inside `attributing`."""
    if to_grid is None:
        return _captum_maps(net, layer, x_BCHW, classes_B)
    return _token_maps(net, layer, x_BCHW, classes_B, to_grid)


def _captum_maps(net: nn.Module, layer: nn.Module, x_BCHW: Tensor, classes_B: Tensor) -> Tensor:
    """Maps (B, h, w) of a convolutional layer."""
    from captum.attr import LayerGradCam

    heat_B1hw = LayerGradCam(net, layer).attribute(x_BCHW, target=classes_B, relu_attributions=True)
    assert isinstance(heat_B1hw, Tensor)
    return heat_B1hw[:, 0].detach()


def _token_maps(net: nn.Module, layer: nn.Module, x_BCHW: Tensor, classes_B: Tensor, to_grid: ToGrid) -> Tensor:
    """Maps (B, h, w) of a transformer's layer; Captum's LayerGradCam would average over channels, not over places."""
    tokens: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        tokens.append(output)
        # What comes next gets a copy, so that an in-place activation cannot change what was kept.
        return output.clone()

    handle = layer.register_forward_hook(keep)
    try:
        logits_BK = net(x_BCHW)
    finally:
        handle.remove()
    chosen = logits_BK.gather(1, classes_B[:, None]).sum()
    (gradient,) = torch.autograd.grad(chosen, tokens[0])
    weights_BD11 = to_grid(gradient).mean(dim=(2, 3), keepdim=True)
    return F.relu((weights_BD11 * to_grid(tokens[0])).sum(dim=1)).detach()
