"""Where Hydra looks for configurations beside ours: in installed packages with an entry point in `ferlab.plugins`."""

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from fer.common.plugins import installed


@cache
def add_plugins_to_search_path() -> None:
    """Tells Hydra of them, once for this process; of two files of one name, ours wins."""
    from hydra.core.plugins import Plugins
    from hydra.plugins.search_path_plugin import SearchPathPlugin

    class InstalledConfigurations(SearchPathPlugin):
        """Hydra asks it whenever it composes."""

        def manipulate_search_path(self, search_path: object) -> None:
            """Hydra's hook."""
            for plugin in installed():
                for folder in plugin.conf:
                    search_path.append(provider=plugin.name, path=f"file://{folder}")  # type: ignore[attr-defined]

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
