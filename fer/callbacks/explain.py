"""Where the net looks while it learns: heat maps of the same validation faces every few epochs."""

import logging
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pytorch_lightning as pl
import torch

from fer.callbacks.drawing import heat_map_sheet
from fer.callbacks.every_n_epochs import EveryNEpochs
from fer.callbacks.figure_log import show
from fer.common.errors import ConfigError, nearest
from fer.explain.attribution import NotApplicableError

log = logging.getLogger(__name__)

MOST_FACES: Final = 200
"""Faces on a sheet at most: with two methods these take some 20 seconds to draw, whenever they are due."""


class Explain(EveryNEpochs):
    """Shows what in a few fixed validation faces speaks for their label, with the weights that are validated.

    Args:
        run_dir: the run folder; the pictures are `figures/explain/epoch_NNN.png`.
        every_n_epochs: 1 or more.
        faces_per_class: validation faces of each emotion, the first in the order of the data; 1 or more, and all
            together no more than `MOST_FACES`.
        methods: names of `fer.explain.methods.METHODS`; one that cannot explain the net is told once and left out.
    """

    def __init__(
        self,
        run_dir: str,
        *,
        every_n_epochs: int = 5,
        faces_per_class: int = 1,
        methods: Sequence[str] = ("grad_cam", "saliency"),
    ) -> None:
        super().__init__(run_dir, every_n_epochs=every_n_epochs)
        from fer.explain.methods import METHODS

        for method in methods:
            if method not in METHODS:
                raise ConfigError(f"methods: there is no {method}{nearest(method, METHODS)}; {', '.join(METHODS)}")
        if not methods:
            raise ConfigError("methods=[] shows nothing: name some, or leave callbacks.explain out")
        if faces_per_class < 1:
            raise ConfigError(f"faces_per_class={faces_per_class} must be at least 1")
        self.faces_per_class = faces_per_class
        self.methods = list(methods)
        self._faces: tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]] | None = None

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's hook; averaged weights are in their place by then, for `callbacks.ema` stands before."""
        if not trainer.is_global_zero or trainer.sanity_checking or not self.is_due(trainer):
            return
        from fer.explain.methods import METHODS, explain

        if self._faces is None:
            datamodule: Any = trainer.datamodule  # type: ignore[attr-defined]
            per_class = min(self.faces_per_class, max(1, MOST_FACES // len(datamodule.labels)))
            if per_class < self.faces_per_class:
                log.warning(
                    "callbacks.explain.faces_per_class=%d: %d of each label are shown, as a sheet takes %d faces",
                    self.faces_per_class,
                    per_class,
                    MOST_FACES,
                )
            self._faces = _first_faces(trainer, per_class=per_class)
        images_NCHW, labels_N = self._faces
        model: Any = pl_module
        maps = {}
        for method in list(self.methods):
            try:
                maps[METHODS[method].title] = explain(model, images_NCHW, labels_N, method=method).maps
            except NotApplicableError as error:
                log.warning("callbacks.explain: %s", error)
                self.methods.remove(method)
        if not maps:
            return
        with torch.no_grad():
            probabilities_NK = model.class_logits(torch.from_numpy(images_NCHW).to(pl_module.device)).softmax(dim=1)
        faces = images_NCHW.transpose(0, 2, 3, 1)
        labels: Sequence[str] = model.description["labels"]
        figure = heat_map_sheet(
            faces if faces.shape[3] == 3 else faces[..., 0],
            maps,
            captions=[
                _caption(int(label), row, labels) for label, row in zip(labels_N, probabilities_NK.cpu(), strict=True)
            ],
            title=f"epoch {trainer.current_epoch + 1}: what speaks for the label",
        )
        show(trainer, figure, self.picture("explain", trainer), name="figures/explain")


def _caption(label: int, probabilities_K: torch.Tensor, labels: Sequence[str]) -> str:
    predicted = int(probabilities_K.argmax())
    said = "" if predicted == label else f"\ntaken for {labels[predicted]}"
    return f"{labels[label]} {100 * float(probabilities_K[label]):.0f} %{said}"


def _first_faces(trainer: pl.Trainer, *, per_class: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The first validation faces of each class: uint8 (N, C, H, W) and int64 (N,), sorted by class."""
    found: dict[int, list[npt.NDArray[np.uint8]]] = {}
    datamodule: Any = trainer.datamodule  # type: ignore[attr-defined]
    for batch in datamodule.val_dataloader():
        shown = datamodule.on_after_batch_transfer(batch, 0)
        for image_CHW, label in zip(shown["image"], shown["label"].tolist(), strict=True):
            if len(found.setdefault(label, [])) < per_class:
                found[label].append(image_CHW.numpy())
        if len(found) == len(datamodule.labels) and all(len(faces) == per_class for faces in found.values()):
            break
    labels = [label for label in sorted(found) for _ in found[label]]
    return np.stack([face for label in sorted(found) for face in found[label]]), np.array(labels, dtype=np.int64)
