"""Where Hydra looks for configurations beside ours: in installed packages with an entry point in `ferlab.plugins`."""

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from fer.common.plugins import installed
from fer.config.conf_files import conf_dir

if TYPE_CHECKING:
    from hydra.core.config_search_path import ConfigSearchPath


@cache
def add_plugins_to_search_path() -> None:
    """Tells Hydra of them, once for this process; of two files of one name, ours wins."""
    from hydra.core.plugins import Plugins
    from hydra.plugins.search_path_plugin import SearchPathPlugin

    class InstalledConfigurations(SearchPathPlugin):
        """Hydra asks it whenever it composes."""

        def manipulate_search_path(self, search_path: "ConfigSearchPath") -> None:
            """Hydra's hook."""
            # `report` is a key of fer-train and a group of fer-report: a folder of the one must not reach the other.
            ours = str(conf_dir() / "evaluation")
            of_report = any(str(place.path).removeprefix("file://") == ours for place in search_path.get_path())
            for plugin in installed():
                for folder in plugin.conf("evaluation" if of_report else ""):
                    search_path.append(provider=plugin.name, path=f"file://{folder}")

    Plugins.instance().register(InstalledConfigurations)


def in_search_path(file: str, overrides: Sequence[str]) -> bool:
    """Whether a folder that `hydra.searchpath=[...]` names on the command line holds a file.

    Args:
        file: below the folder, such as `space/mine.yaml`.
        overrides: as on the command line.
    """
    told = [each.partition("=")[2] for each in overrides if each.lstrip("+").startswith("hydra.searchpath=")]
    places = [place.strip(" '\"") for text in told for place in text.strip("[] ").split(",")]
    return any(_holds(place, file) for place in places)


def _holds(place: str, file: str) -> bool:
    scheme, name = re.match(r"(?:(\w+)://)?(.*)", place, re.DOTALL).groups()  # type: ignore[union-attr]
    if scheme != "pkg":
        return (Path(name) / file).is_file()
    try:
        return files(name.replace("/", ".")).joinpath(file).is_file()
    except (ImportError, ValueError):
        return False
