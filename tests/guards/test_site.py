"""The site shows every command and every setting, and its pages can be found."""

import importlib
import re
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from fer.config.conf_files import conf_dir, config_groups
from fer.config.plain_tree import all_keys

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.fixture(autouse=True)
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))


def generator(name: str) -> ModuleType:
    return sys.modules.get(name) or importlib.import_module(name)


@cache
def configuration() -> Mapping[str, str]:
    """The pages of the settings, by name."""
    pages: Mapping[str, str] = generator("reference_configuration").pages()
    return pages


def site() -> dict[str, object]:
    loaded = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def in_navigation(node: object, clicks: int = 0) -> list[tuple[str, int]]:
    """Every page below a node, and how many clicks lead to it."""
    if isinstance(node, str):
        return [(node, clicks)]
    if isinstance(node, dict):
        return [page for each in node.values() for page in in_navigation(each, clicks)]
    assert isinstance(node, list)
    return [page for each in node for page in in_navigation(each, clicks + 1)]


def test_every_command_is_on_the_page() -> None:
    commands = generator("reference_commands")
    shown = dict(commands.helps())
    assert {"fer-train", "fer-data", "fer-data audit", "fer-data suspects", "fer-serve"} <= set(shown)
    page = commands.page()
    for name, text in shown.items():
        assert f" {name}\n" in page
        assert name.partition(" ")[0] in text


def test_every_group_option_and_key_of_a_training_is_on_the_page() -> None:
    page = configuration()["train"]
    for group, options in config_groups().items():
        assert f"\n## {group}\n" in page
        for option in options:
            assert f"`{group}={option}`" in page
    # Of callbacks and loggers the files stand there as they are.
    for key in all_keys():
        assert f"| `{key}` |" in page or re.search(
            rf"^ +{re.escape(key.rpartition('.')[2])}:|^## {key}$", page, re.M
        ), key


@pytest.mark.parametrize(
    ("page", "file", "section"),
    [
        ("report", "evaluation/report/default.yaml", None),
        ("sweep", "sweep.yaml", None),
        ("occlusion", "occlusion.yaml", None),
        ("study", "study.yaml", "study"),
        ("bench", "bench.yaml", "bench"),
    ],
)
def test_every_key_of_the_other_commands_is_on_their_page(page: str, file: str, section: str | None) -> None:
    text = configuration()[page]
    tree = yaml.safe_load((conf_dir() / file).read_text(encoding="utf-8"))
    keys = [key for key in (tree if section is None else tree[section]) if key not in ("defaults", "hydra")]
    for key in keys:
        assert re.search(rf"^\| `((bench|study)\.)?{key}[`.]", text, re.MULTILINE), key


def test_every_key_of_the_schema_has_a_meaning() -> None:
    for text in configuration().values():
        assert re.findall(r"^\| `([^`]+)` \|.*\|  \|$", text, re.MULTILINE) == []


def test_every_page_is_in_the_navigation_at_most_three_clicks_away() -> None:
    pages = in_navigation(site()["nav"])
    written = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    assert written <= {page for page, _ in pages}
    assert len(pages) == len(dict(pages))
    assert max(clicks for _, clicks in pages) <= 3


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_opens_with_what_it_is_for(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").split("\n\n")
    assert lines[0].startswith("# ")
    assert "\n#" not in lines[0]
    assert re.match(r"[A-Z`]", lines[1]), "a heading is followed by a sentence"


def test_a_page_that_code_names_is_there() -> None:
    for folder in ("fer", "conf", "scripts", "tests"):
        for path in [*(ROOT / folder).rglob("*.py"), *(ROOT / folder).rglob("*.yaml")]:
            for name in re.findall(r"\bdocs/[\w/-]+\.md", path.read_text(encoding="utf-8")):
                assert (ROOT / name).is_file(), f"{path} names {name}"


def test_the_site_asks_nothing_of_the_network() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert site()["theme"]["font"] is False  # type: ignore[index]
    assert "http://" not in text
    assert "https://" not in text
