"""The parameter-randomisation test: a map that stays when the net forgets explains the picture, not the net.

Adebayo et al., "Sanity Checks for Saliency Maps", arXiv 1810.03292, section 3.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fer.explain.heat_maps import HeatMaps
from fer.explain.methods import Explainable, explain
from fer.models.layers import layer_index

PASSES_BELOW: Final = 0.5
"""A method passes where its maps keep a mean rank correlation below this with every layer randomised.

The paper sets no number. Half is a generous one: two maps with a rank correlation of 0.5 look alike to the eye."""


@dataclass(frozen=True, kw_only=True)
class Randomisation:
    """How alike maps of N faces stay as the net's layers are randomised, from the output layer down to the pixels.

    Attributes:
        shares: float64 array (S,), share of the layers randomised, rising to 1.
        spearman: float64 array (N, S), rank correlation with the trained net's map in [-1, 1]; 0 where a map is flat.
        ssim: float64 array (N, S), structural similarity of the two maps.
        between_faces: float64 array (N,), rank correlation of the trained net's maps of two different faces: what maps
            share because all faces are framed alike.
    """

    shares: npt.NDArray[np.float64]
    spearman: npt.NDArray[np.float64]
    ssim: npt.NDArray[np.float64]
    between_faces: npt.NDArray[np.float64]

    @property
    def passes(self) -> bool:
        """Whether the maps of the wholly randomised net are others: mean rank correlation below `PASSES_BELOW`."""
        return bool(self.spearman[:, -1].mean() < PASSES_BELOW)


@dataclass(frozen=True, kw_only=True)
class _Twin:
    net: nn.Module
    preprocess: Any


def parameter_randomisation(
    model: Explainable,
    images: npt.NDArray[np.uint8],
    classes: npt.NDArray[np.int64],
    *,
    trained: Mapping[str, HeatMaps],
    shares: Sequence[float] = (0.25, 0.5, 1.0),
    seed: int = 0,
    batch_size: int = 64,
) -> dict[str, Randomisation]:
    """The cascading test of several methods at once.

    Args:
        model: net and preprocessing; the net stays as it is, copies are randomised.
        images: uint8 array (N, C, H, W), at least two faces.
        classes: int64 array (N,), the class each map explains, the same for the trained and the randomised nets.
        trained: method -> the trained net's maps of these faces.
        shares: shares of the layers to randomise, rising, the last 1.
        seed: of the randomisation.
        batch_size: see `explain`.
    """
    assert len(images) > 1
    assert shares[-1] == 1
    nets = [_Twin(net=randomised(model.net, share=share, seed=seed), preprocess=model.preprocess) for share in shares]
    found = {}
    for name, before in trained.items():
        after = [explain(twin, images, classes, method=name, batch_size=batch_size).maps for twin in nets]
        found[name] = Randomisation(
            shares=np.array(shares, dtype=np.float64),
            spearman=np.stack([rank_correlation(before.maps, maps) for maps in after], axis=1),
            ssim=np.stack([structural_similarity(before.maps, maps) for maps in after], axis=1),
            between_faces=rank_correlation(before.maps, np.roll(before.maps, 1, axis=0)),
        )
    return found


def randomised(net: nn.Module, *, share: float, seed: int) -> nn.Module:
    """A copy of the net whose topmost `share` of the layers, the head first, has forgotten what it learned.

    The numbers of every weight tensor, and of every running statistic of a batch norm, are shuffled within the tensor.
    That destroys what they say and keeps their scale, so that activations neither vanish nor explode, in any net.

    Args:
        net: any net of the registry.
        share: in (0, 1], rounded up to whole layers.
        seed: the same seed shuffles alike.
    """
    copied = copy.deepcopy(net)
    depth_of = layer_index(copied)
    depths = sorted(set(depth_of.values()), reverse=True)
    chosen = set(depths[: int(np.ceil(len(depths) * share - 1e-9))])
    generator = torch.Generator().manual_seed(seed)
    shuffled: dict[str, Tensor] = {
        name: tensor for name, tensor in copied.named_parameters() if depth_of[name] in chosen
    }
    # A running statistic belongs to the layer of the parameters beside it.
    modules = {name.rpartition(".")[0] for name in shuffled}
    shuffled |= {
        name: tensor
        for name, tensor in copied.named_buffers()
        if tensor.is_floating_point() and (name.rpartition(".")[0] in modules or share == 1)
    }
    with torch.no_grad():
        for tensor in shuffled.values():
            order = torch.randperm(tensor.numel(), generator=generator).to(tensor.device)
            tensor.copy_(tensor.flatten()[order].view_as(tensor))
    return copied


def rank_correlation(one_NHW: npt.NDArray[np.float32], other_NHW: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Float64 array (N,): Spearman's correlation of each pair of maps, ties at their mean rank; 0 for a flat map."""
    from scipy.stats import rankdata

    ranks = [rankdata(maps.reshape(len(maps), -1), axis=1) for maps in (one_NHW, other_NHW)]
    a, b = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    top = (a * b).sum(axis=1)
    bottom = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    correlation: npt.NDArray[np.float64] = np.where(bottom > 0, top / np.where(bottom > 0, bottom, 1), 0.0)
    return correlation


def structural_similarity(
    one_NHW: npt.NDArray[np.float32], other_NHW: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    """Float64 array (N,): SSIM of each pair of maps in [0, 1] (Wang et al., IEEE TIP 13(4), 2004; its constants).

    Gaussian window of sigma 1.5 (11 pixels), averaged over all places; the maps are mirrored at their edges. Maps have
    at least 6 pixels a side.
    """
    maps_2N1HW = torch.from_numpy(np.stack([one_NHW, other_NHW])).double()[:, :, None]
    place_W = torch.arange(-5, 6, dtype=torch.float64)
    window_W = torch.exp(-(place_W**2) / (2 * 1.5**2))
    window_11WW = (window_W[:, None] * window_W / window_W.sum() ** 2)[None, None]

    def mean(x_N1HW: Tensor) -> Tensor:
        return F.conv2d(F.pad(x_N1HW, (5, 5, 5, 5), mode="reflect"), window_11WW)

    a, b = maps_2N1HW[0], maps_2N1HW[1]
    mean_a, mean_b = mean(a), mean(b)
    c1, c2 = 0.01**2, 0.03**2
    var_a, var_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    ssim = ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    array: npt.NDArray[np.float64] = ssim.mean(dim=(1, 2, 3)).numpy()
    return array
