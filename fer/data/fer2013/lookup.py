"""Pictures of the original with signatures like a given one, without comparing all with all.

Multi-index hashing (Norouzi, Punjani and Fleet 2012): a signature is cut into nine keys of 16 signs, and a picture is
a candidate where one key is equal. A copy that was changed turns the signs of coefficients near zero first, so each
key is also looked up with its least certain signs turned in every combination. Candidates are then compared whole.

The likeness of a picture and a candidate is the share of signs that agree, each weighted with the root of its
coefficient: 1 where all agree, about 0 for two pictures with nothing in common, and around 0.5 for the most alike of
34,034 strangers.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.data.fer2013.original import Original
from fer.data.fer2013.signature import BITS, unpacked_signs

KEYS: Final = 9
KEY_BITS: Final = BITS // KEYS
WORST_DISTANCE: Final = 48
"""Signs that may differ; equalised and CLAHE'd copies stay below 42 of 144 in 999 of 1,000 pictures."""

_BLOCK: Final = 1024
_NEARLY: Final = 0.12
"""Less alike than the best by more than this is not worth mentioning."""


@dataclass(frozen=True)
class Pairs:
    """Candidates, by query and then from the most alike to the least.

    Attributes:
        query: int64 (P,).
        picture: int64 (P,), pictures of the original.
        likeness: float32 (P,).
    """

    query: npt.NDArray[np.int64]
    picture: npt.NDArray[np.int64]
    likeness: npt.NDArray[np.float32]

    def best(self, count: int) -> npt.NDArray[np.float32]:
        """float32 (count,): the likeness of each query's first candidate; 0 for those without."""
        best = np.zeros(count, dtype=np.float32)
        np.maximum.at(best, self.query, self.likeness)
        return best


class Lookup:
    """The original's signatures, by key.

    Args:
        original: the fingerprint.
    """

    def __init__(self, original: Original) -> None:
        self._signs = unpacked_signs(original.signs)
        self._words = _words(original.signs)
        keys_MK = _keys(self._signs > 0)
        self._order = np.argsort(keys_MK, axis=0, kind="stable").astype(np.int32)
        values = np.arange((1 << KEY_BITS) + 1)
        self._begins = [
            np.searchsorted(keys_MK[self._order[:, key], key], values).astype(np.int32) for key in range(KEYS)
        ]

    def find(self, coefficients_NK: npt.NDArray[np.float32], *, turned: int) -> Pairs:
        """The candidates of each picture.

        Args:
            coefficients_NK: `fer.data.fer2013.signature.coefficients` of N pictures.
            turned: least certain signs of each key that are tried both ways.
        """
        found = [
            self._find(coefficients_NK[start : start + _BLOCK, :BITS], turned=turned, offset=start)
            for start in range(0, len(coefficients_NK), _BLOCK)
        ]
        return _in_order(found)

    def find_everywhere(self, coefficients_NK: npt.NDArray[np.float32]) -> Pairs:
        """The most alike pictures of each of N, compared with all of them: for the few that `find` leaves in doubt."""
        signs = self._signs.astype(np.float32)
        found = []
        for start in range(0, len(coefficients_NK), _BLOCK // 4):
            block = _weights(coefficients_NK[start : start + _BLOCK // 4, :BITS])
            likeness = block @ signs.T
            least = likeness.max(axis=1, keepdims=True) - _NEARLY
            query, picture = np.nonzero(likeness >= least)
            found.append((query + start, picture, likeness[query, picture]))
        return _in_order(found)

    def distance(self, one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """int64 (P,): in how many signs two pictures of the original differ."""
        distance: npt.NDArray[np.int64] = np.bitwise_count(self._words[one] ^ self._words[other]).sum(axis=1)
        return distance

    def _find(
        self, block_NK: npt.NDArray[np.float32], *, turned: int, offset: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        positive = block_NK >= 0
        keys_NK = _keys(positive)
        words = _words(np.packbits(positive, axis=1))
        certainty = np.abs(block_NK)
        masks = _masks(turned)
        met = []
        for key in range(KEYS):
            weakest_NP = np.argsort(certainty[:, key::KEYS], axis=1)[:, :turned]
            turns_NT = (1 << weakest_NP) @ masks.T
            tried = (keys_NK[:, key, None] ^ turns_NT).reshape(-1)
            begins, ends = self._begins[key][tried], self._begins[key][tried + 1]
            counts = ends - begins
            query = np.repeat(np.repeat(np.arange(len(block_NK)), len(masks)), counts)
            first = np.repeat(begins - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
            picture = self._order[first + np.arange(len(first)), key]
            distance = np.bitwise_count(words[query] ^ self._words[picture]).sum(axis=1)
            near = distance <= WORST_DISTANCE
            met.append(query[near] * len(self._signs) + picture[near])
        query, picture = np.divmod(np.unique(np.concatenate(met)), len(self._signs))
        return query + offset, picture, weighted_agreement(block_NK, self._signs, query, picture)


@lru_cache(maxsize=1)
def lookup_in(original: Original) -> Lookup:
    """The original's lookup, made once a process."""
    return Lookup(original)


def weighted_agreement(
    coefficients_NK: npt.NDArray[np.float32],
    signs_MK: npt.NDArray[np.int8],
    query: npt.NDArray[np.int64],
    picture: npt.NDArray[np.int64],
) -> npt.NDArray[np.float32]:
    """float32 (P,): the likeness of each pair, in [-1, 1]; see the module."""
    weights = _weights(coefficients_NK)
    likeness = np.empty(len(query), dtype=np.float32)
    for start in range(0, len(query), 1 << 16):
        part = slice(start, start + (1 << 16))
        likeness[part] = np.einsum("pk,pk->p", weights[query[part]], signs_MK[picture[part]].astype(np.float32))
    return likeness


def _weights(coefficients_NK: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """float32 (N, K): signed roots, of absolute sum 1."""
    weights = np.sqrt(np.abs(coefficients_NK))
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-6)
    return np.where(coefficients_NK >= 0, weights, -weights)


def _in_order(
    found: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]],
) -> Pairs:
    if not found:
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
    queries, pictures, likeness = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((-likeness, queries))
    return Pairs(queries[order], pictures[order], likeness[order])


def _keys(positive_NK: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """int64 (N, 9): every ninth sign makes a key, so that each has coarse and fine ones."""
    places = 1 << np.arange(KEY_BITS)
    return np.stack([positive_NK[:, key:BITS:KEYS] @ places for key in range(KEYS)], axis=1)


def _words(packed_NB: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """uint64 (N, 3): 18 bytes, and 6 of nothing."""
    padded = np.zeros((len(packed_NB), 24), dtype=np.uint8)
    padded[:, : packed_NB.shape[1]] = packed_NB
    return padded.view(np.uint64)


def _masks(turned: int) -> npt.NDArray[np.int64]:
    """int64 (2 ** turned, turned): every combination of turned (1) and left (0)."""
    return (np.arange(1 << turned)[:, None] >> np.arange(turned)) & 1
