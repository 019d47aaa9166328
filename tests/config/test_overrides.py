"""Settings as overrides, for a command line, a file, and back."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from fer.api.settings import overrides_of
from fer.common.errors import ConfigError
from fer.config.compose import compose_train
from fer.config.overrides import as_mapping, command, from_mapping, override, with_files

VALUES: list[Any] = [
    None,
    True,
    3,
    1e-05,
    -0.25,
    "sgd",
    "a b",
    "null",
    "3",
    'a "quoted", {bracketed} $word',
    "~/data/archive (1).zip",
    [8, 16],
    ["a", "b c"],
    {"a": 1, "b": [None, 0.5]},
    [],
    "",
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_every_value_reaches_the_configuration(value: Any) -> None:
    tree = compose_train([override("+model.params.anything", value), "run_dir=unused"])
    assert tree["model"]["params"]["anything"] == value


def test_mappings_and_overrides_are_each_others_inverse() -> None:
    overrides = [
        "model=cnn",
        "+trainer.max_steps=3",
        "~callbacks.ema",
        "optimizer.lr=0.01",
        "model.params.widths=[8,16]",
    ]
    mapping = as_mapping(overrides)
    assert mapping == {
        "model": "cnn",
        "+trainer.max_steps": 3,
        "~callbacks.ema": None,
        "optimizer.lr": 0.01,
        "model.params.widths": [8, 16],
    }
    assert from_mapping(mapping) == overrides


def test_the_later_of_two_wins() -> None:
    assert as_mapping(["optimizer.lr=1", "seed=2", "optimizer.lr=3"]) == {"seed": 2, "optimizer.lr": 3}


def test_a_command_survives_a_shell() -> None:
    overrides = [override("run_dir", "a folder/x"), "model.params.widths=[8,16]", "optimizer=sgd"]
    assert shlex.split(command(overrides)) == ["fer-train", *overrides]


def test_files_give_way_to_what_stands_beside_them(tmp_path: Path) -> None:
    path = tmp_path / "best.yaml"
    path.write_text("# comment\nmodel: mlp\noptimizer.lr: 0.5\ndata.batch_size: 64\n", encoding="utf-8")
    assert with_files([f"@{path}", "optimizer.lr=0.1", "seed=1"]) == [
        "model=mlp",
        "data.batch_size=64",
        "optimizer.lr=0.1",
        "seed=1",
    ]
    assert compose_train(with_files([f"@{path}"]))["data"]["batch_size"] == 64


@pytest.mark.parametrize("plus", ["", "+", "++"])
def test_paths_of_settings_follow_a_run_folder_named_beside_them(plus: str, tmp_path: Path) -> None:
    path, named = tmp_path / "config.yaml", f"{plus}run_dir=b"
    path.write_text("run_dir: a\ncallbacks.own.file: a/x.csv\n", encoding="utf-8")
    assert with_files([f"@{path}", named]) == ["callbacks.own.file=b/x.csv", named]
    settings = {"run_dir": "a", "callbacks": {"own": {"file": "a/x.csv"}}}
    assert overrides_of([settings, named], {}) == ["run_dir=b", "callbacks.own.file=b/x.csv", named]


@pytest.mark.parametrize(("content", "words"), [(None, "no such file"), ("[1, 2]", "no settings"), ("a: [", "YAML")])
def test_a_file_that_is_none_is_told(tmp_path: Path, content: str | None, words: str) -> None:
    path = tmp_path / "best.yaml"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        with_files([f"@{path}"])


@pytest.mark.parametrize("override", ["run_dir=r${", "run_dir=${a.${b}}", "seed=&a %"])
def test_what_the_grammar_has_no_words_for_is_refused_wherever_it_is_read(override: str) -> None:
    """The run folder is read before Hydra composes: paths in files and mappings follow it."""
    for read in (compose_train, as_mapping, lambda given: compose_train(with_files(given))):
        with pytest.raises(ConfigError, match=rf"^{re.escape(override)}: not a valid KEY=VALUE"):
            read([override])
    with pytest.raises(ConfigError, match="not a valid KEY=VALUE"):
        compose_train(overrides_of([override], {}))


@pytest.mark.parametrize("override", ["augment.mixup_alpha=0.4", "model.votes_share=0.5"])
def test_a_key_that_no_file_names_is_told_with_its_plus(override: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{override}: the key is there, .*: write \+{override}$"):
        compose_train(["data=synthetic", override])
    compose_train(["data=synthetic", f"+{override}"])


@pytest.mark.parametrize(
    "override", ["augment.mixup_alhpa=0.4", "callbacks.checkpoint.monitr=x", "augment.mixup_alpha=much"]
)
def test_a_slip_is_not(override: str) -> None:
    with pytest.raises(ConfigError, match="no such key"):
        compose_train(["data=synthetic", override])


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model=mlp", "model.params.widths=[16]"], "no such key in the chosen model; it has model.params.dropout, "),
        (["model=mlp", "model.params.hiden=[16]"], r"no such key \(did you mean 'model.params.hidden'"),
        (["optimizer=sgd", "optimizer.momentun=.9"], r"no such key \(did you mean 'optimizer.momentum'"),
        # Told once: what is refused was composed again to tell why, without end.
        (
            ["experiment=fast", "experiment={}"],
            r"^experiment=\{\}: experiment chooses a file: give one of .*fast_labels",
        ),
        (["+experiment=fast"], r"^\+experiment=fast: the key is there: write experiment=fast$"),
    ],
)
def test_a_key_that_the_chosen_files_do_not_have(overrides: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        compose_train(overrides)


@pytest.mark.parametrize(
    "line",
    [
        *("data.root: a${oc.env:HOME}", "data: {name: folder, root: '${oc.env:HOME}'}", "'++a.b': '${${seed}:x}'"),
        *("'++a.b': '${${${seed}}:x}'", "'++a.b': '${run_dir}/${oc.env:${seed}}'"),
    ],
)
def test_a_file_takes_nothing_out_of_the_environment(line: str, tmp_path: Path) -> None:
    """A stranger's could send it to a server of its choice."""
    (tmp_path / "a.yaml").write_text(f"seed: 1\n{line}\n")
    with pytest.raises(ConfigError, match="put its value in its place"):
        with_files([f"@{tmp_path / 'a.yaml'}"])


@pytest.mark.parametrize("value", ["{happy: '${first}', joy: happy}", "['${run_dir}/a', 'b:c']", "'${run_dir}/12:30'"])
def test_a_file_may_name_keys_of_the_configuration(value: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"data.mapping: {value}\n")
    assert len(with_files([f"@{tmp_path / 'a.yaml'}"])) == 1


def test_a_file_may_name_another_key(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("data.root: ${run_dir}/a\n")
    assert with_files([f"@{tmp_path / 'a.yaml'}"]) == ['data.root="${run_dir}/a"']
