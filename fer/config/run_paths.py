"""A run's configuration in another folder."""

from collections.abc import Mapping
from typing import Any, Final

from fer.config.grammar import PATH_KEYS

_PATH_KEYS: Final = PATH_KEYS | {"offline_directory"}


def in_run_dir(tree: Mapping[str, Any], run_dir: str) -> dict[str, Any]:
    """A configuration for another run folder: `run_dir`, and every path inside the old one."""
    return moved(tree, before=str(tree["run_dir"]), now=run_dir)


def moved(tree: Mapping[str, Any], *, before: str, now: str) -> dict[str, Any]:
    """A configuration with a folder, and every path inside it, by another name.

    A folder may have the name of something else: `run_dir=mlp` beside `model.name=mlp`, `run_dir=valid` beside
    `monitor=valid/accuracy`. A bare name is the folder only where a path stands, and a monitored number is never in it.
    """

    def placed(key: str, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: placed(str(name), item) for name, item in value.items()}
        if isinstance(value, list):
            return [placed(key, item) for item in value]
        if not isinstance(value, str) or key == "monitor":
            return value
        itself = value == before and ("/" in before or key in _PATH_KEYS)
        return f"{now}{value[len(before) :]}" if itself or value.startswith(f"{before}/") else value

    return {str(key): placed(str(key), value) for key, value in tree.items()}
