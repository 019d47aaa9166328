"""Downloads YuNet's file from OpenCV's model zoo: whole and the one that was published, or not at all."""

import hashlib
import http.client
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

from fer.common.cache_folder import yunet_file
from fer.common.errors import DataError
from fer.common.files import write_atomic

ADDRESS: Final = (
    "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/face_detection_yunet/"
    "face_detection_yunet_2023mar.onnx"
)

SHA256: Final = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
"""As the Git LFS pointer in the model zoo states it."""

LICENCE: Final = "YuNet (Wu, Peng and Yu 2023) comes from OpenCV's model zoo under the MIT licence."

_TIMEOUT_S: Final = 15.0
_MOST_BYTES: Final = 1 << 20


def fetch_yunet() -> Path:
    """Downloads the file into the cache folder, unless it is there already, and returns its path.

    Raises:
        DataError: no network, refused, or not the file that was published.
        StorageError: the cache folder cannot be written.
    """
    path = yunet_file()
    if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == SHA256:
        return path
    by_hand = f"check the network and run the command again, or put {path.name} from OpenCV's model zoo at {path}"
    try:
        with urllib.request.urlopen(ADDRESS, timeout=_TIMEOUT_S) as answer:
            content: bytes = answer.read(_MOST_BYTES)
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise DataError(f"cannot fetch YuNet from {ADDRESS} ({reason}): {by_hand}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise DataError(
            f"what {ADDRESS} gave is not the published YuNet ({len(content):,} bytes, sha256 {found}; expected "
            f"{SHA256}): {by_hand}"
        )
    write_atomic(path, content)
    return path
