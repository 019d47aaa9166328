"""`fer.train`: one training run, and what it leaves behind."""

import html
import io
from collections.abc import Mapping
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer.api.settings import overrides_of
from fer.api.tables import data_frame, html_picture, html_table
from fer.common.extras import needs_train_extra, telling_extra
from fer.common.paths import expanded
from fer.common.storage import disk_told
from fer.folders.record import RunRecord, check_table, read_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


class Run:
    """A run folder, read.

    Args:
        path: the run folder of a training, finished or not.

    Raises:
        ConfigError: no run folder.
        CheckpointError: no epoch was finished.
        DataError: a broken file in it.
    """

    def __init__(self, path: "str | PathLike[str]") -> None:
        with telling_extra("fer.Run"), disk_told():
            # Weights and predictions are read when they are asked for, wherever the process has gone meanwhile.
            self.record: RunRecord = read_run(expanded(fspath(path)).absolute())

    def __repr__(self) -> str:
        return f"<Run {self.path}>"

    @property
    def path(self) -> Path:
        """The run folder, from the root of the file system."""
        return self.record.folder.path

    @property
    def metrics(self) -> dict[str, float]:
        """The final numbers by dotted name (`public.accuracy`, `train_seconds`), None for one that the faces leave
        undefined; empty for an interrupted run.

        None of them is of PrivateTest: `fer.evaluate` opens it.
        """
        return dict(self.record.final)

    @property
    def config(self) -> Mapping[str, Any]:
        """The resolved configuration."""
        return self.record.config

    @property
    def manifest(self) -> Mapping[str, Any]:
        """Command, versions, device, data, times."""
        return self.record.manifest

    @cached_property
    def history(self) -> "DataFrame":
        """A row an epoch: losses, accuracy and macro F1 of the selection faces, seconds, learning rate.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return data_frame(self.record.epochs)

    @property
    def predictions(self) -> "DataFrame":
        """A row a selection face (PublicTest under the official protocol): id, label, and a probability an emotion.

        Raises:
            DataError: the training has not come to its end, or a table is damaged.
        """
        from fer.common.errors import DataError

        tables = self.record.folder.prediction_tables()
        if not tables:
            raise DataError(f"{self.path} has no predictions: the training did not end; fer.train(run_dir=...) goes on")
        for table in tables:
            check_table(table)
        import pandas

        return pandas.concat([pandas.read_parquet(table) for table in tables], ignore_index=True)

    def figure(self) -> "Figure":
        """Loss of training and selection faces, and accuracy of the selection faces, over the epochs."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9, 3.2), layout="constrained")
        loss, accuracy = figure.subplots(1, 2)
        epochs = [epoch["epoch"] + 1 for epoch in self.record.epochs]
        for key, words in (("train/loss", "training, augmented"), ("valid/loss", "selection")):
            loss.plot(epochs, [epoch.get(key) for epoch in self.record.epochs], label=words)
        loss.set(xlabel="epoch", ylabel="loss")
        loss.legend(frameon=False)
        accuracy.plot(epochs, [epoch.get("valid/accuracy") for epoch in self.record.epochs])
        accuracy.set(xlabel="epoch", ylabel="accuracy of the selection faces", ylim=(0, 1))
        return figure

    def _repr_html_(self) -> str:
        rows = [(name, f"{value:.4f}" if isinstance(value, float) else value) for name, value in self.metrics.items()]
        written = io.BytesIO()
        self.figure().savefig(written, format="png", dpi=100)
        name = html.escape(str(self.path))
        return (
            f"<p><b>{name}</b></p>"
            + html_picture(written.getvalue(), alt="loss and accuracy over the epochs")
            + html_table(rows, header=("metric", "value"))
        )


@disk_told()
def train(*overrides: str | Mapping[str, Any], **keys: Any) -> Run:
    """Trains one model, as `fer-train` with the same settings; its progress is printed.

    Args:
        overrides: settings as on the command line ("experiment=quickstart"), or mappings of them.
        keys: further settings, such as `seed=1`, `model="cnn"`, `trainer={"max_epochs": 3}`, `run_dir="runs/a"`.

    Raises:
        FerError: data, device, checkpoint or configuration cannot work; the message says what to change.
        KeyboardInterrupt: Ctrl-C, or a notebook's interrupt; called again with the same `run_dir`, it goes on.
        SystemExit: SIGTERM, after the run folder is whole.
    """
    needs_train_extra("fer.train")
    from fer.common.interrupt import signals_raise_for_callers
    from fer.common.processes import agreed_run_dir
    from fer.config.compose import compose_train
    from fer.config.overrides import command, key_of, with_files
    from fer.config.saved import in_free_run_dir
    from fer.config.schema import validate
    from fer.training.run import run

    told = with_files(overrides_of(overrides, keys))
    tree = compose_train(told)
    config = validate(tree)
    if all(key_of(each) != "run_dir" for each in told) and agreed_run_dir() is None:
        tree = in_free_run_dir(tree)
        config = validate(tree)
    with signals_raise_for_callers(f"what was saved is whole; fer.train(..., run_dir={str(config.run_dir)!r}) goes on"):
        result = run(config, tree, command=command(told))
    finished = Run(result.run_dir)
    if config.report:
        from fer.report.main import make_report

        make_report([result.run_dir])
    return finished
