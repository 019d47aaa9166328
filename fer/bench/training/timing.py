"""Rates by a clock that waits for the device, and the timed loop of every contender that has none of its own."""

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

import torch
from torch import Tensor

from fer.bench.training.subject import Subject
from fer.models.classifier import Classifier
from fer.models.schedule import build_scheduler

_T = TypeVar("_T")


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


def step_rate(
    subject: Subject, system: Classifier, batches: Iterable[_T], loss_of: Callable[[_T], tuple[Tensor, int]]
) -> float:
    """Images a second of forward, backward, clipping, step and schedule, over `subject.steps` batches.

    Args:
        subject: how many batches are timed, and after how many.
        system: the net on its device, with an optimiser.
        batches: what the loader gives; as many as `subject` counts, or more.
        loss_of: a batch -> its loss and how many images it held.
    """
    optimizer, grad_clip = system.optimizer, subject.config.optimizer.grad_clip
    assert optimizer is not None
    total = subject.warmup + subject.steps
    schedule = build_scheduler(subject.config.scheduler, optimizer, steps=total, epochs=1)
    begin = end = 0.0
    images = 0
    for number, batch in enumerate(islice(batches, total)):
        loss, count = loss_of(batch)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        if grad_clip is not None:
            torch.nn.utils.clip_grad_norm_(system.parameters(), grad_clip)
        optimizer.step()
        if schedule["interval"] == "step":
            schedule["scheduler"].step()
        if number + 1 == subject.warmup:
            begin = now(subject.device)
        elif number >= subject.warmup:
            images += count
            # Here, not behind the loop, whose end puts away what loaded the batches.
            end = now(subject.device) if number + 1 == total else end
    return images / (end - begin)
