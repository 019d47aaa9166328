"""Detectors by name."""

import os
from pathlib import Path
from typing import Final

from fer.common.cache_folder import yunet_file
from fer.common.errors import ConfigError
from fer.runtime.detection.detector import Detector

DETECTORS: Final = ("auto", "yunet", "blazeface", "haar", "none")
"""The first is the default."""


def open_detector(name: str = DETECTORS[0], *, model: Path | None = None, live: bool = False) -> Detector:
    """The detector of a name, ready to be asked.

    Args:
        name: one of `DETECTORS`.
        model: a YuNet file; None for the one that `fer-data fetch yunet` brought, else the package's own. Only `yunet`
            takes one.
        live: search a smaller copy and look once, for webcams and videos.

    Raises:
        ConfigError: an unknown name, or a file that the detector has no use for.
        DataError: the file cannot be used.
    """
    if name not in DETECTORS:
        raise ConfigError(f"--detector {name}: expected one of {', '.join(DETECTORS)}")
    if model is not None and name != "yunet":
        raise ConfigError(f"--detector-model {model}: only --detector yunet takes a file, not {name}")
    if name == "auto":
        from fer.runtime.detection.auto import AutoDetector

        return AutoDetector(live=live)
    if name == "yunet":
        from fer.runtime.detection.single import yunet_detector

        fetched = yunet_file()
        # Unlike a Path's own, no error where a folder above it is closed to this user.
        there = os.path.isfile(fetched)  # noqa: PTH113
        return yunet_detector(fetched if model is None and there else model, live=live)
    if name == "blazeface":
        from fer.runtime.detection.single import blazeface_detector

        return blazeface_detector()
    if name == "haar":
        from fer.runtime.detection.haar import HaarDetector

        return HaarDetector.live() if live else HaarDetector()
    from fer.runtime.detection.detector import WholePicture

    return WholePicture()
