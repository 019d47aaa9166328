"""Pictures that are faces already."""

from fer.runtime.detection.detector import Detection
from fer.runtime.framing import Box, Frame, Image


class WholePicture:
    """Takes the whole picture for one face, for crops that are framed already.

    A picture that is not square is cut to its middle square. Its contrast is left alone, so that a test set of faces
    gets the answers that `fer-report` counts.
    """

    name = "none"

    def detect(self, image: Image) -> list[Detection]:
        """One face: the picture, or its middle square."""
        height, width = image.shape[:2]
        side = min(height, width)
        box = ((width - side) // 2, (height - side) // 2, side, side)
        return [Detection(box, Frame(box[0] + side / 2, box[1] + side / 2, side, stretch=False))]

    def faces(self, image: Image) -> list[Box]:
        """The boxes of `detect`."""
        return [found.box for found in self.detect(image)]
