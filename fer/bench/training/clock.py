"""Reading the clock when the device has done what it was asked, and rates from it."""

import time
from collections.abc import Iterator

import torch


def now(device: torch.device) -> float:
    """Seconds of a monotonic clock, after everything that was asked of `device` is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter()


def rate_of(batches: Iterator[int], *, device: torch.device, warmup: int, seconds: float) -> float:
    """Images a second of a stream of batches, of which each item is the size.

    Args:
        batches: does the work of a batch before it yields; longer than `warmup` and one more.
        device: where the work is done.
        warmup: batches that are not timed.
        seconds: how long to go on; the batch under way is finished.
    """
    for _ in range(warmup):
        next(batches)
    begin, images = now(device), 0
    for size in batches:
        images += size
        if time.perf_counter() - begin >= seconds:
            break
    return images / (now(device) - begin)
