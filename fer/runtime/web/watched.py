"""A model that remembers its last question, so that the drift log can look at the very faces that were asked about."""

import numpy as np
import numpy.typing as npt

from fer.runtime.model import EmotionModel


class Watched:
    """Asks a model; one thread at a time.

    Attributes:
        faces: uint8 (N, size, size), the faces of the last question; none before it.
        answers: float32 (N, 7), their probabilities.
    """

    def __init__(self, model: EmotionModel) -> None:
        self._model = model
        self.labels = model.labels
        self.size = model.size
        self.uncertain_below = model.uncertain_below
        self.forget()

    def probabilities(self, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """float32 array (N, 7), as the model's own."""
        answers = self._model.probabilities(faces)
        self.faces, self.answers = faces, answers
        return answers

    def forget(self) -> None:
        """As if nothing had been asked."""
        self.faces = np.zeros((0, self.size, self.size), np.uint8)
        self.answers = np.zeros((0, len(self.labels)), np.float32)
