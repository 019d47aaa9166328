"""What happens when a run is over, its final numbers and its manifest written."""

from abc import ABC, abstractmethod
from pathlib import Path

import pytorch_lightning as pl


class RunEnd(pl.Callback, ABC):
    """A callback with one hook more than Lightning's."""

    @abstractmethod
    def on_run_end(self, run_dir: Path) -> None:
        """Called in the first process, once the run folder is finished and no longer held."""
