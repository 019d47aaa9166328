"""A configuration in another run folder: what moves with it, and what only has its name."""

from pathlib import Path

import pytest
import yaml

from fer.config.compose import compose_train
from fer.config.overrides import with_files
from fer.config.run_paths import in_run_dir, moved
from fer.config.saved import changed_settings, compose_on


@pytest.mark.parametrize("run_dir", ["mlp", "valid", "train", "cosine", "fer7", "runs/mlp", "."])
def test_a_folder_with_the_name_of_something_else_is_moved_alone(run_dir: str) -> None:
    asked = ["data=synthetic", "model=mlp", "callbacks=confusion", "logger=csv"]
    tree = compose_train([*asked, f"run_dir={run_dir}"])
    elsewhere = compose_train([*asked, "run_dir=elsewhere"])
    assert in_run_dir(tree, "elsewhere") == elsewhere
    assert compose_on(tree, ["run_dir=elsewhere"]) == elsewhere
    assert changed_settings(tree, elsewhere) == []


def test_a_folder_with_a_longer_name_is_another() -> None:
    tree = {"run_dir": "runs/a", "callbacks": {"own": {"file": "runs/a/x.csv", "other": "runs/ab", "list": ["runs/a"]}}}
    assert in_run_dir(tree, "b")["callbacks"]["own"] == {"file": "b/x.csv", "other": "runs/ab", "list": ["b"]}
    bare = {"callbacks": {"own": {"file": "a/x.csv", "save_dir": "a", "mode": "a"}}}
    assert moved(bare, before="a", now="b") == {"callbacks": {"own": {"file": "b/x.csv", "save_dir": "b", "mode": "a"}}}


def test_the_config_of_a_run_beside_another_run_dir_is_that_of_the_other(tmp_path: Path) -> None:
    asked = ["data=synthetic", "model=mlp", "callbacks=confusion", "logger=csv"]
    saved = tmp_path / "config.yaml"
    saved.write_text(yaml.safe_dump(compose_train([*asked, "run_dir=runs/a"])), encoding="utf-8")
    again = compose_train(with_files([f"@{saved}", "run_dir='runs/b (1)'"]))
    assert again == compose_train([*asked, "run_dir='runs/b (1)'"])
