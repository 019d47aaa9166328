"""Who may import whom, and what starting a command may load."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

GROUND = {
    "fer.errors",
    "fer.section",
    "fer.storage",
    "fer.files",
    "fer.labels",
    "fer.interrupt",
    "fer.conf_files",
    "fer.seeding",
    "fer.environment",
    "fer.options_parser",
    "fer.opencv_log",
    "fer.parsing",
    "fer.wording",
}
MAY_IMPORT = {
    "fer.errors": set(),
    "fer.section": {"fer.errors"},
    "fer.storage": {"fer.errors", "fer.wording"},
    "fer.files": {"fer.errors", "fer.parsing", "fer.storage"},
    "fer.options_parser": set(),
    "fer.opencv_log": set(),
    "fer.parsing": set(),
    "fer.interrupt": set(),
    "fer.wording": set(),
    "fer.conf_files": set(),
    "fer.seeding": set(),
    "fer.environment": set(),
    "fer.distillation": GROUND
    | {"fer.checkpoint", "fer.data.resampling_blur", "fer.data.views", "fer.folders"}
    | {"fer.models.loss_config", "fer.preprocess", "fer.runtime.model"},
    "fer.redaction": set(),
    "fer.debug_console": set(),
    "fer.processes": {"fer.errors"},
    "fer.labels": {"fer.errors"},
    "fer.preprocess": GROUND,
    "fer.data": GROUND | {"fer.runtime.image_header"},
    "fer.models": GROUND | {"fer.preprocess"},
    "fer.metrics": GROUND,
    "fer.explain": GROUND | {"fer.models"},
    "fer.checkpoint_files": GROUND,
    "fer.foreign_checkpoint": GROUND,
    "fer.checkpoint": GROUND | {"fer.accelerator", "fer.foreign_checkpoint", "fer.preprocess", "fer.models.registry"},
    "fer.folders": GROUND | {"fer.accelerator", "fer.checkpoint", "fer.data", "fer.redaction"},
    "fer.accelerator": GROUND,
    "fer.config": GROUND | {"fer.data", "fer.models", "fer.processes", "fer.folders", "fer.nodes"},
    "fer.nodes": GROUND,
    "fer.saved_config": GROUND | {"fer.config"},
    "fer.resume": GROUND | {"fer.checkpoint", "fer.config", "fer.folders", "fer.saved_config"},
    "fer.repeat": GROUND | {"fer.config", "fer.overrides", "fer.folders", "fer.saved_config"},
    "fer.callbacks": GROUND | {"fer.metrics", "fer.explain", "fer.models"},
    "fer.trainer": GROUND
    | {"fer.callbacks", "fer.checkpoint_files", "fer.config", "fer.models", "fer.processes", "fer.folders"}
    | {"fer.nodes"},
    "fer.training": None,  # the story: imports every room below it
    "fer.objectives": GROUND,
    "fer.overrides": GROUND,
    "fer.tuning": None,  # a story of many trainings, each told by fer.training in a process of its own
    "fer.occlusion_study": None,  # a story of several trainings, told by fer.training, and their report
    "fer.report": GROUND
    | {"fer.metrics", "fer.explain", "fer.checkpoint", "fer.config", "fer.data", "fer.models", "fer.folders"}
    | {"fer.accelerator", "fer.objectives", "fer.saved_config"},
    "fer.tracking": GROUND | {"fer.folders", "fer.export.export"},
    "fer.runtime": GROUND,
    "fer.export": GROUND
    | {"fer.checkpoint", "fer.data", "fer.metrics", "fer.preprocess", "fer.saved_config"}
    | {"fer.folders", "fer.runtime.facts", "fer.runtime.statistics"},
    "fer.label_check": GROUND | {"fer.data.sources", "fer.folders", "fer.metrics", "fer.config"},
    "fer.bench": GROUND
    | {"fer.accelerator", "fer.callbacks", "fer.checkpoint", "fer.config", "fer.data", "fer.export", "fer.folders"}
    | {"fer.metrics", "fer.models", "fer.overrides", "fer.preprocess", "fer.runtime.model", "fer.trainer"}
    | {"fer.processes", "fer.training"},
    "fer.doctor": GROUND
    | {"fer.accelerator", "fer.checkpoint", "fer.config", "fer.data.cache", "fer.data.paths", "fer.folders"}
    | {"fer.processes", "fer.redaction", "fer.runtime.detection.haar", "fer.runtime.model", "fer.saved_config"},
    "fer.cli": None,
}
SEALED_TO = ("fer.data", "fer.report")
"""Rooms that may name PrivateTest: those that read a source's files, and the report."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((ROOT / "fer").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield name, ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            yield node.module


def inside(module: str, room: str) -> bool:
    return module == room or module.startswith(room + ".")


def test_every_module_has_a_room() -> None:
    homeless = [name for name, _ in modules() if name != "fer" and not any(inside(name, room) for room in MAY_IMPORT)]
    assert homeless == []


def test_rooms_import_only_downwards() -> None:
    wrong = []
    for name, tree in modules():
        room = next((room for room in MAY_IMPORT if inside(name, room)), None)
        if room is None or MAY_IMPORT[room] is None:
            continue
        allowed = MAY_IMPORT[room] | {room}
        wrong += [
            f"{name} imports {target}"
            for target in imports(tree)
            if inside(target, "fer") and not any(inside(target, door) for door in allowed)
        ]
    assert wrong == []


def test_private_test_is_named_only_where_it_may_be() -> None:
    wrong = [
        name
        for name, tree in modules()
        if not any(inside(name, room) for room in SEALED_TO)
        and any(isinstance(node, ast.Attribute) and node.attr == "PRIVATE" for node in ast.walk(tree))
    ]
    assert wrong == []


TRAINING_STACK = {"torch", "pytorch_lightning", "torchvision", "timm", "hydra", "omegaconf", "pandas", "matplotlib"}


def test_the_runtime_names_no_training_stack() -> None:
    """Not even inside a function: what is deployed is installed without it."""
    wrong = [
        f"{name} imports {target}"
        for name, tree in modules()
        if inside(name, "fer.runtime")
        for target in imports(tree)
        if target.partition(".")[0] in TRAINING_STACK | {"onnx", "scipy", "sklearn"}
    ]
    assert wrong == []


def loaded_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


HEAVY = {"torch", "pytorch_lightning", "torchvision", "timm", "hydra", "omegaconf", "sklearn", "matplotlib", "pandas"}


@pytest.mark.parametrize(
    "module",
    [
        "fer",
        "fer.cli",
        "fer.data",
        "fer.models",
        "fer.callbacks",
        "fer.report",
        "fer.tracking",
        "fer.export",
        "fer.runtime",
        "fer.bench",
        "fer.doctor.command",
    ],
)
def test_importing_a_door_loads_nothing_heavy(module: str) -> None:
    assert loaded_after(f"import {module}") & HEAVY == set()


@pytest.mark.parametrize(
    "command", ["train", "sweep", "report", "data", "occlusion", "track", "export", "predict", "serve", "bench"]
)
def test_help_loads_nothing_heavy(command: str) -> None:
    code = (
        f"from fer import cli\nsys.argv = ['fer-{command}', '--help']\n"
        f"try: cli.{command}()\nexcept SystemExit as end: assert not end.code, end.code"
    )
    assert loaded_after(code) & HEAVY == set()
