"""`tracking.json`: where a folder stands in every MLflow store it was sent to."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, Literal

from pydantic import TypeAdapter

from fer.common.errors import ConfigError, DataError, FerError
from fer.common.files import write_json
from fer.common.parsing import parse_json

SCHEMA: Final = 1


@dataclass(kw_only=True)
class Place:
    """What one store holds of a folder.

    Attributes:
        uri: the store, without user and password.
        experiment: name of the MLflow experiment.
        run_id: MLflow's name of the run; None before it was created.
        status: MLflow's status of the run.
        epochs: how many epochs were sent.
        points: how many lines of `logged.jsonl` were sent.
        times: milliseconds since 1970 of every epoch, fixed before it is sent, so that a repetition adds nothing.
        hashes: what was sent of each part ("params", "tags", "final", "dataset") and of each artifact.
        model: hash and `models:/` address of the logged model.
        versions: registered name -> {"version", "alias", "model"}.
        state: sending, complete, or incomplete (see `error`).
        error: why the last attempt stopped.
        updated: when this was written, ISO 8601.
    """

    uri: str
    experiment: str
    run_id: str | None = None
    status: str | None = None
    epochs: int = 0
    points: int = 0
    times: list[int] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    model: dict[str, str] | None = None
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    state: Literal["sending", "complete", "incomplete"] = "sending"
    error: str | None = None
    updated: str = ""


@dataclass
class Record:
    """The file's content.

    Attributes:
        folder: the run, study or sweep folder.
        key: names this folder's run in any store, also where a crash came between creating it and noting it down.
        places: one per store and experiment; the last one used stands last.
    """

    folder: Path
    key: str
    places: list[Place]

    @property
    def path(self) -> Path:
        """The file."""
        return file_of(self.folder)

    def place(self, uri: str, experiment: str) -> Place:
        """The place in a store, new where nothing was sent there; it becomes the last one."""
        for place in self.places:
            if (place.uri, place.experiment) == (uri, experiment):
                self.places.remove(place)
                break
        else:
            place = Place(uri=uri, experiment=experiment)
        self.places.append(place)
        return place

    def save(self) -> None:
        """Writes the file atomically.

        Raises:
            ConfigError: the folder cannot be written.
        """
        self.places[-1].updated = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        content = {"schema": SCHEMA, "key": self.key, "places": [asdict(place) for place in self.places]}
        try:
            write_json(self.path, content)
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be written: {error.strerror or error}") from error


def file_of(folder: Path) -> Path:
    """`tracking.json` of a folder."""
    return folder / "tracking.json"


def read_record(folder: Path) -> Record:
    """The record of a folder; an empty one where nothing was sent yet.

    Raises:
        DataError: the file is broken, or of a newer version.
    """
    path = file_of(folder)
    if not path.is_file():
        return Record(folder, uuid.uuid4().hex, [])
    try:
        content = parse_json(path.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise DataError(f"{path} has schema {content['schema']}; this version reads {SCHEMA}: update ferlab")
        if not isinstance(content["key"], str):
            raise TypeError("its key is no text")
        return Record(folder, content["key"], TypeAdapter(list[Place]).validate_python(content["places"]))
    except FerError:
        raise
    except (ValueError, LookupError, TypeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise DataError(f"{path} is broken ({reason}): delete it to send the folder as a new MLflow run") from error


@contextmanager
def owned(folder: Path, *, timeout: float = 0.0) -> Iterator[None]:
    """Holds a folder's record for this process.

    Raises:
        ConfigError: another process is sending it, or it cannot be written.
    """
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".tracking.lock", timeout=timeout)
        lock.acquire()
    except Timeout as error:
        raise ConfigError(f"{folder} is being sent to MLflow by another process right now: wait for it") from error
    except OSError as error:
        raise ConfigError(
            f"{folder} cannot be written: {error.strerror or error}; what was sent is noted there, so send a copy of "
            "the folder, or make it writable"
        ) from error
    try:
        yield
    finally:
        lock.release()
