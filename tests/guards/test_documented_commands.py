"""Every command in the documentation names settings, options and scripts that exist."""

import argparse
import importlib
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from support.plugin import install

from fer.common.options_parser import OptionsParser
from fer.config.compose import compose_train
from fer.config.schema import validate

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
SETTINGS = ("train", "sweep", "occlusion", "study", "bench", "report")
OPTIONS = {
    "fer-data": "fer.data.commands",
    "fer-data doctor": "fer.doctor.command",
    "fer-data suspects": "fer.studies.label_check.command",
    "fer-export": "fer.export.command",
    "fer-predict": "fer.runtime.predict.command",
    "fer-serve": "fer.runtime.web.command",
    "fer-studio": "fer.studio.command",
    "fer-track": "fer.tracking.command",
}
"""Commands that take ordinary options, and whose `main` reads them."""


def texts() -> Iterator[str]:
    """The pages, with the lines of one command joined."""
    for page in PAGES:
        yield page.read_text(encoding="utf-8").replace("\\\n", " ")


def found(names: str) -> Iterator[tuple[str, str]]:
    """Commands by themselves on a line, and those within a sentence: name and arguments."""
    alone = re.compile(rf"^(?:\$ |uv run |.*\| )?(fer-(?:{names}))(?: ([^#`\n|>]*[^#`\n|> ]))?", re.MULTILINE)
    within = re.compile(rf"`(?:uv run )?(fer-(?:{names})) ([^`]+)`")
    for text in texts():
        blocks = "\n".join(re.findall(r"^```.*?\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
        yield from ((match[1], match[2] or "") for match in alone.finditer(blocks))
        yield from ((match[1], " ".join(match[2].split())) for match in within.finditer(text))


def commands() -> list[tuple[str, str]]:
    # `...`, `<...>`, `=N` and variables stand for what the reader puts there; `--from` takes a run of theirs, `-sc`
    # asks for a script, `KEY=` alone names a key; `fer-train / bare loop` is a ratio.
    own = ("...", "$", "<", "=N", "FOLD", "--", "my_package", "mine.", "-sc ", "/ ")
    told = found("|".join(SETTINGS))
    return [
        (name, rest) for name, rest in told if rest and not any(sign in rest for sign in own) and not rest.endswith("=")
    ]


def first_job(words: list[str]) -> list[str]:
    """The overrides of a multirun's first job, those of Hydra and of what is drawn left out."""
    kept = [word for word in words if word != "-m" and not word.startswith("hydra") and "(" not in word]
    return [word.partition(",")[0] for word in kept]


@pytest.fixture(scope="module", autouse=True)
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The pages on parts of one's own name those of the example plugin."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(install(tmp_path_factory.mktemp("packages"))))
        yield


@pytest.mark.parametrize(("name", "arguments"), sorted(set(commands())))
def test_a_documented_command_names_settings_that_exist(name: str, arguments: str) -> None:
    # A file of the reader's own cannot be read here.
    overrides = [word for word in shlex.split(arguments) if not word.startswith("@")]
    if name == "fer-sweep":
        from fer.tuning.settings import compose_sweep

        compose_sweep(overrides)
    elif name == "fer-occlusion":
        compose_train([*overrides, "run_dir=unused"], config_name="occlusion")
    elif name == "fer-study":
        from fer.studies.recipes.settings import compose_study

        compose_study(overrides)
    elif name == "fer-bench":
        from fer.bench.settings import compose_bench

        # A run folder of the reader's own.
        compose_bench([word for word in overrides if not word.startswith("bench.run=")], run_dir=Path("unused"))
    elif name == "fer-report":
        from fer.report.command import compose

        if not overrides[0].startswith("study="):
            compose([*overrides, *([] if "run=" in arguments else ["run=unused"])])
    elif "-m" in overrides:
        validate(compose_train([*first_job(overrides), "run_dir=unused"]))
    else:
        validate(compose_train([*overrides, "run_dir=unused"]))


def test_there_are_commands_to_check() -> None:
    assert {name for name, _ in commands()} == {f"fer-{name}" for name in SETTINGS}
    assert {name for name, _ in found("data|export|predict|serve|studio|track")} == {
        name for name in OPTIONS if " " not in name
    }


class Asked(Exception):
    """Raised in place of reading the command line."""


@cache
def parser_of(command: str) -> argparse.ArgumentParser:
    """What reads a command's options, caught as its `main` is about to."""
    caught: list[argparse.ArgumentParser] = []

    def parse_args(self: argparse.ArgumentParser, *_: object) -> None:
        caught.append(self)
        raise Asked

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OptionsParser, "parse_args", parse_args, raising=False)
        with pytest.raises(Asked):
            importlib.import_module(OPTIONS[command]).main(["x"])
    return caught[0]


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    """Every option of a parser and of its subcommands."""
    told = set(parser._option_string_actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            told |= {option for each in action.choices.values() for option in options_of(each)}
    return told


def test_a_documented_command_has_options_that_exist() -> None:
    for name, arguments in sorted(set(found("data|export|predict|serve|studio|track"))):
        words = shlex.split(arguments.replace("\\|", "|"))
        if words and f"{name} {words[0]}" in OPTIONS:
            name, words = f"{name} {words[0]}", words[1:]
        named = {word.partition("=")[0].strip("[]") for word in words if word.lstrip("[").startswith("--")}
        assert named <= options_of(parser_of(name)), f"{name} {arguments}"


def test_an_option_that_a_page_names_alone_is_one_of_a_command() -> None:
    every = set().union(*(options_of(parser_of(command)) for command in OPTIONS))
    # Of fer-train, and of a script that the sentence before names.
    every |= {"--from", "--help", "--seconds"}
    for page, text in zip(PAGES, texts(), strict=True):
        for option in re.findall(r"`(--[a-z][a-z0-9-]*)", text):
            assert option in every, f"{page.name} names {option}"


def test_a_script_that_a_page_runs_is_there_with_its_options() -> None:
    runs = [match for text in texts() for match in re.finditer(r"python (scripts/\w+\.py)([^`#]*?)(?:`|\n\n|$)", text)]
    assert len(runs) > 20
    for script, arguments in ((run[1], run[2]) for run in runs):
        source = (ROOT / script).read_text(encoding="utf-8")
        for option in re.findall(r"--[a-z][a-z-]*", arguments):
            assert f'"{option}"' in source, f"{script} {arguments}"
