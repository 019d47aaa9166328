"""What a person calls a data set on the command line -> the configuration a training would open it with."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from fer.common.errors import ConfigError, DataError, nearest
from fer.common.parsing import parse_yaml
from fer.common.paths import expanded
from fer.common.section import complaint

if TYPE_CHECKING:
    from fer.data.sources import DataConfig

SOURCES: Final = ("fer2013", "synthetic", "folder", "affectnet", "ckplus", "rafdb", "merged")
"""Every source by name; `--source` takes those that read a path."""


def data_configuration(dataset: str, *, source: str, settings: Sequence[str]) -> "DataConfig":
    """The configuration of a data set, equal to that of a training, so that both meet in the cache.

    Args:
        dataset: a path, or the name of a source (its data then lie where `data.root=null` looks).
        source: what a path holds; one of `SOURCES`.
        settings: `KEY=VALUE`, the source's own keys, values as YAML.

    Raises:
        DataError: neither a path that exists nor a name.
        ConfigError: a key the source does not know, or a value it refuses.
    """
    path = expanded(dataset)
    tree: dict[str, Any] = _parse(settings)
    if dataset in SOURCES:
        tree |= {"name": dataset}
    elif path.exists():
        tree |= {"name": source, "root": str(path)}
    else:
        raise DataError(
            f"{dataset!r} is neither a path that exists nor the name of a data set ({', '.join(SOURCES)}): give the "
            "path of the zip, folder, CSV or parquet files, or download it with `fer-data fetch fer2013`"
        )
    return validated(tree, prefix="--set ")


def validated(tree: dict[str, Any], *, prefix: str) -> "DataConfig":
    """The configuration of a plain `data` section.

    Args:
        tree: its keys and values; `name` says the source.
        prefix: stands before the key in messages.

    Raises:
        ConfigError: naming the key, its value and what is allowed.
    """
    from pydantic import TypeAdapter, ValidationError

    from fer.data.sources import AnyDataConfig, DataConfig

    try:
        config: DataConfig = TypeAdapter(AnyDataConfig).validate_python(tree)
    except ValidationError as error:
        raise ConfigError(_complaint(error.errors()[0], tree, prefix=prefix)) from error
    return config


def _complaint(error: Mapping[str, Any], tree: Mapping[str, Any], *, prefix: str) -> str:
    """pydantic's first complaint in a line: key, value, what is allowed."""
    # A source's own name stands in the place of a complaint where a union is; it is no key.
    owner = next((part for part in reversed(error["loc"]) if part in SOURCES), str(tree.get("name")))
    keys = [str(part) for part in error["loc"] if part not in SOURCES]
    key = prefix + ".".join(keys)
    if error["type"] == "union_tag_not_found":
        return f"{prefix}{'.'.join([*keys, 'name'])} is missing: say which source, one of {', '.join(SOURCES)}"
    if error["type"] == "union_tag_invalid":
        name = str(error["ctx"]["tag"])
        return (
            f"{prefix}{'.'.join([*keys, 'name'])}={name}: there is no such source{nearest(name, SOURCES)}; choose one "
            f"of {error['ctx']['expected_tags']}"
        )
    if error["type"] == "extra_forbidden":
        fields = _fields_of(owner)
        return f"{key}: {owner} has no such key{nearest(keys[-1], fields)}; it has {', '.join(fields)}"
    message = complaint(error)
    if not keys:
        return f"{prefix}{message}"
    value = error.get("input")
    return f"{key}: {message}" if isinstance(value, dict | list) else f"{key}={value!r}: {message}"


def _fields_of(name: str) -> list[str]:
    """The keys of a source's configuration."""
    from typing import get_args

    from fer.data.sources import AnyDataConfig

    union = get_args(AnyDataConfig)[0]
    return next(
        list(config.model_fields)
        for config in get_args(union)
        if get_args(config.model_fields["name"].annotation) == (name,)
    )


def _parse(settings: Sequence[str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise ConfigError(f"--set {setting!r} is no KEY=VALUE, as in --set contempt=drop")
        try:
            tree[key.removeprefix("data.")] = parse_yaml(value)
        except ValueError as error:
            raise ConfigError(f"--set {setting}: the value is no YAML ({error})") from error
    return tree
