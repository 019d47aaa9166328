"""Which learning rate a net bears: the range test of arXiv 1506.01186, section 3.3, on a copy of net and optimiser."""

import copy
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

_MEMORY: Final = 0.9
"""Of the running mean of the losses, which a batch alone makes too rough to read."""
_DIVERGED: Final = 4.0
"""Times the lowest loss, at which a test is over."""
_ROUGH: Final = 10
"""One in so many of the rates, from the lowest on, suggests nothing."""


@dataclass(frozen=True, kw_only=True)
class RangeTest:
    """What a range test saw.

    Attributes:
        rates: float64 (N,), rising; those after the loss diverged are left out.
        losses: float64 (N,), the running mean at each, nats.
        configured: the peak rate that is set.
    """

    rates: npt.NDArray[np.float64]
    losses: npt.NDArray[np.float64]
    configured: float

    @property
    def suggested(self) -> float | None:
        """The rate at which the loss falls fastest; None where it falls nowhere."""
        # The mean of the first losses is of too few to be one; behind the lowest there is nothing to gain.
        first, end = len(self.rates) // _ROUGH, int(self.losses.argmin()) + 1 if len(self.rates) else 0
        if end - first < 3:
            return None
        slopes = np.gradient(self.losses[first:end], np.log(self.rates[first:end]))
        steepest = int(slopes.argmin())
        return float(self.rates[first + steepest]) if slopes[steepest] < 0 else None


def range_test(system: Any, batches: Iterable[dict[str, Tensor]], *, low: float, high: float, steps: int) -> RangeTest:
    """Trains a copy for some steps, the learning rate rising from one to the next; the system itself stays as it is.

    Args:
        system: a `fer.models.classifier.Classifier` with an optimiser, in train mode.
        batches: `image` (B, C, H, W) in [0, 255], `label` (B,) and perhaps `target`, on its device; at least `steps`.
        low: the first peak learning rate, above 0. Groups with a share of it keep their share.
        high: the last.
        steps: from the first to the last, 2 or more.
    """
    net, optimizer = copy.deepcopy((system.net, system.optimizer))
    net.train()
    configured = float(optimizer.defaults["lr"])
    shares = [group.get("initial_lr", group["lr"]) / configured for group in optimizer.param_groups]
    rates: list[float] = []
    losses: list[float] = []
    mean = 0.0
    devices = [system.device.index or 0] if system.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), torch.enable_grad():
        for step, batch in zip(range(steps), batches, strict=False):
            rate = math.exp(math.log(low) + (math.log(high) - math.log(low)) * step / (steps - 1))
            for group, share in zip(optimizer.param_groups, shares, strict=True):
                group["lr"] = rate * share
            x_BCHW = system.preprocess(batch["image"], size=system.train_size)
            logits_BK = net(x_BCHW.contiguous(memory_format=system.memory_format))
            loss = system.loss(logits_BK, batch["label"], batch.get("target"))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            mean = _MEMORY * mean + (1 - _MEMORY) * float(loss.detach())
            smooth = mean / (1 - _MEMORY ** (step + 1))
            if not math.isfinite(smooth) or (losses and smooth > _DIVERGED * min(losses)):
                break
            rates.append(rate)
            losses.append(smooth)
    return RangeTest(rates=np.array(rates), losses=np.array(losses), configured=configured)
