"""Images that show the same picture without being byte-identical: exact search by normalised cross-correlation.

The correlation of two images of H x W pixels is a scalar product over all H * W of them, and FER-2013 has 206 million
pairs of a test image and a Training image, twice that with mirrors. Nearly all are ruled out in the 100 lowest
frequencies: the cosine transform is orthonormal, so a scalar product splits into the part inside those frequencies and
the part outside, and the latter is at most the product of the two images' norms outside (Cauchy-Schwarz). Pairs whose
upper bound reaches the threshold, about one in 80,000, are then measured over all pixels, so the answer is that of the
full search. Where they are many, as among the frames of a film, the full search itself is quicker than pair by pair.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from fer.common.luma import LUMA

_FREQUENCIES = 10
"""Frequencies kept along each axis: tight enough that few pairs remain, small enough for one quick matrix product."""

_SLACK = 1e-4
"""Allowance for float32 rounding in the bound; a hundred times what it can be."""

_MANY = 0.03
"""Share of all pairs from which one matrix product over all pixels takes less time than the pairs one by one."""

_EQUAL = 1e-12
"""Likenesses nearer than this are one: in a matrix product, sums come in another order from place to place."""


def near_duplicates(
    queries_NCHW: npt.NDArray[np.uint8], *, references_NCHW: npt.NDArray[np.uint8], threshold: float = 0.95
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The reference most like each query, where one is like enough.

    Likeness is the normalised cross-correlation (NCC) of the grey images, in [-1, 1]: the scalar product after each is
    shifted to mean 0 and scaled to norm 1; and the greater of that with the reference and that with its mirror image.
    A constant image has no norm, hence no NCC, and is like none.

    Args:
        queries_NCHW: uint8 (N, C, H, W), C = 1 or 3.
        references_NCHW: uint8 (M, C, H, W), the same C, H, W.
        threshold: least NCC that counts, in (0, 1].

    Returns:
        int64 (N,), the reference's index or -1; float64 (N,), its NCC or NaN.
    """
    n = len(queries_NCHW)
    index, ncc = np.full(n, -1, dtype=np.int64), np.full(n, np.nan)
    if n == 0 or len(references_NCHW) == 0:
        return index, ncc
    query_even, query_odd = _spectra(queries_NCHW)
    reference_even, reference_odd = (np.ascontiguousarray(part.T) for part in _spectra(references_NCHW))
    for start in range(0, n, 256):
        rows = slice(start, min(start + 256, n))
        # Mirroring negates the odd horizontal frequencies and leaves the even ones: one product serves both.
        bound = query_odd[rows] @ reference_odd
        np.abs(bound, out=bound)
        bound += query_even[rows] @ reference_even
        reached = bound >= threshold - _SLACK
        if np.count_nonzero(reached) > _MANY * reached.size:
            index[rows], ncc[rows] = _most_alike(queries_NCHW[rows], references_NCHW, threshold=threshold)
            continue
        query, reference = np.nonzero(reached)
        query += start
        likeness = _correlations(queries_NCHW, references_NCHW, query, reference)
        order = np.lexsort((-reference, likeness, query))
        order = order[likeness[order] >= threshold]
        # Sorted by query, then likeness: the last write of each query is its best, the lowest index among equals.
        index[query[order]] = reference[order]
        ncc[query[order]] = likeness[order]
    return index, ncc


def _most_alike(
    queries_NCHW: npt.NDArray[np.uint8], references_NCHW: npt.NDArray[np.uint8], *, threshold: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """As `near_duplicates`, by all pixels of all pairs."""
    unit_NHW = _unit(_grey(queries_NCHW).astype(np.float64))
    query_NP, mirrored_NP = (each.reshape(len(unit_NHW), -1) for each in (unit_NHW, unit_NHW[:, :, ::-1]))
    index, ncc = np.full(len(unit_NHW), -1, dtype=np.int64), np.full(len(unit_NHW), -np.inf)
    for start in range(0, len(references_NCHW), 2048):
        reference_MHW = _unit(_grey(references_NCHW[start : start + 2048]).astype(np.float64))
        reference_PM = reference_MHW.reshape(len(reference_MHW), -1).T
        likeness_NM = np.maximum(query_NP @ reference_PM, mirrored_NP @ reference_PM)
        best = likeness_NM.max(axis=1)
        better = (best > ncc + _EQUAL) & (best >= threshold)
        first = (likeness_NM >= best[:, None] - _EQUAL).argmax(axis=1)
        index[better], ncc[better] = start + first[better], best[better]
    return index, np.where(index < 0, np.nan, ncc)


def _grey(images_NCHW: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """uint8 (N, C, H, W) -> float32 (N, H, W)."""
    if images_NCHW.shape[1] == 1:
        return images_NCHW[:, 0].astype(np.float32)
    grey: npt.NDArray[np.float32] = np.einsum("nchw,c->nhw", images_NCHW.astype(np.float32), np.array(LUMA, np.float32))
    return grey


def _unit(images_NHW: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Mean 0 and norm 1 for each image; a constant image becomes all zeros. Keeps the float type."""
    centred: npt.NDArray[Any] = images_NHW - images_NHW.mean(axis=(1, 2), keepdims=True)
    centred[images_NHW.min(axis=(1, 2)) == images_NHW.max(axis=(1, 2))] = 0
    norm = np.sqrt((centred**2).sum(axis=(1, 2), keepdims=True))
    np.divide(centred, norm, out=centred, where=norm > 0)
    return centred


def _cosines(size: int) -> npt.NDArray[np.float32]:
    """The lowest rows of the orthonormal DCT-II, (frequencies, size)."""
    frequency = np.arange(min(_FREQUENCIES, size))[:, None]
    basis = np.cos(np.pi * (np.arange(size) + 0.5) * frequency / size) * np.sqrt(2 / size)
    basis[0] /= np.sqrt(2)
    lowest: npt.NDArray[np.float32] = basis.astype(np.float32)
    return lowest


def _spectra(images_NCHW: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Low-frequency coefficients of each image, (N, E) even and (N, O) odd along the width.

    The last of the even ones is the norm of what lies outside, so that the products of two images' parts are a bound.
    """
    vertical, horizontal = _cosines(images_NCHW.shape[2]), _cosines(images_NCHW.shape[3])
    even, odd = [], []
    for start in range(0, len(images_NCHW), 2048):
        unit = _unit(_grey(images_NCHW[start : start + 2048]))
        low = vertical @ unit @ horizontal.T
        outside = np.sqrt(np.clip((unit**2).sum(axis=(1, 2)) - (low**2).sum(axis=(1, 2)), 0, None))
        even.append(np.concatenate([low[:, :, 0::2].reshape(len(low), -1), outside[:, None]], axis=1))
        odd.append(low[:, :, 1::2].reshape(len(low), -1))
    return np.concatenate(even), np.concatenate(odd)


def _correlations(
    queries_NCHW: npt.NDArray[np.uint8],
    references_NCHW: npt.NDArray[np.uint8],
    query: npt.NDArray[np.int64],
    reference: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """NCC of the pairs (query[i], reference[i]) over all pixels, mirrored included; float64 (pairs,)."""
    ncc = np.empty(len(query))
    for start in range(0, len(query), 1024):
        pairs = slice(start, start + 1024)
        a = _unit(_grey(queries_NCHW[query[pairs]]).astype(np.float64))
        b = _unit(_grey(references_NCHW[reference[pairs]]).astype(np.float64))
        ncc[pairs] = np.maximum((a * b).sum(axis=(1, 2)), (a * b[:, :, ::-1]).sum(axis=(1, 2)))
    return ncc
