"""Which MLflow store, and how to reach it without hanging."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

from fer.common.errors import ConfigError, FerError, MissingExtraError
from fer.common.paths import expanded
from fer.common.storage import storage_error
from fer.common.wording import printable_path, printable_text, shell_word
from fer.tracking.record import Record

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT: Final = "fer"
"""The MLflow experiment where none is named."""

_GROUP_FILES: Final = ("study.json", "sweep.json")
_SETTINGS: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # The defaults (7 attempts of 120 s) hang for minutes on a server that is gone.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}

_LAYERS: Final = ("mlflow", "sqlalchemy", "sqlite3", "alembic", "requests", "urllib3")
_OPENING: Final = 120.0
"""Seconds to wait for another process that opens the same database; a new one takes about ten."""

_MOST_CROWDED: Final = 4.0


class TrackingError(FerError, OSError):
    """The MLflow store cannot be reached, or refused; nothing is lost, and the same command sends the rest."""


@dataclass(frozen=True, kw_only=True)
class StoreAddress:
    """A store and an experiment in it.

    Attributes:
        uri: what MLflow is given; may hold a password.
        experiment: the experiment's name.
    """

    uri: str
    experiment: str

    @property
    def shown(self) -> str:
        """The address without user and password, for files and people."""
        parts = urlsplit(self.uri)
        if parts.username is None and parts.password is None:
            return self.uri
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

    @property
    def database(self) -> Path | None:
        """The file of a sqlite store; None for any other."""
        return Path(self.uri.removeprefix("sqlite:///")) if self.uri.startswith("sqlite:///") else None

    @property
    def view(self) -> str:
        """How to look at it."""
        return self.shown if self.database is None else f"mlflow ui --backend-store-uri {shell_word(self.uri)}"


@dataclass(frozen=True, kw_only=True)
class OpenStore:
    """A store that answered.

    Attributes:
        address: which one.
        client: MLflow's client.
        experiment_id: MLflow's name of the experiment.
    """

    address: StoreAddress
    client: "MlflowClient"
    experiment_id: str


def find_store(
    folder: Path, record: Record, *, uri: str | None, experiment: str | None, configured: str | None = None
) -> StoreAddress:
    """Where a folder's run belongs.

    In this order: what the command says; `MLFLOW_TRACKING_URI`; where it was sent before; what the run's own
    configuration says; `mlflow.db` beside the folder.

    Args:
        folder: the run, study or sweep folder.
        record: what was sent before.
        uri: what the command says.
        experiment: the experiment's name; None keeps the one it was sent to before, else `EXPERIMENT`.
        configured: `logger.mlflow.uri` of the run.

    Raises:
        ConfigError: a kind of address that MLflow no longer takes.
    """
    # A database that was moved away with its folder is no place to go on in.
    known = [place for place in record.places if _is_there(place.uri)]
    from_environment = os.environ.get("MLFLOW_TRACKING_URI") or None
    last = known[-1].uri if known else None
    named = (address for address in (uri, from_environment, last, configured) if address is not None)
    chosen = next(named, None) or default_uri(folder)
    if "://" not in chosen or chosen.startswith("file:"):
        raise ConfigError(
            f"the MLflow store {chosen!r} is a folder, which MLflow no longer takes: name a database, such as "
            f"sqlite:///{Path(chosen.removeprefix('file://')).resolve()}/mlflow.db, or a server (http://...)"
        )
    address = StoreAddress(uri=chosen, experiment=EXPERIMENT)
    if experiment is None:
        before = [place.experiment for place in known if place.uri == address.shown]
        experiment = before[-1] if before else EXPERIMENT
    return StoreAddress(uri=chosen, experiment=experiment)


_CREDENTIALS: Final = ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")


def keep_credentials(address: StoreAddress, folder: Path, *, uri: str | None) -> None:
    """Refuses a server that a folder alone names, where MLflow would show it who the user is.

    Args:
        address: what `find_store` found.
        folder: the run, study or sweep folder.
        uri: what the command says.

    Raises:
        ConfigError: the folder may be a stranger's, and the server too.
    """
    told = [name for name in _CREDENTIALS if os.environ.get(name)]
    said = uri is not None or os.environ.get("MLFLOW_TRACKING_URI")
    if told and not said and urlsplit(address.uri).scheme in ("http", "https"):
        raise ConfigError(
            f"{folder} names the server {address.shown}, which would be sent {' and '.join(told)}: if it is yours, "
            f"name it yourself, with --uri {address.shown} or in MLFLOW_TRACKING_URI"
        )


def default_uri(folder: Path) -> str:
    """sqlite in the folder that holds the runs; runs of a study or sweep share the one beside it.

    Raises:
        ConfigError: no address can name a file there.
    """
    holder = folder.resolve().parent
    for parent in folder.resolve().parents[:3]:
        if any((parent / name).is_file() for name in _GROUP_FILES):
            holder = parent.parent
    name = str(holder)
    # SQLAlchemy cuts a path at "?", and from 2.1 on reads "%20" as a space: the database would be another file. MLflow
    # writes the path into a statement as Python shows it, which SQL reads with one kind of quotes alone.
    if re.search(r"\?|%[0-9A-Fa-f]{2}", name) or {"'", '"'} <= {*name} or printable_text(name) != name:
        raise ConfigError(
            f"the folder {printable_path(holder)} has a name that no MLflow address can hold (a question mark, %20 and "
            "the like, both kinds of quotes, or bytes that are no UTF-8): rename it, or name a store elsewhere by "
            f"MLFLOW_TRACKING_URI, as in sqlite:///{expanded('~/mlflow.db')}"
        )
    return f"sqlite:///{holder / 'mlflow.db'}"


def patience(seconds: float) -> float:
    """How long to wait now for what `seconds` are enough for on a quiet machine.

    Longer by as much as programs want more cores than there are (the load of the last minute), up to four times: on
    such a machine the import of MLflow alone takes minutes.
    """
    crowd = os.getloadavg()[0] / (os.cpu_count() or 1) if hasattr(os, "getloadavg") else 1.0
    return seconds * min(max(crowd, 1.0), _MOST_CROWDED)


def set_environment() -> None:
    """MLflow's settings for a process that must not hang or call home; what the user has set stays."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)


def open_store(address: StoreAddress) -> OpenStore:
    """Imports MLflow (seconds), reaches the store and finds or makes the experiment.

    Raises:
        MissingExtraError: MLflow is not installed.
        TrackingError: the store cannot be reached, or refused.
    """
    from importlib.util import find_spec

    if find_spec("mlflow") is None:
        raise MissingExtraError("tracking needs mlflow: pip install 'ferlab[train]'")
    set_environment()
    with told(address):
        # Before the lock: on a crowded machine the import takes minutes, and others wait at the lock meanwhile.
        from mlflow import MlflowClient
    with told(address), _opened_alone(address):
        client = MlflowClient(tracking_uri=address.uri, registry_uri=address.uri)
        return OpenStore(address=address, client=client, experiment_id=_experiment(client, address))


@contextmanager
def as_current(address: StoreAddress) -> Iterator[None]:
    """Within, the store is the one of MLflow's functions that take none."""
    import mlflow

    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(address.uri)
    try:
        yield
    finally:
        # It has set the variable too, which would be taken for the user's choice at the next folder.
        mlflow.set_tracking_uri(None)  # type: ignore[arg-type]
        if before is not None:
            os.environ["MLFLOW_TRACKING_URI"] = before


@contextmanager
def told(address: StoreAddress) -> Iterator[None]:
    """Within, whatever goes wrong between MLflow and its store is a `TrackingError` that names the store."""
    try:
        yield
    except FerError:
        raise
    except Exception as error:
        if not _is_mlflow_failure(error):
            raise
        raise TrackingError(
            f"MLflow at {address.shown}: {_reason(error).replace(address.uri, address.shown)}; nothing is lost, "
            "the same command sends the rest"
        ) from error


def _reason(error: Exception) -> str:
    """Why a store failed, in one line."""
    refused = storage_error(error) if isinstance(error, OSError) else None
    if refused is not None:
        return str(refused)
    each: BaseException | None = error
    while each is not None:
        # The class that requests has for a server that is not there, or is silent.
        if any(kind.__name__ in ("ConnectionError", "Timeout") for kind in _requests_classes(each)):
            return "no server answers there; start it, or name another store"
        each = each.__cause__ or each.__context__
    words = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = words[0] if words else type(error).__name__
    return reason if len(reason) <= 300 else reason[:300] + " ..."


def _requests_classes(error: BaseException) -> list[type]:
    return [kind for kind in type(error).__mro__ if kind.__module__.partition(".")[0] == "requests"]


@contextmanager
def _opened_alone(address: StoreAddress) -> Iterator[None]:
    """One process at a time opens a sqlite file: two that both find it new would migrate it into each other."""
    from filelock import FileLock, Timeout

    if address.database is None:
        yield
        return
    address.database.parent.mkdir(parents=True, exist_ok=True)
    lock = address.database.with_name(f".{address.database.name}.lock")
    seconds = patience(_OPENING)
    try:
        with FileLock(lock, timeout=seconds):
            yield
    except Timeout as error:
        raise TrackingError(
            f"{lock} has been held by {_holders(lock)} for {seconds:.0f} seconds: wait for it, or end it where it is "
            "stuck (what it did not send, `fer-track RUN` sends)"
        ) from error


def _holders(lock: Path) -> str:
    """The processes that have a lock's file open, by their ids, as far as this system tells (Linux)."""
    found = []
    here = os.getpid()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            held = any(link.samefile(lock) for link in (process / "fd").iterdir())
        except OSError:
            # Another user's, or gone by now.
            continue
        if held and int(process.name) != here:
            found.append(process.name)
    return f"process {' and '.join(sorted(found, key=int))}" if found else "another process"


def _is_mlflow_failure(error: Exception) -> bool:
    """Whether an error comes from MLflow, from what it stands on, or from the system; others are our own."""
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] in _LAYERS


def _experiment(client: "MlflowClient", address: StoreAddress) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(address.experiment)
    if found is None:
        # MLflow's own default is a folder of the current directory; files belong beside their database.
        database = address.database
        root = None if database is None else (database.resolve().parent / "mlartifacts" / address.experiment).as_uri()
        try:
            return str(client.create_experiment(address.experiment, artifact_location=root))
        except MlflowException as error:
            # Another process was faster.
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(address.experiment)
            assert found is not None
    if found.lifecycle_stage == "deleted":
        raise ConfigError(
            f"the experiment {address.experiment!r} was deleted in {address.shown}: restore it there, or name another "
            "with --experiment"
        )
    return str(found.experiment_id)


def _is_there(uri: str) -> bool:
    database = StoreAddress(uri=uri, experiment=EXPERIMENT).database
    return database is None or database.is_file()
