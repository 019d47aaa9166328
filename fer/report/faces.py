"""Which faces an analysis takes where all would take too long."""

import numpy as np
import numpy.typing as npt


def choose_faces(count: int, *, most: int | None, seed: int) -> npt.NDArray[np.int64]:
    """int64 array: places of at most `most` of `count` faces, drawn at random, in order."""
    if most is None or most >= count:
        return np.arange(count)
    return np.sort(np.random.default_rng([seed, 3]).permutation(count)[:most])
