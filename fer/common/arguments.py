"""Arguments from a configuration, held against the signature of what takes them."""

import inspect
import typing
from collections.abc import Callable, Collection, Mapping
from typing import Any

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from fer.common.errors import ConfigError, nearest
from fer.common.section import complaint


def checked_arguments(
    function: Callable[..., Any],
    values: Mapping[str, Any],
    *,
    key: str,
    owner: str | None = None,
    given: Collection[str] = (),
) -> dict[str, Any]:
    """The arguments of a function or class, validated against its signature and converted to its types.

    A list becomes a tensor (float32) where one is taken. A type that pydantic cannot check (a name that is not there
    any more) is not checked.

    Args:
        function: what takes them.
        values: name -> plain value.
        key: of the section that holds them, for messages ("model.params").
        owner: who takes them, for messages; None for the function's name.
        given: names that the caller hands over itself; where they are among the values, they are no arguments.

    Raises:
        ConfigError: unknown argument (with the nearest), one that is missing, a value of the wrong type or range.
    """
    owner = name_of(function) if owner is None else owner
    takes = {name: each for name, each in parameters(function).items() if name not in given}
    anything = any(each.kind is each.VAR_KEYWORD for each in takes.values())
    named = {name: each for name, each in takes.items() if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)}
    for name in values:
        if name not in named and not anything:
            told = f"it takes {', '.join(named)}" if named else "it takes none"
            raise ConfigError(f"{key}.{name}: {owner} has no parameter {name!r}{nearest(name, named)}; {told}")
    for name, each in named.items():
        if each.default is each.empty and name not in values:
            raise ConfigError(f"{owner} needs {key}.{name}")
    hints = _hints(function)
    return {name: _converted(f"{key}.{name}", value, hints.get(name, Any)) for name, value in values.items()}


def name_of(function: Any) -> str:
    """What messages call a function or class; a `functools.partial`, or another object that is called, has no name."""
    return str(getattr(function, "__name__", None) or type(function).__name__)


def parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The parameters of a function or class; of one that tells nothing, whatever one likes."""
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {"arguments": inspect.Parameter("arguments", inspect.Parameter.VAR_KEYWORD)}


def _hints(function: Callable[..., Any]) -> Mapping[str, Any]:
    try:
        return typing.get_type_hints(function.__init__ if inspect.isclass(function) else function, include_extras=True)
    except (NameError, TypeError, AttributeError):
        return {}


def _converted(key: str, value: Any, hint: Any) -> Any:
    if isinstance(value, list) and _takes_tensor(hint):
        return _tensor(key, value)
    try:
        adapter: TypeAdapter[Any] = _adapter(hint)
    except (PydanticUserError, PydanticSchemaGenerationError):
        return value
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join([key, *map(str, first["loc"])])
        raise ConfigError(f"{where}={first['input']!r}: {complaint(first)}") from error


def _takes_tensor(hint: Any) -> bool:
    """Whether a type is torch's tensor, or a choice that holds it and no list."""
    choices = typing.get_args(hint) or (hint,)
    names = {(getattr(each, "__module__", ""), getattr(each, "__name__", "")) for each in choices}
    return ("torch", "Tensor") in names and not any(typing.get_origin(each) in (list, tuple) for each in choices)


def _tensor(key: str, value: list[Any]) -> Any:
    import torch

    try:
        return torch.tensor(value, dtype=torch.float32)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(f"{key}={value}: it takes a tensor: give a list of numbers") from error


def _adapter(hint: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticUserError:
        # A model or dataclass has a configuration of its own.
        return TypeAdapter(hint)
