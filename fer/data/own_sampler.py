"""The order of an epoch, by a class or function that a configuration names."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import ConfigError
from fer.common.plugins import own_callable

Order = Callable[..., npt.NDArray[np.int64]]
"""(labels int64 (N,), seed=, epoch=) -> positions in them, int64 (M,), in the order in which the epoch shows them."""

_KEY: Final = "sampler"


def build_sampler(node: Mapping[str, Any]) -> Order | None:
    """The order that a configuration's `sampler` names; None where it names none.

    Its function, or the objects of its class, are called with the labels of the training rows, `seed` and `epoch`, and
    give positions in them. A resumed run goes on as the interrupted one would have where they depend on these alone.

    Raises:
        ConfigError: nothing that can be called, or arguments that it does not take.
    """
    if not node:
        return None
    call = own_callable(node, _KEY, given=("seed", "epoch"), handed=1)
    return lambda labels, *, seed, epoch: _positions(call, labels, seed=seed, epoch=epoch, target=node["_target_"])


def _positions(
    call: Callable[..., Any], labels: npt.NDArray[np.int64], *, seed: int, epoch: int, target: str
) -> npt.NDArray[np.int64]:
    try:
        order = np.asarray(call(labels, seed=seed, epoch=epoch))
    # Whatever the code of others raises; FER_DEBUG=1 shows where.
    except Exception as error:
        raise ConfigError(f"{_KEY}._target_={target} fails with {type(error).__name__}: {error}") from error
    if order.ndim != 1 or not np.issubdtype(order.dtype, np.integer) or len(order) == 0:
        raise ConfigError(f"{_KEY}._target_={target} gives {order.dtype} of shape {order.shape}: give positions (M,)")
    if order.min() < 0 or order.max() >= len(labels):
        raise ConfigError(
            f"{_KEY}._target_={target} gives positions {order.min()} to {order.max()} of {len(labels)} training rows"
        )
    return order.astype(np.int64)
