import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fer.common.errors import ConfigError
from fer.tracking.command import main

Start = Callable[..., Any]


def test_runs_are_sent_and_answered_as_json(
    fake_training: Start, store_uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = []
    for name in ("a", "b"):
        training = fake_training(name)
        training.epochs(0)
        training.finish()
        paths.append(str(training.path))
    asked = ["--uri", store_uri, "--experiment", "command"]
    assert main([*paths, *asked, "--json"]) == 0
    answers = json.loads(capsys.readouterr().out)
    assert [(answer["folder"], answer["epochs_sent"], answer["created"]) for answer in answers] == [
        (path, 1, True) for path in paths
    ]
    assert main([str(Path(paths[0]).parent), *asked]) == 0
    captured = capsys.readouterr()
    assert [line.split(": ")[1].split(" ->")[0] for line in captured.out.splitlines()] == ["nothing new"] * 2
    assert captured.err == f"look: mlflow ui --backend-store-uri {store_uri}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{tmp}/nothing"], "there is no folder"),
        (["{tmp}"], "holds no run"),
        (["{run}", "--model", "{tmp}/none.onnx"], "no such file"),
        (["{run}", "--alias", "best"], "add --register NAME"),
        (["{run}", "--uri", "mlruns"], "no longer takes"),
    ],
)
def test_a_mistake_is_told_with_its_mending(
    fake_training: Start, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "empty").mkdir()
    run = fake_training().path
    with pytest.raises(ConfigError, match=message):
        main([argument.format(tmp=tmp_path / "empty", run=run) for argument in arguments])


def test_an_unknown_option_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["run", "--nothing"])
    assert end.value.code == 2
    assert "--nothing" in capsys.readouterr().err
