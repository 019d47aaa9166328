"""Where a net looks: (net, batch of faces, classes) -> heat maps (SPEC E2)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

ToGrid = Callable[[Tensor], Tensor]
"""Turns a layer's tokens (N, T, D) into a spatial map (N, D, h, w)."""

MIN_GRID: Final = 3
"""A map of fewer cells a side only says "somewhere in this half": too coarse to be read as a place in a face."""


@dataclass(frozen=True, kw_only=True)
class HeatMaps:
    """Heat maps of N faces.

    Attributes:
        maps: float32 array (N, H, W) in [0, 1], at the size of the faces; the strongest place of each map is 1,
            a map without any evidence is 0 throughout.
        empty: bool array (N,), True where no place speaks for the class, so there is nothing to show.
        grid: (h, w), cells of the layer the maps come from before they were enlarged.
    """

    maps: npt.NDArray[np.float32]
    empty: npt.NDArray[np.bool_]
    grid: tuple[int, int]

    @property
    def too_coarse(self) -> bool:
        """True where the layer has fewer than `MIN_GRID` cells a side."""
        return min(self.grid) < MIN_GRID


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
    one_batch = _captum_maps if to_grid is None else _token_maps
    heat, grid = [], (0, 0)
    with (
        _frozen(net),
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.autocast(x_NCHW.device.type, enabled=False),
    ):
        for start in range(0, len(x_NCHW), batch_size):
            # A clone, so that a batch made under inference mode can carry gradients, and nothing flows to the caller's.
            x_BCHW = x_NCHW[start : start + batch_size].detach().clone().float().requires_grad_(True)
            classes_B = classes_N[start : start + batch_size].clone()
            heat_Bhw = one_batch(net, layer, x_BCHW, classes_B, to_grid)
            grid = (int(heat_Bhw.shape[-2]), int(heat_Bhw.shape[-1]))
            enlarged_B1HW = F.interpolate(heat_Bhw[:, None], size=size, mode="bilinear", align_corners=False)
            heat.append(enlarged_B1HW[:, 0].detach().cpu().numpy())
    maps = np.concatenate(heat) if heat else np.zeros((0, *size), dtype=np.float32)
    peak_N = maps.max(axis=(1, 2), initial=0.0)
    empty = ~(peak_N > 0)
    return HeatMaps(maps=np.where(empty, 0, maps.T / np.where(empty, 1, peak_N)).T.copy(), empty=empty, grid=grid)


def _captum_maps(net: nn.Module, layer: nn.Module, x_BCHW: Tensor, classes_B: Tensor, to_grid: ToGrid | None) -> Tensor:
    """Maps (B, h, w) of a convolutional layer."""
    from captum.attr import LayerGradCam

    heat_B1hw = LayerGradCam(net, layer).attribute(x_BCHW, target=classes_B, relu_attributions=True)
    assert isinstance(heat_B1hw, Tensor)
    return heat_B1hw[:, 0]


def _token_maps(net: nn.Module, layer: nn.Module, x_BCHW: Tensor, classes_B: Tensor, to_grid: ToGrid | None) -> Tensor:
    """Maps (B, h, w) of a transformer's layer; Captum's LayerGradCam would average over channels, not over places."""
    assert to_grid is not None
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
    return F.relu((weights_BD11 * to_grid(tokens[0])).sum(dim=1))


@contextmanager
def _frozen(net: nn.Module) -> Iterator[None]:
    """Eval mode inside (fixed batch statistics, no dropout); afterwards every module is in the mode it was in."""
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
