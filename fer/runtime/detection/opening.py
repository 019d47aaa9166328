"""Detectors by name."""

from pathlib import Path
from typing import Final

from fer.common.errors import ConfigError
from fer.runtime.detection.detector import Detector

DETECTORS: Final = ("haar", "yunet", "none")


def open_detector(name: str, *, model: Path | None = None, live: bool = False) -> Detector:
    """The detector of a name, ready to be asked.

    Args:
        name: one of `DETECTORS`.
        model: YuNet's file; only YuNet has one.
        live: search a smaller copy, for webcams and videos.

    Raises:
        ConfigError: an unknown name, YuNet without its file, or a file that the detector has no use for.
        DataError: the file cannot be used.
    """
    if name not in DETECTORS:
        raise ConfigError(f"--detector {name}: expected one of {', '.join(DETECTORS)}")
    if (model is not None) != (name == "yunet"):
        if model is None:
            raise ConfigError(
                "--detector yunet needs its file: --detector-model face_detection_yunet_2023mar.onnx "
                "(MIT licence, from OpenCV's model zoo)"
            )
        raise ConfigError(f"--detector-model {model}: only --detector yunet takes a file, not {name}")
    if name == "haar":
        from fer.runtime.detection.haar import HaarDetector

        return HaarDetector.live() if live else HaarDetector()
    if name == "yunet":
        from fer.runtime.detection.yunet import YuNetDetector

        assert model is not None
        return YuNetDetector(model, longest=320 if live else 640)
    from fer.runtime.detection.detector import WholePicture

    return WholePicture()
