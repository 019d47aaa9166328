"""`fer-serve`: options, the warning beyond loopback, and the server's life."""

import argparse
import ipaddress
import logging
import math
import os
import re
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from pydantic import ValidationError

from fer.common.errors import ConfigError
from fer.common.options_parser import OptionsParser, port
from fer.common.wording import printable_path
from fer.runtime.detection.opening import DETECTORS
from fer.runtime.model_options import add_model_options
from fer.runtime.shipped import shipped_name
from fer.runtime.web.security import check_token
from fer.runtime.web.settings import ServeSettings

if TYPE_CHECKING:
    from fer.runtime.model import EmotionModel
    from fer.runtime.web.engine import Engine

_NAME: Final = re.compile("[A-Za-z0-9][A-Za-z0-9._ -]{0,39}")
"""A name for a model."""

TOKEN_VARIABLE: Final = "FER_SERVE_TOKEN"  # noqa: S105 - the variable's name
"""Where a token may be given without showing up in the list of processes."""


def main(argv: Sequence[str]) -> int:
    """Serves until it is stopped; returns the exit status: 130 after Ctrl-C, 143 after SIGTERM.

    Raises:
        FerError: a mistake of the user's.
        SystemExit: help was asked for (0), or the arguments make no sense (2).
    """
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s", stream=sys.stderr)
    # waitress warns of every request that waits a moment; 503 and /metrics tell what matters.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    settings = _settings(arguments)
    remote = not is_loopback(arguments.host)
    if remote and not arguments.allow_remote:
        raise ConfigError(
            f"--host {arguments.host} lets other computers send pictures here: add --allow-remote if you want that, "
            "or leave --host out"
        )
    from fer.runtime.detection.opening import open_detector
    from fer.runtime.web.app import create_app
    from fer.runtime.web.drift_file import DriftFile
    from fer.runtime.web.engine import Engine
    from fer.runtime.web.server import bind, run_until_signal

    engine = Engine(
        load_models(arguments.model or [None], prior=arguments.prior, tta=arguments.tta),
        detector=arguments.detector,
        open_detector=lambda live: open_detector(arguments.detector, model=arguments.detector_model, live=live),
        settings=settings,
        drift_file=None if arguments.drift_log is None else DriftFile(arguments.drift_log),
    )
    server = bind(create_app(engine, settings=settings), host=arguments.host, port=arguments.port, settings=settings)
    try:
        _welcome(arguments.host, server.effective_port, settings=settings, engine=engine, remote=remote)
        signum = run_until_signal(server)
    finally:
        server.close()
    print("stopped", file=sys.stderr)
    return 128 + signum


def load_models(
    given: Sequence[str | None], *, prior: str | None = None, tta: bool = False
) -> "dict[str, EmotionModel]":
    """Models by the name people choose them by; those of the package by theirs.

    Args:
        given: files, folders of files, names of models of the package, or NAME=FILE for a name of one's own; None for
            the default one. The files of a folder are called what they are called there.
        prior: see `fer.runtime.prior.open_prior`; None for the models' own.
        tta: whether they are asked about several views of a face.

    Raises:
        ConfigError: the same name twice, a folder without models, or a prior that cannot be used.
        CheckpointError: a file that is missing or no model of ours.
    """
    from fer.runtime.model import EmotionModel
    from fer.runtime.prior import open_prior

    expected = None if prior is None else open_prior(prior)
    models: dict[str, EmotionModel] = {}
    for each, wished, path in _named(given):
        model = EmotionModel.load(path).adjusted(prior=expected, tta=tta)
        name = wished or shipped_name(path) or model.name
        if name in models and wished is None:
            # Two trainings of one net share its name; the file tells them apart.
            name = f"{model.name} ({printable_path(Path(str(path)).stem)})"
        if name in models:
            raise ConfigError(f"--model {each}: a model with this name is already there: give another as NAME=FILE")
        models[name] = model
    return models


def _named(given: Sequence[str | None]) -> Iterator[tuple[str | None, str | None, str | None]]:
    """Each `--model`, the name of one's own, if any, and the file or the name in the package; a folder's one by one."""
    for each in given:
        wished, path = _name_and_path(each)
        if path is None or wished is not None or not Path(path).is_dir():
            yield each, wished, path
            continue
        files = sorted(Path(path).glob("*.onnx"))
        if not files:
            raise ConfigError(
                f"--model {each}: there is no .onnx file in this folder: fer-export or fer-occlusion writes it"
            )
        for file in files:
            yield str(file), file.stem, str(file)


def _name_and_path(given: str | None) -> tuple[str | None, str | None]:
    """The name of one's own, if any, and the file or the name in the package of a `--model`."""
    if given is None:
        return None, None
    name, equals, path = given.partition("=")
    # A file whose own name has the sign in it is a file.
    if equals and _NAME.fullmatch(name) is not None and not Path(given).exists():
        return name, path
    return None, given


def is_loopback(host: str) -> bool:
    """Whether an address or name stands for this computer alone.

    Raises:
        ConfigError: a name that stands for no address.
    """
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"--host {host}: no such address; use 127.0.0.1") from error
    return all(ipaddress.ip_address(str(address).partition("%")[0]).is_loopback for address in found)


def _settings(arguments: argparse.Namespace) -> ServeSettings:
    token = arguments.token if arguments.token is not None else os.environ.get(TOKEN_VARIABLE)
    if token is not None:
        check_token(token, named=TOKEN_VARIABLE if arguments.token is None else "--token")
    given = {
        "max_body": round(arguments.max_body * (1 << 20)),
        "max_pixels": round(arguments.max_pixels * 1_000_000),
        "rate": arguments.rate,
        "burst": max(1, round(2 * arguments.rate)),
        "concurrency": arguments.concurrency,
        "allowed_hosts": tuple(arguments.allow_host),
        "prefix": arguments.prefix.rstrip("/"),
        "token": token,
    }
    try:
        return ServeSettings.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        shown = f" {getattr(arguments, key, given[key])}"
        reason = "give a path such as /fer" if key == "prefix" else first["msg"]
        raise ConfigError(f"--{key.replace('_', '-')}{shown}: {reason}") from error


def _welcome(host: str, port: int, *, settings: ServeSettings, engine: "Engine", remote: bool) -> None:
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{'localhost' if host in ('127.0.0.1', '0.0.0.0', '::', '::1') else shown}:{port}"  # noqa: S104
    print(f"fer-serve: {', '.join(engine.names)}; faces by {engine.detector}")
    # The fragment stays in the browser: it is in no request and no log.
    fragment = "" if settings.token is None else f"#token={quote(settings.token)}"
    print(f"open {address}{settings.prefix}/{fragment} (Ctrl-C stops)", flush=True)
    if remote:
        print(
            f"warning: {host} can be reached by other computers. Pictures travel unencrypted, and browsers give a "
            "camera only to localhost or https: put an https proxy in front"
            + ("." if settings.token is not None else ", and give a --token: anybody who reaches it may use it."),
            file=sys.stderr,
        )


def _parser() -> argparse.ArgumentParser:
    parser = OptionsParser(
        prog="fer-serve",
        description="A page that reads expressions live from a camera or from pictures, on this computer. Nothing is "
        "stored and nothing is sent elsewhere.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1, this computer)")
    parser.add_argument("--port", type=port, default=8000, help="default: 8000; 0 finds a free one")
    add_model_options(parser, several=True)
    parser.add_argument(
        "--detector", choices=DETECTORS, default=DETECTORS[0], help=f"how faces are found (default: {DETECTORS[0]})"
    )
    parser.add_argument("--detector-model", type=Path, metavar="ONNX", help="another YuNet file, for --detector yunet")
    parser.add_argument("--max-body", type=_amount, default=8, metavar="MIB", help="largest request (default: 8)")
    parser.add_argument(
        "--max-pixels",
        type=_amount,
        default=40,
        metavar="MILLIONS",
        help="largest picture (default: 40 million pixels)",
    )
    parser.add_argument("--rate", type=_amount, default=120, metavar="N", help="requests a second of one address (120)")
    parser.add_argument(
        "--concurrency", type=int, default=2, metavar="N", help="pictures at the same time (default: 2)"
    )
    parser.add_argument(
        "--prefix", default="", metavar="/PATH", help="serve below this path, for a proxy that passes it on"
    )
    parser.add_argument(
        "--drift-log",
        type=Path,
        metavar="FILE",
        help="also write the drift log's numbers there, a line of JSON a face, and go on with it after a restart "
        "(default: in memory alone)",
    )
    parser.add_argument(
        "--token", help=f"what programs and the page must present (or ${TOKEN_VARIABLE}); at least 8 characters, ASCII"
    )
    parser.add_argument(
        "--allow-remote", action="store_true", help="yes, --host may be an address that other computers reach"
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name under which this server may be called, besides localhost and addresses",
    )
    return parser


def _amount(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is no number between 0 and a billion")
    return value
