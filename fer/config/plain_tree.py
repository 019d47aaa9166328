"""The plain tree that Hydra composes of files and overrides; what it refuses, it tells in its own words."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fer.common.errors import ConfigError, nearest
from fer.common.paths import expanded
from fer.common.processes import agreed_run_dir
from fer.config.conf_files import conf_dir, config_groups
from fer.config.search_path import add_plugins_to_search_path


def composed_tree(
    folder: Path, config_name: str, overrides: Sequence[str], *, mappings: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """The plain, resolved configuration of a file and overrides.

    Args:
        folder: holds `config_name`.yaml.
        config_name: the primary configuration.
        overrides: in Hydra's language.
        mappings: key -> what takes its place, where Hydra's grammar has no words for it.

    Raises:
        ConfigError: a mapping for a key that is not there.
    """
    from hydra import compose, initialize_config_dir

    add_plugins_to_search_path()
    with _beside_hydra(), initialize_config_dir(config_dir=str(folder), version_base="1.3"):
        composed = compose(config_name=config_name, overrides=list(overrides))
    for key, mapping in (mappings or {}).items():
        _set(composed, key, mapping)
    return resolved(composed)


@contextmanager
def _beside_hydra() -> Iterator[None]:
    """Lets this process compose while Hydra runs a job or a multirun in it, which then goes on as it was."""
    from hydra.core.global_hydra import GlobalHydra

    running = GlobalHydra.instance()
    GlobalHydra.set_instance(GlobalHydra.__new__(GlobalHydra))
    GlobalHydra.instance().clear()
    try:
        yield
    finally:
        GlobalHydra.set_instance(running)


def _set(composed: Any, key: str, mapping: Mapping[str, Any]) -> None:
    """Puts a mapping that Hydra's grammar has no words for in the place of what `key` holds.

    Raises:
        ConfigError: there is no such key.
    """
    from omegaconf import OmegaConf, open_dict

    *sections, last = key.split(".")
    section = OmegaConf.select(composed, ".".join(sections)) if sections else composed
    if section is None or not OmegaConf.is_dict(section) or last not in section:
        tree = OmegaConf.to_container(composed)
        assert isinstance(tree, dict)
        keys = dotted_keys({str(name): value for name, value in tree.items()})
        raise ConfigError(f"{key}: no such key{nearest(key, keys)}; `fer-train --cfg job` lists them")
    with open_dict(section):
        section[last] = dict(mapping)


def resolved(composed: Any) -> dict[str, Any]:
    """An OmegaConf tree as plain dicts and lists: the run folder named, interpolations resolved, `???` refused."""
    from omegaconf import OmegaConf

    model = composed.get("model")
    if model and model.get("_target_") is not None and model.get("name") is None:
        model.name = str(model["_target_"]).rpartition(".")[2]
    if composed.run_dir is None:
        agreed = agreed_run_dir()
        composed.run_dir = str(default_run_dir(composed.model.name) if agreed is None else agreed)
    elif isinstance(composed.run_dir, str):
        # Shells expand a path that stands by itself; files, Python and some shells hand over `run_dir=~/a` as it is.
        composed.run_dir = str(expanded(composed.run_dir))
    tree = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    assert isinstance(tree, dict)
    return {str(key): value for key, value in tree.items()}


def all_keys(config_name: str = "train") -> list[str]:
    """Every dotted key of the default configuration."""
    groups = set(config_groups())
    return sorted({*groups, *dotted_keys(composed_tree(conf_dir(), config_name, ["run_dir=unused"]))})


def dotted_keys(tree: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Every dotted key of a tree."""
    keys = []
    for name, value in tree.items():
        keys.append(f"{prefix}{name}")
        if isinstance(value, Mapping):
            keys += dotted_keys(value, f"{prefix}{name}.")
    return keys


def default_run_dir(model: str) -> Path:
    """`outputs/<date>_<time>_<model>`, made unique where two runs start in the same second."""
    stem = f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{model}"
    path = Path("outputs") / stem
    number = 2
    while path.exists():
        path = Path("outputs") / f"{stem}_{number}"
        number += 1
    return path
