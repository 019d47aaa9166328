"""`fer-studio`: options, and the life of the studio."""

import argparse
import logging
import os
import secrets
import sys
import threading
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from fer.common.errors import ConfigError
from fer.common.files import check_writable
from fer.common.options_parser import OptionsParser, port
from fer.common.paths import expanded
from fer.common.wording import printable_path
from fer.runtime.web.security import check_token

TOKEN_VARIABLE: Final = "FER_STUDIO_TOKEN"  # noqa: S105 - the variable's name
"""Where a token of one's own may be given; else each start makes one."""

_DESCRIPTION = """\
The laboratory in a browser, for this computer alone: look at data sets, train, compare and explain runs, try them on
your own pictures, ship them. It is a view on a folder of runs and starts the other commands; what it starts goes on
when the page or the studio is closed.
"""

_EPILOG = """\
examples:
  fer-studio                     runs in ./outputs, where fer-train puts them
  fer-studio --root runs         another folder of runs; it is made where it is missing
  fer-studio --port 0            on a free port
"""


def main(argv: Sequence[str]) -> int:
    """Serves until it is stopped; returns the exit status: 130 after Ctrl-C, 143 after SIGTERM.

    Raises:
        FerError: a mistake of the user's.
        SystemExit: help was asked for (0), or the arguments make no sense (2).
    """
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s", stream=sys.stderr)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    token = os.environ.get(TOKEN_VARIABLE) or secrets.token_urlsafe(24)
    check_token(token, named=TOKEN_VARIABLE)
    root = expanded(arguments.root).absolute()
    if root.exists() and not root.is_dir():
        raise ConfigError(f"--root {root} is a file: give a folder of runs")
    check_writable(root)
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--root {root} cannot be made: {error.strerror}; give another folder") from error

    from fer.runtime.web.server import bind, run_until_signal
    from fer.studio.app import create_app
    from fer.studio.seals import without_key
    from fer.studio.settings import studio_settings
    from fer.studio.studio import Studio

    settings = studio_settings(token=token)
    studio = Studio(root)
    server = bind(create_app(studio, settings=settings), host="127.0.0.1", port=arguments.port, settings=settings)
    queue = threading.Thread(target=studio.jobs.work, daemon=True)
    first_look = threading.Thread(target=studio.index.changes, kwargs={"since": 0}, daemon=True)
    try:
        queue.start()
        first_look.start()
        print(f"fer-studio: runs in {printable_path(root)}")
        if (missing := without_key()) is not None:
            print(f"warning: {missing}", file=sys.stderr)
        # The fragment stays in the browser: it is in no request and no log.
        print(f"open http://localhost:{server.effective_port}/#token={quote(token)} (Ctrl-C stops)", flush=True)
        signum = run_until_signal(server)
    finally:
        studio.close()
        server.close()
    print("stopped; trainings that were started here go on", file=sys.stderr)
    return 128 + signum


def _parser() -> argparse.ArgumentParser:
    parser = OptionsParser(
        prog="fer-studio",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--root", default="outputs", metavar="FOLDER", help="the folder of runs (default: outputs)")
    parser.add_argument("--port", type=port, default=8100, metavar="N", help="default: 8100; 0 finds a free one")
    return parser
