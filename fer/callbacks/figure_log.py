"""One way for a picture into the run folder and to every logger."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl

from fer.callbacks.drawing import save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)


def show(trainer: pl.Trainer, figure: "Figure", path: Path, *, name: str) -> None:
    """Writes a figure and hands it to the loggers; to be called in the first process alone.

    Args:
        trainer: whose loggers get it.
        figure: what is shown.
        path: the PNG in the run folder; MLflow gets it from there (`fer.tracking`).
        name: what loggers call it, the same in every epoch.
    """
    save(figure, path)
    for logger in trainer.loggers:
        _hand_over(logger, path, name=name, step=trainer.global_step)


def _hand_over(logger: Any, path: Path, *, name: str, step: int) -> None:
    """Each logger has its own word for a picture; one without any (a CSV file) gets none."""
    from pytorch_lightning.loggers import CometLogger, MLFlowLogger, TensorBoardLogger

    if isinstance(logger, TensorBoardLogger):
        from matplotlib.image import imread

        logger.experiment.add_image(name, imread(path)[..., :3], step, dataformats="HWC")
    elif isinstance(logger, CometLogger):
        logger.experiment.log_image(str(path), name=name, step=step)
    elif isinstance(logger, MLFlowLogger):
        logger.experiment.log_artifact(logger.run_id, str(path), name.rpartition("/")[0] or None)
    elif callable(getattr(logger, "log_image", None)):
        # W&B, and whoever takes pictures as it does.
        logger.log_image(key=name, images=[str(path)], step=step)
