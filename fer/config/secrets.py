"""Secrets in a run's configuration, which its folder and its loggers pass on."""

from collections.abc import Iterator, Mapping
from typing import Any

from fer.common.errors import ConfigError
from fer.common.redaction import HIDDEN, secret_value, without_userinfo


def without_secrets(tree: Mapping[str, Any]) -> dict[str, Any]:
    """A plain configuration with `***` for the secrets of its loggers, and their addresses without user and password.

    Only loggers are given secrets; a key such as `class_token` of a net decides what is trained.
    """
    return {key: _hidden(str(key), value) if key == "logger" else value for key, value in tree.items()}


def settings_without_secrets(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The same of settings by dotted key (`+logger.own.api_key`), as the command line has them."""
    return {
        key: _hidden(key.rpartition(".")[2], value) if key.lstrip("+~").startswith("logger.") else value
        for key, value in settings.items()
    }


def _hidden(key: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _hidden(str(name), each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(key, each) for each in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        # A password of digits alone comes as a number.
        return HIDDEN if secret_value(key, str(value)) else value
    if not isinstance(value, str):
        return value
    return HIDDEN if secret_value(key, value) else without_userinfo(value)


def refuse_hidden(tree: Mapping[str, Any]) -> None:
    """Refuses to train with `***` in the place of a secret, as the configuration of an earlier run has it.

    Raises:
        ConfigError: naming the key.
    """
    for key in _hidden_keys(tree.get("logger"), "logger"):
        raise ConfigError(
            f"{key} is {HIDDEN}: a run's folder keeps no secret. Set it again ('++{key}=${{oc.env:NAME}}' takes "
            f"it from a variable), or train without that logger (~{'.'.join(key.split('.')[:2])})"
        )


def _hidden_keys(value: Any, key: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _hidden_keys(each, f"{key}.{name}")
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _hidden_keys(each, key)
    elif value == HIDDEN:
        yield key
