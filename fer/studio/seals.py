"""Which jobs in a folder of runs this user asked for.

A job is a command, and a folder of runs may come from anybody: with a waiting job in it, to open it would be to run
what a stranger wrote. So each job carries a seal (HMAC, RFC 2104) by a key that lies outside the folder and that this
user alone can read.
"""

import hmac
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from fer.common.cache_folder import default_cache_dir
from fer.common.errors import FerError
from fer.common.wording import printable_path

FIELD: Final = "seal"
"""Of a job's file."""

_KEY_BYTES: Final = 32


def sealed(job_id: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a job's file, with its seal."""
    return {**content, FIELD: _seal(job_id, content)}


def is_ours(job_id: str, content: Mapping[str, Any]) -> bool:
    """Whether this user asked for the job in a file, and for nothing else than stands there."""
    told = content.get(FIELD)
    rest = {name: value for name, value in content.items() if name != FIELD}
    return isinstance(told, str) and hmac.compare_digest(told.encode(), _seal(job_id, rest).encode())


def without_key() -> str | None:
    """Where no key can be kept, what that means; else None."""
    file = _key_file()
    _key(file)
    if file is not None and _own_key(file) is not None:
        return None
    folder = "there is no cache folder" if file is None else f"{printable_path(file.parent)} keeps no key for it alone"
    return f"{folder}: jobs that still wait when fer-studio ends are not started by the next one; set FER_CACHE"


def _seal(job_id: str, content: Mapping[str, Any]) -> str:
    text = json.dumps([job_id, content], sort_keys=True)
    return hmac.new(_key(_key_file()), text.encode(), "sha256").hexdigest()


def _key_file() -> Path | None:
    try:
        folder = default_cache_dir()
    except FerError:  # no home
        return None
    # A cache may be shared by several people.
    return folder / f"studio-{os.getuid() if hasattr(os, 'getuid') else 'user'}.key"


@lru_cache(maxsize=8)
def _key(file: Path | None) -> bytes:
    """The key in a file, which is made where it is missing; where that cannot be, one for this process alone."""
    if file is not None:
        with suppress(OSError):
            if not file.exists():
                _make(file)
        key = _own_key(file)
        if key is not None:
            return key
    return secrets.token_bytes(_KEY_BYTES)


def _own_key(file: Path) -> bytes | None:
    """The key in a file that this user alone can read; None where there is no such one."""
    try:
        told = file.stat()
        own = not hasattr(os, "getuid") or (told.st_uid == os.getuid() and told.st_mode & 0o077 == 0)
        key = file.read_bytes() if own else b""
    except OSError:
        return None
    return key if len(key) == _KEY_BYTES else None


def _make(file: Path) -> None:
    """Makes the file, whole and for this user's eyes from its first moment."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as temporary:
            temporary.write(secrets.token_bytes(_KEY_BYTES))
        # Of two studios that make it at once, both take that of the first.
        with suppress(FileExistsError):
            os.link(name, file)
    finally:
        Path(name).unlink()
