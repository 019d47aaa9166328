"""Faces beside their Grad-CAM maps: drawn at random, the surest mistakes, the least sure successes."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from fer.common.wording import counted
from fer.metrics import Predictions
from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.options import ExplanationsOptions
from fer.report.page.section import Images, Section, data_uri, webp
from fer.report.page.wording import percent

if TYPE_CHECKING:
    from fer.explain.heat_maps import HeatMaps

SIDE: Final = 144
"""Height and width of a shown face in pixels: three times 48."""

Explainer = Callable[[Images, npt.NDArray[np.int64]], "HeatMaps | None"]
"""Heat maps of images (N, C, H, W) for classes (N,); None for a net without a spatial map."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """One face, what it is, what the model said, and where it looked.

    Attributes:
        row: its row in the prediction table.
        id: name of the face.
        true: its label.
        predicted: the model's prediction.
        confidence: probability of that prediction.
        picture: uint8 array (`SIDE`, `SIDE` or twice that, 3), RGB: the face and, where there is a map, the face
            under it.
        has_map: whether the map is in the picture.
        empty_map: whether the map was computed and holds nothing.
    """

    row: int
    id: str
    true: str
    predicted: str
    confidence: float
    picture: Images
    has_map: bool
    empty_map: bool

    @property
    def correct(self) -> bool:
        """Whether the prediction is the label."""
        return self.true == self.predicted

    @property
    def file_name(self) -> str:
        """Name of the picture's file: right or wrong, id, true and predicted emotion."""
        plain_id = re.sub(r"[^A-Za-z0-9.-]+", "_", self.id).strip("._") or "face"
        outcome = "correct" if self.correct else "wrong"
        return f"{outcome}__{plain_id}__true-{self.true}__predicted-{self.predicted}.png"


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """The pictures of a report.

    Attributes:
        by_class: (emotion, correct examples, wrong examples), drawn at random from the faces with that label.
        mistakes: the most confident wrong predictions, most confident first.
        successes: the least confident correct predictions, least confident first.
        note: why there are no maps, or what to know of them; empty where there is nothing to say.
        grid: (h, w) cells of the layer the maps come from; None without maps.
    """

    by_class: tuple[tuple[str, tuple[Example, ...], tuple[Example, ...]], ...]
    mistakes: tuple[Example, ...]
    successes: tuple[Example, ...]
    note: str
    grid: tuple[int, int] | None


def build_gallery(
    predictions: Predictions,
    images: Images,
    *,
    explain: Explainer | None,
    per_class: int,
    mistakes: int,
    successes: int,
    seed: int,
) -> Gallery:
    """The pictures of one prediction table.

    Args:
        predictions: the table.
        images: uint8 array (N, C, H, W), its faces.
        explain: makes the maps, each for the predicted class; None draws faces alone.
        per_class: correct and wrong faces of each emotion.
        mistakes: how many of the most confident wrong predictions.
        successes: how many of the least confident correct predictions.
        seed: of the random choice.
    """
    chosen = choose_examples(predictions, per_class=per_class, seed=seed)
    confident = confident_mistakes(predictions, count=mistakes)
    hesitant = hesitant_successes(predictions, count=successes)
    rows = np.unique(np.concatenate([*(np.concatenate(pair) for pair in chosen.values()), confident, hesitant]))
    heat = None if explain is None or len(rows) == 0 else explain(images[rows], predictions.predicted[rows])
    note, grid = "", None
    if explain is not None and heat is None and len(rows) > 0:
        note = (
            "This net has no map of places inside (a baseline, or one that flattens the face first), so Grad-CAM has "
            "nothing to show."
        )
    elif heat is not None and heat.too_coarse:
        note = (
            f"The net's last map has {heat.grid[0]} x {heat.grid[1]} cells for the whole face: too coarse to say where "
            "it looks, so no map is drawn."
        )
        heat = None
    elif heat is not None:
        grid = heat.grid

    def example(row: int) -> Example:
        at = int(np.searchsorted(rows, row))
        empty = heat is not None and bool(heat.empty[at])
        shown = None if heat is None or empty else heat.maps[at]
        return Example(
            row=row,
            id=str(predictions.ids[row]),
            true=predictions.classes[predictions.labels[row]],
            predicted=predictions.classes[predictions.predicted[row]],
            confidence=float(predictions.confidence[row]),
            picture=draw(images[row], shown),
            has_map=shown is not None,
            empty_map=empty,
        )

    return Gallery(
        by_class=tuple(
            (emotion, tuple(example(row) for row in correct.tolist()), tuple(example(row) for row in wrong.tolist()))
            for emotion, (correct, wrong) in chosen.items()
        ),
        mistakes=tuple(example(row) for row in confident.tolist()),
        successes=tuple(example(row) for row in hesitant.tolist()),
        note=note,
        grid=grid,
    )


def choose_examples(
    predictions: Predictions, *, per_class: int, seed: int
) -> dict[str, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Rows of correct and of wrong predictions for each emotion, drawn at random and so not picked to look good."""
    rng = np.random.default_rng([seed, 2])
    correct = predictions.predicted == predictions.labels
    chosen = {}
    for c, emotion in enumerate(predictions.classes):
        right, wrong = (np.flatnonzero((predictions.labels == c) & outcome) for outcome in (correct, ~correct))
        chosen[emotion] = (rng.permutation(right)[:per_class], rng.permutation(wrong)[:per_class])
    return chosen


def confident_mistakes(predictions: Predictions, *, count: int) -> npt.NDArray[np.int64]:
    """Rows of the wrong predictions with the highest probability, highest first."""
    wrong = np.flatnonzero(predictions.predicted != predictions.labels)
    order = np.argsort(-predictions.confidence[wrong], kind="stable")
    return wrong[order[:count]]


def hesitant_successes(predictions: Predictions, *, count: int) -> npt.NDArray[np.int64]:
    """Rows of the correct predictions with the lowest probability, lowest first."""
    right = np.flatnonzero(predictions.predicted == predictions.labels)
    order = np.argsort(predictions.confidence[right], kind="stable")
    return right[order[:count]]


def draw(image_CHW: Images, heat_HW: npt.NDArray[np.float32] | None) -> Images:
    """uint8 array (`SIDE`, `SIDE` or 2 `SIDE`, 3): the face, and beside it the face under its heat map."""
    face = _enlarged(image_CHW)
    return face if heat_HW is None else np.concatenate([face, draw_overlay(image_CHW, heat_HW)], axis=1)


def draw_overlay(image_CHW: Images, heat_HW: npt.NDArray[np.float32]) -> Images:
    """uint8 array (`SIDE`, `SIDE`, 3): the face in grey under its heat map; weak places stay see-through."""
    import cv2

    heat, colour = _coloured(heat_HW)
    cover = (0.75 * np.sqrt(heat))[:, :, None]
    grey = cv2.cvtColor(_enlarged(image_CHW), cv2.COLOR_RGB2GRAY)[:, :, None]
    overlay: Images = ((1 - cover) * grey + cover * colour).round().astype(np.uint8)
    return overlay


def draw_heat(heat_HW: npt.NDArray[np.float32]) -> Images:
    """uint8 array (`SIDE`, `SIDE`, 3): the heat map alone."""
    alone: Images = _coloured(heat_HW)[1].round().astype(np.uint8)
    return alone


def _coloured(heat_HW: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """The enlarged heat in [0, 1], and its colours in [0, 255]."""
    import cv2
    import matplotlib

    large = cv2.resize(heat_HW, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    heat: npt.NDArray[np.float32] = np.clip(large, 0, 1).astype(np.float32)
    # Inferno runs from dark to light in even steps for every kind of colour vision.
    return heat, 255 * matplotlib.colormaps["inferno"](heat)[:, :, :3]


def _enlarged(image_CHW: Images) -> Images:
    import cv2

    rgb = np.repeat(image_CHW, 3, axis=0) if image_CHW.shape[0] == 1 else image_CHW
    face = cv2.resize(np.ascontiguousarray(rgb.transpose(1, 2, 0)), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return np.asarray(face, dtype=np.uint8)


def gradcam_section(run: EvaluatedRun, gallery: Gallery, *, seed: int) -> Section:
    """Correct and wrong predictions with the places that spoke for them."""
    return Section(
        key="gradcam",
        title="Where the model looks",
        template="explanations/gradcam.html.j2",
        lead="Grad-CAM maps of correct and wrong predictions of each emotion.",
        context={
            "groups": [
                (emotion, [_card(example) for example in correct], [_card(example) for example in wrong])
                for emotion, correct, wrong in gallery.by_class
            ],
            "note": gallery.note,
            "grid": gallery.grid,
            "seed": seed,
            "title": run.headline.evaluation_set.title,
        },
    )


def mistakes_section(run: EvaluatedRun, gallery: Gallery, options: ExplanationsOptions) -> Section:
    """The wrong predictions the model was surest of, and the right ones it was least sure of."""
    return Section(
        key="mistakes",
        title="Confident mistakes, hesitant successes",
        template="explanations/mistakes.html.j2",
        lead=_mistakes_lead(len(gallery.mistakes), len(gallery.successes)),
        context={
            "mistakes": [_card(example) for example in gallery.mistakes] if options.mistakes > 0 else None,
            "successes": [_card(example) for example in gallery.successes] if options.successes > 0 else None,
            "title": run.headline.evaluation_set.title,
            "noisy": run.data.is_fer2013,
        },
    )


def _mistakes_lead(mistakes: int, successes: int) -> str:
    """How many of each the section shows; what there is none of is not named."""
    kinds = (
        (mistakes, "wrong prediction", "it was surest of"),
        (successes, "right prediction", "it was least sure of"),
    )
    told = [f"the {counted(count, what)} {how}" for count, what, how in kinds if count > 0]
    lead = ", and ".join(told)
    return f"{lead[:1].upper()}{lead[1:]}." if told else ""


def _card(example: Example) -> dict[str, Any]:
    prediction = f"predicted {example.predicted}, {percent(example.confidence, 0)}"
    beside = (
        "; beside it the places that spoke for this prediction"
        if example.has_map
        else "; its heat map is empty"
        if example.empty_map
        else ""
    )
    return {
        "uri": data_uri(webp(example.picture), "image/webp"),
        "width": example.picture.shape[1],
        "height": example.picture.shape[0],
        "alt": f"Face labelled {example.true}, {prediction}{beside}.",
        "true": example.true,
        "predicted": example.predicted,
        "confidence": percent(example.confidence, 0),
        "correct": example.correct,
        "empty": example.empty_map,
        "id": example.id,
    }
