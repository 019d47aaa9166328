"""Which models are worth their cost."""

import numpy as np
import numpy.typing as npt


def pareto_front(costs: npt.ArrayLike, scores: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Indices of the models that no other beats at the same or a lower cost, cheapest first.

    A model is left out where another costs no more, scores no less, and is better in one of the two. Of models equal in
    both, all stay.

    Args:
        costs: (N,), lower is better.
        scores: (N,), higher is better.
    """
    cost_N, score_N = np.asarray(costs, np.float64), np.asarray(scores, np.float64)
    order = np.lexsort((-score_N, cost_N))
    front: list[int] = []
    for index in order:
        last = front[-1] if front else None
        if (
            last is None
            or score_N[index] > score_N[last]
            or (cost_N[index], score_N[index])
            == (
                cost_N[last],
                score_N[last],
            )
        ):
            front.append(int(index))
    return np.array(front, dtype=np.int64)
