"""Out-of-fold predictions of a k-fold training, and the labels they speak against."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer.common.cells import cell_of
from fer.common.errors import ConfigError
from fer.config.saved import load_run_config
from fer.folders.run import RunFolder
from fer.metrics.label_noise import LabelIssues, find_label_issues
from fer.metrics.predictions import Predictions


@dataclass(frozen=True, kw_only=True)
class Suspects:
    """Training faces whose labels look wrong.

    Attributes:
        predictions: the out-of-fold predictions about every training face.
        issues: what confident learning finds in them.
    """

    predictions: Predictions
    issues: LabelIssues

    @property
    def accuracy(self) -> float:
        """Share of the faces whose label the models predict, in [0, 1]."""
        return float((self.predictions.predicted == self.predictions.labels).mean())

    def as_csv(self) -> str:
        """Columns id, label, suggested and probability (of the given label), the least believable label first."""
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(["id", "label", "suggested", "probability"])
        for row, suggested, score in zip(self.issues.rows, self.issues.suggested, self.issues.scores, strict=True):
            names = self.predictions.classes
            label = names[self.predictions.labels[row]]
            rows.writerow([cell_of(str(self.predictions.ids[row])), label, names[suggested], f"{score:.4f}"])
        return text.getvalue()


def find_suspects(runs: Sequence[Path]) -> Suspects:
    """Asks the runs of a k-fold training about the faces that each of them held out.

    Args:
        runs: run folders, one for each fold, of the same data and partition.

    Raises:
        ConfigError: they are not the folds of one partition.
        DataError: an unfinished run, or predictions that cannot be read.
    """
    partitions, folds = [], []
    for run in runs:
        config = load_run_config(run)
        if config.data.protocol != "kfold":
            raise ConfigError(f"{run} was trained with data.protocol={config.data.protocol}: train with kfold")
        facts = RunFolder(run).read_manifest().get("data", {})
        partitions.append((facts.get("fingerprint"), config.seed, config.data.folds, config.label_names))
        folds.append(config.data.fold)
    if len(set(partitions)) > 1:
        raise ConfigError(
            f"{', '.join(map(str, runs))} are not folds of one partition: they need the same data, labels, seed "
            "and data.folds"
        )
    if sorted(folds) != list(range(partitions[0][2])):
        raise ConfigError(
            f"the runs are folds {', '.join(map(str, sorted(folds)))} of {partitions[0][2]}: give one run of each, "
            f"data.fold=0 to {partitions[0][2] - 1}"
        )
    tables = [Predictions.read(RunFolder(run).predictions("heldout")) for run in runs]
    predictions = Predictions(
        ids=np.concatenate([table.ids for table in tables]),
        labels=np.concatenate([table.labels for table in tables]),
        probabilities=np.concatenate([table.probabilities for table in tables]),
        split="Training, each face by the model that did not train on it",
        classes=tables[0].classes,
    )
    return Suspects(predictions=predictions, issues=find_label_issues(predictions))
