"""Tests of heat maps: deletion and insertion, parameter randomisation, completeness, the pointing game."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from fer.common.labels import label_of
from fer.data.samples import FaceSamples
from fer.metrics import Estimate
from fer.metrics.estimate import mean_estimate
from fer.report.explanations.methods import MapsByMethod, maps_by_method

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fer.explain.faithfulness import Curves, Predictor
    from fer.explain.heat_maps import HeatMaps
    from fer.explain.methods import Explainable
    from fer.explain.sanity import Randomisation


@dataclass(frozen=True, kw_only=True)
class Faithfulness:
    """Deletion and insertion of one method.

    Attributes:
        deletion: mean area under the deletion curves, in [0, 1]; lower is better.
        insertion: mean area under the insertion curves, in [0, 1]; higher is better.
        deletion_gain: random order's deletion area minus this one's, face by face; above 0 is better than random.
        insertion_gain: this insertion area minus the random order's; above 0 is better than random.
    """

    deletion: Estimate
    insertion: Estimate
    deletion_gain: Estimate
    insertion_gain: Estimate

    @property
    def verdict(self) -> str:
        """In words, from the intervals of the gains."""
        gains = {"deletion": self.deletion_gain, "insertion": self.insertion_gain}
        better = [name for name, gain in gains.items() if gain.low > 0]
        worse = [name for name, gain in gains.items() if gain.high < 0]
        if worse:
            return f"worse than random in {' and '.join(worse)}"
        if len(better) == 2:
            return "better than random"
        return f"better than random in {better[0]} alone" if better else "not told from random"


@dataclass(frozen=True, kw_only=True)
class Pointing:
    """The pointing game of one method; see `fer.explain.pointing.Pointing` for each number."""

    hits: Estimate
    gain: Estimate
    inside: Estimate


@dataclass(frozen=True, kw_only=True)
class Completeness:
    """How well integrated gradients add up: error as a share of the change they explain; n faces."""

    median: float
    ninetieth: float
    n: int


@dataclass(frozen=True, kw_only=True)
class Trust:
    """What the tests found; an empty mapping or None is a test that was not made.

    Attributes:
        n: faces of the deletion and insertion test.
        cells: cells along each side in which they were changed.
        faithfulness: method -> its result.
        random: the areas of random orders.
        curves: method, and "random", -> mean curves.
        start: mean probability of the prediction on the faces as they are, as mean grey, and blurred.
        randomisation: method -> the test's course.
        completeness: of integrated gradients.
        pointing: method -> its result.
        chance: hits of a random place, of the picture's middle, and area of the parts.
    """

    n: int
    cells: int
    faithfulness: Mapping[str, Faithfulness]
    random: tuple[Estimate, Estimate] | None
    curves: "Mapping[str, Curves]"
    start: tuple[float, float, float]
    randomisation: "Mapping[str, Randomisation]"
    completeness: Completeness | None
    pointing: Mapping[str, Pointing]
    chance: tuple[Estimate, Estimate, Estimate] | None


def check_maps(
    model: "Explainable",
    predict: "Predictor",
    *,
    images: npt.NDArray[np.uint8],
    classes: npt.NDArray[np.int64],
    found: MapsByMethod,
    randomised_faces: int,
    resamples: int,
    seed: int,
) -> Trust:
    """The deletion and insertion test, and parameter randomisation on the first of the same faces.

    Args:
        model: net and preprocessing.
        predict: the same model, images -> probabilities.
        images: uint8 array (N, C, H, W), faces drawn at random.
        classes: int64 array (N,), the predictions that the maps explain.
        found: the maps, at least one method.
        randomised_faces: faces of the second test; below 2 it is left out.
        resamples: of the intervals.
        seed: of random orders, randomisation and intervals.
    """
    from fer.explain.faithfulness import RANDOM, faithfulness
    from fer.explain.sanity import parameter_randomisation

    cells = min(12, *images.shape[2:])
    curves = faithfulness(
        predict,
        images=images,
        classes=classes,
        values={method: maps.values for method, maps in found.maps.items()},
        cells=cells,
        seed=seed,
    )

    def mean(values: npt.NDArray[np.float64]) -> Estimate:
        return mean_estimate(values, resamples=resamples, seed=seed)

    random = curves[RANDOM]
    few = min(randomised_faces, len(images))
    randomisation = (
        parameter_randomisation(
            model,
            images[:few],
            classes[:few],
            trained={method: maps.take(slice(few)) for method, maps in found.maps.items()},
            seed=seed,
        )
        if few > 1
        else {}
    )
    return Trust(
        n=len(images),
        cells=cells,
        faithfulness={
            method: Faithfulness(
                deletion=mean(curves[method].deletion_auc),
                insertion=mean(curves[method].insertion_auc),
                deletion_gain=mean(random.deletion_auc - curves[method].deletion_auc),
                insertion_gain=mean(curves[method].insertion_auc - random.insertion_auc),
            )
            for method in found.maps
        },
        random=(mean(random.deletion_auc), mean(random.insertion_auc)),
        curves=curves,
        start=(
            float(random.deletion[:, 0].mean()),
            float(random.deletion[:, -1].mean()),
            float(random.insertion[:, 0].mean()),
        ),
        randomisation=randomisation,
        completeness=_completeness(found.maps),
        pointing={},
        chance=None,
    )


def _completeness(maps: "Mapping[str, HeatMaps]") -> Completeness | None:
    for found in maps.values():
        if found.completeness_error is not None and len(found) > 0:
            median, ninetieth = np.percentile(found.completeness_error, (50, 90))
            return Completeness(median=float(median), ninetieth=float(ninetieth), n=len(found))
    return None


def play_pointing(
    model: "Explainable",
    *,
    images: npt.NDArray[np.uint8],
    classes: npt.NDArray[np.int64],
    masks: npt.NDArray[np.bool_],
    methods: "Sequence[str]",
    resamples: int,
    seed: int,
) -> tuple[dict[str, Pointing], tuple[Estimate, Estimate, Estimate]]:
    """The pointing game of each method, and what chance, the middle and an even map would score.

    Args:
        model: net and preprocessing.
        images: uint8 array (N, C, H, W), at least one face.
        classes: int64 array (N,), the true emotions, which the model predicted.
        masks: bool array (N, H, W), the parts that make the emotion.
        methods: names of methods.
        resamples: of the intervals.
        seed: of the intervals.
    """
    from fer.explain.pointing import pointing_game

    def mean(values: npt.NDArray[np.float64]) -> Estimate:
        return mean_estimate(values, resamples=resamples, seed=seed)

    played = {
        method: pointing_game(maps.maps, masks=masks)
        for method, maps in maps_by_method(model, images, classes, methods=methods).maps.items()
    }
    anyhow = pointing_game(np.zeros(masks.shape, np.float32), masks=masks)
    results = {
        method: Pointing(hits=mean(game.hits), gain=mean(game.hits - game.chance), inside=mean(game.inside))
        for method, game in played.items()
    }
    return results, (mean(anyhow.chance), mean(anyhow.centre), mean(anyhow.area))


UNITS_OF: Final[Mapping[str, tuple[int, ...]]] = {
    "brows": (1, 2, 4),
    "eyes": (5, 6, 7, 43),
    "mouth": (10, 12, 15, 16, 17, 20, 23, 25, 26),
}
"""Part -> the action units whose muscle moves it. AU 9 wrinkles the nose, which has no mask of its own."""

MOVED_FROM: Final = 0.4
"""Mean activation from which a part counts as moved: below it the part looks much as at rest."""


def moved_parts() -> dict[str, tuple[str, ...]]:
    """Emotion -> the parts its action units move, from the recipes that the faces are drawn by; none for neutral.

    A part's activation is that of its strongest unit, averaged over the ways in which the emotion is shown.
    """
    from fer.data.synthetic.action_units import RECIPES

    return {
        emotion: tuple(
            part
            for part, units in UNITS_OF.items()
            if sum(share * max((recipe.get(unit, 0.0) for unit in units), default=0.0) for share, recipe in ways)
            >= MOVED_FROM
        )
        for emotion, ways in RECIPES.items()
    }


def ground_truth_masks(samples: FaceSamples, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Bool array (N, H, W): for each row of `samples` the visible pixels of the parts that make its label's emotion."""
    parts = moved_parts()
    masks = np.zeros((len(rows), *samples.images.shape[2:]), dtype=bool)
    for n, row in enumerate(rows.tolist()):
        for part in parts.get(label_of(samples.classes[samples.labels[row]]) or "", ()):
            masks[n] |= samples.masks[part][row]
    return masks
