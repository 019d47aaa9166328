"""One network alone, one look."""

from pathlib import Path

from fer.runtime.detection.candidate import SMALLEST, FaceNet, colour, detections, similarity
from fer.runtime.detection.detector import Detection, Detector, PartsDetector, reduced
from fer.runtime.framing import Image


class NetDetector(PartsDetector):
    """Faces by a network.

    Args:
        name: the detector's.
        net: what is asked.
        longest: pictures are searched at this length of their longer side at most, in pixels.
        least: least score of a face.
    """

    def __init__(self, name: str, net: FaceNet, *, longest: int, least: float) -> None:
        self.name = name
        self._net = net
        self._longest = longest
        self._least = least

    def _search(self, image: Image, *, again: bool) -> list[Detection]:
        height, width = image.shape[:2]
        if min(height, width) < SMALLEST:
            return []
        searched = colour(reduced(image, longest=self._longest))
        back = similarity(scale=max(width, height) / max(searched.shape[:2]))
        found = self._net.candidates(searched, least=self._least)
        return detections((one.moved(back) for one in found), width=width, height=height)


def yunet_detector(model: Path | None = None, *, live: bool = False) -> Detector:
    """YuNet; the package's own, or a file's.

    Raises:
        DataError: the file cannot be used.
    """
    net: FaceNet
    if model is None:
        from fer.runtime.detection.yunet import YuNet

        net = YuNet()
    else:
        from fer.runtime.detection.yunet_file import YuNetFile

        net = YuNetFile(model)
    return NetDetector("yunet", net, longest=320 if live else 640, least=0.7)


def blazeface_detector() -> Detector:
    """BlazeFace, which takes a picture of any size at the same small size."""
    from fer.runtime.detection.blazeface import BlazeFace

    return NetDetector("blazeface", BlazeFace(), longest=640, least=0.6)
