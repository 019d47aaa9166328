"""`fer-track`: sends run, study and sweep folders to MLflow."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from fer.common.errors import ConfigError
from fer.common.options_parser import OptionsParser
from fer.tracking.groups import find
from fer.tracking.send import Registration, Sent
from fer.tracking.store import StoreAddress, set_environment

ALIAS: Final = "champion"
"""The alias MLflow's own documentation gives to the version in use."""

_DESCRIPTION = """\
Sends to MLflow what of a run is not there yet: after a training without logger=mlflow, after one whose server was
down, or again after a report. Sending twice sends nothing twice.
"""

_EPILOG = """\
The store is, in this order: --uri; MLFLOW_TRACKING_URI; where the folder was sent before; logger.mlflow.uri of the
run; mlflow.db beside the folder.
RUN/tracking.json remembers what was sent.
"""


def main(argv: Sequence[str]) -> int:
    """Runs the command; the exit status.

    The answer goes to standard output: a line an MLflow run, or with `--json` one JSON list.

    Raises:
        FerError: a path that holds no run, a store that fails, a model that is not there.
        SystemExit: help was asked for (0), or the arguments make no sense (2).
    """
    arguments = _parser().parse_args(argv)
    register = None
    if arguments.register is not None:
        register = Registration(name=arguments.register, alias=arguments.alias)
    elif arguments.alias is not None and arguments.alias != ALIAS:
        raise ConfigError(f"--alias {arguments.alias} names a version of a registered model: add --register NAME")
    if arguments.model is not None and not arguments.model.is_file():
        raise ConfigError(f"--model {arguments.model}: there is no such file (fer-export makes one)")
    folders = [folder for run in arguments.run for folder in find(run)]
    if arguments.model is not None and len(folders) > 1:
        raise ConfigError(f"--model {arguments.model} belongs to one run, and {len(folders)} were named")
    set_environment()
    from fer.tracking.sync import sync

    answers: list[dict[str, Any]] = []
    address = None
    for folder in folders:
        address, sent = sync(
            folder,
            uri=arguments.uri,
            experiment=arguments.experiment,
            model=arguments.model,
            register=register,
            tell=None if arguments.json else lambda one: print(line(one), flush=True),
        )
        answers += [_answer(one, address) for one in sent]
    if arguments.json:
        print(json.dumps(answers, indent=2))
    elif address is not None:
        print(f"look: {address.view}", file=sys.stderr)
    return 0


def line(sent: Sent) -> str:
    """What was sent of a folder, for people."""
    parts = ["new run"] if sent.created else []
    if sent.epochs:
        parts.append(_count(sent.epochs, "epoch"))
    if sent.artifacts:
        parts.append(_count(sent.artifacts, "file"))
    if sent.model:
        parts.append("the model")
    what = ", ".join(parts) if parts else "nothing new"
    version = "" if sent.version is None else f"; registered as version {sent.version}"
    return f"{sent.folder}: {what} -> {sent.run_id} ({sent.status}){version}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _answer(sent: Sent, address: StoreAddress) -> dict[str, Any]:
    return {
        "folder": str(sent.folder),
        "uri": address.shown,
        "experiment": address.experiment,
        "run_id": sent.run_id,
        "status": sent.status,
        "created": sent.created,
        "epochs_sent": sent.epochs,
        "files_sent": sent.artifacts,
        "model_sent": sent.model,
        "version": sent.version,
    }


def _parser() -> argparse.ArgumentParser:
    parser = OptionsParser(
        prog="fer-track",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "run", nargs="+", type=Path, metavar="RUN", help="run, study or sweep folder, or a folder of them"
    )
    parser.add_argument("--uri", metavar="URI", help="MLflow store: sqlite:////path/mlflow.db or http://server:port")
    parser.add_argument("--experiment", metavar="NAME", help="MLflow experiment (default: fer, or as sent before)")
    parser.add_argument("--model", type=Path, metavar="FILE", help="exported ONNX model (default: RUN/model.onnx)")
    parser.add_argument("--register", metavar="NAME", help="make the model a version of this registered model")
    parser.add_argument(
        "--alias", metavar="ALIAS", default=ALIAS, help=f"alias of the registered version (default: {ALIAS})"
    )
    parser.add_argument("--json", action="store_true", help="answer with one JSON list")
    return parser
