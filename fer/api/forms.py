"""A model in one of its forms: a file, or the net of a run."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from fer.common.errors import CheckpointError, ConfigError
from fer.runtime.views import averaged

if TYPE_CHECKING:
    from fer.api.runs import Run
    from fer.models.checkpoint import LoadedModel
    from fer.runtime.model import EmotionModel
    from fer.runtime.predict.recipe import Recipe
    from fer.runtime.prior import Prior


class Form(Protocol):
    """A model in one of its forms."""

    @property
    def name(self) -> str:
        """In words."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities."""

    @property
    def size(self) -> int:
        """Height and width of a face, in pixels."""

    @property
    def uncertain_below(self) -> float:
        """A label whose confidence is lower is uncertain."""

    @property
    def methods(self) -> tuple[str, ...]:
        """How it can be explained, the default first."""

    def probabilities(self, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Grey faces (N, size, size) -> probabilities (N, K)."""

    @property
    def prior(self) -> str | None:
        """Name of the shares of the emotions that its probabilities were changed to; None for its own."""

    def recipe(self, detector: str) -> "Recipe | None":
        """The same for other processes; None where it is in no file."""

    def heat_map(self, face: npt.NDArray[np.uint8], label: str, *, method: str) -> npt.NDArray[np.float32]:
        """Where a face (size, size) speaks for a label: (size, size) in [0, 1]."""

    def adjusted(self, *, prior: str | None, tta: bool | None) -> "Form":
        """The same with other shares of the emotions, or asked about several views; None leaves either as it is."""


class FileForm:
    """A model file, through ONNX Runtime."""

    methods = ("class_activation",)

    def __init__(
        self, model: "EmotionModel", *, source: str | Path, expected: "Prior | None" = None, tta: bool = False
    ) -> None:
        self._model = model
        self._source, self._expected, self._tta = source, expected, tta
        self.prior = model.prior
        self.name = model.name
        self.labels = model.labels
        self.size = model.size
        self.uncertain_below = model.uncertain_below
        self.probabilities = model.probabilities

    def heat_map(self, face: npt.NDArray[np.uint8], label: str, *, method: str) -> npt.NDArray[np.float32]:
        """See `Form`."""
        return self._model.heat_map(face, label)

    def adjusted(self, *, prior: str | None, tta: bool | None) -> "FileForm":
        """See `Form`."""
        from fer.runtime.prior import open_prior

        expected = self._expected if prior is None else open_prior(prior, option="prior=")
        tta = self._tta if tta is None else tta
        return FileForm(self._model.adjusted(prior=expected, tta=tta), source=self._source, expected=expected, tta=tta)

    def recipe(self, detector: str) -> "Recipe":
        """See `Form`."""
        from fer.runtime.predict.recipe import Recipe

        return Recipe(model=self._source, detector=detector, prior=self._expected, tta=self._tta)


class CheckpointForm:
    """The net of a run, through torch; temperature and threshold as `fer-export` would fit them, but on the predictions
    that the training saved: of a run with `visible`, of a part of each face, where `fer-export` asks about whole ones.
    """

    prior = None

    def __init__(self, run: "Run", *, tta: bool = False) -> None:
        from fer.models.checkpoint import load_model

        self._run = run
        self._tta = tta
        self._model: LoadedModel = load_model(run.record.checkpoint)
        self.name = f"{run.record.model}, {run.record.name}"
        self.labels = self._model.labels
        self.size = self._model.preprocess.size

    @property
    def methods(self) -> tuple[str, ...]:
        """See `Form`."""
        from fer.explain.methods import METHODS

        return tuple(METHODS)

    @cached_property
    def _calibration(self) -> tuple[float, float]:
        """Temperature, and the confidence below which a label is uncertain."""
        from fer.metrics import Predictions
        from fer.metrics.calibration import fit_calibration
        from fer.runtime.facts import NEVER_CERTAIN

        tables = self._run.record.folder.prediction_tables()
        if not tables:
            return 1.0, 0.0
        fitted = fit_calibration(Predictions.read(tables[0]))
        return fitted.temperature, NEVER_CERTAIN if fitted.threshold is None else fitted.threshold

    @property
    def uncertain_below(self) -> float:
        """See `Form`."""
        return self._calibration[1]

    def probabilities(self, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """See `Form`."""
        return averaged(self._plain, faces) if self._tta else self._plain(faces)

    def _plain(self, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        from fer.metrics.temperature import apply_temperature

        plain = self._model.probabilities(np.ascontiguousarray(faces[:, None]))
        if not np.isfinite(plain).all():
            raise CheckpointError(
                f"the model {self.name} gives numbers that are none: its training diverged; train again with a lower "
                "optimizer.lr"
            )
        return np.asarray(apply_temperature(plain, self._calibration[0]), np.float32)

    def adjusted(self, *, prior: str | None, tta: bool | None) -> "CheckpointForm":
        """See `Form`."""
        if prior is not None:
            raise ConfigError(
                f"prior={prior}: {self.name} is a run; export it, and the file knows which shares it expects"
            )
        return CheckpointForm(self._run, tta=self._tta if tta is None else tta)

    def recipe(self, detector: str) -> None:
        """See `Form`."""
        return None

    def heat_map(self, face: npt.NDArray[np.uint8], label: str, *, method: str) -> npt.NDArray[np.float32]:
        """See `Form`."""
        from fer.explain.methods import explain

        number = np.array([self.labels.index(label)])
        heat: npt.NDArray[np.float32] = explain(self._model, face[None, None], number, method=method).maps[0]
        return heat
