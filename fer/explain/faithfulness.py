"""Deletion and insertion: does the prediction depend on the places a map names? (RISE: Petsiuk, Das and
Saenko 2018, arXiv 1806.07421)

Works on stored images and on any function that predicts from them, so it judges maps of every kind alike.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Predictor = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
"""A model: images (N, C, H, W) -> probabilities (N, K)."""

RANDOM: Final = "random"
"""Name of the order that knows nothing, beside which every other must be read."""


@dataclass(frozen=True, kw_only=True)
class Curves:
    """What becomes of the probability of N predictions as places go (deletion) or come (insertion), strongest first.

    Attributes:
        shares: float64 array (S,), share of the face changed, from 0 to 1.
        deletion: float64 array (N, S), probability left when that share is replaced by the face's mean grey.
        insertion: float64 array (N, S), probability reached when that share stands on the blurred face.
    """

    shares: npt.NDArray[np.float64]
    deletion: npt.NDArray[np.float64]
    insertion: npt.NDArray[np.float64]

    @property
    def deletion_auc(self) -> npt.NDArray[np.float64]:
        """Float64 array (N,) in [0, 1]: mean height of each deletion curve; lower is better."""
        return _area(self.deletion, self.shares)

    @property
    def insertion_auc(self) -> npt.NDArray[np.float64]:
        """Float64 array (N,) in [0, 1]: mean height of each insertion curve; higher is better."""
        return _area(self.insertion, self.shares)


def faithfulness(
    predict: Predictor,
    *,
    images: npt.NDArray[np.uint8],
    classes: npt.NDArray[np.int64],
    values: Mapping[str, npt.NDArray[np.float32]],
    cells: int = 12,
    steps: int = 12,
    random_orders: int = 2,
    seed: int = 0,
) -> dict[str, Curves]:
    """Deletion and insertion curves of several maps of the same faces, and of random orders (`RANDOM`).

    A face is changed in cells, not in single pixels: scattered pixels of grey are a disturbance of their own (arXiv
    1806.10758 shows how much of such a drop is the disturbance itself), so that fine maps and random orders would win
    by the noise they make, and coarse maps could not be held against fine ones. With `cells` equal to the side of the
    face it is RISE's own definition. Equal cells go in random order. Deletion replaces a cell by the face's mean grey
    (channel by channel); insertion starts from the face under a Gaussian blur of an eighth of its side, which leaves
    light and pose, but no features.

    Args:
        predict: the model.
        images: uint8 array (N, C, H, W), at least one.
        classes: int64 array (N,), the class whose probability is watched.
        values: name -> array (N, H, W), larger is more important; only their order within a face counts.
        cells: cells along each side.
        steps: equal steps in which the cells go.
        random_orders: random orders a face, whose curves are averaged.
        seed: of the random orders and of the order of equal cells.
    """
    assert RANDOM not in values
    rng = np.random.default_rng([seed, 3])
    count = len(images)
    assert count > 0
    ranks = {name: _ranks(_pool(value, cells), rng) for name, value in values.items()}
    flat, blurred = _flat(images), _blurred(images)
    counts = np.round(np.arange(steps + 1) / steps * cells * cells)
    shares = counts / (cells * cells)

    def curves(rank_NP: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        rank_NHW = _unpool(rank_NP, cells, images.shape[2], images.shape[3])
        # The ends are the same for every order; only what lies between is predicted.
        changed_SNHW = [rank_NHW < changed for changed in counts[1:-1]]
        deleted = [np.where(mask[:, None], flat, images) for mask in changed_SNHW]
        inserted = [np.where(mask[:, None], images, blurred) for mask in changed_SNHW]
        p_MK = predict(np.concatenate([*deleted, *inserted]))
        chosen_SN = p_MK[np.arange(len(p_MK)), np.tile(classes, 2 * len(changed_SNHW))].reshape(-1, count)
        inner = chosen_SN.astype(np.float64).T
        deletion = np.concatenate([whole[:, None], inner[:, : steps - 1], gone[:, None]], axis=1)
        insertion = np.concatenate([hazy[:, None], inner[:, steps - 1 :], whole[:, None]], axis=1)
        return deletion, insertion

    ends = predict(np.concatenate([images, flat, blurred]))
    whole, gone, hazy = ends[np.arange(3 * count), np.tile(classes, 3)].astype(np.float64).reshape(3, count)
    found = {}
    for name, rank_NP in ranks.items():
        deletion, insertion = curves(rank_NP)
        found[name] = Curves(shares=shares, deletion=deletion, insertion=insertion)
    drawn = [curves(_ranks(np.zeros((count, cells * cells), np.float64), rng)) for _ in range(random_orders)]
    found[RANDOM] = Curves(
        shares=shares,
        deletion=np.mean([deletion for deletion, _ in drawn], axis=0),
        insertion=np.mean([insertion for _, insertion in drawn], axis=0),
    )
    return found


def _area(heights_NS: npt.NDArray[np.float64], shares_S: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Area under each curve by the trapezoidal rule, (N,)."""
    middles: npt.NDArray[np.float64] = (heights_NS[:, 1:] + heights_NS[:, :-1]) / 2
    area: npt.NDArray[np.float64] = middles @ np.diff(shares_S)
    return area


def _flat(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Each face replaced by its mean grey, channel by channel."""
    mean = images.mean(axis=(2, 3), keepdims=True).round().astype(np.uint8)
    return np.broadcast_to(mean, images.shape)


def _blurred(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    import cv2

    sigma = max(images.shape[2:]) / 8
    planes = images.reshape(-1, *images.shape[2:])
    soft = [cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE) for plane in planes]
    return np.array(soft, dtype=np.uint8).reshape(images.shape)


def _cell_of(length: int, cells: int) -> npt.NDArray[np.int64]:
    assert cells <= length, (cells, length)
    return np.arange(length) * cells // length


def _pool(values_NHW: npt.NDArray[np.float32], cells: int) -> npt.NDArray[np.float64]:
    """Mean of each cell, (N, cells * cells)."""
    ways = []
    for length in values_NHW.shape[1:]:
        belongs = (_cell_of(length, cells)[:, None] == np.arange(cells)).astype(np.float64)
        ways.append(belongs / belongs.sum(axis=0))
    pooled: npt.NDArray[np.float64] = np.einsum("nhw,hr,wc->nrc", values_NHW.astype(np.float64), *ways, optimize=True)
    return pooled.reshape(len(values_NHW), cells * cells)


def _unpool(rank_NP: npt.NDArray[np.int64], cells: int, height: int, width: int) -> npt.NDArray[np.int64]:
    """Each pixel's cell's rank, (N, H, W)."""
    grid = rank_NP.reshape(-1, cells, cells)
    return grid[:, _cell_of(height, cells)[:, None], _cell_of(width, cells)]


def _ranks(values_NP: npt.NDArray[np.float64], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Place of each cell in falling order, equal ones in random order, (N, P)."""
    order = np.lexsort((rng.random(values_NP.shape), -values_NP), axis=-1)
    return np.argsort(order, axis=-1)
