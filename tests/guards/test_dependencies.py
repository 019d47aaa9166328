"""Who may import whom, and what starting a command may load."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

MAY_IMPORT = {
    "fer.common": set(),
    "fer.runtime": {"fer.common"},
    "fer.data": {"fer.common"},
    "fer.metrics": {"fer.common"},
    "fer.models": {"fer.common"},
    "fer.explain": {"fer.common", "fer.models"},
    "fer.config": {"fer.common", "fer.data", "fer.models"},
    "fer.callbacks": {"fer.common", "fer.explain", "fer.metrics", "fer.models"},
    "fer.folders": {"fer.common", "fer.config", "fer.data", "fer.metrics", "fer.models"},
    "fer.training": {"fer.common", "fer.callbacks", "fer.config", "fer.data", "fer.folders", "fer.metrics"}
    | {"fer.models", "fer.runtime.model"},
    "fer.export": {"fer.common", "fer.config", "fer.data", "fer.folders", "fer.metrics", "fer.models"}
    | {"fer.runtime"},
    "fer.report": {"fer.common", "fer.config", "fer.data", "fer.explain", "fer.folders", "fer.metrics", "fer.models"}
    # Photographs are read, and priors told, as for fer-predict.
    | {"fer.runtime.largest_face", "fer.runtime.prior"},
    "fer.tracking": {"fer.common", "fer.config.run_paths", "fer.export.export", "fer.folders"},
    # Stories of several trainings.
    "fer.studies": {"fer.common", "fer.config", "fer.data", "fer.folders", "fer.metrics", "fer.models", "fer.report"}
    | {"fer.export.export", "fer.training"},
    "fer.tuning": {"fer.common", "fer.config", "fer.data", "fer.folders", "fer.metrics", "fer.report", "fer.tracking"}
    | {"fer.training"},
    "fer.bench": {"fer.common", "fer.callbacks", "fer.config", "fer.data", "fer.export", "fer.folders", "fer.metrics"}
    | {"fer.models", "fer.runtime.detection.opening", "fer.runtime.images", "fer.runtime.model"}
    | {"fer.runtime.predictor", "fer.runtime.shipped", "fer.training"},
    # The commands as functions: what a person imports.
    "fer.api": {"fer.common", "fer.config", "fer.data", "fer.explain", "fer.export", "fer.folders", "fer.metrics"}
    | {"fer.models", "fer.report", "fer.runtime", "fer.training", "fer.tuning"},
    # The commands as a page: starts them, and asks the Python API in processes of its own.
    "fer.studio": {"fer.common", "fer.api", "fer.config", "fer.data", "fer.folders", "fer.metrics", "fer.models"}
    | {"fer.runtime"}
    # What a sweep and a study are asked, for their form.
    | {"fer.studies.occlusion.settings", "fer.studies.recipes.settings", "fer.tuning"},
    "fer.doctor": {"fer.common", "fer.config", "fer.data.cache", "fer.data.paths", "fer.folders", "fer.models"}
    | {"fer.runtime.detection.opening", "fer.runtime.model", "fer.runtime.shipped"},
}
"""Room -> the rooms, or the doors of rooms, that it may import besides itself."""

ENTRANCE = ("fer", "fer.cli")
"""Stand above all rooms."""

SEALED_TO = ("fer.data", "fer.report")
"""Rooms that may name PrivateTest: those that read a source's files, and the report. The fingerprint of FER-2013 and
the votes in the package hold its labels and votes: the same rooms alone may open them."""

SEALED_MODULES = ("fer.data.fer2013.original", "fer.data.ferplus")


@cache
def modules() -> tuple[tuple[str, ast.Module], ...]:
    return tuple(_parsed())


def _parsed() -> Iterator[tuple[str, ast.Module]]:
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
    homeless = [
        name for name, _ in modules() if name not in ENTRANCE and not any(inside(name, room) for room in MAY_IMPORT)
    ]
    assert homeless == []


def test_rooms_import_only_downwards() -> None:
    wrong = []
    for name, tree in modules():
        room = next((room for room in MAY_IMPORT if inside(name, room)), None)
        if room is None:
            continue
        allowed = MAY_IMPORT[room] | {room}
        wrong += [
            f"{name} imports {target}"
            for target in imports(tree)
            if inside(target, "fer") and not any(inside(target, door) for door in allowed)
        ]
    assert wrong == []


def test_no_files_import_each_other_in_a_circle() -> None:
    """Not inside functions or for types alone either: such a circle does not fail, and hides what belongs elsewhere."""
    files = {name for name, _ in modules()}
    graph = {name: set(_files_named(tree, files)) - {name} for name, tree in modules()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        # The sorter names them from what is imported to what imports it.
        pytest.fail(" imports ".join(reversed(error.args[1])))


def _files_named(tree: ast.Module, files: set[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from files.intersection(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # `from fer.explain import faithfulness` names a file by its room.
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from files.intersection(name if name in files else str(node.module) for name in below)


def test_private_test_is_named_only_where_it_may_be() -> None:
    wrong = [
        name
        for name, tree in modules()
        if not any(inside(name, room) for room in SEALED_TO)
        and any(isinstance(node, ast.Attribute) and node.attr == "PRIVATE" for node in ast.walk(tree))
    ]
    assert wrong == []


def test_labels_and_votes_in_the_package_are_opened_only_where_private_test_may_be_named() -> None:
    wrong = [
        f"{name} imports {target}"
        for name, tree in modules()
        if not any(inside(name, room) for room in SEALED_TO)
        for target in imports(tree)
        if any(inside(target, sealed) for sealed in SEALED_MODULES)
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
        "fer.studio.command",
        "fer.studio.app",
    ],
)
def test_importing_a_door_loads_nothing_heavy(module: str) -> None:
    assert loaded_after(f"import {module}") & HEAVY == set()


@pytest.mark.parametrize(
    "command",
    [
        "train",
        "sweep",
        "report",
        "data",
        "occlusion",
        "study",
        "track",
        "export",
        "predict",
        "serve",
        "bench",
        "studio",
    ],
)
def test_help_loads_nothing_heavy(command: str) -> None:
    code = (
        f"from fer import cli\nsys.argv = ['fer-{command}', '--help']\n"
        f"try: cli.{command}()\nexcept SystemExit as end: assert not end.code, end.code"
    )
    assert loaded_after(code) & HEAVY == set()
