"""Downloads public copies of FER-2013: whole, checked against the hub's own checksums, or not at all."""

import hashlib
import json
import logging
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from fer.common.errors import DataError, MissingExtraError
from fer.common.paths import expanded
from fer.common.wording import shell_word
from fer.data.paths import data_home

LICENCE: Final = (
    "FER-2013 (Goodfellow et al. 2013, arXiv 1307.0414) was collected for research; its terms do not allow passing the "
    "images on. Use them for research, cite the paper, and don't redistribute them."
)

RECEIPT: Final = "fetched.json"
"""Written last into a fetched folder: where its files came from, their sizes and checksums."""

_TIMEOUT_S = 15.0


@dataclass(frozen=True, kw_only=True)
class Remote:
    """A public copy of a data set.

    Attributes:
        service: who hands it out.
        repo: its name there, owner/name.
        revision: branch, for Hugging Face.
        form: what one gets, for the help text.
    """

    service: Literal["huggingface", "kaggle"]
    repo: str
    form: str
    revision: str = "main"


# Repositories whose own files are pickles or tar shards are served as parquet on the hub's conversion branch.
_CONVERTED = "refs/convert/parquet"

REMOTES: Final[Mapping[str, Mapping[str, Remote]]] = MappingProxyType(
    {
        "fer2013": MappingProxyType(
            {
                "autumnqiu": Remote(
                    service="huggingface", repo="AutumnQiu/fer2013", form="parquet, the three official splits"
                ),
                "kaggle": Remote(
                    service="kaggle",
                    repo="msambare/fer2013",
                    form="class folders, the three official splits by file name",
                ),
                "jeneral": Remote(
                    service="huggingface",
                    repo="Jeneral/fer-2013",
                    revision=_CONVERTED,
                    form="parquet, Public and Private test mixed",
                ),
                "clip-benchmark": Remote(
                    service="huggingface",
                    repo="clip-benchmark/wds_fer2013",
                    revision=_CONVERTED,
                    form="parquet, Public and Private test mixed",
                ),
            }
        )
    }
)
"""Data set -> origin -> where it is; the first origin is the default."""


def fetch(name: str, *, origin: str | None = None, dest: Path | None = None) -> Path:
    """Downloads a data set, unless it is there already, and returns its folder.

    Files are gathered in a hidden folder beside `dest` and compared with the sizes and SHA-256 sums the hub names
    (Kaggle: its MD5 sum and the zip's checksums); only then the folder takes its final name, in one step. When
    an interrupted fetch is run again, the files that had arrived whole stay (Kaggle: the zip continues where it broke).

    Args:
        name: a key of `REMOTES`.
        origin: a key of `REMOTES[name]`; the first if None.
        dest: the folder to make; `data_home() / name` if None, where `data=<name>` looks for it.

    Raises:
        DataError: unknown name, no network, refused, damaged on the way, or `dest` holds something else.
        MissingExtraError: the hub's client is not installed.
    """
    remote = _remote(name, origin)
    folder = (data_home() / name if dest is None else expanded(dest)).absolute()
    if (folder / RECEIPT).is_file():
        return _fetched_before(folder, remote=remote)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(
            f"{folder} exists and was not put there by fer-data fetch: use it as it is (`fer-data import "
            f"{shell_word(folder)}`), "
            "or choose another folder with --dest"
        )
    staging = folder.with_name(f".{folder.name}.partial")
    lock_path = staging.with_name(f"{staging.name}.lock")
    try:
        staging.mkdir(parents=True, exist_ok=True)
        with _held(lock_path):
            try:
                _gather_into(folder, staging=staging, remote=remote)
            finally:
                # Whatever arrived is kept for the next attempt; empty folders are no use to it.
                if not any(path.is_file() for path in staging.rglob("*")):
                    shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise DataError(
            f"cannot write the data set to {folder}: {error.strerror or error}; choose another with --dest"
        ) from error
    return folder


def read_receipt(folder: Path) -> dict[str, Any]:
    """Where a folder came from: the fields of `Remote`, `commit` or `version`, `files` (path, bytes, sha256)."""
    receipt: dict[str, Any] = json.loads((folder / RECEIPT).read_text(encoding="utf-8"))
    return receipt


def _gather_into(folder: Path, *, staging: Path, remote: Remote) -> None:
    gather = _gather_from_hub if remote.service == "huggingface" else _gather_from_kaggle
    content, receipt = gather(remote, staging)
    (content / RECEIPT).write_text(json.dumps(asdict(remote) | receipt, indent=2) + "\n", encoding="utf-8")
    if folder.exists():
        folder.rmdir()
    content.rename(folder)
    shutil.rmtree(staging, ignore_errors=True)


def _remote(name: str, origin: str | None) -> Remote:
    if name == "synthetic":
        raise DataError("synthetic faces are drawn, not fetched: use them as they are (`fer-data preview synthetic`)")
    if name not in REMOTES:
        raise DataError(f"don't know where to fetch {name!r}: known data sets are {', '.join(REMOTES)}")
    origins = REMOTES[name]
    chosen = next(iter(origins)) if origin is None else origin
    if chosen not in origins:
        raise DataError(f"{name} is not to be had from {chosen!r}: choose one of {', '.join(origins)}")
    return origins[chosen]


def _fetched_before(folder: Path, *, remote: Remote) -> Path:
    receipt = read_receipt(folder)
    if receipt["repo"] != remote.repo:
        raise DataError(f"{folder} already holds {receipt['repo']}: fetch {remote.repo} to another folder with --dest")
    for file in receipt["files"]:
        path = folder / file["path"]
        if not path.is_file() or path.stat().st_size != file["bytes"]:
            raise DataError(f"{path} is missing or was changed since it was fetched: remove {folder} and fetch again")
    return folder


@contextmanager
def _held(lock: Path) -> Iterator[None]:
    """Holds a lock file, so that two fetches do not write one folder."""
    try:
        from filelock import FileLock, Timeout
    except ImportError as error:
        raise _missing("filelock") from error
    try:
        with FileLock(lock, timeout=0):
            try:
                yield
            finally:
                # Where an open file cannot be removed (Windows), an empty one stays.
                with suppress(OSError):
                    lock.unlink()
    except Timeout as error:
        raise DataError(f"another fer-data fetch is writing there (it holds {lock}): wait for it to end") from error


def _missing(package: str) -> MissingExtraError:
    return MissingExtraError(
        f"fer-data fetch needs {package}: install the training stack with `pip install 'ferlab[train]'`"
    )


def _gather_from_hub(remote: Remote, staging: Path) -> tuple[Path, dict[str, Any]]:
    """All parquet files of a Hugging Face data set, in `staging` and nothing else."""
    try:
        from huggingface_hub import HfApi, hf_hub_download
        from huggingface_hub import logging as hub_logging
    except ImportError as error:
        raise _missing("huggingface_hub") from error
    hub_logging.set_verbosity_error()  # type: ignore[no-untyped-call, unused-ignore]
    # The library reads HF_ENDPOINT once, at import; asking again lets a process change it.
    endpoint = os.environ.get("HF_ENDPOINT")
    # Not snapshot_download: without a network it returns a half-filled folder as if it were whole.
    try:
        info = HfApi(endpoint=endpoint).dataset_info(
            remote.repo, revision=remote.revision, files_metadata=True, timeout=_TIMEOUT_S
        )
        files = [file for file in info.siblings or () if file.rfilename.endswith(".parquet")]
        for file in files:
            hf_hub_download(
                remote.repo,
                file.rfilename,
                repo_type="dataset",
                revision=info.sha,
                local_dir=staging,
                endpoint=endpoint,
            )
    except Exception as error:
        # The library's errors come from whichever HTTP client its version uses: here they all mean "not downloaded".
        raise DataError(_download_failed(remote, error)) from error
    if not files:
        raise DataError(
            f"the data set {remote.repo} on Hugging Face has no parquet files any more: try another with --from"
        )
    listed = []
    for file in files:
        path = staging / file.rfilename
        wanted = None if file.lfs is None else file.lfs.sha256
        listed.append(_checked(path, name=file.rfilename, size=file.size, sha256=wanted))
    _keep_only(staging, {file["path"] for file in listed})
    return staging, {"commit": info.sha, "files": listed}


def _gather_from_kaggle(remote: Remote, staging: Path) -> tuple[Path, dict[str, Any]]:
    """A Kaggle data set, unpacked in a folder below `staging`."""
    try:
        import kagglehub  # type: ignore[import-untyped, unused-ignore]
        import requests
    except ImportError as error:
        raise _missing("kagglehub") from error
    before = os.environ.get("KAGGLEHUB_CACHE")
    # Its cache folder, moved beside the destination: a partial download continues, and the result is moved, not copied.
    os.environ["KAGGLEHUB_CACHE"] = str(staging)
    try:
        # It writes notices to standard output, which belongs to the answer.
        with _bounded_requests(), redirect_stdout(sys.stderr), _notices_on_stderr():
            unpacked = Path(kagglehub.dataset_download(remote.repo))  # type: ignore[attr-defined, unused-ignore]
    except requests.HTTPError as error:
        if error.response is not None and error.response.status_code in (401, 403):
            raise DataError(
                f"Kaggle refused {remote.repo} (HTTP {error.response.status_code}): it wants to know you. "
                "On Kaggle, open Settings > API, create a token, and set KAGGLE_API_TOKEN to it (or save it in "
                "~/.kaggle/access_token)"
            ) from error
        raise DataError(_download_failed(remote, error)) from error
    except Exception as error:
        raise DataError(_download_failed(remote, error)) from error
    finally:
        if before is None:
            del os.environ["KAGGLEHUB_CACHE"]
        else:
            os.environ["KAGGLEHUB_CACHE"] = before
    paths = sorted(path for path in unpacked.rglob("*") if path.is_file())
    if not paths:
        raise DataError(f"the data set {remote.repo} on Kaggle came without any files: try another with --from")
    files = [
        {"path": path.relative_to(unpacked).as_posix(), "bytes": path.stat().st_size, "sha256": None} for path in paths
    ]
    return unpacked, {"version": unpacked.name, "files": files}


@contextmanager
def _notices_on_stderr() -> Iterator[None]:
    """kagglehub's logger holds the standard output of the moment of its import, which may be closed by now."""
    logger = logging.getLogger("kagglehub")
    before = [handler for handler in logger.handlers if type(handler) is logging.StreamHandler]
    ours = logging.StreamHandler(sys.stderr)
    for handler in before:
        logger.removeHandler(handler)
    logger.addHandler(ours)
    try:
        yield
    finally:
        logger.removeHandler(ours)
        for handler in before:
            logger.addHandler(handler)


@contextmanager
def _bounded_requests() -> Iterator[None]:
    """Gives requests without a time limit one: kagglehub's have none, and a silent server would hold it for ever."""
    from requests.adapters import HTTPAdapter

    unbounded = HTTPAdapter.send

    def send(self: HTTPAdapter, request: Any, **options: Any) -> Any:
        if options.get("timeout") is None:
            options["timeout"] = (_TIMEOUT_S, 2 * _TIMEOUT_S)
        return unbounded(self, request, **options)

    HTTPAdapter.send = send  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        HTTPAdapter.send = unbounded  # type: ignore[method-assign]


def _checked(path: Path, *, name: str, size: int | None, sha256: str | None) -> dict[str, Any]:
    """The receipt's line for a downloaded file.

    Raises:
        DataError: it is not what the hub says it is; the file is removed, so that the next attempt fetches it anew.
    """
    found_size = path.stat().st_size
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if (size is not None and found_size != size) or (sha256 is not None and found != sha256):
        path.unlink()
        raise DataError(
            f"{name} arrived damaged ({found_size:,} bytes, the hub names {size or 0:,}): run the command again"
        )
    return {"path": name, "bytes": found_size, "sha256": found}


def _keep_only(folder: Path, names: set[str]) -> None:
    """Removes everything below `folder` but the files named (the client's bookkeeping, files of an older revision)."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.relative_to(folder).as_posix() not in names:
            path.unlink()


def _download_failed(remote: Remote, error: Exception) -> str:
    service = {"huggingface": "Hugging Face", "kaggle": "Kaggle"}[remote.service]
    reason = " ".join(str(error).split())
    shortened = reason if len(reason) <= 160 else f"{reason[:157]}..."
    return (
        f"cannot fetch {remote.repo} from {service} ({type(error).__name__}: {shortened}): check the network and run "
        "the command again, what arrived whole is kept; or download the data by hand and give its path"
    )
