"""What callbacks monitor must be logged."""

import pytorch_lightning as pl

from fer.common.errors import ConfigError, nearest
from fer.models.epoch_metrics import BY_THE_FACES


class KnownMonitors(pl.Callback):
    """Ends a training after its first epoch where a callback monitors what nobody logs, or what never has a value.

    Lightning's own words for it are a traceback; what is logged, only the training itself can tell.
    """

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's hook, before the callbacks that monitor.

        Raises:
            ConfigError: naming what there is.
        """
        logged = sorted(trainer.callback_metrics)
        if not any(name.startswith("valid/") for name in logged):
            # Nothing was validated yet.
            return
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            monitor = getattr(callback, "monitor", None)
            if isinstance(monitor, str) and monitor not in logged:
                raise ConfigError(
                    f"{type(callback).__name__}: monitor={monitor}: nothing of that name was logged"
                    f"{nearest(monitor, logged)}; there are {', '.join(logged)}"
                )
            reason = getattr(pl_module, "undefined", {}).get(monitor)
            if reason in BY_THE_FACES:
                raise ConfigError(
                    f"{type(callback).__name__}: monitor={monitor} has no value in any epoch ({reason} among the "
                    "selection faces): monitor another metric"
                )
