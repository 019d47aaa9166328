"""A training that is told to stop, for the tests of how it goes on."""

import signal
from typing import Any

import pytest

from fer.callbacks.interruption import EpochSeed
from fer.common.interrupt import Interrupted


def interrupt_at(epoch: int, patch: pytest.MonkeyPatch) -> None:
    """Ends trainings as SIGTERM does, when this epoch starts."""
    original = EpochSeed.on_train_epoch_start

    def start(self: EpochSeed, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == epoch:
            raise Interrupted(signal.SIGTERM)
        original(self, trainer, module)

    patch.setattr(EpochSeed, "on_train_epoch_start", start)
