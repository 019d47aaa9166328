"""The reference page of the commands: what each prints for --help."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]


def page() -> str:
    """The page as Markdown."""
    parts = ["# Commands\n\nThis page shows what every command prints for `--help`.\n"]
    for name, text in helps():
        level = "##" if " " not in name else "###"
        parts.append(f"{level} {name}\n\n```text\n{text.rstrip()}\n```\n")
    return "\n".join(parts)


@cache
def helps() -> tuple[tuple[str, str], ...]:
    """Each command and subcommand that pyproject.toml installs, with its help."""
    return tuple(_helps())


def _helps() -> Iterator[tuple[str, str]]:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    for name, target in sorted(scripts.items()):
        text = _help(target, name)
        yield name, text
        listed = text.partition("  COMMAND\n")[2].partition("\noptions:")[0]
        for subcommand in re.findall(r"^ {4}([a-z]+)(?: |$)", listed, re.MULTILINE):
            yield f"{name} {subcommand}", _help(target, name, subcommand)


def _help(target: str, *words: str) -> str:
    module, _, function = target.partition(":")
    code = f"import sys; from {module} import {function}; sys.argv[:] = {[*words, '--help']!r}; {function}()"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "100"},
    )
    return ended.stdout
