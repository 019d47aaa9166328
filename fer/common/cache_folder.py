"""Where files lie that can be made or fetched again."""

import os
import sys
from pathlib import Path

from fer.common.paths import expanded, in_home


def default_cache_dir() -> Path:
    """`FER_CACHE`, else `ferlab` in the user's cache folder of the operating system.

    Raises:
        ConfigError: the user has no home folder, and FER_CACHE is not set.
    """
    chosen = os.environ.get("FER_CACHE")
    if chosen:
        return expanded(chosen)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return in_home(base, variable="FER_CACHE") / "ferlab"


def yunet_file() -> Path:
    """Where `fer-data fetch yunet` puts YuNet's file and `--detector yunet` looks for it."""
    return default_cache_dir() / "face_detection_yunet_2023mar.onnx"
