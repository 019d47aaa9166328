"""Whether the server could predict a picture now: its models are asked, instead of being believed."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from fer.runtime.web.limits import ConcurrencyLimiter

STUCK_SECONDS: Final = 30.0
"""No picture takes so long: where all slots are taken for longer, nothing will give them back."""

FRESH_SECONDS: Final = 1.0
"""Models are asked this far apart, however often somebody wants to know."""

logger = logging.getLogger(__name__)


class Asked(Protocol):
    """What is asked of a model; `fer.runtime.model.EmotionModel` is one."""

    @property
    def size(self) -> int:
        """Height and width of a face, in pixels."""
        ...

    def probabilities(self, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Grey faces (N, size, size) -> probabilities (N, K)."""
        ...


class Health:
    """Tells what is wrong, by trying; safe to use from several threads.

    Args:
        models: the models by name.
        limiter: of the pictures worked on.
        clock: seconds, monotonic.
    """

    def __init__(
        self, models: Mapping[str, Asked], *, limiter: ConcurrencyLimiter, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._models = dict(models)
        self._limiter = limiter
        self._clock = clock
        self._lock = threading.Lock()
        self._problem: str | None = None
        self._asked = float("-inf")
        self._asking_since: float | None = None

    def problem(self) -> str | None:
        """What keeps pictures from being predicted, in words for anybody; None where nothing does."""
        if self._limiter.all_taken_for() > STUCK_SECONDS:
            return f"every slot has been working on one picture for more than {STUCK_SECONDS:g} s"
        with self._lock:
            now, since = self._clock(), self._asking_since
            if since is not None:
                # Somebody else asks just now.
                return self._problem if now - since < STUCK_SECONDS else "a model does not answer"
            if now - self._asked < FRESH_SECONDS:
                return self._problem
            self._asking_since = now
        problem: str | None = "the check itself failed"
        try:
            problem = self._ask()
        finally:
            with self._lock:
                self._problem, self._asked, self._asking_since = problem, self._clock(), None
        return problem

    def _ask(self) -> str | None:
        for name, model in self._models.items():
            face = np.full((1, model.size, model.size), 128, np.uint8)
            try:
                prediction = model.probabilities(face)[0]
            except Exception:
                logger.exception("the health check of %s failed", name)
                return f"{name} fails"
            # NaN is not close to anything.
            if not np.isclose(prediction.sum(), 1.0, atol=1e-3) or (prediction < 0).any():
                return f"{name} predicts numbers that are no probabilities"
        return None
