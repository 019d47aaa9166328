"""The configured loggers, and what they are told of a run before its first number."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Final

from pytorch_lightning.loggers import Logger

from fer.common.errors import MissingExtraError
from fer.common.processes import environment_with
from fer.config.instantiate import Node, build

_PACKAGES: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "CometLogger": (("comet_ml",), "comet"),
    "TensorBoardLogger": (("tensorboard", "tensorboardX"), "tensorboard"),
    "WandbLogger": (("wandb",), "wandb"),
}
"""Lightning's logger -> packages of which it needs one, and the extra that brings it."""

_COMET_OFFLINE: Final = {"COMET_START_ONLINE": "false"}
"""Comet's own word for an experiment that is written to files, in the environment."""

_WATCHED: Final = ("logger", "resume", "report")
"""Keys that say how a run is watched, and are no setting of it; a logger's may hold a password."""


def build_logger(node: Node, key: str) -> Logger:
    """One logger.

    Raises:
        MissingExtraError: its package is not installed.
        ConfigError: the class refused its arguments.
    """
    packages, extra = _PACKAGES.get(str(node["_target_"]).rpartition(".")[2], ((), ""))
    if packages and all(find_spec(package) is None for package in packages):
        raise MissingExtraError(f"{key} needs {packages[0]}: pip install 'ferlab[{extra}]'")
    if extra == "comet" and node.get("online") is False:
        # Told so, Lightning's logger (to 2.6 at least) switches Comet off instead of writing its files.
        with environment_with(_COMET_OFFLINE):
            return _built({**node, "online": None}, key)
    return _built(node, key)


def _built(node: Node, key: str) -> Logger:
    logger: Logger = build(node, key)
    return logger


def tell_settings(loggers: list[Logger], tree: Mapping[str, Any]) -> None:
    """Gives each logger the configuration."""
    settings = {key: value for key, value in tree.items() if key not in _WATCHED}
    for logger in loggers:
        logger.log_hyperparams(settings)
