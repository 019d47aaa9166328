"""Parts of a configuration that name a class and its arguments: checked first, and built in one place."""

import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fer.common.arguments import name_of
from fer.common.errors import ConfigError, FerError, nearest
from fer.common.plugins import located

Node = Mapping[str, Any]
"""A plain mapping with `_target_`, the dotted name of a class, and its arguments."""


def check_node(node: Node, key: str, *, kind: type) -> None:
    """Refuses a `_target_` that is not there or of another kind, and an argument it does not take.

    A configuration may come from another person, with a run folder or a sweep's best.yaml: it chooses among classes of
    the kind its place is for, and runs nothing else.

    Raises:
        ConfigError: naming the key and the nearest valid argument.
    """
    if "_target_" not in node:
        raise ConfigError(
            f"{key} has no _target_: name the class to build, such as {key}._target_=package.module.Class"
        )
    arguments = {name: value for name, value in node.items() if name != "_target_"}
    special = [name for name in _all_names(arguments) if name.startswith("_")]
    if special:
        raise ConfigError(f"{key} holds {special[0]}: its arguments are plain values, and only itself has a _target_")
    check_arguments(located_class(node["_target_"], key, kind=kind), arguments, key)


def _all_names(value: Any) -> Iterator[str]:
    """The keys of mappings at any depth."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield str(name)
            yield from _all_names(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _all_names(item)


def check_arguments(target: Any, names: Iterable[str], key: str) -> None:
    """Refuses names that `target`'s signature does not take.

    Raises:
        ConfigError: naming the key and its nearest neighbours.
    """
    parameters = inspect.signature(target).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    for name in names:
        if name not in parameters:
            raise ConfigError(
                f"{key}.{name}: {name_of(target)} takes no argument {name!r}{nearest(name, parameters)}; "
                f"it takes {', '.join(parameters)}"
            )


def build(node: Node, key: str) -> Any:
    """The object a `_target_` node describes: the only call of `hydra.utils.instantiate`.

    Raises:
        ConfigError: the class refused its arguments; the message is the class's own.
    """
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate

    try:
        return instantiate(dict(node), _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, FerError):
            raise cause from error
        raise ConfigError(f"{key}: {cause if cause is not None else error}") from error


def located_class(dotted: object, key: str, *, kind: type) -> type:
    """The class of a dotted name.

    Raises:
        ConfigError: no name, nothing of that name, of another kind, or of a package that nobody allowed.
    """
    if not isinstance(dotted, str):
        raise ConfigError(f"{key}._target_={dotted!r} is no name of a class, such as package.module.Class")
    found = located(dotted, f"{key}._target_", libraries=True)
    if not (isinstance(found, type) and issubclass(found, kind)):
        raise ConfigError(
            f"{key}._target_={dotted} is no {kind.__name__}: {key.partition('.')[0]} takes such classes only"
        )
    return found
