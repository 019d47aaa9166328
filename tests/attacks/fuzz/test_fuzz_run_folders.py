"""Damaged files of run folders, into whatever reads one: the report, fer-track, the doctor and fer-train --from."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from attacks.fuzz.battery import COUNTS, attack
from attacks.fuzz.mutations import Random, mutated
from support.fake_runs import fake_run

from fer.common.errors import ConfigError, DataError
from fer.common.parsing import parse_yaml
from fer.config.compose import compose_train
from fer.config.overrides import with_files
from fer.doctor.run import examine, run_folder
from fer.folders.record import read_runs
from fer.report.cost.costs import training_of
from fer.tracking.content import read_run as read_for_tracking
from fer.tracking.record import read_record
from fer.training.reproduce import reproduced

TOKENS = (
    *(b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"9" * 5000, b"[" * 20_000, b"{", b"}", b'"', b": ", b"- "),
    *(
        b"&a [*a]",
        b"!!python/object/apply:os.system [id]",
        b"!!int ''",
        b"!!timestamp x",
        b"2001-99-99",
        b"${oc.env:HOME}",
    ),
    *("\u2028".encode(), b"\x00", b"\xff", b"'", b"[]", b"{}", b"../../x", b"? [a]", b"!!set {a}", b"<<: 5", b"\n"),
)
VALUES = (None, True, 0, -1, 2**70, 1.5, float("nan"), "", "x", [], {}, [1], {"a": 1}, "${oc.env:HOME}", "2001-99-99")
FILES = ("config.yaml", "manifest.json", "metrics.json", "metrics.jsonl", "tracking.json", "log.jsonl", "best.yaml")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with every file it may hold, its weights apart."""
    path = tmp_path_factory.mktemp("fuzz") / "run"
    tree = compose_train(["data=synthetic", f"run_dir={path}"])
    manifest = {
        **{"versions": {"python": "3.11.7"}, "git_revision": "d13b", "machine": {"cpus": 2}, "status": "finished"},
        **{"started": "2026-01-02T03:04:05+0000", "seed": 0, "resumed_from": None, "wall_seconds": 4.5},
        "device": {"accelerator": "cpu", "name": "CPU", "precision": "32-true", "threads": 1, "processes": 1},
        "data": {
            "source": "faces",
            "fingerprint": "0" * 16,
            "split_sizes": {"Training": 2},
            "class_counts": {"sad": 2},
        },
        "energy": {"kwh": 0.1, "co2_kg": 0.05, "country": "DEU", "kg_per_kwh": 0.4, "method": "measured"},
    }
    fake_run(path, manifest=manifest)
    (path / "config.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    place = {
        "uri": "sqlite:///a.db",
        "experiment": "fer",
        "run_id": "a",
        "epochs": 1,
        "times": [1],
        "hashes": {"a": "b"},
    }
    (path / "tracking.json").write_text(json.dumps({"schema": 1, "key": "a" * 32, "places": [place]}))
    log = {"time": "2026-01-02T03:04:05Z", "level": "INFO", "logger": "fer", "message": "started"}
    (path / "log.jsonl").write_text(json.dumps(log) + "\n")
    (path / "best.yaml").write_text("model: skipcnn\noptimizer.lr: 0.1\n")
    return path


def report(path: Path) -> None:
    """What a report does with it before the model is asked."""
    (record,) = read_runs([path])
    assert record.model
    assert isinstance(record.protocol + record.visible, str)
    assert record.seed is not None
    assert training_of(record).epochs == len(record.epochs)


def track(path: Path) -> None:
    read_for_tracking(path)
    read_record(path)


def doctor(path: Path) -> None:
    assert all(finding.text is not None for finding in examine(run_folder(path)))
    # The doctor examines what the others refuse, and says what is wrong.
    report(path)


def again(path: Path) -> None:
    reproduced(path, [])


def settings(path: Path) -> None:
    with_files([f"@{path / 'best.yaml'}"])


def damage(file: Path, rng: Random) -> None:
    """A file's bytes damaged, or a value in it replaced."""
    content = file.read_bytes()
    if rng.random() < 0.6:
        file.write_bytes(mutated(content, rng, tokens=TOKENS))
        return
    as_yaml = file.suffix == ".yaml"
    lines = [content] if file.suffix != ".jsonl" else content.splitlines()
    which = int(rng.integers(len(lines)))
    tree: Any = yaml.safe_load(lines[which]) if as_yaml else json.loads(lines[which])
    node = tree
    while True:
        keys = list(node) if isinstance(node, dict) else range(len(node))
        key = keys[int(rng.integers(len(keys)))]
        if isinstance(node[key], dict | list) and node[key] and rng.random() < 0.8:
            node = node[key]
            continue
        node[key] = VALUES[int(rng.integers(len(VALUES)))]
        break
    lines[which] = (yaml.safe_dump(tree) if as_yaml else json.dumps(tree)).encode()
    file.write_bytes(b"\n".join(lines) + b"\n")


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("use", [report, track, settings], ids=lambda use: use.__name__)
def test_damaged_run_folders(use: Callable[[Path], None], count: int, run: Path, tmp_path: Path) -> None:
    attack_folders(use, count=count, run=run, tmp_path=tmp_path)


SLOWER = [pytest.param(8, id="short"), COUNTS[1]]
"""Both validate a whole configuration, with Lightning's own."""


@pytest.mark.parametrize("count", SLOWER)
@pytest.mark.parametrize("use", [doctor, again], ids=lambda use: use.__name__)
def test_damaged_run_folders_and_their_configuration(
    use: Callable[[Path], None], count: int, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    use_whole(use, run)
    attack_folders(use, count=count, run=run, tmp_path=tmp_path)


def use_whole(use: Callable[[Path], None], run: Path) -> None:
    """Imports what it needs, outside of what is measured."""
    use(run)


def attack_folders(use: Callable[[Path], None], *, count: int, run: Path, tmp_path: Path) -> None:
    path = tmp_path / "run"

    def make(rng: Random) -> Path:
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(run, path)
        for name in rng.choice(FILES, int(rng.integers(1, 3)), replace=False).tolist():
            damage(path / name, rng)
        return path

    attack(f"run folders {use.__name__}", count=count, make=make, use=use)


def test_aliases_of_aliases_do_not_fill_the_memory(run: Path, tmp_path: Path) -> None:
    """Ten lines that stand for ten billion values."""
    shutil.copytree(run, tmp_path / "run")
    file = tmp_path / "run" / "config.yaml"
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    file.write_text(file.read_text() + "\n".join(lines) + "\n")
    with pytest.raises(ConfigError, match="stands for more than"):
        read_runs([tmp_path / "run"])
    with pytest.raises(ConfigError, match="stands for more than"):
        reproduced(tmp_path / "run", [])


def test_a_value_that_stands_for_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="nested too deep"):
        parse_yaml("a: &a [*a]")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("manifest.json", '{"wall_seconds": "long"}'),
        ("manifest.json", '{"data": []}'),
        ("manifest.json", "[" * 100_000),
        ("manifest.json", '{"wall_seconds": ' + "9" * 5000 + "}"),
        ("metrics.json", '{"public.accuracy": "good"}'),
        ("metrics.jsonl", '{"epoch": 0, "train/loss": []}\n'),
        ("metrics.jsonl", '{"epoch": "first"}\n'),
    ],
)
def test_figures_that_are_none_are_refused_with_their_name(name: str, content: str, run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / name).write_text(content)
    with pytest.raises(DataError, match=name):
        read_runs([tmp_path / "run"])
