"""`fer.sweep`: a search of settings, and what it found."""

from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer.api.runs import Run
from fer.api.settings import overrides_of
from fer.api.tables import data_frame
from fer.common.errors import ConfigError, DataError
from fer.common.extras import needs_train_extra
from fer.common.parsing import parse_yaml
from fer.common.paths import expanded
from fer.common.storage import disk_told
from fer.common.wording import shell_words
from fer.folders.sweep import SweepFolder, TrialRecord

if TYPE_CHECKING:
    from pandas import DataFrame


class SweepResult:
    """A sweep folder, read.

    Args:
        path: the sweep folder.

    Raises:
        ConfigError: no sweep folder.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.folder = SweepFolder(expanded(fspath(path)).absolute())
        if not self.folder.settings.is_file():
            raise ConfigError(f"{fspath(path)} is no sweep folder (no sweep.json): give the sweep_dir of a fer-sweep")

    def __repr__(self) -> str:
        return f"<SweepResult {self.path}>"

    @property
    def path(self) -> Path:
        """The sweep folder."""
        return self.folder.path

    @property
    def best(self) -> dict[str, Any]:
        """The settings of the best trial: `fer.train(sweep.best, trainer={"max_epochs": 20})` trains it for longer.

        Raises:
            DataError: no trial came to its end, or `best.yaml` is damaged.
        """
        if not self.folder.best.is_file():
            raise DataError(f"{self.path} has no best trial: none came to its end")
        try:
            settings = parse_yaml(self.folder.best.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(f"{self.folder.best} is not readable YAML: {error}") from error
        if not isinstance(settings, dict):
            raise DataError(f"{self.folder.best} holds no settings: to_pandas() has those of every trial")
        return settings

    def best_run(self) -> Run:
        """The run of the best trial, which its checkpoint is kept of.

        Raises:
            DataError: no trial came to its end, or a trial is several runs, one a fold.
        """
        finished = [record for record in self.folder.records() if record.status == "ok" and record.loss is not None]
        if not finished:
            raise DataError(f"{self.path} has no best trial: none came to its end")
        best = min(finished, key=lambda record: (record.loss, record.trial))
        place = self.path / best.run_dir
        folds = sorted(place.glob("fold*/config.yaml"))
        if folds:
            raise DataError(
                f"trial {best.trial} is {len(folds)} runs, one a fold: open one with fer.Run({str(folds[0].parent)!r})"
            )
        return Run(place)

    def to_pandas(self) -> "DataFrame":
        """A row a trial that ended: trial, status, loss, seconds, its settings and its metrics.

        A setting that has the name of one of these, as the group `loss`, has the column `search.loss`.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return data_frame(map(_row, self.folder.records()))


def _row(record: TrialRecord) -> dict[str, Any]:
    row = {"trial": record.trial, "status": record.status, "loss": record.loss, "seconds": record.seconds}
    settings = {f"search.{name}" if name in row else name: value for name, value in record.params.items()}
    return {**row, **settings, **record.metrics}


@disk_told()
def sweep(*overrides: str | Mapping[str, Any], **keys: Any) -> SweepResult:
    """Searches the settings of a model, as `fer-sweep`; trials run in processes of their own.

    Those run a script anew from its top: in a script, call it under `if __name__ == "__main__":`. Notebooks need none.

    Args:
        overrides: settings of `fer-sweep`, such as "optimizer.lr=loguniform(1e-4, 1e-1)", or mappings of them.
        keys: further ones, such as `model="mlp"`, `num_trials=20`, `sweep_dir="sweeps/a"`.

    Raises:
        FerError: a mistake in the settings, or trials that cannot run; what ended is kept.
    """
    needs_train_extra("fer.sweep")
    from fer.tuning.run import run_sweep

    arguments = overrides_of(overrides, keys)
    return SweepResult(run_sweep(arguments, command=shell_words(["fer-sweep", *arguments])))
