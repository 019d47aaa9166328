"""How long a model takes on this machine."""

import copy
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from fer.models.checkpoint import LoadedModel

BATCH: Final = 256
"""Faces of a batch whose throughput is measured."""

_WARM_UP: Final = 5
_LEAST: Final = 5


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Times from stored pixels to probabilities, preprocessing included, on the CPU.

    Attributes:
        median_ms: of one face, batch of one, one thread, in milliseconds.
        high_ms: the 95th percentile of the same.
        repeats: single faces timed.
        faces_per_second: in batches of `BATCH` with `threads` threads; the median batch.
        threads: of the batches.
    """

    median_ms: float
    high_ms: float
    repeats: int
    faces_per_second: float
    threads: int


def time_model(model: "LoadedModel", *, face_shape: tuple[int, int, int], repeats: int, seconds: float) -> Timing:
    """Times a model after a warm-up, within about `seconds` (a slow model takes a few answers longer).

    Args:
        model: on any device; it is timed on the CPU, where most models of this size end up, so that runs compare.
        face_shape: (channels, height, width) of the stored faces.
        repeats: single faces to time, where half of `seconds` allows.
        seconds: half goes to single faces, half to batches.
    """
    import torch

    on_cpu = model if _is_on_cpu(model) else replace(model, net=copy.deepcopy(model.net).cpu())
    faces = np.random.default_rng(0).integers(0, 256, (BATCH, *face_shape), dtype=np.uint8)
    threads = torch.get_num_threads()
    with _threads(1):
        single = _times(on_cpu, faces[:1], repeats=repeats, least=_LEAST, warm_up=_WARM_UP, seconds=seconds / 2)
    batches = _times(on_cpu, faces, repeats=repeats, least=1, warm_up=1, seconds=seconds / 2)
    return Timing(
        median_ms=1000 * float(np.median(single)),
        high_ms=1000 * float(np.percentile(single, 95)),
        repeats=len(single),
        faces_per_second=BATCH / float(np.median(batches)),
        threads=threads,
    )


def _times(
    model: "LoadedModel", faces: npt.NDArray[np.uint8], *, repeats: int, least: int, warm_up: int, seconds: float
) -> list[float]:
    """Seconds of each answer; the warm-up counts towards the time allowed, but is not among them."""
    end = time.perf_counter() + seconds
    for _ in range(warm_up):
        model.probabilities(faces, batch_size=len(faces))
    times: list[float] = []
    while len(times) < least or (len(times) < repeats and time.perf_counter() < end):
        started = time.perf_counter()
        model.probabilities(faces, batch_size=len(faces))
        times.append(time.perf_counter() - started)
    return times


def _is_on_cpu(model: "LoadedModel") -> bool:
    return all(tensor.device.type == "cpu" for tensor in model.net.state_dict().values())


@contextmanager
def _threads(count: int) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
