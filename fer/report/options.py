"""What a report is asked to do; conf/evaluation/report/default.yaml holds the same defaults."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from fer.common.section import Section
from fer.report.calibration.options import CalibrationOptions
from fer.report.cost.options import CostOptions
from fer.report.cross_data.options import CrossDataOptions
from fer.report.ensemble.options import EnsembleOptions
from fer.report.explanations.options import ExplanationsOptions
from fer.report.fairness.options import FairnessOptions
from fer.report.label_noise.options import LabelNoiseOptions
from fer.report.occlusion.options import OcclusionOptions
from fer.report.robustness.options import RobustnessOptions


class ReportOptions(Section):
    """Options of `fer-report`.

    Attributes:
        bootstrap: resamples behind each interval.
        seed: of the resampling and of the choice of example faces.
        tta: also score with the answers to further views of each face averaged in: mirror (the mirrored face) or zoom
            (the enlarged one too, and its mirror image: twice the time); false: only as the face is.
        faces: show faces at all; false makes a page that can be passed on where the data set's licence forbids
            passing on its images.
        batch_size: faces the model is asked about at a time.
        data_root: where the data set lies now, if it was moved since the training; null: where the run found it.
        device: auto (CUDA, then Apple MPS, then the CPU), cpu, mps or cuda.
        votes_share: of nets with two heads (data.targets=both), weight of the votes' in [0, 1]; null: each run's.
        calibration: what the abstention threshold is to reach.
        cost: how each model is timed.
        ensemble: of several runs.
        explanations: faces, heat maps and their tests.
        cross_data: other data sets to test on.
        fairness: which groups of faces are compared.
        label_noise: what the labels are held against.
        occlusion: of the analysis of hidden parts of the face.
        robustness: corruptions and changes of light.
    """

    bootstrap: int = Field(default=2000, ge=100, le=100_000)
    seed: int = Field(default=0, ge=0, lt=2**32)
    tta: Literal[False, "mirror", "zoom"] = "mirror"
    faces: bool = True
    batch_size: int = Field(default=128, ge=1)
    data_root: Path | None = None
    device: Literal["auto", "cpu", "mps", "cuda"] = "auto"
    votes_share: float | None = Field(default=None, ge=0.0, le=1.0)
    calibration: CalibrationOptions = CalibrationOptions()
    cost: CostOptions = CostOptions()
    ensemble: EnsembleOptions = EnsembleOptions()
    explanations: ExplanationsOptions = ExplanationsOptions()
    occlusion: OcclusionOptions = OcclusionOptions()
    robustness: RobustnessOptions = RobustnessOptions()
    fairness: FairnessOptions = FairnessOptions()
    label_noise: LabelNoiseOptions = LabelNoiseOptions()
    cross_data: CrossDataOptions = CrossDataOptions()

    @field_validator("tta", mode="before")
    @classmethod
    def _true_is_mirror(cls, tta: object) -> object:
        return "mirror" if tta is True else tta
