"""Hydra as its users expect: multiruns, launchers, our sweeper, completion; and what a refused run leaves behind."""

import os
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.forked_commands import ForkedCommands
from support.tiny import TINY

from fer import cli
from fer.common.errors import ConfigError, MissingExtraError
from fer.config.completion import completes
from fer.config.instantiate import build
from fer.training.loggers import build_logger

SMALL = (*TINY, "model=mlp", "model.params.hidden=[8]", "trainer.max_epochs=1")


@dataclass(frozen=True)
class Told:
    """What a command said on standard error, and how it ended."""

    last: str
    status: int


def fer_train(forked: ForkedCommands, folder: Path, *arguments: str) -> Told:
    # In a process of its own: with its flags Hydra sets up logging for good.
    done = forked.run("train", *arguments, cwd=folder)
    assert "Traceback" not in done.stderr, done.stderr
    lines = done.stderr.splitlines()
    return Told(last=lines[-1] if lines else "", status=done.returncode)


@pytest.mark.parametrize("key", ["+fooo=1", "+callbacks.ema.deca=0.5"])
def test_an_unknown_key_of_a_multirun_is_told_as_without(
    key: str,
    forked: ForkedCommands,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["fer-train", key, *SMALL])
    with pytest.raises(SystemExit):
        cli.train()
    expected = capsys.readouterr().err.splitlines()[-1]
    assert expected.startswith("error: ")
    assert "no such key" in expected or "takes no argument" in expected
    assert fer_train(forked, tmp_path, "-m", "seed=0,1", key, *SMALL) == Told(expected, 2)
    assert list(tmp_path.iterdir()) == []


def test_a_refused_run_leaves_nothing_behind(
    forked: ForkedCommands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("data=fer2013", "data.root=nowhere")
    assert fer_train(forked, tmp_path, "-m", "seed=0,1", *asked).status == 2
    assert list(tmp_path.iterdir()) == []
    monkeypatch.chdir(tmp_path)
    for more in ([], ["run_dir=a/b"]):
        monkeypatch.setattr(sys, "argv", ["fer-train", *asked, *more])
        with pytest.raises(SystemExit):
            cli.train()
        assert list(tmp_path.iterdir()) == []


def test_a_refused_run_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "log.jsonl").write_text("{}\n")
    monkeypatch.setattr(sys, "argv", ["fer-train", "data=fer2013", "data.root=nowhere", "run_dir=a"])
    with pytest.raises(SystemExit):
        cli.train()
    assert (tmp_path / "a" / "log.jsonl").read_text().startswith("{}\n")


@pytest.mark.xdist_group("sweeps")
def test_a_refused_sweep_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fer.tuning.run import run_sweep

    monkeypatch.chdir(tmp_path)
    asked = ["model=mlp", "data=fer2013", "data.root=nowhere", "trainer.accelerator=cpu", "workers=1"]
    with pytest.raises(ConfigError, match="nowhere"):
        run_sweep([*asked, "sweep_dir=sweep"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_jobs_of_a_launcher_are_runs_like_any_other(forked: ForkedCommands, tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    launcher = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    assert fer_train(forked, tmp_path, "-m", "seed=0,1", *launcher, *SMALL).status == 0
    runs = list((tmp_path / "outputs").iterdir())
    assert len(runs) == 2
    assert all((run / "metrics.json").is_file() for run in runs)
    assert {path.name for path in tmp_path.iterdir()} == {"outputs"}


def test_a_hydra_sweep_is_one_of_ours() -> None:
    from fer.tuning.hydra_sweeper import sweep_arguments
    from fer.tuning.settings import compose_sweep

    asked = [
        *("model=mlp", "data=synthetic", "optimizer.lr=tag(log, interval(1e-4, 0.1))", "augment=light,none"),
        *("loss.label_smoothing=interval(0, 0.2)", "data.batch_size=range(16, 64, 16)"),
    ]
    arguments = sweep_arguments(asked, space=None, settings={"num_trials": 3, "objective": "ece", "workers": None})
    sweep = compose_sweep(arguments)
    assert {key: str(distribution) for _, key, distribution in sweep.space.leaves()} == {
        "optimizer.lr": "loguniform(0.0001, 0.1)",
        "augment": "choice(light, none)",
        "loss.label_smoothing": "uniform(0, 0.2)",
        "data.batch_size": "choice(16, 32, 48)",
    }
    assert (sweep.settings.num_trials, sweep.settings.objective) == (3, "ece")
    assert sweep.config.model.name == "mlp"


def test_an_objective_of_ones_own_knows_its_direction() -> None:
    from fer.metrics.objectives import metric_of
    from fer.tuning.settings import compose_sweep

    asked = ["model=mlp", "data=synthetic", "space=none", "optimizer.lr=uniform(0.1, 1)"]
    kappa = "+metrics.kappa._target_=torchmetrics.classification.MulticlassCohenKappa"
    loss = "+metrics.hinge._target_=torchmetrics.classification.MulticlassHingeLoss"
    for metric, name, sign in ((kappa, "kappa", 1), (loss, "hinge", -1)):
        found = metric_of(compose_sweep([*asked, metric, f"objective={name}"]).settings.objective)
        assert (found.name, found.logged, found.sign) == (name, f"valid/{name}", sign)
    with pytest.raises(ConfigError, match=r"objective=kapa: no metric .*'kappa'.*\+metrics\.kapa\._target_"):
        compose_sweep([*asked, kappa, "objective=kapa"])


def test_what_is_monitored_must_be_logged(tmp_path: Path) -> None:
    from fer.config.compose import compose_train
    from fer.config.schema import validate
    from fer.training.run import run

    tree = compose_train([*SMALL, "callbacks.early_stopping.monitor=valid/acuracy", f"run_dir={tmp_path / 'run'}"])
    with pytest.raises(ConfigError, match=r"EarlyStopping: monitor=valid/acuracy: nothing .*'valid/accuracy'"):
        run(validate(tree), tree)


@pytest.mark.parametrize("command", ["train", "sweep", "study", "occlusion", "report", "bench"])
def test_commands_of_keys_offer_their_completion(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [f"fer-{command}", "-sc", "install=bash"])
    getattr(cli, command)()
    assert f"-F hydra_bash_completion fer-{command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "group", "option"), [("train", "", "resnet18"), ("study", "", "resnet18"), ("report", "evaluation", None)]
)
def test_keys_are_completed_in_a_shell(
    name: str, group: str, option: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [f"fer-{name}", "-sc", "install=bash"])
    assert completes(sys.argv[1:], config_name=name, group=group)
    assert f"-F hydra_bash_completion fer-{name}" in capsys.readouterr().out
    if option is None:
        return
    monkeypatch.setattr(sys, "argv", [f"fer-{name}", "-sc", "query=bash"])
    monkeypatch.setenv("COMP_LINE", f"fer-{name} model=res")
    assert completes(sys.argv[1:], config_name=name, group=group)
    assert capsys.readouterr().out.split() == ["model=resnet18", "model=resnet50"]
    assert not completes(["run=a"], config_name=name, group=group)


@pytest.mark.parametrize("command", ["data", "track", "export", "predict", "serve", "studio"])
def test_options_are_completed_in_a_shell(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("shtab")
    monkeypatch.setattr(sys, "argv", [f"fer-{command}", "--print-completion", "bash"])
    with pytest.raises(SystemExit) as end:
        getattr(cli, command)()
    assert not end.value.code
    script = capsys.readouterr().out
    assert f"-F _shtab_fer_{command} fer-{command}" in script
    assert "--help" in script


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [
        ("WandbLogger", "wandb", "wandb"),
        ("CometLogger", "comet_ml", "comet"),
        ("TensorBoardLogger", "tensorboard", "tensorboard"),
    ],
)
def test_a_logger_without_its_package_names_the_extra(
    name: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fer.training.loggers.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=rf"logger\.x needs {package}: pip install 'ferlab\[{extra}\]'"):
        build_logger({"_target_": f"pytorch_lightning.loggers.{name}"}, "logger.x")


def test_comet_without_a_network_is_not_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    monkeypatch.setattr("fer.training.loggers.find_spec", lambda _: True)
    said = "COMET_START_ONLINE"
    monkeypatch.setattr("fer.training.loggers.build", lambda node, _: built.append((node["online"], os.getenv(said))))
    for online in (False, True):
        build_logger({"_target_": "pytorch_lightning.loggers.CometLogger", "online": online}, "logger.comet")
    assert built == [(None, "false"), (True, None)]
    assert said not in os.environ


def test_a_real_comet_experiment_is_written_to_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("comet_ml")
    monkeypatch.delenv("COMET_API_KEY", raising=False)
    node = {"_target_": "pytorch_lightning.loggers.CometLogger", "online": False, "project": "fer"}
    logger = build_logger({**node, "offline_directory": str(tmp_path)}, "logger.comet")
    logger.log_metrics({"valid/accuracy": 0.5}, step=3)
    logger.experiment.end()  # type: ignore[attr-defined]
    (archive,) = tmp_path.glob("*.zip")
    with zipfile.ZipFile(archive) as content:
        told = content.read("messages.json").decode("utf-8")
    assert "valid/accuracy" in told


def test_pictures_go_to_a_logger_in_its_own_words(tmp_path: Path) -> None:
    from types import SimpleNamespace
    from typing import Any

    from matplotlib.figure import Figure

    from fer.callbacks.figure_log import show

    got: list[dict[str, Any]] = []

    class LikeWandb:
        def log_image(self, **told: Any) -> None:
            got.append(told)

    csv = build({"_target_": "pytorch_lightning.loggers.CSVLogger", "save_dir": str(tmp_path)}, "logger.csv")
    trainer: Any = SimpleNamespace(loggers=[LikeWandb(), csv], global_step=7)
    show(trainer, Figure(), tmp_path / "figures" / "a.png", name="figures/a")
    assert got == [{"key": "figures/a", "images": [str(tmp_path / "figures" / "a.png")], "step": 7}]
    assert (tmp_path / "figures" / "a.png").read_bytes().startswith(b"\x89PNG")
