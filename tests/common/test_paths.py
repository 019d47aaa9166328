"""Home folders in paths, by the rule of shells."""

import ast
from pathlib import Path

import pytest

from fer.common.cache_folder import default_cache_dir
from fer.common.errors import ConfigError
from fer.common.paths import expanded
from fer.data.paths import data_home

ROOT = Path(__file__).parents[2]


def test_home_folders_are_put_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert expanded("~/runs/a") == Path("/home/ada/runs/a")
    assert expanded(Path("~")) == Path("/home/ada")
    assert expanded("runs/~a") == Path("runs/~a")


def test_of_nobody_there_is_no_home() -> None:
    """`echo ~nobody-of-this-name/a` prints it as it is."""
    assert expanded("~nobody-of-this-name/a") == Path("~nobody-of-this-name/a")


def test_variables_that_are_set_to_nothing_are_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    # XDG Base Directory Specification: "either not set or empty".
    monkeypatch.setenv("HOME", "/home/ada")
    for name in ("FER_DATA", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, "")
    assert data_home() == Path("/home/ada/.local/share/fer")
    monkeypatch.setenv("XDG_DATA_HOME", "/srv/share")
    assert data_home() == Path("/srv/share/fer")
    monkeypatch.setenv("FER_DATA", "~/faces")
    assert data_home() == Path("/home/ada/faces")


def test_without_a_home_no_folder_is_called_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("FER_DATA", "FER_CACHE", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="set FER_CACHE"):
        default_cache_dir()
    with pytest.raises(ConfigError, match="set FER_DATA"):
        data_home()


@pytest.mark.parametrize("empty", ["FER_DATA", "FER_CACHE", "XDG_DATA_HOME", "XDG_CACHE_HOME"])
def test_an_empty_variable_is_as_none(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the XDG Base Directory Specification has it, and as Compose files and CI pass on what nobody set."""
    for name in ("FER_DATA", "FER_CACHE", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    before = data_home(), default_cache_dir()
    monkeypatch.setenv(empty, "")
    assert (data_home(), default_cache_dir()) == before


def test_every_path_is_expanded_by_that_rule() -> None:
    others = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "fer").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and (node.attr == "expanduser" or ast.unparse(node) == "Path.home")
    ]
    assert others == ["fer/common/paths.py"]
