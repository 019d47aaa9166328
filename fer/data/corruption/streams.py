"""Randomness that belongs to an image: the same pixels get the same noise in any batch, order or process."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Streams = Sequence[np.random.Generator]

_DIGEST: Final = 16


def streams(images_BCHW: npt.NDArray[np.uint8], *, name: str, severity: int, seed: int) -> list[np.random.Generator]:
    """One generator an image, seeded by its pixels, the corruption, the severity and the seed.

    Seeding by content makes the result independent of what else is in the batch; copies of a face get the same noise,
    as their net gives them the same prediction.
    """
    key = f"{seed}/{name}/{severity}".encode()
    return [
        np.random.Generator(
            np.random.SFC64(int.from_bytes(blake2b(image.tobytes(), key=key, digest_size=_DIGEST).digest(), "little"))
        )
        for image in images_BCHW
    ]


def normal(rngs: Streams, *shape: int) -> Floats:
    """float32 array (B, *shape) of standard normal draws, the first axis from one stream each."""
    draws = np.empty((len(rngs), *shape), np.float32)
    for rng, row in zip(rngs, draws, strict=True):
        rng.standard_normal(out=row, dtype=np.float32)
    return draws


def uniform(rngs: Streams, *shape: int) -> Floats:
    """float32 array (B, *shape) of uniform draws in [0, 1), the first axis from one stream each."""
    draws = np.empty((len(rngs), *shape), np.float32)
    for rng, row in zip(rngs, draws, strict=True):
        rng.random(out=row, dtype=np.float32)
    return draws
