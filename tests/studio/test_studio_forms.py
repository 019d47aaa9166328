"""The form of a training, a sweep, a study and of all folds: what it shows, refuses, and says of the cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fer.common.errors import ConfigError
from fer.studio import commands
from fer.studio.forms import check, form, validated
from fer.tuning.settings import compose_sweep


def test_the_form_says_what_each_key_takes() -> None:
    told = form(kind="train", overrides=["experiment=quickstart"], origin=None)
    fields = {field["key"]: field for field in told["fields"]}
    groups = {group["name"]: group for group in told["groups"]}
    assert groups["model"]["chosen"] == "skipcnn"
    assert groups["data"]["chosen"] == "synthetic"
    assert fields["optimizer.lr"] | {"help": ""} == {
        **{
            "key": "optimizer.lr",
            "section": "optimizer",
            "help": "",
            "value": "0.02",
            "advanced": False,
            "searched": None,
        },
        **{"kind": "number", "nullable": False, "over": 0, "secret": False},
    }
    assert fields["data.train"]["min"] == 7
    assert fields["trainer.accelerator"]["choices"] == ["auto", "cpu", "mps", "cuda"]
    assert (fields["report"]["kind"], fields["report"]["value"]) == ("switch", "true")
    assert fields["model.params.widths"]["value"] == "[32,64,128]"
    assert fields["scheduler.warmup"]["advanced"]
    assert "run_dir" not in fields


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("optimizer.lr=-1", "optimizer.lr=-1: Input should be greater than 0"),
        ("trainer.max_epochs=0", "trainer.max_epochs=0"),
        ("data.protocol=odd", "data.protocol='odd'"),
        ("modle=cnn", "did you mean 'model'"),
        # As a number is written in much of Europe.
        ("optimizer.lr=0,001", "optimizer.lr=0,001: write 0.001, with a point"),
        ("optimizer.lr=1.000,5", "optimizer.lr=1.000,5: write 1000.5, with a point"),
        ("optimizer.lr=0.1,0.2", "optimizer.lr=0.1,0.2: one value is taken here; write a list as [0.1,0.2]"),
        ("optimizer.lr=0.001,", "optimizer.lr=0.001,: this cannot be read; write a number as 0.001"),
        ('optimizer.lr="0.1', 'optimizer.lr="0.1: this cannot be read'),
        ("optimizer.lr=a=b", "optimizer.lr=a=b: this cannot be read"),
        ("optimizer.lr=1 000", "optimizer.lr='1 000': Input should be a valid number"),
    ],
)
def test_a_value_that_no_run_can_have_is_told_by_its_key(override: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        check(kind="train", overrides=[override], origin=None)
    assert told in str(refused.value)


def test_a_recipe_s_settings_of_its_own_net_are_left_out_of_another_net() -> None:
    overrides = ["experiment=quickstart", "model=mlp"]
    assert form(kind="train", overrides=overrides, origin=None)["foreign"] == ["model.params.widths"]
    with pytest.raises(ConfigError, match=r"model\.params\.widths: mlp has no parameter 'widths'"):
        validated(kind="train", overrides=overrides, origin=None)
    assert form(kind="train", overrides=[*overrides, "~model.params.widths"], origin=None)["foreign"] == []
    assert validated(kind="train", overrides=[*overrides, "~model.params.widths"], origin=None)["model"] == "mlp"
    assert form(kind="train", overrides=["experiment=quickstart", "model=cnn"], origin=None)["foreign"] == []


def test_several_callbacks_can_be_chosen() -> None:
    told = form(kind="train", overrides=["data=synthetic", "callbacks=[overfitting,confusion]"], origin=None)
    group = next(group for group in told["groups"] if group["name"] == "callbacks")
    assert (group["several"], group["chosen"]) == (True, "overfitting,confusion")
    assert "callbacks.overfitting.faces" in {field["key"] for field in told["fields"]}


def test_the_form_of_a_sweep_shows_what_is_searched() -> None:
    overrides = ["data=synthetic", "model=cnn", "optimizer=sgd", "optimizer.lr=loguniform(1e-3,1e-1)", "seed=3"]
    told = form(kind="sweep", overrides=overrides, origin=None)
    fields = {field["key"]: field for field in told["fields"]}
    assert fields["num_trials"] | {"help": ""} == {
        **{"key": "num_trials", "section": "own", "help": "", "value": "40", "advanced": False, "searched": None},
        **{"kind": "integer", "nullable": False, "min": 1, "secret": False},
    }
    assert fields["optimizer.lr"]["searched"] == "loguniform(0.001, 0.1)"
    # What the command line fixes is not searched, and what belongs to another optimiser neither.
    assert fields["seed"]["searched"] is None
    assert fields["optimizer.weight_decay"]["searched"] == "loguniform(0.0001, 0.01)"
    assert "sweep_dir" not in fields
    space = {label: str(distribution) for label, _, distribution in compose_sweep(overrides).space.leaves()}
    assert {key for key, field in fields.items() if field["searched"]} == set(space)


COSTS: list[tuple[str, list[str], dict[str, Any]]] = [
    ("train", ["trainer.max_epochs=9"], {"trainings": 1, "epochs": 9, "at_once": 1}),
    ("folds", ["trainer.max_epochs=9", "data.folds=4"], {"trainings": 4, "epochs": 27, "folds": 4}),
    (
        "sweep",
        ["num_trials=6", "folds=3", "workers=2", "trainer.max_epochs=5"],
        {"trainings": 18, "epochs": 90, "at_once": 2},
    ),
    ("study", ["study.seeds=[0,1]", "study.augments=[none,light,strong]"], {"trainings": 6, "epochs": 6 * 20}),
    # A tenth of the faces four times as long is 0.4 of the whole, the whole is 1.
    (
        "study",
        ["study.what=datasize", "study.shares=[0.1,1]", "study.seeds=[0]", "study.nets={mlp: [model=mlp]}"],
        {"trainings": 2, "epochs": 28},
    ),
    ("occlusion", ["trainer.max_epochs=7", "finetune.epochs=2"], {"trainings": 5, "epochs": 15}),
]


@pytest.mark.parametrize(("kind", "overrides", "cost"), COSTS)
def test_the_cost_is_told_before(kind: str, overrides: list[str], cost: dict[str, Any]) -> None:
    told = check(kind=kind, overrides=["data=synthetic", *overrides], origin=None)
    assert {name: told[name] for name in cost} == cost


@pytest.mark.parametrize(
    ("kind", "override", "words"),
    [
        ("sweep", "num_trials=0", "num_trials=0: Input should be greater than or equal to 1"),
        ("sweep", "optimizer.lr=loguniform(0,1)", "optimizer.lr"),
        ("sweep", "optimizer.lr=0,001", "write 0.001, with a point; a list is written [0,001], and to search several"),
        ("sweep", "optimizer.lr=loguniform(0,001, 0,1)", "space: optimizer.lr: write loguniform(low, high)"),
        ("study", "study.what=odd", "study.what='odd'"),
        ("study", "seed=4", "leave it out"),
        ("occlusion", "finetune.epochs=0", "finetune.epochs=0"),
        ("folds", "data.folds=1", "data.folds=1"),
    ],
)
def test_what_no_sweep_and_no_study_can_have_is_told(kind: str, override: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        check(kind=kind, overrides=["data=synthetic", override], origin=None)
    assert words in str(refused.value)


def test_every_fold_is_trained_once_and_then_asked(client: Any, root: Path) -> None:
    told = client.post("/api/check", {"kind": "folds", "overrides": ["data=synthetic", "data.folds=2"]})
    first, second, last = told["shown"].splitlines()
    assert first.startswith(
        "fer-train data=synthetic data.folds=2 report=false data.protocol=kfold data.fold=0 run_dir="
    )
    assert "data.fold=1" in second
    assert last.startswith("fer-data suspects ")
    assert (
        "every fold is trained"
        in client.post("/api/check", {"kind": "folds", "overrides": ["data.fold=1"]}, status=400)["error"]
    )
    assert "kind='walk'" in client.post("/api/check", {"kind": "walk", "overrides": []}, status=400)["error"]
    assert list(root.iterdir()) == []


def test_a_sweep_goes_on_in_the_folder_where_it_lies_now() -> None:
    told = "fer-sweep data=synthetic 'optimizer.lr=loguniform(1e-4, 1e-1)' sweep_dir=/old/place"
    again = commands.again("sweep", Path("/new/place"), told)
    assert again.arguments == ("data=synthetic", "optimizer.lr=loguniform(1e-4, 1e-1)", "sweep_dir=/new/place")
    for broken in (None, 3, "", "fer-train x=1", "fer-sweep 'x"):
        with pytest.raises(ConfigError, match="does not say which command made it"):
            commands.again("sweep", Path("/new/place"), broken)
