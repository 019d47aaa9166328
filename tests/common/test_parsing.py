"""YAML that people write: names stay names."""

import pytest

from fer.common.parsing import parse_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{no: drop, yes: sad}", {"no": "drop", "yes": "sad"}),
        ("{1: drop, 2.50: happy, null: sad, ~: drop}", {"1": "drop", "2.50": "happy", "null": "sad", "~": "drop"}),
        ("a:\n  off: angry\n  2024-01-01: sad", {"a": {"off": "angry", "2024-01-01": "sad"}}),
        ("base: &a {x: 1}\nmore:\n  <<: *a\n  y: no", {"base": {"x": 1}, "more": {"x": 1, "y": False}}),
        ("[no, 1, null]", [False, 1, None]),
    ],
)
def test_keys_are_the_text_that_stands_there(text: str, value: object) -> None:
    assert parse_yaml(text) == value
