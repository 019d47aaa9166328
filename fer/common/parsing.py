"""JSON and YAML that anybody may have written: one kind of error, in a line, whatever is wrong with them."""

import json
from functools import cache
from typing import Any, Final

MAX_VALUES: Final = 200_000
"""Values a YAML document may hold when its aliases are written out; a run's configuration holds some hundred. Ten lines
of aliases to aliases stand for billions."""


def parse_json(text: str) -> Any:
    """The value of a JSON document.

    Raises:
        ValueError: it is none, nested too deep, or holds a number of thousands of digits; the message is one line.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def parse_yaml(text: str) -> Any:
    """The plain value of a YAML document; nothing in it can run.

    Keys are names, so they are the text that stands there: YAML would make `no` False, `1` a number and `null` nothing.

    Raises:
        ValueError: it is none, or stands for more than `MAX_VALUES` values or for itself; the message is one line.
    """
    import yaml

    try:
        content = yaml.load(text, Loader=_loader())  # noqa: S506 - a safe loader
    # Besides its own errors, PyYAML lets those through that int, datetime and the like raise on a value they refuse.
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        raise ValueError(" ".join(str(error).split())[:300] or type(error).__name__) from error
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    _check_extent(content)
    return content


@cache
def _loader() -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            if isinstance(node, yaml.MappingNode):
                self.flatten_mapping(node)
                for key, _ in node.value:
                    if isinstance(key, yaml.ScalarNode):
                        key.tag = "tag:yaml.org,2002:str"
            return super().construct_mapping(node, deep)

    return Loader


def _check_extent(content: Any) -> None:
    pending, seen = [(content, 0)], 0
    while pending:
        value, depth = pending.pop()
        seen += 1
        if seen > MAX_VALUES or depth > 50:
            raise ValueError(f"it stands for more than {MAX_VALUES:,} values, or is nested too deep")
        if isinstance(value, dict):
            pending.extend((item, depth + 1) for item in value.values())
        elif isinstance(value, list | tuple | set):
            pending.extend((item, depth + 1) for item in value)
