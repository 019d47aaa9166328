"""Where Hydra looks for configurations beside ours: in installed packages with an entry point in `ferlab.plugins`."""

from functools import cache

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
