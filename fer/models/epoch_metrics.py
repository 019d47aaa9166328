"""Metrics of a whole set of faces by torchmetrics, over all processes; the undefined is told, not raised."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import torch
from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassAUROC,
    MulticlassAveragePrecision,
    MulticlassConfusionMatrix,
    MulticlassFBetaScore,
    MulticlassJaccardIndex,
    MulticlassPrecision,
    MulticlassRecall,
    MulticlassSpecificity,
)

from fer.common.labels import EMOTIONS


@dataclass(frozen=True, kw_only=True)
class EpochScores:
    """What the metrics say of one set of faces.

    Attributes:
        values: name -> scalar tensor, NaN where undefined; a metric of one number a class is `name/class`.
        tables: name -> what is no scalar, such as a confusion matrix, as nested lists.
        undefined: name -> why there is no value.
    """

    values: Mapping[str, Tensor]
    tables: Mapping[str, list[object]] = field(default_factory=dict)
    undefined: Mapping[str, str] = field(default_factory=dict)


class EpochMetrics(nn.Module):
    """Several metrics of one set of faces.

    Args:
        metrics: name -> metric that takes (probabilities (N, K), label (N,)).
        classes: the names of the K classes.
    """

    def __init__(self, metrics: Mapping[str, Metric], *, classes: Sequence[str] = EMOTIONS) -> None:
        super().__init__()
        # No compute groups: they share states by what the first batch happens to look like.
        self.collection = MetricCollection(dict(metrics), compute_groups=False)
        self.classes = tuple(classes)
        self.counts = MulticlassConfusionMatrix(num_classes=len(self.classes))

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics' names."""
        return tuple(map(str, self.collection.keys()))

    def forward(self, probabilities_NK: Tensor, label_N: Tensor) -> EpochScores:
        """Scores of this process's faces and those of all others, the same in each of them.

        Args:
            probabilities_NK: float32, rows that add up to 1.
            label_N: int64 in [0, K).
        """
        values: dict[str, Tensor] = {}
        tables: dict[str, list[object]] = {}
        undefined: dict[str, str] = {}
        for name, metric in self.collection.items():
            metric.reset()
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                metric.update(probabilities_NK, label_N)
                try:
                    value = metric.compute()
                except (ArithmeticError, IndexError, RuntimeError, TypeError, ValueError) as error:
                    value = torch.tensor(float("nan"), device=label_N.device)
                    undefined[name] = f"{type(metric).__name__}: {' '.join(str(error).split())[:300]}"
            metric.reset()
            undecided = _undecided(metric)
            if undecided is not None and value.dim() == 1 and len(value) == len(self.classes):
                told = undecided(*self._counted(probabilities_NK, label_N))
                undefined |= {f"{name}/{self.classes[row]}": reason for row, reason in told.items()}
                value = value.index_fill(0, torch.tensor(list(told), dtype=torch.int64, device=value.device), torch.nan)
            elif (reason := _meaningless([str(each.message) for each in caught], metric)) is not None:
                value, undefined[name] = torch.full_like(value, float("nan")), reason
            if value.dim() > 1 or (value.dim() == 1 and len(value) != len(self.classes)):
                tables[name] = value.tolist()
            elif value.dim() == 1:
                values |= {f"{name}/{each}": item for each, item in zip(self.classes, value.float(), strict=True)}
            else:
                values[name] = value.float()
        for name, value in values.items():
            if not torch.isfinite(value):
                undefined.setdefault(name, f"it was {float(value)}")
        return EpochScores(values=values, tables=tables, undefined=undefined)

    def _counted(self, probabilities_NK: Tensor, label_N: Tensor) -> tuple[list[int], list[int]]:
        """Faces of each class, and faces taken for it, over all processes."""
        self.counts.reset()
        self.counts.update(probabilities_NK, label_N)
        counts_KK = self.counts.compute()
        self.counts.reset()
        return counts_KK.sum(dim=1).tolist(), counts_KK.sum(dim=0).tolist()


_NONE_OF_IT: Final = "no face is of this class"
_ALL_OF_IT: Final = "all faces are of this class"
_NONE_OF_ONE: Final = "no face is of one of the classes"
_ALL_OF_ONE: Final = "all faces are of one class"

BY_THE_FACES: Final = (_NONE_OF_IT, _ALL_OF_IT, _NONE_OF_ONE, _ALL_OF_ONE)
"""Reasons that no epoch changes: the faces leave the number undefined, whatever is predicted of them."""

Undecided = Callable[[list[int], list[int]], dict[int, str]]
"""Faces of each class, faces taken for each class -> the classes whose number they leave undefined, each with why."""


def _undecided(metric: Metric) -> Undecided | None:
    """What leaves a number a class undefined that torchmetrics then takes for 0; None where nothing is known of it."""
    if getattr(metric, "average", "") not in (None, "none") or getattr(metric, "zero_division", 0) != 0:
        return None
    kinds = [undecided for kinds, undecided in _UNDECIDED if isinstance(metric, kinds)]
    # Of the first k classes, no count says which a face was taken for.
    return kinds[0] if kinds and getattr(metric, "top_k", 1) in (None, 1) else None


def _without_faces(of: list[int], taken: list[int]) -> dict[int, str]:
    return {row: _NONE_OF_IT for row, count in enumerate(of) if count == 0}


def _never_taken(of: list[int], taken: list[int]) -> dict[int, str]:
    return {row: "no face was taken for this class" for row, count in enumerate(taken) if count == 0}


def _neither(of: list[int], taken: list[int]) -> dict[int, str]:
    told = f"{_NONE_OF_IT}, and none was taken for it"
    return {row: told for row, counts in enumerate(zip(of, taken, strict=True)) if sum(counts) == 0}


def _without_others(of: list[int], taken: list[int]) -> dict[int, str]:
    return {row: _ALL_OF_IT for row, count in enumerate(of) if count == sum(of)}


def _on_one_side(of: list[int], taken: list[int]) -> dict[int, str]:
    return _without_faces(of, taken) | _without_others(of, taken)


_UNDECIDED: Final[Sequence[tuple[tuple[type[Metric], ...], Undecided]]] = (
    ((MulticlassRecall, MulticlassAccuracy, MulticlassAveragePrecision), _without_faces),
    ((MulticlassPrecision,), _never_taken),
    ((MulticlassFBetaScore, MulticlassJaccardIndex), _neither),
    ((MulticlassSpecificity,), _without_others),
    ((MulticlassAUROC,), _on_one_side),
)


def _meaningless(warned: Sequence[str], metric: Metric) -> str | None:
    """Why a number that torchmetrics gives has no meaning, from what it warns of; None where it has one.

    Without faces of a class, or with faces of that class alone, it takes the area under the class's curve for 0. A mean
    weighted by the classes' faces gives an absent class no weight.
    """
    for text in warned:
        absent = "No positive samples" in text
        if "meaningless" in text and not (absent and getattr(metric, "average", None) == "weighted"):
            return _NONE_OF_ONE if absent else _ALL_OF_ONE
    return None
