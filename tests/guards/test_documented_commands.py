"""Every command of fer-train, -sweep, -occlusion, -study and -bench in the documentation names settings that exist."""

import re
import shlex
from pathlib import Path

import pytest
from support.plugin import install

from fer.config.compose import compose_train
from fer.config.schema import validate

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMAND = re.compile(r"^(?:\$ |uv run )?(fer-(?:train|sweep|occlusion|study|bench)) ([^#`\n|]*[^#`\n| ])", re.MULTILINE)


def commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        found += [(match[1], match[2]) for match in COMMAND.finditer(text)]
    # `...` and variables stand for what the reader puts there; `--from` takes a run of theirs, `-sc` asks for a script.
    own = ("...", "$", "--from", "my_package", "-sc ")
    return [(name, rest) for name, rest in found if not any(sign in rest for sign in own)]


def first_job(words: list[str]) -> list[str]:
    """The overrides of a multirun's first job, those of Hydra and of what is drawn left out."""
    kept = [word for word in words if word != "-m" and not word.startswith("hydra") and "(" not in word]
    return [word.partition(",")[0] for word in kept]


@pytest.fixture(autouse=True)
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pages on parts of one's own name those of the example plugin."""
    monkeypatch.syspath_prepend(str(install(tmp_path)))


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
    elif "-m" in overrides:
        validate(compose_train([*first_job(overrides), "run_dir=unused"]))
    else:
        validate(compose_train([*overrides, "run_dir=unused"]))


def test_there_are_commands_to_check() -> None:
    assert {name for name, _ in commands()} == {"fer-train", "fer-sweep", "fer-occlusion", "fer-study", "fer-bench"}
