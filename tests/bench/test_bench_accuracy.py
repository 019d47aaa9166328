"""Time to accuracy: what is read of whole fer-train commands."""

import json
import os
import sys
import time
from pathlib import Path

import pytest
from support.tiny import TINY

from fer.bench import accuracy
from fer.bench.accuracy import Trained, _rows, measure_accuracy, train
from fer.bench.settings import compose_bench
from fer.common.errors import ConfigError

# Timed: nothing else of this kind may run beside it.
pytestmark = pytest.mark.xdist_group("quiet")

NET = ("model=mlp", "model.params.hidden=[8]", "callbacks=default", "~callbacks.ema")


def trained(*accuracies: float, final: float = 0.5, seconds: float = 100.0) -> Trained:
    epochs = [
        {"epoch": number, "valid/accuracy": share, "after": 10.0 * (number + 1)}
        for number, share in enumerate(accuracies)
    ]
    metrics = {"public.accuracy": final, "train_seconds": 80.0}
    return Trained(seconds=seconds, epochs=tuple(epochs), metrics=metrics)


def test_the_first_epoch_at_the_target_counts_even_if_later_ones_are_worse() -> None:
    first = trained(0.3, 0.61, 0.59).reached(0.6)
    assert first is not None
    assert first["epoch"] == 1
    assert trained(0.3, 0.5).reached(0.6) is None
    assert trained(0.3, 0.6).reached(0.6) is not None


def test_trainings_that_miss_the_target_are_counted_and_not_hidden() -> None:
    rows = {row.label: row for row in _rows([trained(0.7), trained(0.2, final=0.2), trained(0.1, 0.6)], target=0.6)}
    to_target = rows["seconds to 60 %, from the command"]
    assert to_target.values == (10.0, 20.0)
    assert to_target.note == "reached in 2 of 3 trainings"
    final = rows["PublicTest accuracy at the end"]
    assert final.values == (50.0, 20.0, 50.0)
    assert final.middle == pytest.approx(40.0)


def test_a_target_that_nobody_reaches_is_a_row_without_a_value() -> None:
    to_target, *_ = _rows([trained(0.2), trained(0.4)], target=0.6)
    assert to_target.values == ()
    assert "40.00 %" in to_target.note


@pytest.mark.slow
def test_whole_commands_with_seeds_of_their_own(tmp_path: Path) -> None:
    asked = [*TINY, *NET, "seed=5", "bench.accuracy.repeats=2", "bench.accuracy.target=0.01"]
    found = measure_accuracy(compose_bench(asked, run_dir=tmp_path / "unused"), folder=tmp_path)
    rows = {row.label: row for row in found.rows}
    manifests = [json.loads((tmp_path / f"seed_{seed}" / "manifest.json").read_text()) for seed in (5, 6)]
    assert [manifest["seed"] for manifest in manifests] == [5, 6]
    to_target = rows["seconds to 1 %, from the command"].values
    whole = rows["seconds of the whole command"].values
    assert len(to_target) == len(whole) == 2
    # Imports come before the first epoch, the predictions of the best checkpoint after the last.
    assert all(manifest["wall_seconds"] < total for manifest, total in zip(manifests, whole, strict=True))
    assert all(0 < reached < total for reached, total in zip(to_target, whole, strict=True))
    assert rows["epochs until then"].values == (1, 1)
    finals = [json.loads((tmp_path / f"seed_{seed}" / "metrics.json").read_text()) for seed in (5, 6)]
    assert rows["PublicTest accuracy at the end"].values == tuple(100 * each["public.accuracy"] for each in finals)
    assert any("n = 70" in note for note in found.notes)
    assert not list(tmp_path.rglob("report.html"))


def python_that(path: Path, body: str) -> str:
    """A program that takes what Python is given, and runs `body` with it as `arguments`."""
    script = path / "body.py"
    script.write_text(f"import json, os, sys, time\nfrom pathlib import Path\narguments = sys.argv[1:]\n{body}\n")
    program = path / "python"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I "{script}" "$@"\n')
    program.chmod(0o755)
    return str(program)


def test_each_epoch_has_the_time_at_which_it_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = """
run_dir = Path(next(each for each in arguments if each.startswith("run_dir=")).partition("=")[2])
run_dir.mkdir()
with (run_dir / "metrics.jsonl").open("w") as file:
    for epoch, accuracy in enumerate((0.4, 0.7)):
        # A line is not there until it is whole.
        file.write('{"epoch": %d, ' % epoch)
        file.flush()
        time.sleep(0.2)
        file.write('"valid/accuracy": %g}\\n' % accuracy)
        file.flush()
told = arguments[arguments.index("-c") + 2 :]
(run_dir / "metrics.json").write_text(json.dumps({"public.accuracy": 0.7, "told": told}))
print("more than a pipe holds", "x" * 200_000, file=sys.stderr)
"""
    monkeypatch.setattr(sys, "executable", python_that(tmp_path, body))
    run_dir = tmp_path / "run"
    found = train(["model=mlp", f"run_dir={run_dir}"], run_dir=run_dir)
    assert [epoch["epoch"] for epoch in found.epochs] == [0, 1]
    first, second = (epoch["after"] for epoch in found.epochs)
    assert 0.2 < first < second < found.seconds
    assert found.metrics["told"] == ["model=mlp", f"run_dir={run_dir}"]


def test_an_interrupted_bench_leaves_no_training_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "pid"
    body = f"Path({str(place)!r}).write_text(str(os.getpid()))\ntime.sleep(60)"
    monkeypatch.setattr(sys, "executable", python_that(tmp_path, body))

    def interrupted(*args: object, **kwargs: object) -> str:
        while not (place.exists() and place.read_text()):
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(accuracy, "_watch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train([], run_dir=tmp_path / "run")
    with pytest.raises(ProcessLookupError):
        os.kill(int(place.read_text()), 0)


def test_a_training_that_is_refused_tells_its_reason(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"fer-train refused: modl=cnn: no such key"):
        train(["modl=cnn"], run_dir=tmp_path / "a")


def test_a_training_that_breaks_down_is_no_mistake_of_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", python_that(tmp_path, "print('out of luck', file=sys.stderr)\nsys.exit(7)"))
    with pytest.raises(RuntimeError, match="status 7: out of luck"):
        train([], run_dir=tmp_path / "a")
