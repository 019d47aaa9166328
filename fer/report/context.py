"""What a report is about: the run it shows in detail, the runs beside it, and their models."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fer.folders.opened import OpenData, OpenModels
from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.options import ReportOptions

if TYPE_CHECKING:
    from fer.data.samples import FaceSamples
    from fer.models.checkpoint import LoadedModel


@dataclass(frozen=True, kw_only=True)
class ReportContext:
    """What every analysis is given.

    Attributes:
        run: the run shown in detail, scored.
        runs: all runs of the report, `run` among them, in the order they were named.
        options: what was asked for.
        data: the opened data sets.
        models: the loaded models.
    """

    run: EvaluatedRun
    runs: Sequence[EvaluatedRun]
    options: ReportOptions
    data: OpenData
    models: OpenModels

    @property
    def samples(self) -> "FaceSamples":
        """The data of the run in detail; `run.sets[key].evaluation_set.rows` are rows of it."""
        return self.data.of(self.run.record)[0]

    @property
    def model(self) -> "LoadedModel":
        """The model of the run in detail."""
        return self.models.of(self.run.record)

    def predict(self, images_NCHW: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Probabilities (N, K) of the run in detail, without test-time augmentation, of uint8 images (N, C, H, W)."""
        return self.model.probabilities(images_NCHW, batch_size=self.options.batch_size)

    def predict_fast(self, images_NCHW: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """The same in the precision of `fer.models.accelerator.fast_inference`: for many sets of changed faces."""
        return self.model.probabilities(images_NCHW, batch_size=self.options.batch_size, fast=True)
