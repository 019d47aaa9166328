"""Home folders in paths, by the rule of shells."""

import ast
from pathlib import Path

import pytest

from fer.common.paths import expanded

ROOT = Path(__file__).parents[2]


def test_home_folders_are_put_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert expanded("~/runs/a") == Path("/home/ada/runs/a")
    assert expanded(Path("~")) == Path("/home/ada")
    assert expanded("runs/~a") == Path("runs/~a")


def test_of_nobody_there_is_no_home() -> None:
    """`echo ~nobody-of-this-name/a` prints it as it is."""
    assert expanded("~nobody-of-this-name/a") == Path("~nobody-of-this-name/a")


def test_every_path_is_expanded_by_that_rule() -> None:
    others = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "fer").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "expanduser"
    ]
    assert others == ["fer/common/paths.py"]
