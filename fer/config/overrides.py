"""Settings as overrides on a command line, and back."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, Final

from fer.common.errors import ConfigError
from fer.common.parsing import parse_yaml
from fer.common.paths import expanded
from fer.common.plugins import check_file
from fer.common.redaction import word_without_secret
from fer.common.wording import shell_words
from fer.config.conf_files import config_groups
from fer.config.grammar import no_setting, quoted, understood
from fer.config.run_paths import in_run_dir

_PLAIN: Final = re.compile(r"[A-Za-z_][\w./@-]*", re.ASCII)
_WORDS: Final = frozenset({"null", "true", "false", "inf", "nan", "yes", "no", "on", "off", "y", "n"})
"""What Hydra's grammar, or YAML where that has no words for a mapping, takes for something else than a name."""


_RESOLVER: Final = re.compile(r"\$\{.*:", re.DOTALL)
"""A function in OmegaConf's grammar, once the `_KEY`s are taken out."""

_KEY: Final = re.compile(r"\$\{[^{}:]*\}")
"""A key of the configuration itself, `${run_dir}`, which has no colon; the innermost of several."""

_WHOLE: Final = ("mapping", "options")
"""Last parts of keys that hold a mapping of the user's own words."""


def override(key: str, value: Any) -> str:
    """`key=value` in Hydra's grammar.

    Args:
        key: dotted key or config group.
        value: a plain value, or lists and mappings of such.
    """
    return f"{key}={_text(value)}"


def leaf_overrides(settings: Mapping[str, Any], *, prefix: str = "") -> list[str]:
    """Every leaf of nested settings as an override by its dotted key; a mapping of the user's own words is one."""
    told = []
    for key, value in settings.items():
        if isinstance(value, Mapping) and value and str(key).rpartition(".")[2] not in _WHOLE:
            told += leaf_overrides(value, prefix=f"{prefix}{key}.")
        else:
            told.append(override(f"{prefix}{key}", value))
    return told


def setting_overrides(settings: Mapping[str, Any]) -> list[str]:
    """Nested settings as overrides; a block with the `name` of a group's option is that option with what it changes.

    So `{"data": {"name": "folder", "root": "faces"}}` is `data=folder` with a root, and a run's whole configuration is
    what a file of it is (`with_files`).
    """
    groups = config_groups()
    named = any(
        isinstance(value, Mapping) and value.get("name") in groups.get(key, ()) for key, value in settings.items()
    )
    return from_mapping(_by_key(settings)) if named else leaf_overrides(settings)


def key_of(override: str) -> str:
    """The key an override is about."""
    return override.lstrip("+~").partition("=")[0]


def command(overrides: Sequence[str]) -> str:
    """The `fer-train` command with these overrides, for a shell, without the secrets among them."""
    return shell_words(["fer-train", *map(word_without_secret, overrides)])


def with_files(arguments: Sequence[str]) -> list[str]:
    """Arguments with each `@FILE` replaced by the overrides in it; what stands beside a file wins over it.

    Where the file is a run's config.yaml and another `run_dir` stands beside it, its paths inside the old one move too.

    Args:
        arguments: of a command line. A file is YAML, key: value, as `best.yaml` of a sweep.

    Raises:
        ConfigError: a file is missing, no such YAML, names a class of a package that nobody allowed, or asks for what
            this machine keeps to itself.
    """
    files = [argument for argument in arguments if argument.startswith("@")]
    given = [argument for argument in arguments if not argument.startswith("@")]
    named = {key_of(argument) for argument in given}
    merged: dict[str, str] = {}
    if not files:
        return given
    place = as_mapping(argument.lstrip("+") for argument in given if key_of(argument) == "run_dir").get("run_dir")
    for file in files:
        # No shell puts the home folder in behind a letter.
        content = _read(expanded(file[1:]))
        if place is not None and isinstance(content.get("run_dir"), str):
            content = in_run_dir(content, str(expanded(str(place))))
        settings = from_mapping(_by_key(content))
        check_file(settings, given, file)
        _refuse_resolvers(settings, file)
        merged |= {key_of(each): each for each in settings}
    return [each for key, each in merged.items() if key not in named] + given


def _refuse_resolvers(settings: Iterable[str], file: str) -> None:
    """Refuses `${oc.env:TOKEN}` in a file, which may be a stranger's: it would be filled in, written down, and sent.

    Raises:
        ConfigError: naming the key.
    """
    for each in settings:
        rest, keys = each, 1
        while keys:
            # Each once it holds no other: what is behind a key, as in `{happy: ${key}, sad: x}`, is no part of it.
            rest, keys = _KEY.subn("", rest)
        if _RESOLVER.search(rest):
            raise ConfigError(
                f"{file}: {key_of(each)} holds '${{...:...}}', as a command line alone may: put its value in its place"
            )


def as_mapping(overrides: Iterable[str]) -> dict[str, Any]:
    """Overrides as key -> value, the later of two with one key; a removed key (`~key`) maps to None.

    Used for `best.yaml`, which people read and edit.

    Raises:
        ConfigError: Hydra's grammar has no words for one.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import OverrideParseException

    told, mappings = understood(list(overrides))
    try:
        parsed = OverridesParser.create().parse_overrides(told)
    except OverrideParseException as error:
        raise ConfigError(no_setting(error.override)) from error
    mapping: dict[str, Any] = dict(mappings)
    for each in parsed:
        prefix = (each.input_line or "")[:1]
        key = each.get_key_element()
        plain = key.lstrip("+~")
        mapping.pop(plain, None)
        mapping[key if prefix in "+~" else plain] = None if each.is_delete() else _plain(each.value())
    return mapping


def from_mapping(mapping: Mapping[str, Any]) -> list[str]:
    """The overrides of a mapping of `as_mapping`."""
    return [key if key.startswith("~") and value is None else override(key, value) for key, value in mapping.items()]


def _read(path: Path) -> dict[str, Any]:
    if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises where no file can have such a name
        raise ConfigError(f"@{path}: there is no such file; give a YAML file of settings, such as a sweep's best.yaml")
    try:
        content = parse_yaml(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"@{path} is not readable YAML: {error}") from error
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ConfigError(f"@{path} holds no settings: write one KEY: VALUE a line")
    return content


def _by_key(content: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by dotted key, where a file holds them in blocks, as a run's config.yaml does.

    The `name` of a block chooses the group's option (`data: {name: folder}` is `data=folder`), its other keys are added
    or replaced.
    """
    groups = config_groups()
    chosen: dict[str, Any] = {}
    leaves: dict[str, Any] = {}

    def put(block: Mapping[str, Any], prefix: str) -> None:
        for key, value in block.items():
            if isinstance(value, Mapping) and value and key not in _WHOLE:
                put(value, f"{prefix}{key}.")
            else:
                leaves[f"++{prefix}{key}"] = value

    for key, value in content.items():
        if key not in groups or not isinstance(value, Mapping):
            leaves[key] = value
            continue
        block = dict(value)
        if block.get("name") in groups[key]:
            chosen[key] = block.pop("name")
        put(block, f"{key}.")
    return chosen | leaves


def _text(value: Any) -> str:
    if hasattr(value, "tolist"):
        # NumPy's numbers and arrays.
        value = value.tolist()
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        # With a space, so that it is YAML too: Hydra takes no quoted keys (`fer.config.grammar`).
        return "{" + ", ".join(f"{_text(key)}: {_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence | Set) and not isinstance(value, str):
        return "[" + ",".join(map(_text, value)) + "]"
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return quoted(text)


def _plain(value: Any) -> Any:
    """A value of Hydra's parser as plain types."""
    from hydra.core.override_parser.types import QuotedString

    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
