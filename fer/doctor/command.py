"""`fer-data doctor`: what a bug report needs, and whether this installation works."""

import argparse
import dataclasses
import json
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from fer.common.options_parser import OptionsParser
from fer.common.paths import expanded
from fer.common.redaction import Redaction, without_names
from fer.common.wording import printable_path
from fer.doctor.finding import Finding, Section, examined

_WIDTH: Final = 118
_NAMES: Final = (16, 28)
"""Columns of the findings' names: at least, and at most."""

_HELP: Final = """\
Prints what a bug report needs, and says of everything whether it is all right: versions, processor, memory,
accelerators, environment, places, packed data, the shipped model; with RUN also that run's state, files and last log.
Home folder, user name, passwords and tokens are left out, so that the text can be published.
Exit status: 0 without problems (notes are none), 1 with problems, 2 where RUN is no run folder.
"""


def main(argv: Sequence[str]) -> int:
    """Runs the command; 1 where it found a problem.

    Raises:
        ConfigError: RUN is no run folder.
        SystemExit: help was asked for (0), or the arguments make no sense (2).
    """
    arguments = _parser().parse_args(argv)
    sections = examine(arguments.run)
    found = [finding.status for section in sections for finding in section.findings]
    problems, notes = found.count("problem"), found.count("note")
    if arguments.json:
        answer = {"problems": problems, "notes": notes, "sections": [asdict(section) for section in sections]}
        print(json.dumps(answer, indent=2))
    else:
        print("\n\n".join("\n".join(_section_lines(section)) for section in sections))
        print(f"\n{_count(problems, 'problem')}, {_count(notes, 'note')}.")
    return 1 if problems else 0


def examine(run: Path | None = None) -> tuple[Section, ...]:
    """Everything there is to know, without names of people and without secrets.

    Args:
        run: a run folder, to be examined too.

    Raises:
        ConfigError: `run` is none.
    """
    from fer.doctor import deployed, machine, places, software, variables
    from fer.doctor import run as run_room

    folder = None if run is None else run_room.run_folder(expanded(run))
    sections = [
        examined("software", software.examine),
        examined("machine", machine.examine),
        examined("environment", variables.examine),
        examined("places", places.examine),
        examined("predicting", deployed.examine),
    ]
    if folder is not None:
        sections.append(examined("run", lambda: run_room.examine(folder)))
    redact = Redaction()
    # A terminal obeys control characters, which files of others may hold.
    return tuple(_published(section, lambda text: printable_path(without_names(redact(text)))) for section in sections)


def _published(section: Section, clean: Callable[[str], str]) -> Section:
    def cleaned(finding: Finding) -> Finding:
        texts: dict[str, Any] = {name: clean(getattr(finding, name)) for name in ("name", "text", "fix")}
        return dataclasses.replace(finding, **texts, more=tuple(map(clean, finding.more)))

    return Section(section.title, tuple(map(cleaned, section.findings)))


def _section_lines(section: Section) -> Iterator[str]:
    longest = max((len(finding.name) for finding in section.findings), default=0)
    column = min(max(longest + 1, _NAMES[0]), _NAMES[1])
    yield section.title
    for finding in section.findings:
        mark = "" if finding.status == "ok" else f"{finding.status.upper()}: "
        told = _wrapped(f"{mark}{finding.text}", column) + (
            _wrapped(f"-> {finding.fix}", column) if finding.fix else []
        )
        name = finding.name if len(finding.name) < column else f"{finding.name} "
        yield f"  {name:{column}}{told[0]}"
        yield from (" " * (2 + column) + line for line in told[1:])
        yield from (f"    {line}" for line in finding.more)


def _wrapped(text: str, column: int) -> list[str]:
    return textwrap.wrap(text, _WIDTH - 2 - column, break_long_words=False, break_on_hyphens=False) or [""]


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def _parser() -> argparse.ArgumentParser:
    parser = OptionsParser(
        prog="fer-data doctor", description=_HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", nargs="?", type=Path, metavar="RUN", help="a run folder to examine too")
    parser.add_argument("--json", action="store_true", help="answer with one JSON document")
    return parser
