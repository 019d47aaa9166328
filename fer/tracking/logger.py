"""`logger=mlflow`: starts the process that sends the run folder, and never waits for it while training."""

import atexit
import json
import math
import os
import subprocess
import sys
import time
import warnings
from argparse import Namespace
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only
from torch import nn

from fer.common.errors import ConfigError, MissingExtraError
from fer.common.files import append_line
from fer.common.wording import shell_word
from fer.tracking.content import LOGGED, read_epochs
from fer.tracking.record import read_record
from fer.tracking.sender import LINGER, LOG, PATIENCE
from fer.tracking.store import find_store, patience


class MLflowTracking(Logger):
    """Tracks a run in MLflow from its run folder, by a process of low priority that imports MLflow itself.

    The training starts it and hands it nothing: what is sent is what the run folder holds. A store that is down, slow
    or dies costs the training nothing; what it missed is sent later by `fer-track RUN`.

    Args:
        run_dir: the run folder.
        uri: the store; null takes `MLFLOW_TRACKING_URI`, else `mlflow.db` beside the run folder.
        experiment: the experiment; null takes the one the folder was sent to before, else "fer".
        wait_seconds: how long the end of the command waits for the sender; after that the sender goes on by itself
            for up to three minutes, and longer on a busy machine. 0 waits not at all.
    """

    def __init__(
        self, run_dir: str, *, uri: str | None = None, experiment: str | None = None, wait_seconds: float = 10.0
    ) -> None:
        super().__init__()
        from importlib.util import find_spec

        if find_spec("mlflow") is None:
            raise MissingExtraError("logger=mlflow needs mlflow: pip install 'ferlab[train]'")
        if wait_seconds < 0:
            raise ConfigError(f"logger.mlflow.wait_seconds={wait_seconds} must be at least 0")
        self.run_dir = Path(run_dir)
        self.uri = uri
        self.experiment = experiment
        self.wait_seconds = wait_seconds
        self.sender: subprocess.Popen[bytes] | None = None
        self._module: Any = None
        # It takes no steps, so there is no interval in which to see some.
        warnings.filterwarnings("ignore", ".*is smaller than the logging interval.*")
        # An address that cannot work is told now, not by a process nobody watches.
        self._address()

    @property
    def name(self) -> str:
        """Lightning's name of the logger."""
        return "mlflow"

    @property
    def version(self) -> str:
        """Lightning's name of the run."""
        return self.run_dir.name

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Lightning's hook; the epochs' metrics reach MLflow by `metrics.jsonl`, what only loggers hear by `LOGGED`."""
        known = set() if self._module is None else set(self._module.trainer.callback_metrics)
        values = {
            name: float(value) for name, value in metrics.items() if name not in known and math.isfinite(float(value))
        }
        values.pop("epoch", None)
        if values:
            line = {"step": step or 0, "time": time.time_ns() // 1_000_000, "values": values}
            append_line(self.run_dir / LOGGED, json.dumps(line, allow_nan=False))

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Lightning's hook; the parameters reach MLflow by `config.yaml`."""

    @rank_zero_only
    def log_graph(self, model: nn.Module, input_array: Any = None) -> None:
        """Lightning's hook, called once when fitting starts, with the run folder's first files written."""
        self._module = model
        if self.sender is None:
            self._start()

    def _start(self) -> None:
        command = [sys.executable, "-P", "-m", "fer.tracking.sender", str(self.run_dir)]
        if self.experiment is not None:
            command += ["--experiment", self.experiment]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        if self.uri is not None:
            # By the environment: anyone on the machine reads a command line, and an address may hold a password.
            environment["MLFLOW_TRACKING_URI"] = self.uri
        with (self.run_dir / LOG).open("ab") as complaints:
            self.sender = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                env=environment,
                # Out of reach of a terminal's Ctrl-C. Not a session of its own: Linux shares the processor out among
                # sessions first, whatever the priorities within them.
                process_group=0,
            )
        atexit.register(self.close)

    def close(self) -> None:
        """Tells the sender that the training is over, waits a little and says where the run is, or what is missing."""
        if self.sender is None or self.sender.stdin is None or self.sender.stdin.closed:
            return
        self.sender.stdin.close()
        try:
            status = self.sender.wait(timeout=self.wait_seconds)
        except subprocess.TimeoutExpired:
            status = None
        print(self._outcome(status), file=sys.stderr, flush=True)

    def _outcome(self, status: int | None) -> str:
        record, address = read_record(self.run_dir), self._address()
        place = next((place for place in record.places if place.uri == address.shown), None)
        if status == 0 and place is not None:
            return f"mlflow: run {place.run_id} in experiment {place.experiment!r}; {address.view}"
        sent = 0 if place is None else place.epochs
        missing = len(read_epochs(self.run_dir / "metrics.jsonl")) - sent
        epochs = "1 epoch" if missing == 1 else f"{missing} epochs"
        what = f"{epochs} and the final files" if missing > 0 else "the final files"
        reason = f" ({place.error})" if place is not None and place.error is not None else ""
        assert self.sender is not None
        pid = self.sender.pid
        minutes = math.ceil(patience(LINGER + PATIENCE) / 60)
        still = f"; process {pid} goes on for up to {minutes} minutes (kill {pid} ends it)" if status is None else ""
        later = f"fer-track {shell_word(self.run_dir)}"
        return f"mlflow: {what} not sent to {address.shown}{reason}{still}; later: {later}"

    def _address(self) -> Any:
        return find_store(self.run_dir, read_record(self.run_dir), uri=self.uri, experiment=self.experiment)
