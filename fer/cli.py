"""The commands. Each imports what it needs inside its body, so that `--help` answers at once."""

import logging
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from fer.errors import FerError, MissingExtraError

_HYDRA_FLAGS = ("-m", "--multirun", "-c", "--cfg", "-i", "--info", "-sc", "--shell-completion", "-r", "--run", "-p",
                "--package", "--resolve", "-cp", "--config-path", "-cn", "--config-name", "-cd", "--config-dir",
                "--experimental-rerun", "--hydra-help", "--version")  # fmt: skip

_TRAIN_HELP = """\
fer-train: one training run from a configuration.

usage: fer-train [KEY=VALUE ...]

  fer-train experiment=quickstart                        drawn faces, no data needed, two minutes
  fer-train data.root=archive.zip                        FER-2013 in any public form
  fer-train model=resnet18 trainer.accelerator=mps       another net, another device
  fer-train model=vit optimizer.lr=5e-4 seed=1           any key of the configuration
  fer-train run_dir=runs/a                               again after an interruption: goes on where it stopped

{groups}
Keys: data.root, data.protocol, seed, run_dir, resume=auto|never|PATH, trainer.accelerator=auto|cpu|mps|cuda,
trainer.max_epochs, report=true; `fer-train --cfg job` prints all of them. Hydra's own flags work too (-m for a
multirun; `fer-train --hydra-help`).
"""


def train() -> None:
    """`fer-train`: trains one model."""
    arguments = sys.argv[1:]
    if any(argument in ("-h", "--help") for argument in arguments):
        print(_TRAIN_HELP.format(groups=_groups()), end="")
        return
    with_hydra = any(argument.partition("=")[0] in _HYDRA_FLAGS for argument in arguments)
    _guarded(lambda: _train_with_hydra() if with_hydra else _train(arguments))


def occlusion() -> None:
    """`fer-occlusion`: trains and reports the occlusion study."""

    def body() -> None:
        _needs_train_extra("fer-occlusion")
        from fer.occlusion_study.command import main

        main(sys.argv[1:])

    _guarded(body, folder="study_dir")


def report() -> None:
    """`fer-report`: evaluates and explains run folders."""

    def body() -> None:
        _needs_train_extra("fer-report")
        from fer.report.command import main

        main(sys.argv[1:])

    _guarded(body)


def data() -> None:
    """`fer-data`: fetches, imports, audits and shows data sets."""

    def body() -> int:
        from fer.data.commands import main

        return main(sys.argv[1:])

    _guarded(body)


def _train(overrides: list[str]) -> None:
    _needs_train_extra("fer-train")
    from fer.config import compose_train

    _train_tree(compose_train(overrides))


def _train_with_hydra() -> None:
    """Hands over to hydra.main, which owns multiruns and the flags that only show things."""
    _needs_train_extra("fer-train")
    import hydra

    from fer.config import conf_dir, plain

    @hydra.main(config_path=str(conf_dir()), config_name="train", version_base="1.3")
    def job(composed: Any) -> None:
        # Hydra turns any Exception into its own message and exit status; ours pass as SystemExit.
        _guarded(lambda: _train_tree(plain(composed)))

    job()


def _train_tree(tree: Mapping[str, Any]) -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    from fer.config import validate

    config = validate(tree)
    from fer.training import run

    result = run(config, tree)
    for name, value in result.metrics.items():
        print(f"{name:28} {value:.4f}" if isinstance(value, float) else f"{name:28} {value}")
    print(f"run folder: {result.run_dir}")
    if config.report:
        from fer.report.main import make_report

        print(f"report: {make_report([result.run_dir])}")
    else:
        print(f"next: fer-report run={result.run_dir}")


def _guarded(body: Callable[[], int | None], *, folder: str = "run_dir") -> None:
    """Runs a command's body; turns its end into the exit status of the outside contract.

    `folder` is the key of the folder with which an interrupted command goes on.
    """
    from fer.interrupt import Interrupted, signals_raise

    debug = os.environ.get("FER_DEBUG") == "1"
    try:
        with signals_raise():
            status = body()
    except FerError as error:
        if debug:
            traceback.print_exc()
        _end(f"error: {error}", 2)
    except Interrupted as interruption:
        _end(f"stopped by {interruption}; what was saved is whole, and the same command with its {folder} goes on",
             interruption.exit_code)  # fmt: skip
    except BrokenPipeError:
        # The reader of our output went away (`fer-data stats | head`).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    if status:
        sys.exit(status)


def _end(message: str, status: int) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(status)


def _needs_train_extra(command: str) -> None:
    from importlib.util import find_spec

    missing = [name for name in ("torch", "hydra", "pytorch_lightning") if find_spec(name) is None]
    if missing:
        raise MissingExtraError(f"{command} needs {', '.join(missing)}: pip install 'ferlab[train]'")


def _groups() -> str:
    """The config groups and their options, from the files."""
    from pathlib import Path

    package = Path(__file__).parent
    conf = package / "conf" if (package / "conf").is_dir() else package.parent / "conf"
    lines = []
    for folder in sorted(path for path in conf.iterdir() if path.is_dir()):
        options = ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))
        lines.append(f"  {folder.name + '=':12} {options}")
    return "Config groups:\n" + "\n".join(lines) + "\n"
