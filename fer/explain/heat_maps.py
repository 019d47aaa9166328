"""The one form of every method's maps."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from fer.models.cam import MIN_CELLS


@dataclass(frozen=True, kw_only=True)
class HeatMaps:
    """Heat maps of N faces, the same for every method.

    Attributes:
        maps: float32 array (N, H, W) in [0, 1], at the size of the faces; the strongest place of each map is 1,
            a map without any evidence is 0 throughout.
        empty: bool array (N,), True where no place speaks for the class, so there is nothing to show.
        grid: (h, w), cells the maps were computed on before they were enlarged; pixels for methods that work on them.
        values: float32 array (N, H, W), what the method measured before it was cut at zero and scaled, in the method's
            own unit: above 0 speaks for the class, below 0 against it. For ranking places and averaging.
        completeness_error: float32 array (N,), for integrated gradients alone: how far the sum of the attributions
            is from the change of the logit that they explain, as a share of that change.
    """

    maps: npt.NDArray[np.float32]
    empty: npt.NDArray[np.bool_]
    grid: tuple[int, int]
    values: npt.NDArray[np.float32]
    completeness_error: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.maps)

    def take(self, rows: slice) -> "HeatMaps":
        """The maps of some of the faces."""
        error = self.completeness_error
        return HeatMaps(
            maps=self.maps[rows],
            empty=self.empty[rows],
            grid=self.grid,
            values=self.values[rows],
            completeness_error=None if error is None else error[rows],
        )

    @property
    def too_coarse(self) -> bool:
        """True where the maps have fewer than `fer.models.cam.MIN_CELLS` cells a side: too few to be read as places."""
        return min(self.grid) < MIN_CELLS


def heat_maps(
    batches: Sequence[Tensor],
    *,
    out_size: tuple[int, int],
    grid: tuple[int, int] | None = None,
    completeness_error: Sequence[Tensor] | None = None,
) -> HeatMaps:
    """Attributions as heat maps.

    Args:
        batches: signed attributions (B, h, w) of one batch after the other, on any device; numbers that are not finite
            count as 0.
        out_size: (H, W) of the maps.
        grid: cells they were computed on; None for the (h, w) of the batches.
        completeness_error: (B,) of each batch, where the method has one.
    """
    height, width = out_size
    if grid is None:
        grid = (int(batches[0].shape[-2]), int(batches[0].shape[-1])) if batches else out_size
    enlarged = [_resize(batch_Bhw, out_size) for batch_Bhw in batches]
    values = np.concatenate(enlarged) if enlarged else np.zeros((0, height, width), dtype=np.float32)
    positive = np.maximum(values, 0)
    peak_N11 = positive.max(axis=(1, 2), initial=0.0, keepdims=True)
    maps: npt.NDArray[np.float32] = np.divide(positive, peak_N11, out=np.zeros_like(positive), where=peak_N11 > 0)
    return HeatMaps(
        maps=maps,
        empty=~(peak_N11[:, 0, 0] > 0),
        grid=grid,
        values=values,
        completeness_error=None
        if completeness_error is None
        else np.concatenate([error_B.detach().float().cpu().numpy() for error_B in completeness_error])
        if completeness_error
        else np.zeros(0, dtype=np.float32),
    )


def _resize(batch_Bhw: Tensor, out_size: tuple[int, int]) -> npt.NDArray[np.float32]:
    finite_Bhw = torch.nan_to_num(batch_Bhw.detach().float(), nan=0.0, posinf=0.0, neginf=0.0)
    if finite_Bhw.shape[-2:] != out_size:
        finite_Bhw = F.interpolate(finite_Bhw[:, None], size=out_size, mode="bilinear", align_corners=False)[:, 0]
    array: npt.NDArray[np.float32] = finite_Bhw.cpu().numpy()
    return array
