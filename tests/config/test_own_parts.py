"""Classes that the command line names: checked before data are read, each mistake told in one line."""

import pytest

from fer.common.errors import ConfigError
from fer.config.compose import compose_train
from fer.config.own_parts import with_own_parts
from fer.config.saved import compose_on
from fer.config.schema import validate

NET = "model._target_=support.own_parts.OneConvolution"


def test_hydra_is_told_what_it_wants_to_know() -> None:
    assert with_own_parts([NET, "model.params.width=4"]) == ["model=own", f"++{NET}", "++model.params.width=4"]
    assert with_own_parts(["-m", "seed=1", NET]) == ["-m", "seed=1", "model=own", f"++{NET}"]
    assert with_own_parts(["model=cnn", NET]) == ["model=cnn", f"++{NET}"]
    assert with_own_parts(["loss=own", "loss.gamma=2"]) == ["loss=own", "++loss.gamma=2"]
    assert with_own_parts(["model.params.width=4", "seed=1"]) == ["model.params.width=4", "seed=1"]
    assert with_own_parts(["+callbacks.x._target_=a.B", "callbacks.x.y=1"]) == [
        "+callbacks.x._target_=a.B",
        "++callbacks.x.y=1",
    ]


@pytest.mark.parametrize(
    "told", ["model.params.options={drop_path_rate: 0.1}", "model.params.options.drop_path_rate=0.1"]
)
def test_an_open_mapping_takes_what_is_new_to_the_files(told: str) -> None:
    tree = compose_train(["model=timm", told, "run_dir=x"])
    assert validate(tree).model.params["options"] == {"drop_path_rate": 0.1}


def test_a_net_is_named_for_its_class_and_takes_its_parameters() -> None:
    tree = compose_train([NET, "model.params.width=4"])
    assert str(tree["run_dir"]).endswith("_OneConvolution")
    assert validate(tree).model.params == {"width": 4}


def test_an_optimiser_takes_its_own_arguments_and_none_of_another() -> None:
    asked = ["optimizer._target_=torch.optim.NAdam", "optimizer.lr=0.003", "optimizer.momentum_decay=0.01"]
    optimizer = validate(compose_train(asked)).optimizer
    assert (optimizer.target, optimizer.lr) == ("torch.optim.NAdam", 0.003)
    assert optimizer.arguments == {"momentum_decay": 0.01}
    # Beside an option, its arguments stay.
    tree = compose_train(["optimizer=sgd", "optimizer._target_=torch.optim.RMSprop", "~optimizer.nesterov"])
    assert validate(tree).optimizer.arguments == {"momentum": 0.9}


def test_a_saved_run_takes_a_class_of_ones_own() -> None:
    saved = compose_train(["model=cnn", "loss.label_smoothing=0.3", "run_dir=runs/a"])
    changed = compose_on(saved, [NET, "model.params.width=4", "seed=2"], new_run=True)
    assert changed["model"]["params"] == {"width": 4}
    assert (changed["seed"], changed["loss"]["label_smoothing"]) == (2, 0.3)
    again = compose_on(changed, ["model.params.width=6"])
    assert validate(again).model.params == {"width": 6}


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model=own"], ["model._target_ is missing"]),
        (["model._target_=os.system"], ["os.system", "torch.nn.Module"]),
        (["model._target_=support.own_parts.faces"], ["torch.nn.Module"]),
        (["model._target_=pytorch_lightning.LightningModule"], ["Classifier"]),
        ([NET, "model.params.widht=4"], ["model.params.widht", "did you mean 'width'"]),
        ([NET, "model.params.width=wide"], ["model.params.width='wide'", "integer"]),
        ([NET, "model.chanels=3"], ["model.chanels", "'model.channels'"]),
        (["loss._target_=torch.optim.SGD"], ["loss._target_", "torch.nn.Module"]),
        (["loss._target_=torch.nn.CrossEntropyLoss", "loss.label_smoothin=1"], ["did you mean 'label_smoothing'"]),
        (["loss._target_=torch.nn.CrossEntropyLoss", "loss.label_smoothing=much"], ["loss.label_smoothing='much'"]),
        (["scheduler._target_=torch.optim.SGD"], ["LRScheduler"]),
        (["scheduler._target_=torch.optim.lr_scheduler.StepLR"], ["StepLR needs scheduler.step_size"]),
        (["scheduler._target_=torch.optim.lr_scheduler.StepLR", "scheduler.stepsize=2"], ["'step_size'"]),
        (["augment._target_=torchvision.transforms.v2.RandomHorizontalFlip", "augment.q=1"], ["it takes p"]),
        (["data._target_=support.own_parts.faces", "data.params.cuont=1"], ["did you mean 'count'"]),
        (["data._target_=os.system"], ["needs data.params.command"]),
        (["sampler._target_=support.own_parts.OWN"], ["is no class or function"]),
        (["data.steps.split._target_=support.own_parts.faces", "data.steps.split.x=1"], ["data.steps.split.x"]),
    ],
)
def test_mistakes_name_the_key_and_the_nearest(overrides: list[str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        validate(compose_train([*overrides, "run_dir=unused"]))
    message = str(caught.value)
    assert [word for word in words if word not in message] == [], message
    assert "\n" not in message
