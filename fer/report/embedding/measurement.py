"""The features that a net's last layer reads, laid out in two dimensions, and how far the layout can be trusted."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from fer.models.checkpoint import LoadedModel

NEIGHBOURS: Final = 10
"""Nearest faces that are asked for their label, and whose order the layout should keep."""

LEAST_FACES: Final = 30
"""Fewer faces make no map."""

_LEAST_SPREAD: Final = 1e-6
"""Of the largest feature; less is float32's rounding of one and the same."""

_SQUARED_IS_ZERO: Final = 1e-18
"""Below it, variances vanish in float32."""

_COMPONENTS: Final = 50
_PERPLEXITY: Final = 30.0
_ITERATIONS: Final = 500

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Embedding:
    """N faces in two dimensions.

    Attributes:
        places: float64 array (N, 2), in [0, 1] each way.
        neighbours_agree: share of faces whose nearest faces, in the net's own features, mostly carry their label.
        trustworthiness: how far near faces of the layout are near in the net's own features, in [0, 1] (Venna and Kaski
            2001, ICANN).
        dimensions: of the net's features.
    """

    places: npt.NDArray[np.float64]
    neighbours_agree: float
    trustworthiness: float
    dimensions: int


def last_features(model: "LoadedModel", images_NCHW: npt.NDArray[np.uint8], *, batch_size: int) -> Floats | None:
    """Float32 array (N, D): what the net's last linear layer reads; None for a net without one."""
    import torch

    # A net with two heads may have them merged.
    outputs = {len(model.labels), model.spec.heads * len(model.labels)}
    layers = [
        each for each in model.net.modules() if isinstance(each, torch.nn.Linear) and each.out_features in outputs
    ]
    if not layers:
        return None
    read: list[Floats] = []

    def keep(module: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        read.append(given[0].detach().flatten(1).float().cpu().numpy())

    handle = layers[-1].register_forward_pre_hook(keep)
    try:
        model.probabilities(images_NCHW, batch_size=batch_size, fast=True)
    finally:
        handle.remove()
    return np.concatenate(read)


def embed(features_ND: Floats, labels_N: npt.NDArray[np.int64], *, seed: int) -> Embedding | None:
    """t-SNE (van der Maaten and Hinton 2008) of the features' leading principal components; the same for a seed.

    None for features that are not finite, or the same for all faces, as of a net that collapsed: nothing to lay out.

    Args:
        features_ND: of at least `LEAST_FACES` faces.
        labels_N: their labels.
        seed: of the layout.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE, trustworthiness
    from sklearn.neighbors import NearestNeighbors
    from threadpoolctl import threadpool_limits

    # The layout starts at coordinates over their standard deviation, and scikit-learn does not survive NaN there.
    largest = float(np.abs(features_ND).max())
    if not np.isfinite(largest) or np.ptp(features_ND, axis=0).max() <= max(_LEAST_SPREAD * largest, _SQUARED_IS_ZERO):
        return None
    # None of these has annotations.
    limits: Any = threadpool_limits
    pca: Any = PCA
    tsne: Any = TSNE
    nearest: Any = NearestNeighbors
    count, dimensions = features_ND.shape
    reduced_NK = pca(min(_COMPONENTS, dimensions, count - 1), svd_solver="full").fit_transform(features_ND)
    # One thread adds up in one order, so that a seed has one layout.
    with limits(1):
        places_N2 = tsne(
            2,
            perplexity=min(_PERPLEXITY, (count - 1) / 3),
            init="pca" if reduced_NK.shape[1] > 1 else "random",
            max_iter=_ITERATIONS,
            random_state=seed,
            n_jobs=1,
        ).fit_transform(reduced_NK)
        # Without the face itself, because no faces are handed in anew.
        near_NK = nearest(n_neighbors=NEIGHBOURS).fit(features_ND).kneighbors(return_distance=False)
        trusted = float(trustworthiness(features_ND, places_N2, n_neighbors=NEIGHBOURS))
    votes_NC = np.stack([(labels_N[near_NK] == c).sum(axis=1) for c in range(int(labels_N.max()) + 1)], axis=1)
    span_2 = np.maximum(np.ptp(places_N2, axis=0), np.finfo(np.float32).tiny)
    return Embedding(
        places=((places_N2 - places_N2.min(axis=0)) / span_2).astype(np.float64),
        neighbours_agree=float((votes_NC.argmax(axis=1) == labels_N).mean()),
        trustworthiness=trusted,
        dimensions=dimensions,
    )
