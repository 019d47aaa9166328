"""The commands. Each imports what it needs inside its body, so that `--help` answers at once."""

import logging
import os
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer.common.ending import guarded, write_what_cannot_be_encoded
from fer.common.errors import ConfigError
from fer.common.extras import needs_train_extra
from fer.common.paths import expanded
from fer.common.wording import shell_word

if TYPE_CHECKING:
    from fer.training.reproduce import Origin

_HYDRA_FLAGS = ("-m", "--multirun", "-c", "--cfg", "-i", "--info", "-sc", "--shell-completion", "-r", "--run", "-p",
                "--package", "--resolve", "-cp", "--config-path", "-cn", "--config-name", "-cd", "--config-dir",
                "--experimental-rerun", "--hydra-help", "--version")  # fmt: skip

_TRAIN_HELP = """\
fer-train: one training run from a configuration.

usage: fer-train [--from RUN] [KEY=VALUE ...]

  fer-train experiment=quickstart                        synthetic faces, no data needed, two minutes
  fer-train data.root=archive.zip                        FER-2013 in any public form
  fer-train model=resnet18 trainer.accelerator=mps       another net, another device
  fer-train model=vit optimizer.lr=5e-4 seed=1           any key of the configuration
  fer-train run_dir=runs/a                               again after an interruption: goes on where it stopped
  fer-train --from runs/a                                reproduces a run from its folder; on a CPU bit for bit
  fer-train --from runs/a seed=1                         ... with other settings on top
  fer-train @sweeps/a/best.yaml trainer.max_epochs=30    the settings in a file, and others on top
  fer-train trainer.devices=2                            on two devices (docs/how-to/scaling.md: torchrun, Slurm)

{groups}
Keys: data.root, data.protocol, seed, run_dir, resume=auto|never|PATH, trainer.accelerator=auto|cpu|mps|cuda,
trainer.max_epochs, report=true; `fer-train --cfg job` prints all of them. Hydra's own flags work too (-m for a
multirun; `fer-train --hydra-help`).
"""


def train() -> None:
    """`fer-train`: trains one model."""
    arguments = sys.argv[1:]
    if any(argument in ("-h", "--help") for argument in arguments):
        write_what_cannot_be_encoded()
        print(_TRAIN_HELP.format(groups=_groups()), end="")
        return
    with_hydra = any(argument.partition("=")[0] in _HYDRA_FLAGS for argument in arguments)
    if any(argument.partition("=")[0] == "--from" for argument in arguments):
        guarded(lambda: _train_again(arguments, with_hydra=with_hydra), folder="run_dir")
        return
    guarded(lambda: _train_with_hydra() if with_hydra else _train(arguments), folder="run_dir")


def occlusion() -> None:
    """`fer-occlusion`: trains and reports the occlusion study."""

    def body() -> None:
        needs_train_extra("fer-occlusion")
        from fer.studies.occlusion.command import main

        main(sys.argv[1:])

    guarded(body, folder="study_dir")


def study() -> None:
    """`fer-study`: trains several recipes with several seeds, and tells what they say together."""

    def body() -> None:
        needs_train_extra("fer-study")
        from fer.studies.recipes.command import main

        main(sys.argv[1:])

    guarded(body, folder="study_dir")


def sweep() -> None:
    """`fer-sweep`: searches the settings of a model."""

    def body() -> None:
        needs_train_extra("fer-sweep")
        from fer.tuning.command import main

        main(sys.argv[1:])

    guarded(body, folder="sweep_dir")


def report() -> None:
    """`fer-report`: evaluates and explains run folders."""

    def body() -> None:
        needs_train_extra("fer-report")
        from fer.report.command import main

        main(sys.argv[1:])

    guarded(body)


def export() -> None:
    """`fer-export`: writes a run's model as a checked .onnx file."""

    def body() -> int:
        needs_train_extra("fer-export")
        from fer.export.command import main

        return main(sys.argv[1:])

    guarded(body)


def bench() -> None:
    """`fer-bench`: measures speed and time to accuracy beside what they compare with."""

    def body() -> None:
        needs_train_extra("fer-bench")
        from fer.bench.command import main

        main(sys.argv[1:])

    guarded(body)


def predict() -> None:
    """`fer-predict`: emotions of the faces in pictures and videos."""

    def body() -> int:
        from fer.runtime.predict.command import main

        return main(sys.argv[1:])

    guarded(body)


def data() -> None:
    """`fer-data`: fetches, imports, audits and shows data sets, and examines the installation."""

    def body() -> int:
        if sys.argv[1:2] == ["doctor"]:
            from fer.doctor.command import main as doctor

            return doctor(sys.argv[2:])
        if sys.argv[1:2] == ["suspects"]:
            from fer.studies.label_check.command import main as suspects

            return suspects(sys.argv[2:])
        from fer.data.commands import main

        return main(sys.argv[1:])

    guarded(body)


def track() -> None:
    """`fer-track`: sends run folders to MLflow."""

    def body() -> int:
        from fer.tracking.command import main

        return main(sys.argv[1:])

    guarded(body)


def serve() -> None:
    """`fer-serve`: the live page."""

    def body() -> int:
        from fer.runtime.web.command import main

        return main(sys.argv[1:])

    guarded(body)


def studio() -> None:
    """`fer-studio`: the laboratory in a browser."""

    def body() -> int:
        needs_train_extra("fer-studio")
        from fer.studio.command import main

        return main(sys.argv[1:])

    guarded(body)


def _train(overrides: list[str]) -> None:
    needs_train_extra("fer-train")
    from fer.config.compose import compose_train
    from fer.config.overrides import key_of, with_files

    told = with_files(overrides)
    _train_tree(compose_train(told), free=all(key_of(each) != "run_dir" for each in told))


def _train_again(arguments: list[str], *, with_hydra: bool) -> None:
    """`fer-train --from RUN`."""
    needs_train_extra("fer-train")
    from fer.config.overrides import key_of, with_files
    from fer.training.reproduce import reproduced

    places = [i for i, argument in enumerate(arguments) if argument.partition("=")[0] == "--from"]
    first = places[0]
    run, joined = arguments[first].removeprefix("--from="), arguments[first] != "--from"
    rest = arguments[:first] + arguments[first + (1 if joined else 2) :]
    if not joined:
        run = arguments[first + 1] if first + 1 < len(arguments) else ""
    if run == "" or len(places) > 1:
        raise ConfigError("--from takes one run folder, as in --from outputs/a")
    if with_hydra:
        raise ConfigError("--from takes KEY=VALUE beside it, and none of Hydra's flags: call it once for each run")
    _tell_progress()
    told = with_files(rest)
    tree, origin = reproduced(expanded(run), told)
    _train_tree(tree, origin=origin, free=all(key_of(each) != "run_dir" for each in told))


def _train_with_hydra() -> None:
    """Hands over to hydra.main, which owns multiruns and the flags that only show things.

    Raises:
        ConfigError: overrides that Hydra cannot apply, told as `fer-train` without its flags tells them.
    """
    needs_train_extra("fer-train")
    import hydra

    from fer.config.grammar import understood
    from fer.config.overrides import with_files
    from fer.config.own_parts import with_own_parts

    told = []
    for argument in with_own_parts(with_files(sys.argv[1:])):
        words, mappings = understood([argument], sweeps=True)
        if mappings:
            raise ConfigError(f"{argument}: Hydra's own flags go with no such mapping: leave them out")
        told += words
    sys.argv[1:] = told
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from fer.common.plugins import allow_named_by
    from fer.config.compose import plain, refusals, refused
    from fer.config.conf_files import conf_dir
    from fer.config.multirun import own_sweep_dir
    from fer.config.search_path import add_plugins_to_search_path
    from fer.tuning.hydra_sweeper import FerSweeper, register

    register()

    add_plugins_to_search_path()
    composing = True

    @hydra.main(config_path=str(conf_dir()), config_name="train", version_base="1.3")
    def job(composed: Any) -> None:
        nonlocal composing
        composing = False
        multirun, free = HydraConfig.get().mode == RunMode.MULTIRUN, composed.run_dir is None

        def body() -> None:
            tree = plain(composed)
            allow_named_by(tree)
            _train_tree(tree, multirun=multirun, free=free)

        # A mistake ends the whole multirun, as SystemExit.
        guarded(body, folder="run_dir")
        composing = True

    # Without it Hydra prints what it refuses by itself, with its search path or a traceback, and ends with 1.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        with own_sweep_dir():
            job()
    except refusals() as error:
        if not composing or FerSweeper.began:
            raise
        overrides = [argument for argument in sys.argv[1:] if "=" in argument or argument.startswith("~")]
        raise refused(error, overrides) from error


def _train_tree(
    tree: Mapping[str, Any], *, origin: "Origin | None" = None, multirun: bool = False, free: bool = False
) -> None:
    """Trains a plain configuration; `free`: its run folder was named for it, and gives way to one that is there."""
    _tell_progress()
    from fer.common.processes import agreed_run_dir
    from fer.config.saved import in_free_run_dir
    from fer.config.schema import validate
    from fer.folders.refused import nothing_above_a_refused, nothing_of_a_refused
    from fer.folders.run import RunFolder

    config = validate(tree)
    if multirun and config.trainer.several_processes:
        raise ConfigError(
            "-m trains one job after another in this process, and every process that trainer.devices or "
            "trainer.strategy adds would run all jobs again: give trainer.devices=1, or call fer-train for each job"
        )
    from fer.training.run import run

    with nothing_above_a_refused(Path(tree["run_dir"])):
        ours = free and agreed_run_dir() is None
        if ours:
            tree = in_free_run_dir(tree)
            config = validate(tree)
        # Of several processes the first alone, which holds the folder.
        with nothing_of_a_refused(RunFolder(Path(tree["run_dir"])), ours=True) if ours else nullcontext():
            result = run(config, tree, origin=origin)
    if not result.first:
        return
    undefined = result.metrics.get("undefined", {})
    for name, value in result.metrics.items():
        if name != "undefined":
            told = f"undefined: {undefined.get(name)}" if value is None else value
            print(f"{name:28} {value:.4f}" if isinstance(value, float) else f"{name:28} {told}")
    print(f"run folder: {result.run_dir}")
    if config.report:
        from fer.report.main import make_report

        print(f"report: {make_report([result.run_dir])}")
    else:
        print(f"next: fer-report {shell_word(f'run={result.run_dir}')}")


def _tell_progress() -> None:
    """Tells what happens on standard error; of several processes, the first one alone."""
    from fer.common.processes import first_process

    level = logging.INFO if first_process() else logging.ERROR
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr)


def _groups() -> str:
    """The config groups and their options, from the files."""
    from fer.config.conf_files import config_groups

    lines = [f"  {name + '=':12} {', '.join(options)}" for name, options in config_groups().items()]
    return "Config groups:\n" + "\n".join(lines) + "\n"
