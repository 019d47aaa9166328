import json
import shlex
from pathlib import Path

import pytest
import yaml

from fer.common.errors import CheckpointError, ConfigError, DataError
from fer.folders.record import read_run, read_runs


def run_folder(path: Path, *, finished: bool = True, best: bool = True, last: bool = True) -> Path:
    (path / "checkpoints").mkdir(parents=True)
    for name, there in (("best", best), ("last", last)):
        if there:
            (path / "checkpoints" / f"{name}.ckpt").write_bytes(b"weights")
    config = {"data": {"name": "synthetic"}, "model": {"name": "cnn"}, "seed": 3, "trainer": {"max_epochs": 9}}
    (path / "config.yaml").write_text(yaml.safe_dump(config))
    (path / "manifest.json").write_text(json.dumps({"command": "fer-train", "seed": 3}))
    (path / "metrics.jsonl").write_text('{"epoch": 0, "valid/accuracy": 0.5}\n{"epoch": 1, "valid/accuracy": 0.6}\n')
    if finished:
        (path / "metrics.json").write_text(json.dumps({"public": {"accuracy": 0.6}, "train_seconds": 1.5}))
    return path


def test_a_finished_run(tmp_path: Path) -> None:
    record = read_run(run_folder(tmp_path / "run"))
    assert (record.name, record.model, record.seed, record.protocol) == ("run", "cnn", 3, "official")
    assert record.checkpoint.name == "best.ckpt"
    assert record.final == {"public.accuracy": 0.6, "train_seconds": 1.5}
    assert [epoch["epoch"] for epoch in record.epochs] == [0, 1]
    assert record.notes == ()


def test_an_interrupted_run_says_so_and_how_to_go_on(tmp_path: Path) -> None:
    path = run_folder(tmp_path / "it's a run", finished=False, best=False)
    record = read_run(path)
    assert record.checkpoint.name == "last.ckpt"
    (note,) = record.notes
    assert "interrupted after 2 of 9 epochs" in note
    assert "last.ckpt" in note
    # By its own settings, which a bare run_dir= would not name.
    words = shlex.split(note[note.index("fer-train") : note.index(" and report again")])
    assert words == ["fer-train", "--from", str(path), f"run_dir={path}"]


def test_a_line_cut_off_by_a_crash_is_left_out_and_told(tmp_path: Path) -> None:
    path = run_folder(tmp_path / "run", finished=False)
    with (path / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 2, "valid/acc')
    record = read_run(path)
    assert len(record.epochs) == 2
    assert any("cut off" in note for note in record.notes)


def test_a_finished_run_without_its_best_checkpoint(tmp_path: Path) -> None:
    (note,) = read_run(run_folder(tmp_path / "run", best=False)).notes
    assert "last epoch" in note


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"run=.*nowhere does not exist"):
        read_run(tmp_path / "nowhere")


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"not a run folder \(no config\.yaml\)"):
        read_run(tmp_path)


def test_a_run_without_a_checkpoint(tmp_path: Path) -> None:
    path = run_folder(tmp_path / "run", best=False, last=False)
    with pytest.raises(
        CheckpointError, match=r"has no checkpoint .* train again with fer-train --from \S+/run run_dir="
    ):
        read_run(path)


@pytest.mark.parametrize(
    ("name", "content", "error", "words"),
    [
        ("metrics.json", "{", DataError, r"metrics\.json is not readable JSON .* delete it"),
        ("metrics.json", "[1]", DataError, r"metrics\.json holds no JSON object"),
        ("manifest.json", "nope", DataError, r"manifest\.json is not readable JSON"),
        ("metrics.jsonl", '{"epoch": 0}\nbroken\n', DataError, r"metrics\.jsonl:2 is not JSON .* remove that line"),
        ("metrics.jsonl", "{}\n", DataError, r"metrics\.jsonl:1 names no epoch"),
        ("config.yaml", "a: [", ConfigError, r"config\.yaml is not readable YAML"),
        ("config.yaml", "just words", ConfigError, r"no data and model sections"),
    ],
)
def test_broken_files_are_named_with_the_fix(
    tmp_path: Path, name: str, content: str, error: type[Exception], words: str
) -> None:
    path = run_folder(tmp_path / "run")
    (path / name).write_text(content)
    with pytest.raises(error, match=words):
        read_run(path)


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    paths = [run_folder(tmp_path / parent / "run") for parent in ("a", "b")]
    assert [record.name for record in read_runs(paths)] == ["a/run", "b/run"]


def test_trials_of_two_sweeps_are_told_apart_by_what_differs(tmp_path: Path) -> None:
    trials = [run_folder(tmp_path / sweep / "trials" / number) for sweep in ("a", "b") for number in ("0000", "0001")]
    names = [record.name for record in read_runs([*trials, run_folder(tmp_path / "alone")])]
    assert names == ["a/trials/0000", "a/trials/0001", "b/trials/0000", "b/trials/0001", "alone"]


def test_no_run_and_one_run_twice_are_refused(tmp_path: Path) -> None:
    path = run_folder(tmp_path / "run")
    with pytest.raises(ConfigError, match="run is empty"):
        read_runs([])
    with pytest.raises(ConfigError, match="named twice"):
        read_runs([path, tmp_path / "." / "run"])
