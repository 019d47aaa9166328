"""The JSON of a request, checked for what a route takes."""

from typing import Any

from flask import request

from fer.common.errors import ConfigError, DataError
from fer.common.parsing import parse_json


def asked(**kinds: type | tuple[type, ...]) -> dict[str, Any]:
    """The body's values by name; one that was not sent is None.

    Args:
        kinds: name -> what it must be, where it is there.

    Raises:
        DataError: no JSON object.
        ConfigError: another name, or a value of another kind.
    """
    try:
        content = parse_json(request.get_data(cache=False).decode())
    except ValueError as error:
        raise DataError(f"the body is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise DataError("the body is no JSON object")
    for name, value in content.items():
        if name not in kinds:
            raise ConfigError(f"{name[:80]!r} is none of {', '.join(kinds)}")
        if value is not None and not isinstance(value, kinds[name]):
            raise ConfigError(f"{name} is {str(value)[:80]!r}, of the wrong kind")
    return {name: content.get(name) for name in kinds}


def texts(value: Any, *, name: str, most: int = 500) -> list[str]:
    """A list of texts.

    Raises:
        ConfigError: it is none, or too long.
    """
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value) or len(value) > most:
        raise ConfigError(f"{name}: give a list of at most {most} texts")
    return value
