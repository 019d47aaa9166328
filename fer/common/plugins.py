"""Whose code may be imported by name, and the installed packages that bring parts of their own.

A net, a loss or a data set may be a stranger's class, named by a configuration or by a checkpoint, and to import a
module is to run it. So a package is imported only where the person at the command line says so: by a `_target_` or
`plugins=[...]` of the command itself, by the environment variable `FER_PLUGINS`, or by having installed it with an
entry point in `ferlab.plugins`. A file (a run folder, a checkpoint, a sweep's best.yaml) may name a class, and never
allows it.
"""

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

from fer.common.errors import ConfigError, nearest

GROUP: Final = "ferlab.plugins"
"""The entry points of packages that bring parts of their own."""

VARIABLE: Final = "FER_PLUGINS"
"""Environment variable with the packages, separated by commas, whose code may be imported."""

LIBRARIES: Final = frozenset({"fer", "pytorch_lightning", "timm", "torch", "torchmetrics", "torchvision"})
"""What this package is made of: any file may name its nets, losses, schedules, callbacks, loggers and optimisers, for
these places take classes of their kind alone. A place that takes any function asks for leave here too."""


class UntrustedCodeError(ConfigError):
    """A file names a class of a package that nobody allowed."""


_told: set[str] = set()
_classes: set[str] = set()
"""Packages, and single classes of `LIBRARIES`, that a person named to this process."""


class Plugin(NamedTuple):
    """An installed package with an entry point; no dataclass, whose import would double the time of `--help`.

    Attributes:
        name: of the entry point.
        module: the module or package it names.
    """

    name: str
    module: str

    @property
    def package(self) -> str:
        """The package that may be imported."""
        return self.module.partition(".")[0]

    def conf(self, part: str = "") -> tuple[Path, ...]:
        """Folders with configurations, where they are: `conf` beside its code, or a part of it.

        Nothing is imported to find them.

        Args:
            part: "evaluation" for fer-report's.
        """
        from importlib.util import find_spec

        spec = find_spec(self.package)
        if spec is None or spec.submodule_search_locations is None:
            return ()
        homes = [Path(place, *self.module.split(".")[1:]) for place in spec.submodule_search_locations]
        folders = [home / "conf" / part for home in homes]
        return tuple(folder for folder in folders if folder.is_dir())


def installed() -> tuple[Plugin, ...]:
    """Packages with an entry point in `GROUP`, by its name, and by the package's where two have the same."""
    return _installed(tuple(sys.path))


@lru_cache(maxsize=4)
def _installed(places: tuple[str, ...]) -> tuple[Plugin, ...]:
    # importlib.metadata would take as long as all else that `--help` does.
    found: dict[tuple[str, str], Plugin] = {}
    for place in places:
        try:
            entries = sorted(entry.path for entry in os.scandir(place or ".") if entry.name.endswith(".dist-info"))
        except OSError:
            continue
        for entry in entries:
            try:
                text = Path(entry, "entry_points.txt").read_text(encoding="utf-8")
            except (OSError, ValueError):
                continue
            for name, value in _entries(text):
                # Two packages may have named their entry points alike.
                module = value.partition(":")[0].strip()
                found.setdefault((name, module), Plugin(name=name, module=module))
    return tuple(found[key] for key in sorted(found))


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """Name and value of each entry of `GROUP` in the text of an `entry_points.txt`."""
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line.strip("[] ")
        elif section == GROUP and "=" in line:
            name, _, value = line.partition("=")
            yield name.strip(), value.strip()


def allow(packages: Iterable[str]) -> None:
    """From now on this process may import these packages by name: for what a person said, never for what a file says.

    Args:
        packages: their names.
    """
    _told.update(packages)


def allow_named_by(tree: Mapping[str, Any]) -> None:
    """Allows what a configuration that was composed for this command names: `plugins`, and every `_target_`.

    Every configuration names something of `LIBRARIES`: of these the very class is allowed, not the package.
    """
    named = tree.get("plugins")
    allow(name for name in (named if isinstance(named, list | tuple) else [named]) if isinstance(name, str))
    _allow_classes(targets(tree))


def allow_typed(overrides: Iterable[str]) -> None:
    """Allows what overrides that a person typed name: `plugins=[...]`, and every `KEY._target_=NAME`."""
    packages, classes = typed(overrides)
    allow(packages)
    _allow_classes(classes)


def typed(overrides: Iterable[str]) -> tuple[list[str], list[str]]:
    """The packages and the classes that overrides name."""
    packages: list[str] = []
    classes: list[str] = []
    for override in overrides:
        key, _, value = override.lstrip("+").partition("=")
        if key == "plugins":
            packages += [name.strip(" \"'") for name in value.strip("[] ").split(",") if name.strip(" \"'")]
        elif key.endswith("_target_"):
            classes.append(value.strip(" \"'"))
        else:
            classes += [found.strip("\"'") for found in re.findall(r"_target_[\"']?\s*:\s*([^\s,}]+)", value)]
    # `model._target_=null` is what a saved configuration says of a net of ours.
    return packages, [name for name in classes if name not in ("", "null")]


def check_file(overrides: Iterable[str], typed_beside: Iterable[str], origin: str) -> None:
    """Refuses settings in a file that name a class of a package which nobody allowed.

    Args:
        overrides: those in the file.
        typed_beside: those on the command line.
        origin: the file, for the message.

    Raises:
        ConfigError: saying how to allow it.
    """
    allow_typed(typed_beside)
    packages, classes = typed(overrides)
    for name in [*(f"{package}." for package in packages), *classes]:
        if _package(name) not in LIBRARIES:
            check_allowed(name.rstrip("."), origin)


def _allow_classes(names: Iterable[str]) -> None:
    for name in names:
        if _package(name) in LIBRARIES:
            _classes.add(_dotted(name))
        else:
            allow([_package(name)])


def targets(value: Any) -> Iterator[str]:
    """Every `_target_` in a plain tree."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == "_target_" and isinstance(item, str):
                yield item
            yield from targets(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from targets(item)


def allowed() -> frozenset[str]:
    """The packages that may be imported by name."""
    variable = (name.strip() for name in os.environ.get(VARIABLE, "").split(","))
    return frozenset({*_told, *filter(None, variable), *(plugin.package for plugin in installed())})


def check_allowed(dotted: str, origin: str, *, libraries: bool = False) -> None:
    """Refuses a class of a package that nobody allowed.

    Args:
        dotted: its name.
        origin: what names it, for the message ("runs/a/checkpoints/best.ckpt", "model._target_").
        libraries: `LIBRARIES` need no leave, because the caller takes classes of one kind alone.

    Raises:
        UntrustedCodeError: saying how to allow it.
    """
    package = _package(dotted)
    if libraries and package in LIBRARIES:
        return
    if _dotted(dotted) not in _classes and package not in allowed():
        raise UntrustedCodeError(
            f"{origin} names the class {dotted}, and code is imported only from packages that you name: if you trust "
            f"{package!r}, say plugins=[{package}] on the command line (fer-export: --plugin {package}), or set "
            f"{VARIABLE}={package}"
        )


def located(dotted: str, key: str, *, libraries: bool = False) -> Any:
    """What a dotted name (or `module:qualname`) names, imported.

    Args:
        dotted: its name.
        key: of the configuration, for the message.
        libraries: as for `check_allowed`.

    Raises:
        ConfigError: its package is not allowed or not there, it fails on import, or it has nothing of that name.
    """
    check_allowed(dotted, key, libraries=libraries)
    parts = _dotted(dotted).split(".")
    if not all(part.isidentifier() for part in parts):
        raise ConfigError(f"{key}={dotted} is no name of a class, such as package.module.Class")
    # `module:qualname` says where the module ends. A package may hide a module of its behind a function of the same
    # name, as torchvision.models does with its alexnet.
    known = dotted.partition(":")[0].count(".") + 1 if ":" in dotted else 1
    found: Any = _imported(".".join(parts[:known]), dotted, key)
    for number, part in enumerate(parts[known:], start=known + 1):
        if hasattr(found, part):
            found = getattr(found, part)
        elif isinstance(found, ModuleType) and hasattr(found, "__path__") and number < len(parts):
            found = _imported(".".join(parts[:number]), dotted, key)
        elif isinstance(found, ModuleType) and hasattr(found, "__path__") and _is_module(".".join(parts[:number])):
            raise ConfigError(f"{key}={dotted} is a module: name the class in it")
        elif hasattr(hidden := sys.modules.get(".".join(parts[: number - 1])), part):
            found = getattr(hidden, part)
        else:
            holder = ".".join(parts[: number - 1])
            raise ConfigError(
                f"{key}={dotted} cannot be imported: {holder} has no {part!r}{nearest(part, vars(found))}"
            )
    if isinstance(found, type):
        # A checkpoint will name it by the place where it was written, which may not be where it was imported from.
        _classes.add(_dotted(class_name(found)))
    return found


def own_callable(node: Mapping[str, Any], key: str, *, handed: int, given: Sequence[str] = ()) -> Callable[..., Any]:
    """What a `_target_` node stands for: a function with its arguments bound, or a callable object of a class.

    Args:
        node: `_target_`, and arguments beside it.
        key: of the configuration, for messages.
        handed: how many arguments the caller will give by position.
        given: those it will give by name.

    Raises:
        ConfigError: nothing that can be called, or arguments that it refuses.
    """
    from fer.common.arguments import checked_arguments, parameters

    target = node.get("_target_")
    if not isinstance(target, str):
        raise ConfigError(
            f"{key} has no _target_: name the class or function, as in {key}._target_=package.module.name"
        )
    found = located(target, f"{key}._target_")
    told = {name: value for name, value in node.items() if name != "_target_"}
    if not callable(found):
        raise ConfigError(f"{key}._target_={target} is no class or function")
    if not isinstance(found, type):
        names = [*list(parameters(found))[:handed], *given]
        return partial(found, **checked_arguments(found, told, key=key, given=names))
    arguments = checked_arguments(found, told, key=key)
    try:
        made = found(**arguments)
    # Whatever the code of others raises; FER_DEBUG=1 shows where.
    except Exception as error:
        raise ConfigError(f"{key}._target_={target} cannot be built: {type(error).__name__}: {error}") from error
    if not callable(made):
        raise ConfigError(f"{key}._target_={target}: its objects cannot be called; give the class a __call__")
    built: Callable[..., Any] = made
    return built


def _is_module(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None


def _imported(module: str, dotted: str, key: str) -> ModuleType:
    try:
        return import_module(module)
    # Whatever the code of others raises; SystemExit is what a script without a guard ends with.
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name is not None and f"{module}.".startswith(error.name):
            reason = f"there is no module {error.name!r}: pip install its package, or put its folder on PYTHONPATH"
        else:
            told = (str(error).splitlines() or [""])[0]
            reason = f"{module} fails on import with {type(error).__name__}: {told}"
        raise ConfigError(f"{key}={dotted} cannot be imported: {reason}") from error


def class_name(found: type) -> str:
    """`module:qualname` of a class, as checkpoints name it."""
    return f"{found.__module__}:{found.__qualname__}"


def _dotted(name: str) -> str:
    return name.replace(":", ".").strip()


def _package(name: str) -> str:
    return _dotted(name).partition(".")[0]
