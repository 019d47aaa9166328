"""Random partitions of samples: stratified by class, with copies and persons kept together."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fer.data.samples import FaceSamples, content_hashes


def held_out_bins(
    samples: FaceSamples, rows: npt.NDArray[np.int64], *, shares: Sequence[float], seed: int
) -> npt.NDArray[np.int64]:
    """Bin of the sample at each of `rows`, int64 array (N,): each class falls into the bins by `shares`.

    No image is copied: those of a large data set may fill the memory once already.

    Images with equal pixels go into one bin, and so do all images of one person where `samples.subjects` names them.
    The bins depend on content, `seed` and the shares alone: not on the order of the samples, the machine or the version
    of a random generator.

    Whole groups go, largest first, where their classes lack most. Single images come last, so every class ends within
    one image of its share wherever it has enough of them; with persons, the shares hold as closely as their groups
    allow.

    Args:
        samples: all samples of a source.
        rows: int64 (N,), those that are parted.
        shares: share of each bin; they sum to 1.
        seed: names the random partition.
    """
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(_group_names(samples, rows)):
        groups[name].append(place)
    label_of = samples.labels[rows].tolist()
    missing = {label: [total * share for share in shares] for label, total in Counter(label_of).items()}
    bins = np.empty(len(rows), dtype=np.int64)
    for name in sorted(groups, key=lambda name: (-len(groups[name]), _draw(seed, name))):
        # Sorted, so that sums round the same way in whatever order the samples came.
        members = sorted(label_of[place] for place in groups[name])
        lacks = [sum(missing[label][i] for label in members) for i in range(len(shares))]
        chosen = lacks.index(max(lacks))
        bins[groups[name]] = chosen
        for label in members:
            missing[label][chosen] -= 1.0
    return bins


def _group_names(samples: FaceSamples, rows: npt.NDArray[np.int64]) -> list[str]:
    """The group of each of the samples at `rows`: the least content hash among all of them that share pixels or a
    person, directly or not."""
    hashes: list[str] = content_hashes(samples.images, rows).tolist()
    if samples.subjects is None:
        return hashes
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    for content, subject in zip(hashes, samples.subjects[rows].tolist(), strict=True):
        if subject != "":
            parent[root(f"person {subject}")] = root(content)
    roots = [root(content) for content in hashes]
    least: dict[str, str] = {}
    for content, top in zip(hashes, roots, strict=True):
        least[top] = min(content, least.get(top, content))
    return [least[top] for top in roots]


def _draw(seed: int, name: str) -> bytes:
    """A pseudo-random rank of a group under a seed.

    Unlike a generator's stream, it is the same in every version of every library, and stays when other images come.
    """
    return hashlib.sha256(f"{seed}:{name}".encode()).digest()
