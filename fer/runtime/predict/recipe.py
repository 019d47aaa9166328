"""What is asked and how, in plain values that another process can be told."""

from dataclasses import dataclass
from pathlib import Path

from fer.runtime.detection.detector import Detector
from fer.runtime.detection.opening import open_detector
from fer.runtime.model import EmotionModel
from fer.runtime.prior import Prior


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A model and a detector.

    Attributes:
        model: a file of fer-export or a name of `fer.runtime.shipped.NAMES`; None for the first of these.
        detector: one of `fer.runtime.detection.opening.DETECTORS`.
        detector_model: its file, where it takes one.
        prior: shares of the emotions that probabilities are changed to; None for the model's own.
        tta: whether the model is asked about several views of a face.
    """

    model: str | Path | None = None
    detector: str
    detector_model: Path | None = None
    prior: Prior | None = None
    tta: bool = False

    def open_model(self) -> EmotionModel:
        """The model.

        Raises:
            CheckpointError: a file that is missing, broken or not ours.
            ConfigError: a prior, where the file does not say what its own is.
        """
        return EmotionModel.load(self.model).adjusted(prior=self.prior, tta=self.tta)

    def open_detector(self, *, live: bool = False) -> Detector:
        """The detector, for moving pictures where `live`.

        Raises:
            ConfigError: an unknown detector, or a file that it has no use for.
            DataError: its file cannot be used.
        """
        return open_detector(self.detector, model=self.detector_model, live=live)
