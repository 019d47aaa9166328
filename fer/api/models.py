"""`fer.load`: a trained model, to predict with, explain, export and time."""

import os
from dataclasses import dataclass
from functools import partial
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from fer.api.forms import CheckpointForm, FileForm, Form
from fer.api.predictions import Faces, faces_of
from fer.api.tables import data_frame, html_picture
from fer.common.errors import ConfigError, DataError, nearest
from fer.common.paths import expanded
from fer.common.storage import disk_told
from fer.common.timing import median_seconds
from fer.runtime.shipped import NAMES, shipped_name

if TYPE_CHECKING:
    from pandas import DataFrame

    from fer.api.runs import Run
    from fer.export.export import ExportResult
    from fer.runtime.predict.recipe import Recipe

_BENCHMARK_SECONDS: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Where a face speaks for a label.

    Attributes:
        face: uint8 (size, size), grey: what the model is shown.
        heat_map: float32 (size, size) in [0, 1]; 1 at the strongest place, 0 throughout where nothing speaks for it.
        label: what the map explains.
        probability: the label's, in [0, 1]. A map of an unlikely label is as bright as one of a likely label.
        method: how it was made.
    """

    face: npt.NDArray[np.uint8]
    heat_map: npt.NDArray[np.float32]
    label: str
    probability: float
    method: str

    def image(self) -> npt.NDArray[np.uint8]:
        """The face under its map, RGB (H, W, 3), at some 400 pixels a side."""
        import cv2

        side = self.face.shape[0] * max(1, 400 // self.face.shape[0])
        face = cv2.resize(self.face, (side, side), interpolation=cv2.INTER_LINEAR).astype(np.float32)[..., None]
        heat = cv2.resize(self.heat_map, (side, side), interpolation=cv2.INTER_LINEAR)
        colours = cv2.applyColorMap((255 * heat).astype(np.uint8), cv2.COLORMAP_VIRIDIS)[..., ::-1]
        share = 0.6 * heat[..., None]
        return np.clip((1 - share) * face + share * colours, 0, 255).astype(np.uint8)

    def show(self) -> None:
        """Shows the face under its map.

        Raises:
            MissingExtraError: matplotlib is not installed.
        """
        from fer.api.showing import show_pictures

        show_pictures([self.image()], titles=[self._words])

    @property
    def _words(self) -> str:
        return f"{self.label}, {100 * self.probability:.0f} %, {self.method}"

    def _repr_html_(self) -> str:
        import cv2

        png = cv2.imencode(".png", self.image()[..., ::-1])[1].tobytes()
        return f"{html_picture(png, alt=self._words)}<p>{self._words}</p>"


class Model:
    """A trained model: a file of fer-export, or the best checkpoint of a run.

    Args:
        form: what predicts.
        run: the run that it is of; None for a file.
    """

    def __init__(self, form: Form, *, run: "Run | None" = None) -> None:
        self._form = form
        self.run = run

    def __repr__(self) -> str:
        return f"<Model {self.name}>"

    @property
    def name(self) -> str:
        """The model in words."""
        return self._form.name

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities."""
        return self._form.labels

    @property
    def size(self) -> int:
        """Height and width of a face as the model sees it, in pixels."""
        return self._form.size

    @property
    def uncertain_below(self) -> float:
        """A label whose confidence is lower is uncertain."""
        return self._form.uncertain_below

    @property
    def prior(self) -> str | None:
        """Name of the shares of the emotions that the probabilities were changed to; None for the model's own."""
        return self._form.prior

    def recipe(self, detector: str) -> "Recipe | None":
        """Model and detector as another process can be told them; None for a run."""
        return self._form.recipe(detector)

    def adjusted(self, *, prior: str | PathLike[str] | None = None, tta: bool | None = None) -> "Model":
        """The same model with other shares of the emotions, or asked about several views of each face.

        Args:
            prior: "everyday", "balanced" or a CSV file of label,share (docs/how-to/deploy.md); None for those it has.
            tta: average what it says of the face, its mirror image, and both enlarged; None as it does now.

        Raises:
            ConfigError: a prior that cannot be read, or a model that does not say which shares it expects.
        """
        told = None if prior is None else fspath(prior)
        return Model(self._form.adjusted(prior=told, tta=tta), run=self.run)

    def probabilities(self, faces: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """float32 (N, K): calibrated probabilities of `labels` of faces framed already, uint8 (N, size, size), grey.

        Raises:
            DataError: faces of another shape or type.
        """
        try:
            faces = np.asarray(faces)
        # A list of faces of several sizes, a tensor on another device.
        except (RuntimeError, TypeError, ValueError) as error:
            raise DataError(f"a {type(faces).__name__} is no array of faces: {error}") from error
        if faces.dtype != np.uint8 or faces.ndim != 3 or faces.shape[1:] != (self.size, self.size):
            raise DataError(
                f"faces are {faces.dtype} {faces.shape}, expected uint8 (N, {self.size}, {self.size}): fer.predict and "
                "Model.predict take pictures of any size"
            )
        return self._form.probabilities(faces)

    @disk_told()
    def predict(self, source: Any, detector: str = "auto", *, workers: int = 1) -> Faces:
        """The emotions of the faces in pictures and videos, see `fer.predict`."""
        return faces_of(source, model=self._form, detector=detector, workers=workers)

    def explain(
        self, picture: Any, label: str | None = None, *, method: str | None = None, detector: str = "auto"
    ) -> Explanation:
        """Where the largest face of a picture speaks for a label.

        Args:
            picture: path, uint8 array (grey, or RGB) or PIL image.
            label: what to explain; None for the most probable one.
            method: of a run, a name of `fer.explain.methods.METHODS` (grad_cam, ...); a file has class activation maps.
            detector: what finds the face; none for a face that is framed already.

        Raises:
            ConfigError: an unknown label, method or detector.
            DataError: no picture, or no face in it.
        """
        if label is not None and label not in self.labels:
            raise ConfigError(f"label={label!r}: choose one of {', '.join(self.labels)}{nearest(label, self.labels)}")
        chosen = self._form.methods[0] if method is None else method
        if chosen not in self._form.methods:
            raise ConfigError(
                f"method={chosen}: {self.name} can be explained by {', '.join(self._form.methods)}"
                f"{nearest(chosen, self._form.methods)}"
            )
        from fer.api.pictures import array_of
        from fer.runtime.detection.opening import open_detector
        from fer.runtime.predictor import Predictor

        image = array_of(picture)
        predictor = Predictor(self._form, open_detector(detector))
        found = predictor.detector.detect(image)
        if not found:
            raise DataError("no face was found in the picture: detector='none' takes the whole picture for one")
        face = predictor.crops(image, found[:1])[0]
        probability = self._form.probabilities(face[None])[0]
        number = int(probability.argmax()) if label is None else self.labels.index(label)
        return Explanation(
            face=face,
            heat_map=self._form.heat_map(face, self.labels[number], method=chosen),
            label=self.labels[number],
            probability=float(probability[number]),
            method=chosen,
        )

    def export(self, out: "str | PathLike[str]", *, int8: bool = False, **options: Any) -> "ExportResult":
        """Writes the model as one self-describing .onnx file, checked first, as `fer-export` does.

        Args:
            out: the file; ends in .onnx.
            int8: quantise.
            options: see `fer.export.export.export_run`.

        Raises:
            ConfigError: it is a file already.
            RefusedError: the result does not predict as the net does.
        """
        if self.run is None:
            raise ConfigError(f"{self.name} is an exported file already: copy it")
        from fer.export.export import export_run

        return export_run(self.run.path, expanded(fspath(out)), int8=int8, **options)

    def benchmark(self, *, batches: tuple[int, ...] = (1, 32)) -> "DataFrame":
        """Milliseconds a face on this machine as it is loaded now: faces at a time, ms a face, faces a second.

        Raises:
            ConfigError: a batch of no faces.
        """
        if any(count < 1 for count in batches):
            raise ConfigError(f"batches={batches}: give 1 face or more at a time")
        rng = np.random.default_rng(0)
        rows = []
        for count in batches:
            faces = rng.integers(0, 256, (count, self.size, self.size), dtype=np.uint8)
            seconds = median_seconds(partial(self._form.probabilities, faces), seconds=_BENCHMARK_SECONDS)
            rows.append(
                {"faces at a time": count, "ms a face": 1000 * seconds / count, "faces a second": count / seconds}
            )
        return data_frame(rows)


@disk_told()
def load(source: "Run | str | PathLike[str] | None" = None) -> Model:
    """A trained model.

    Args:
        source: a model of the package ("everyday", "benchmark"), an .onnx file of fer-export, a run folder, or what
            `fer.train` gave; None for "everyday".

    Raises:
        ConfigError: no run folder.
        CheckpointError: a file that is missing, broken or not ours.
    """
    told = fspath(source) if isinstance(source, str | PathLike) else None
    name = shipped_name(told) if source is None or told is not None else None
    if name is not None or (told is not None and told.lower().endswith(".onnx")):
        from fer.runtime.model import EmotionModel

        # Further processes open it too, wherever this one has gone meanwhile.
        opened = name or expanded(str(told)).absolute()
        return Model(FileForm(EmotionModel.load(opened), source=opened))
    if told is not None and nearest(told, NAMES) and not os.path.exists(told):  # noqa: PTH110 - does not raise
        raise ConfigError(f"{told}: there is no such model, and no run folder of that name{nearest(told, NAMES)}")
    from fer.api.runs import Run

    assert source is not None
    run = source if isinstance(source, Run) else Run(source)
    return Model(CheckpointForm(run), run=run)
