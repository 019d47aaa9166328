"""Every shipped recipe composes, validates and builds; every mistake is told in one line that helps."""

from pathlib import Path
from typing import Any

import pytest

from fer.common.errors import ConfigError, nearest
from fer.config.compose import compose_train
from fer.config.conf_files import config_groups
from fer.config.instantiate import build
from fer.config.saved import changed_settings, compose_on, in_free_run_dir, load_run_config, with_places
from fer.config.schema import validate


@pytest.mark.parametrize("recipe", config_groups()["experiment"])
def test_every_recipe_composes_validates_and_builds(recipe: str, tmp_path: Path) -> None:
    """The large ones too, which take no step in the default run; files of all other groups take one there."""
    tree = compose_train([f"experiment={recipe}", f"run_dir={tmp_path}/run"])
    if tree["loss"]["teacher_weight"]:
        # Which they are is for the command line to say.
        tree["loss"]["teachers"] = tree["loss"]["teachers"] or ["outputs/a"]
    config = validate(tree)
    for group in ("callbacks", "logger"):
        for name, node in getattr(config, group).items():
            assert build(node, f"{group}.{name}") is not None


def test_sections_of_a_saved_run_are_composed_in_one_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import hydra

    composed: list[object] = []
    compose = hydra.compose
    monkeypatch.setattr(hydra, "compose", lambda **given: composed.append(given) or compose(**given))
    tree = compose_train([f"run_dir={tmp_path}/run"])
    assert len(composed) == 1
    changed = compose_on(tree, ["model=vit", "optimizer=sgd", "scheduler=cosine", "seed=3"])
    assert len(composed) == 3
    assert (changed["model"]["name"], changed["optimizer"]["momentum"], changed["seed"]) == ("vit", 0.9, 3)
    assert changed["scheduler"]["name"] == "cosine"


def test_every_group_of_the_contract_is_there() -> None:
    groups = set(config_groups())
    assert {"data", "model", "optimizer", "scheduler", "augment", "trainer", "callbacks", "logger"} <= groups
    assert {"random", "majority", "mlp", "cnn", "skipcnn", "resnet18", "resnet50"} <= set(config_groups()["model"])
    assert {"efficientnetv2", "vit", "timm"} <= set(config_groups()["model"])
    assert {"fdr", "overfit", "limit", "profiler"} <= set(config_groups()["debug"])


def test_a_model_may_bring_its_optimiser_and_the_command_line_wins() -> None:
    assert compose_train(["model=vit"])["optimizer"]["_target_"] == "torch.optim.AdamW"
    assert compose_train(["model=vit", "optimizer=sgd"])["optimizer"]["_target_"] == "torch.optim.SGD"
    assert compose_train(["model=vit", "optimizer.lr=0.01"])["optimizer"]["lr"] == 0.01


def test_run_dir_is_named_for_the_model_and_known_to_callbacks() -> None:
    tree = compose_train(["model=mlp"])
    assert str(tree["run_dir"]).endswith("_mlp")
    assert tree["callbacks"]["checkpoint"]["dirpath"] == f"{tree['run_dir']}/checkpoints"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("modle=cnn", ["modle=cnn", "'model'"]),
        ("model=cmn", ["model=cmn", "'cnn'", "resnet18"]),
        ("trainer.max_epoch=3", ["trainer.max_epoch=3", "'trainer.max_epochs'"]),
        ("optimizer.learning_rate=3", ["optimizer.learning_rate", "'optimizer.lr'"]),
        ("trainer.max_epochs=0", ["trainer.max_epochs=0", "greater than or equal to 1"]),
        ("trainer.accelerator=gpu", ["trainer.accelerator='gpu'", "'cuda'"]),
        ("data.protocol=offical", ["data.protocol='offical'", "'official'"]),
        ("seed=-1", ["seed=-1"]),
        ("augment.flip_probability=2", ["augment.flip_probability=2"]),
        ("+augment.flipp=2", ["augment.flipp", "'augment.flip_probability'"]),
        ("callbacks.early_stopping.patiance=2", ["callbacks.early_stopping.patiance"]),
        ("+callbacks.early_stopping.patiance=2", ["callbacks.early_stopping.patiance", "'patience'"]),
        ("callbacks.ema._target_=fer.callbacks.ema.EMMA", ["callbacks.ema._target_=fer.callbacks.ema.EMMA"]),
        ("+trainer.max_step=3", ["trainer.max_step", "'max_steps'"]),
        ("optimizer._target_=torch.optim.SDG", ["optimizer._target_=torch.optim.SDG"]),
        ("=", ["="]),
        ("+=emissions", ["'+=emissions' is no KEY=VALUE"]),
        ("+@callbacks=emissions", ["'+@callbacks=emissions' is no KEY=VALUE"]),
    ],
)
def test_mistakes_name_the_key_and_the_fix(override: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        validate(compose_train([override]))
    message = str(caught.value)
    assert [word for word in words if word not in message] == [], message
    assert len(message.splitlines()) <= 2


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ("[[0.5,48]]", r"model.*train_sizes must say what holds from 0\.0 on"),
        ("[]", r"model.*train_sizes must say what holds from 0\.0 on"),
        ("[[0.0,32],[0.6,40],[0.5,48]]", "must rise"),
        ("[[0.0,32],[1.0,48]]", "stay below 1"),
        ("[[0.0,4]]", r"model\.train_sizes"),
    ],
)
def test_training_sizes_must_cover_the_training_in_order(sizes: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        validate(compose_train([f"model.train_sizes={sizes}"]))


def test_training_sizes_of_the_command_line_replace_those_of_the_file() -> None:
    config = validate(compose_train(["model.train_sizes=[[0.0,24],[0.5,48]]"]))
    assert config.model.train_sizes == ((0.0, 24), (0.5, 48))


def test_a_callback_can_be_changed_and_removed() -> None:
    tree = compose_train(["callbacks.early_stopping.patience=5", "~callbacks.ema"])
    config = validate(tree)
    assert config.callbacks["early_stopping"]["patience"] == 5
    assert "ema" not in config.callbacks
    assert "ema" not in validate(compose_train(["callbacks.ema=null"])).callbacks


def test_build_tells_what_the_class_said() -> None:
    with pytest.raises(ConfigError, match=r"callbacks\.ema: .*decay=2"):
        build({"_target_": "fer.callbacks.ema.EMA", "decay": 2}, "callbacks.ema")


def test_configuration_is_frozen() -> None:
    config = validate(compose_train([]))
    with pytest.raises(ValueError, match="frozen"):
        config.seed = 3  # type: ignore[misc]


def test_nearest_is_silent_where_nothing_is_near() -> None:
    assert nearest("zzz", ["lr", "seed"]) == ""
    assert nearest("sed", ["lr", "seed"]) == " (did you mean 'seed'?)"


@pytest.mark.parametrize("content", [None, "a: [", "3"])
def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, content: Any) -> None:
    if content is not None:
        (tmp_path / "config.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"run folder|YAML|configuration"):
        load_run_config(tmp_path)


def test_where_data_lie_is_kept_for_commands_in_other_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tree = compose_train(["data=folder", "data.root=faces", "data.leave_out=a.csv", "run_dir=r"])
    kept = with_places(tree)
    assert (kept["data"]["root"], kept["data"]["leave_out"]) == (f"{tmp_path}/faces", f"{tmp_path}/a.csv")
    # The same command goes on with it.
    assert changed_settings(kept, tree) == []
    merged = with_places(compose_train(["data=merged", "data.sources=[{name: folder, root: x}]", "run_dir=r"]))
    assert merged["data"]["sources"][0]["root"] == f"{tmp_path}/x"
    begun = compose_train(["model=cnn", "model.pretrained=a/best.ckpt", "resume=b/last.ckpt", "run_dir=r"])
    assert with_places(begun)["model"]["pretrained"] == f"{tmp_path}/a/best.ckpt"
    assert with_places(begun)["resume"] == f"{tmp_path}/b/last.ckpt"
    assert changed_settings(with_places(begun), begun) == []
    hub = with_places(compose_train(["model=resnet18", "model.pretrained=true", "run_dir=r"]))
    assert (hub["model"]["pretrained"], hub["resume"]) == (True, "auto")


def test_two_runs_of_one_second_take_two_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tree = compose_train(["data=synthetic"])
    first, second = in_free_run_dir(tree), in_free_run_dir(tree)
    assert (first["run_dir"], second["run_dir"]) == (tree["run_dir"], f"{tree['run_dir']}_2")
    assert second["callbacks"]["checkpoint"]["dirpath"] == f"{tree['run_dir']}_2/checkpoints"
    assert Path(second["run_dir"]).is_dir()


def test_groups_that_add_take_a_list(tmp_path: Path) -> None:
    always = set(compose_train(["run_dir=unused"])["callbacks"])
    tree = compose_train(
        ["callbacks=[default,explain,confusion]", "metrics=[classes,confusion]", f"run_dir={tmp_path}"]
    )
    assert set(tree["callbacks"]) == always | {"explain", "confusion"}
    assert {"accuracy", "recall", "confusion"} <= set(tree["metrics"])
    on_top = compose_on(tree, ["callbacks=[explain,overfitting]"])
    assert set(on_top["callbacks"]) == always | {"explain", "overfitting"}
    with pytest.raises(ConfigError, match=r"there is no such callbacks.*'explain'"):
        compose_on(tree, ["callbacks=[default,explian]"])
    with pytest.raises(ConfigError, match=r"callbacks=explian: there is no such callbacks.*'explain'"):
        compose_train(["callbacks=[default,explian]", "run_dir=unused"])
