"""The run folder: enough to reproduce, resume, report and ship a run."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fer.common.environment import environment
from fer.common.files import owned_folder, read_text, write_atomic, write_json
from fer.common.interrupt import Stopped
from fer.common.parsing import parse_json
from fer.common.wording import shell_words
from fer.folders.run_log import RunLog, logged_to


@dataclass(frozen=True)
class RunFolder:
    """The files of one run, by the names of the outside contract."""

    path: Path

    @property
    def again(self) -> str:
        """The command that goes on with the run by the settings in its folder, where it was interrupted."""
        return shell_words(["fer-train", "--from", str(self.path), f"run_dir={self.path}"])

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.yaml"

    @property
    def manifest(self) -> Path:
        """Who, what, where: command, versions, device, data."""
        return self.path / "manifest.json"

    @property
    def epochs(self) -> Path:
        """One line an epoch."""
        return self.path / "metrics.jsonl"

    @property
    def log(self) -> Path:
        """Everything the run had to say, a record a line."""
        return self.path / "log.jsonl"

    @property
    def metrics(self) -> Path:
        """The final numbers; exists when the run is finished."""
        return self.path / "metrics.json"

    @property
    def energy(self) -> Path:
        """Energy and emissions of the training; there where `callbacks=emissions` measured them."""
        return self.path / "energy.json"

    @property
    def checkpoints(self) -> Path:
        """`best.ckpt` and `last.ckpt`."""
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        """The checkpoint with the highest selection accuracy."""
        return self.checkpoints / "best.ckpt"

    @property
    def last(self) -> Path:
        """The checkpoint of the last finished epoch."""
        return self.checkpoints / "last.ckpt"

    def predictions(self, split: str) -> Path:
        """Probabilities of one split."""
        return self.path / "predictions" / f"{split}.parquet"

    def prediction_tables(self) -> list[Path]:
        """What there is of `predictions`: nothing before the end of the training."""
        return sorted(self.path.glob("predictions/*.parquet"))

    def owned(self) -> AbstractContextManager[None]:
        """Holds the folder for this process.

        Raises:
            ConfigError: another process is training in it, or it cannot be written.
        """
        return owned_folder(
            self.path,
            key="run_dir",
            busy="another process is training in it",
            inside=("checkpoints", "predictions"),
        )

    def logged(self) -> AbstractContextManager[RunLog]:
        """Within, `log.jsonl` receives what is logged and warned of, and at last how it ended (`logged_to`)."""
        return logged_to(self.log)

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Writes the final numbers; from then on the run counts as finished."""
        write_json(self.metrics, metrics)

    def write_config(self, tree: Mapping[str, Any]) -> None:
        """Writes the configuration as plain YAML."""
        import yaml

        write_atomic(self.config, yaml.safe_dump(dict(tree), sort_keys=False, allow_unicode=True))

    def read_manifest(self) -> dict[str, Any]:
        """The manifest; empty where it is missing or not readable."""
        try:
            manifest = parse_json(read_text(self.manifest))
        except (OSError, ValueError):
            return {}
        return manifest if isinstance(manifest, dict) else {}

    def write_manifest(self, facts: Mapping[str, Any]) -> None:
        """Writes the manifest, with the energy that was measured so far where it was."""
        energy = {"energy": json.loads(self.energy.read_text(encoding="utf-8"))} if self.energy.is_file() else {}
        write_json(self.manifest, {**facts, **energy})

    @contextmanager
    def recorded(self, facts: Mapping[str, Any], *, goes_on: bool = False) -> Iterator[None]:
        """Keeps the manifest while the run lasts: `facts` of the run beside those of the machine and its software.

        `status` is "running" within, and afterwards "finished", "interrupted" (by a signal, or by a sweep) or "failed";
        `error` then holds the class and the message of what ended it, as one text. `started` is the start of the run's
        first part, and `wall_seconds` is the sum over its parts; one that was killed without notice (power, `kill -9`)
        left none.

        Args:
            facts: plain values.
            goes_on: this is a further part of the run that the folder holds.
        """
        earlier = self.read_manifest() if goes_on else {}
        # Durations by a clock that nobody sets.
        begun, began = time.time(), time.monotonic()
        before = float(earlier.get("wall_seconds", 0.0))
        kept = {
            **environment(),
            "status": "running",
            "started": earlier.get("started", time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(begun))),
            **facts,
        }
        self.write_manifest({**kept, **({"wall_seconds": before} if before > 0 else {})})

        def ended(status: str, **more: Any) -> None:
            seconds = round(before + time.monotonic() - began, 3)
            self.write_manifest({**kept, "status": status, **more, "wall_seconds": seconds})

        try:
            yield
        except BaseException as error:
            status = "interrupted" if isinstance(error, Stopped | KeyboardInterrupt) else "failed"
            # A full disk, say, may be what ended the run: then it must not hide itself behind this second error. Nor
            # does a folder come back that somebody removed.
            with suppress(OSError):
                if self.path.is_dir():
                    ended(status, error=f"{type(error).__name__}: {error}")
            raise
        ended("finished")
