"""Occlusion maps: what the prediction loses when a window of the face is covered."""

import torch
from torch import Tensor, nn

from fer.explain.attribution import attributing, batches
from fer.explain.heat_maps import HeatMaps, heat_maps


def occlusion(
    net: nn.Module,
    *,
    x_NCHW: Tensor,
    classes_N: Tensor,
    window: int | None = None,
    stride: int | None = None,
    out_size: tuple[int, int] | None = None,
    batch_size: int = 512,
) -> HeatMaps:
    """Occlusion maps (Zeiler and Fergus, arXiv 1311.2901, section 4.2): the loss of probability under a sliding window.

    The window is filled with the face's own mean grey (mean colour, channel by channel). `values` tell how much of the
    class's probability is lost on average over the windows that cover a pixel; below 0 it rose. Uses no gradient, so
    it applies to any net. The numbers are those of Captum's Occlusion; here all windows of several faces share a batch,
    so that few faces are as fast as many.

    Args:
        net: image batch (N, C, H, W) -> logits (N, K).
        x_NCHW: preprocessed faces, on the net's device.
        classes_N: int64, the class whose probability is watched.
        window: side of the window in pixels; None for a quarter of the image: 12 of 48, an eye or half a mouth.
        stride: pixels from one window to the next, at most `window`; None for half a window.
        out_size: (H, W) of the maps; None for the size of `x_NCHW`.
        batch_size: covered images the net runs on at a time.
    """
    height, width = int(x_NCHW.shape[-2]), int(x_NCHW.shape[-1])
    side = max(1, min(height, width) // 4) if window is None else window
    step = max(1, side // 2) if stride is None else stride
    assert 1 <= step <= side <= min(height, width), (side, step)
    covers_WHW = _windows(height, width, side, step, x_NCHW.device)
    times_HW = covers_WHW.sum(dim=0)
    found = []
    with attributing(net, x_NCHW.device.type), torch.no_grad():
        for x_BCHW, classes_B in batches(x_NCHW, classes_N, batch_size=max(1, batch_size // len(covers_WHW))):
            whole_B = _probability(net, x_BCHW, classes_B)
            flat_BC11 = x_BCHW.mean(dim=(2, 3), keepdim=True)
            lost_BW = torch.empty((len(x_BCHW), len(covers_WHW)), device=x_BCHW.device)
            for start in range(0, len(covers_WHW), batch_size):
                part_W1HW = covers_WHW[start : start + batch_size, None]
                covered = torch.where(part_W1HW[None], flat_BC11[:, None], x_BCHW[:, None])
                repeated = classes_B.repeat_interleave(len(part_W1HW))
                left = _probability(net, covered.flatten(0, 1), repeated).view(len(x_BCHW), -1)
                lost_BW[:, start : start + batch_size] = whole_B[:, None] - left
            found.append(torch.einsum("bw,whv->bhv", lost_BW, covers_WHW.float()) / times_HW)
    grid = (len(_starts(height, side, step)), len(_starts(width, side, step)))
    return heat_maps(found, out_size=(height, width) if out_size is None else out_size, grid=grid)


def _probability(net: nn.Module, x_BCHW: Tensor, classes_B: Tensor) -> Tensor:
    probability_BK: Tensor = net(x_BCHW).softmax(dim=1)
    return probability_BK.gather(1, classes_B[:, None])[:, 0]


def _starts(length: int, side: int, step: int) -> range:
    """Where windows begin along one axis; the last may reach beyond the edge, so that every pixel is covered."""
    return range(0, length - side + step, step)


def _windows(height: int, width: int, side: int, step: int, device: torch.device) -> Tensor:
    """Bool tensor (windows, H, W), True inside each window."""
    row_H, column_W = torch.arange(height, device=device), torch.arange(width, device=device)
    top_T = torch.tensor(_starts(height, side, step), device=device)[:, None]
    left_L = torch.tensor(_starts(width, side, step), device=device)[:, None]
    rows_TH = (row_H >= top_T) & (row_H < top_T + side)
    columns_LW = (column_W >= left_L) & (column_W < left_L + side)
    return (rows_TH[:, None, :, None] & columns_LW[None, :, None, :]).flatten(0, 1)
