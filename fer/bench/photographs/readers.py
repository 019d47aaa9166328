"""Who reads the photographs, each a process of its own, asked one photograph after the other."""

import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError

from fer.bench.peer_comparison import PeerFailedError
from fer.common.paths import expanded
from fer.common.section import Section

_PEERS: Final = Path(__file__).parents[1] / "peers"
HUMAN: Final = "human"
"""The one peer in Node."""

INSTALL: Final = {
    "fer": "uv venv ENV --python 3.11 && uv pip install --python ENV/bin/python 'fer==25.10.3' 'setuptools<81', then "
    "bench.peers.fer=ENV/bin/python",
    "deepface": "uv venv ENV && uv pip install --python ENV/bin/python deepface tf-keras, then "
    "bench.peers.deepface=ENV/bin/python",
    HUMAN: "npm install --prefix ENV @vladmandic/human @tensorflow/tfjs @tensorflow/tfjs-backend-wasm, then "
    "bench.photographs.human=ENV",
}
"""Peer -> how to get it."""


class Opening(Section):
    """A reader's first line."""

    version: str
    python: str


class PeerPrediction(Section):
    """A reader's line for a photograph; no label where it finds no face."""

    label: str | None
    milliseconds: float = Field(ge=0)


@dataclass(frozen=True, kw_only=True)
class Reader:
    """One contender.

    Attributes:
        name: of its row, without its version.
        line: the command that starts it.
    """

    name: str
    line: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a reader said.

    Attributes:
        version: of it.
        labels: of each photograph, as it names them; None where it finds no face, or the photograph is unreadable.
        milliseconds: of each photograph that could be read.
    """

    version: str
    labels: tuple[str | None, ...]
    milliseconds: tuple[float, ...]


def python_reader(name: str, peer: str, python: Path, *arguments: str) -> Reader:
    """A reader that is a file of `peers/`, run by `python`.

    Raises:
        PeerFailedError: `python` is no program.
    """
    python = expanded(python)
    if not (python.is_file() and os.access(python, os.X_OK)):
        raise PeerFailedError(f"{python} is no program: {INSTALL[peer]}")
    # -I: neither this package's folder nor PYTHONPATH may stand before the peer's own packages.
    line = (str(python.absolute()), "-I", str(_PEERS / "photographs.py"), peer, *arguments)
    return Reader(name=name, line=line)


def human_reader(folder: Path) -> Reader:
    """@vladmandic/human as installed below `folder`.

    Raises:
        PeerFailedError: no Node on this machine, or no such package there.
    """
    folder = expanded(folder)
    node = shutil.which("node")
    if node is None:
        raise PeerFailedError("it needs Node.js, which is not on the PATH")
    if not (folder / "node_modules" / "@vladmandic" / "human").is_dir():
        raise PeerFailedError(f"{folder} holds no node_modules with it: {INSTALL[HUMAN]}")
    return Reader(name=HUMAN, line=(node, str(_PEERS / "human.mjs"), str(folder.absolute())))


def read(reader: Reader, pictures: Iterable[npt.NDArray[np.uint8] | None], *, seconds: float) -> Reading:
    """A reader's predictions.

    Args:
        reader: whom to ask.
        pictures: BGR uint8 (H, W, 3); None for one that cannot be decoded, which nobody is asked about.
        seconds: it gets for all.

    Raises:
        PeerFailedError: it does not run, broke off, was too slow, or gave a prediction that is none.
    """
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(reader.line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        except OSError as error:
            raise PeerFailedError(f"{reader.line[0]} does not run: {error.strerror or error}") from error
        late = threading.Timer(seconds, process.kill)
        late.start()
        try:
            lines = _talk(process, pictures)
            opening = Opening.model_validate(next(lines))
            predictions = [None if line is None else PeerPrediction.model_validate(line) for line in lines]
        except (OSError, ValueError, ValidationError, StopIteration) as error:
            process.kill()
            process.wait()
            # A timer that has fired is over; one that is cancelled below is not.
            if not late.is_alive():
                raise PeerFailedError(f"not done within {seconds / 60:g} min (bench.peer_minutes)") from error
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip().splitlines()
            raise PeerFailedError(said[-1] if said else f"ended with status {process.returncode}") from error
        finally:
            late.cancel()
            if process.poll() is None:
                process.kill()
            process.wait()
    return Reading(
        version=opening.version,
        labels=tuple(None if prediction is None else prediction.label for prediction in predictions),
        milliseconds=tuple(prediction.milliseconds for prediction in predictions if prediction is not None),
    )


def _talk(
    process: "subprocess.Popen[bytes]", pictures: Iterable[npt.NDArray[np.uint8] | None]
) -> Iterator[dict[str, object] | None]:
    """The reader's first line, then one for each picture."""
    assert process.stdin is not None
    assert process.stdout is not None
    yield json.loads(process.stdout.readline())
    for picture in pictures:
        if picture is None:
            yield None
            continue
        height, width, _ = picture.shape
        process.stdin.write(f"{height} {width}\n".encode() + picture[..., ::-1].tobytes())
        process.stdin.flush()
        yield json.loads(process.stdout.readline())
    process.stdin.close()
