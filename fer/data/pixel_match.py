"""The same picture in two copies of a data set, found by its pixels.

Copies of FER-2013 differ in the last bits: class folders hold JPEGs, and some were equalised or brightened on the way.
So equal pixels match first, and what is left by likeness: the normalised cross-correlation of the two pictures, which
no change of brightness and contrast touches; then that of the two equalised pictures, which no monotone curve touches.

A likeness counts only where nothing else is nearly as like. The data hold near-duplicates, so three conditions guard
against a wrong match: a likeness of at least 0.9; a distance (1 - likeness) of at most half that of the next picture
(the ratio test of Lowe 2004, section 7.1); and no other picture that likes the found one better.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.common.luma import LUMA
from fer.data.samples import FaceSamples, Split, content_hashes

LEAST_LIKENESS: Final = 0.9
LARGEST_DISTANCE_RATIO: Final = 0.5

_BLOCK: Final = 512

# Equal pictures in another order of summation differ by this much.
_ROUNDING: Final = 1e-5


@dataclass(frozen=True, kw_only=True)
class PixelMatch:
    """Where each of N samples was found among a reference's.

    Attributes:
        rows: int64 (N,), the reference's row, -1 where there is none.
        exact: samples with equal pixels.
        by_likeness: samples found by likeness.
        ambiguous: samples left out because a second picture is nearly as like, or another sample more so.
        absent: samples without a picture that is like enough; blank ones are like none.
    """

    rows: npt.NDArray[np.int64]
    exact: int
    by_likeness: int
    ambiguous: int
    absent: int


def match_pixels(samples: FaceSamples, *, reference: FaceSamples) -> PixelMatch:
    """Finds each sample's picture among the reference's of the same split.

    Equal pictures within the reference stand for the same one; of them, a sample is given one with its own label where
    there is one, and equal samples are given different ones as far as they go. A sample of `Split.MERGED_TEST` is
    looked for in PublicTest and PrivateTest.

    Args:
        samples: N samples, images of the reference's size.
        reference: the other copy.
    """
    rows = np.full(len(samples), -1, dtype=np.int64)
    hashes, reference_hashes = content_hashes(_grey(samples.images)), content_hashes(_grey(reference.images))
    exact = by_likeness = ambiguous = 0
    for split in Split:
        queries = np.flatnonzero(samples.splits == split)
        if len(queries) == 0:
            continue
        sought = [Split.PUBLIC, Split.PRIVATE] if split is Split.MERGED_TEST else [split]
        candidates = np.flatnonzero(np.isin(reference.splits, sought))
        same = _match_equal(samples, queries, hashes, reference, candidates, reference_hashes)
        rows[queries] = same
        exact += int((same >= 0).sum())
        left = queries[same < 0]
        if len(candidates) == 0:
            continue
        # One of each picture: twins are no rivals.
        _, first = np.unique(reference_hashes[candidates], return_index=True)
        unique = candidates[np.sort(first)]
        doubtful: set[int] = set()
        for equalise in (False, True):
            if len(left) == 0:
                break
            # Pictures that are taken stay, as rivals that cannot be had.
            owned = rows[queries[rows[queries] >= 0]]
            taken = np.isin(reference_hashes[unique], reference_hashes[owned])
            found, in_doubt = _match_alike(
                _fingerprints(samples.images[left], equalise=equalise),
                _fingerprints(reference.images[unique], equalise=equalise),
                taken,
            )
            rows[left[found >= 0]] = unique[found[found >= 0]]
            by_likeness += int((found >= 0).sum())
            doubtful |= set(left[in_doubt].tolist())
            left = left[found < 0]
        ambiguous += len(doubtful & set(left.tolist()))
    return PixelMatch(
        rows=rows,
        exact=exact,
        by_likeness=by_likeness,
        ambiguous=ambiguous,
        absent=len(samples) - exact - by_likeness - ambiguous,
    )


def _match_equal(
    samples: FaceSamples,
    queries: npt.NDArray[np.int64],
    hashes: npt.NDArray[np.str_],
    reference: FaceSamples,
    candidates: npt.NDArray[np.int64],
    reference_hashes: npt.NDArray[np.str_],
) -> npt.NDArray[np.int64]:
    """The reference's row for each query with equal pixels, -1 for the others."""
    twins: dict[tuple[str, int | None], list[int]] = {}
    for row in candidates.tolist():
        name = str(reference_hashes[row])
        twins.setdefault((name, int(reference.labels[row])), []).append(row)
        twins.setdefault((name, None), []).append(row)
    used: dict[tuple[str, int | None], int] = {}
    found = np.full(len(queries), -1, dtype=np.int64)
    for place, query in enumerate(queries.tolist()):
        key: tuple[str, int | None] = (str(hashes[query]), int(samples.labels[query]))
        if key not in twins:
            key = (key[0], None)
        if key in twins:
            found[place] = twins[key][used.get(key, 0) % len(twins[key])]
            used[key] = used.get(key, 0) + 1
    return found


def _match_alike(
    query_NP: npt.NDArray[np.float32], reference_MP: npt.NDArray[np.float32], taken_M: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """The reference of each query, -1 where none is like enough and alone; bool (N,), like enough but not alone."""
    n, m = len(query_NP), len(reference_MP)
    best_N, likeness_N, rival_N = np.empty(n, np.int64), np.empty(n, np.float32), np.empty(n, np.float32)
    most_M = np.full(m, -1, np.float32)
    for start in range(0, n, _BLOCK):
        rows = slice(start, min(start + _BLOCK, n))
        likeness_BM = query_NP[rows] @ reference_MP.T
        np.maximum(most_M, likeness_BM.max(axis=0), out=most_M)
        at = np.arange(len(likeness_BM))
        best_N[rows] = likeness_BM.argmax(axis=1)
        likeness_N[rows] = likeness_BM[at, best_N[rows]]
        likeness_BM[at, best_N[rows]] = -1
        rival_N[rows] = likeness_BM.max(axis=1)
    like_N = likeness_N >= LEAST_LIKENESS
    alone_N = (1 - likeness_N) <= LARGEST_DISTANCE_RATIO * (1 - rival_N)
    mutual_N = (likeness_N >= most_M[best_N] - _ROUNDING) & ~taken_M[best_N]
    return np.where(like_N & alone_N & mutual_N, best_N, -1), like_N & ~(alone_N & mutual_N)


def _grey(images_NCHW: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """uint8 (N, C, H, W) -> uint8 (N, 1, H, W)."""
    if images_NCHW.shape[1] == 1:
        return images_NCHW
    grey = np.einsum("nchw,c->nhw", images_NCHW.astype(np.float32), np.array(LUMA, np.float32))
    rounded: npt.NDArray[np.uint8] = grey.round().astype(np.uint8)
    return rounded[:, None]


def _fingerprints(images_NCHW: npt.NDArray[np.uint8], *, equalise: bool) -> npt.NDArray[np.float32]:
    """float32 (N, H * W): the picture, equalised or as it is, with mean 0 and norm 1; zeros for a blank one."""
    import cv2

    grey = _grey(images_NCHW)[:, 0]
    if equalise:
        grey = np.stack([cv2.equalizeHist(np.ascontiguousarray(image)) for image in grey]).astype(np.uint8)
    centred: npt.NDArray[np.float32] = grey.reshape(len(grey), -1).astype(np.float32)
    centred -= centred.mean(axis=1, keepdims=True)
    norm = np.sqrt((centred**2).sum(axis=1, keepdims=True))
    # Rounding gives a blank picture a mean a little off, which must not be scaled up to a pattern.
    blank = grey.reshape(len(grey), -1).min(axis=1) == grey.reshape(len(grey), -1).max(axis=1)
    norm[blank] = 0
    centred[blank] = 0
    np.divide(centred, norm, out=centred, where=norm > 0)
    return centred
