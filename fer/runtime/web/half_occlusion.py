"""A face with one half covered, as in the occlusion study: left and right are those of the picture."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

HALVES: Final = ("upper", "lower", "left", "right")


def with_halves_covered(face_HW: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The face as it is, then with each of `HALVES` covered by the mean grey of what stays visible.

    Args:
        face_HW: grey face (H, W).

    Returns:
        uint8 array (5, H, W).
    """
    covered = [with_half_covered(face_HW[None], half)[0] for half in HALVES]
    return np.stack([face_HW, *covered])


def with_half_covered(faces_NHW: npt.NDArray[np.uint8], half: str) -> npt.NDArray[np.uint8]:
    """Faces with one of `HALVES` covered by the mean grey of what stays visible of each.

    Args:
        faces_NHW: grey faces (N, H, W).
        half: what is covered.

    Returns:
        uint8 array (N, H, W).
    """
    height, width = faces_NHW.shape[1:]
    row, column = int(0.5 * height + 0.5), int(0.5 * width + 0.5)
    hidden, visible = {
        "upper": (np.s_[:, :row, :], np.s_[:, row:, :]),
        "lower": (np.s_[:, row:, :], np.s_[:, :row, :]),
        "left": (np.s_[:, :, :column], np.s_[:, :, column:]),
        "right": (np.s_[:, :, column:], np.s_[:, :, :column]),
    }[half]
    covered = faces_NHW.copy()
    greys = faces_NHW[visible].reshape(len(faces_NHW), -1).mean(axis=1) if len(faces_NHW) > 0 else np.zeros(0)
    covered[hidden] = np.round(greys).astype(np.uint8)[:, None, None]
    return covered


def describe_change(labels: Sequence[str], probabilities: npt.NDArray[np.float32]) -> str:
    """What covering changed, in words.

    Args:
        labels: names of the columns.
        probabilities: array (5, labels), rows as in `with_halves_covered`.
    """
    full = int(probabilities[0].argmax())
    name, sure = labels[full], float(probabilities[0, full])
    changes: Mapping[str, int] = {
        half: int(probabilities[index].argmax())
        for index, half in enumerate(HALVES, start=1)
        if int(probabilities[index].argmax()) != full
    }
    left = {half: float(probabilities[index, full]) for index, half in enumerate(HALVES, start=1)}
    most = max(left, key=lambda half: abs(left[half] - sure))
    if not changes:
        sentence = f"It stays {name} whichever half is covered."
    else:
        told = [f"{labels[label]} with the {half} half covered" for half, label in changes.items()]
        sentence = f"The label {name} turns to {' and to '.join(told)}."
    if abs(left[most] - sure) < 0.05:
        return f"{sentence} No half matters much: each keeps {name} within 5 points of {sure:.0%}."
    # Without a half that speaks against it, a label gains.
    moves = "falls" if left[most] < sure else "rises"
    return f"{sentence} The {most} half matters most: without it, {name} {moves} from {sure:.0%} to {left[most]:.0%}."
