"""A model file with the temperature and threshold that photographs gave it."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import CheckpointError
from fer.export.measurement import onnx_predictor
from fer.export.photo_fit import PhotoFit, fit_on_photographs
from fer.export.photographs import PhotographFaces
from fer.export.reference import drift_reference
from fer.runtime.facts import FACTS_KEY, PROBABILITIES, SCHEMA_KEY, ModelFacts
from fer.runtime.model import EmotionModel
from fer.runtime.shipped import shipped_file, shipped_name

if TYPE_CHECKING:
    from onnx import ModelProto

UNTOUCHED: Final = ("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1")
"""Scores that no temperature changes."""

_TEMPERATURE: Final = "temperature"

_ROUNDS: Final = 500
_LEAST_SHARE: Final = 1e-9


def recalibrated_file(
    source: Path, photographs: PhotographFaces, *, target: float
) -> tuple[bytes, ModelFacts, PhotoFit]:
    """The content of a file of fer-export with another temperature and threshold, what it says of itself, and the fit.

    Scores of the selection faces that depend on the temperature are left out, the drift log's reference becomes the
    photographs, and the prior is estimated on them: the selection faces are not at hand.

    Raises:
        CheckpointError: no file of fer-export, or one whose temperature cannot be found in it.
        DataError: too few faces or persons.
    """
    from onnx import ModelProto

    content = file_of(source).read_bytes()
    before = EmotionModel.load(source).facts
    probabilities = onnx_predictor(content)(photographs.faces[:, None])
    earlier = before.photographs
    told = () if earlier is None or earlier.name != photographs.name else earlier.told
    fit = fit_on_photographs(photographs, probabilities, before=before, target=target, told=told)
    graph = ModelProto.FromString(content)
    divide_logits(graph, by=fit.temperature, origin=str(source))
    after = onnx_predictor(graph.SerializeToString())(photographs.faces[:, None])
    prior = None
    if before.prior is not None:
        prior = {label: before.prior[label] for label in before.labels}
        prior = prior_after(prior, labels_N=photographs.labels, before_NK=probabilities, after_NK=after)
    facts = with_fit(before, fit, target=target).model_copy(
        update={
            "metrics": {name: score for name, score in before.metrics.items() if name in UNTOUCHED},
            "reference": drift_reference(photographs.faces, after, labels=before.labels, split=photographs.name),
            "prior": prior,
        }
    )
    content = with_metadata(graph, facts)
    return content, facts.model_copy(update={"sha256": hashlib.sha256(content).hexdigest()}), fit


def prior_after(
    prior: Mapping[str, float],
    *,
    labels_N: npt.NDArray[np.int64],
    before_NK: npt.NDArray[np.floating],
    after_NK: npt.NDArray[np.floating],
) -> dict[str, float]:
    """What a file takes for granted after a change of its temperature: a temperature moves the mean of probabilities.

    The selection faces that gave the prior are not at hand. So other faces are weighted, by their labels and by what
    the file said of them, until the mean of that is its prior; the mean of what it says now, in the same weights, is
    the new one. (`benchmark` at 1.26, on photographs: within 8 % of each share on PublicTest, which were off by 40 %.)

    Args:
        prior: label -> share, in the order of the columns.
        labels_N: of any faces, as numbers of columns.
        before_NK: the file's probabilities of them, before the change; rows sum to 1.
        after_NK: the same afterwards.
    """
    shares_K, before_NK = np.array(list(prior.values())), before_NK.astype(np.float64)
    counts_K = np.bincount(labels_N, minlength=len(shares_K))
    by_label_N = (shares_K / np.maximum(counts_K, 1))[labels_N]
    ratios_K = np.ones(len(shares_K))
    for _ in range(_ROUNDS):
        weights_N = by_label_N * (before_NK @ ratios_K)
        weights_N /= weights_N.sum()
        ratios_K *= shares_K / np.maximum(weights_N @ before_NK, _LEAST_SHARE)
        ratios_K /= ratios_K.max()
    taken_K = np.maximum(weights_N @ after_NK.astype(np.float64), _LEAST_SHARE)
    return dict(zip(prior, (taken_K / taken_K.sum()).tolist(), strict=True))


def with_fit(facts: ModelFacts, fit: PhotoFit, *, target: float) -> ModelFacts:
    """The facts of a file once its graph has the temperature of a fit."""
    return facts.model_copy(
        update={
            "temperature": facts.temperature * fit.temperature,
            "threshold": fit.threshold,
            "target_accuracy": target,
            "coverage": fit.facts.coverage,
            "answered_accuracy": fit.facts.answered_accuracy,
            "photographs": fit.facts,
        }
    )


def divide_logits(graph: "ModelProto", *, by: float, origin: str) -> None:
    """Divides the logits in a graph by a further temperature, in place.

    Raises:
        CheckpointError: the probabilities are no softmax.
    """
    from onnx import helper, numpy_helper

    nodes, constants = graph.graph.node, {tensor.name: tensor for tensor in graph.graph.initializer}
    maker = {output: place for place, node in enumerate(nodes) for output in node.output}
    place = maker.get(PROBABILITIES)
    if place is None or nodes[place].op_type != "Softmax":
        raise CheckpointError(f"{origin} has no temperature that could be changed: export it again with fer-export")
    logits = nodes[place].input[0]
    division = nodes[maker[logits]] if logits in maker else None
    old = np.float32(1.0)
    if division is not None and division.op_type == "Div" and division.input[1] in constants:
        value: npt.NDArray[np.float32] = numpy_helper.to_array(constants[division.input[1]])
        old = np.float32(value.item())
    else:
        # A temperature of 1 left no trace.
        division = helper.make_node("Div", [logits, ""], [f"{logits}_tempered"], name="temper")
        nodes[place].input[0] = division.output[0]
        nodes.insert(place, division)
        division = nodes[place]
    # A name of its own: the old constant may be used elsewhere too. What nothing uses, ONNX Runtime warns of.
    before, division.input[1] = division.input[1], _TEMPERATURE
    for name in {before, _TEMPERATURE} & set(constants):
        if name == _TEMPERATURE or not any(name in node.input for node in nodes):
            graph.graph.initializer.remove(constants[name])
    graph.graph.initializer.append(numpy_helper.from_array(np.array(old * by, np.float32), _TEMPERATURE))


def with_metadata(graph: "ModelProto", facts: ModelFacts) -> bytes:
    """The file's content: the graph with its facts in place of any older ones."""
    kept = [entry for entry in graph.metadata_props if entry.key not in (SCHEMA_KEY, FACTS_KEY)]
    del graph.metadata_props[:]
    graph.metadata_props.extend(kept)
    for key, value in facts.as_metadata().items():
        entry = graph.metadata_props.add()
        entry.key, entry.value = key, value
    content: bytes = graph.SerializeToString(deterministic=True)
    return content


def file_of(source: Path) -> Path:
    """The file of a path or of a name of the package."""
    name = shipped_name(source)
    return source if name is None else shipped_file(name)


def is_file(source: Path) -> bool:
    """Whether a source is a model file, or the name of one, and no run folder."""
    return shipped_name(source) is not None or source.suffix == ".onnx"
