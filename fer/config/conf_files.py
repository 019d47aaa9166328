"""Where the shipped configuration lies; light, so that `--help` can ask."""

from pathlib import Path
from typing import Final

from fer.common.plugins import installed

_OTHERS: Final = ("always", "evaluation", "space")
"""What is in every training, and the groups of fer-report and of fer-sweep."""


def conf_dir() -> Path:
    """The shipped configuration: inside an installed wheel, else beside the package in a checkout."""
    package = Path(__file__).parents[1]
    packaged = package / "conf"
    return packaged if packaged.is_dir() else package.parent / "conf"


def config_groups() -> dict[str, list[str]]:
    """The groups of fer-train's configuration, sorted, each with the names of its options, those of plugins too."""
    names = {path.name for home in _homes() for path in home.iterdir() if path.is_dir() and path.name not in _OTHERS}
    return {name: group_options(name) for name in sorted(names)}


def group_options(group: str) -> list[str]:
    """The names of a group's options, sorted, those of plugins too."""
    return sorted({path.stem for home in _homes() for path in (home / group).glob("*.yaml")})


def _homes() -> list[Path]:
    return [conf_dir(), *(folder for plugin in installed() for folder in plugin.conf())]


def keys_of(command: str) -> str:
    """The keys of `conf/<command>.yaml` with their meaning, as the file itself says, for the command's help."""
    text = (conf_dir() / f"{command}.yaml").read_text(encoding="utf-8").partition("\n\n")[2]
    return "".join(f"  {line}\n" for line in text.splitlines())
