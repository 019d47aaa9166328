"""`callbacks=mlflow`: what `logger=mlflow` does, for trainings that log elsewhere or not at all."""

import pytorch_lightning as pl

from fer.tracking.logger import MLflowTracking


class MLflow(pl.Callback):
    """Tracks a run in MLflow from its run folder (`fer.tracking.logger.MLflowTracking`), whatever its loggers are.

    Args:
        run_dir: the run folder.
        uri: the store; null takes `MLFLOW_TRACKING_URI`, else `mlflow.db` beside the run folder.
        experiment: the experiment; null takes the one the folder was sent to before, else "fer".
        wait_seconds: how long the end of the command waits for what is left to send.
    """

    def __init__(
        self, run_dir: str, *, uri: str | None = None, experiment: str | None = None, wait_seconds: float = 10.0
    ) -> None:
        self.tracking = MLflowTracking(run_dir, uri=uri, experiment=experiment, wait_seconds=wait_seconds)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Starts the sender, unless a logger has."""
        if trainer.is_global_zero and not any(isinstance(logger, MLflowTracking) for logger in trainer.loggers):
            self.tracking.log_graph(pl_module)
