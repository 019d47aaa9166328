"""What `fer-predict` and `fer-serve` need: the shipped models, and the faces' detector."""

from collections.abc import Iterator

from fer.common.errors import FerError
from fer.doctor.finding import Finding


def examine() -> Iterator[Finding]:
    """Opens both as those commands do."""
    yield _model()
    yield _detector()


def _model() -> Finding:
    try:
        from fer.runtime.model import EmotionModel
        from fer.runtime.shipped import NAMES

        known = {name: EmotionModel.load(name).facts for name in NAMES}
    except (ImportError, OSError, FerError) as error:
        return Finding("shipped models", str(error), "problem", "Install again: pip install --force-reinstall ferlab.")
    told = (f"{name}: {facts.name}, hash as published ({facts.sha256[:12]}), opens" for name, facts in known.items())
    return Finding("shipped models", "; ".join(told))


def _detector() -> Finding:
    try:
        import cv2

        from fer.runtime.detection.opening import DETECTORS, open_detector

        # The networks of the package, and the cascade of OpenCV.
        open_detector(DETECTORS[0])
        open_detector("haar")
    except (ImportError, OSError, FerError) as error:
        return Finding(
            "face detector",
            str(error),
            "problem",
            "Install again: pip install --force-reinstall ferlab 'opencv-python-headless<5'.",
        )
    return Finding("face detector", f"{DETECTORS[0]} and the cascade of OpenCV {cv2.__version__} open")
