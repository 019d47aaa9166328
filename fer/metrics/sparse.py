"""Sparse matrices that add up faces, so that one product gives a score of every bootstrap draw."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def sparse_matrix(
    values: npt.NDArray[np.floating[Any]],
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    *,
    shape: tuple[int, int],
) -> "csr_array":
    """The matrix with `values[i]` at (`rows[i]`, `columns[i]`), added up where a place is named twice."""
    from scipy import sparse

    # Untyped in its stubs.
    make: Any = sparse.csr_array
    matrix: csr_array = make((values, (rows, columns)), shape=shape)
    return matrix
