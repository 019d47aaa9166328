"""A trained net in the forms it can be run in, each held against torch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from fer.export.faces import ExportFaces
from fer.export.gate import Gate
from fer.export.graph import to_onnx
from fer.export.measurement import Measured, Predict, measure, one_torch_thread, onnx_predictor
from fer.export.quantize import Ranges, quantize
from fer.metrics.calibration import Calibration
from fer.models.checkpoint import LoadedModel

if TYPE_CHECKING:
    from onnx import ModelProto


_BATCH: Final = 256


@dataclass(frozen=True, kw_only=True)
class Converted:
    """The form that is to be shipped, and what was measured on the way.

    Attributes:
        graph: without metadata.
        maps: cells a side of its class maps; None where it has none.
        probabilities: its probabilities of the selection faces, float32 (N, K).
        measured: every form, side by side.
    """

    graph: "ModelProto"
    maps: int | None
    probabilities: npt.NDArray[np.float32]
    measured: tuple[Measured, ...]


@dataclass(frozen=True, kw_only=True)
class Quantization:
    """How to quantise; see `fer.export.quantize.quantize`."""

    ranges: Ranges = "minmax"
    full_range: bool = False


def convert(
    model: LoadedModel,
    *,
    faces: ExportFaces,
    logits: npt.NDArray[np.float32],
    calibration: Calibration,
    gate: Gate,
    int8: Quantization | None,
) -> Converted:
    """The graph of a model, checked by the gate: float32, or INT8 where it is asked for.

    Args:
        model: on the CPU.
        faces: those to quantise with and to check on.
        logits: torch's, of `faces.images`, (N, K).
        calibration: the temperature that goes into the graph.
        gate: the limits.
        int8: None for float32.

    Raises:
        CheckpointError: torch cannot write this net as ONNX.
        ConfigError: a net without a layer to quantise.
        RefusedError: the graph does not predict as the net does.
    """
    # From the logits: probabilities that were too small for float32 do not tell what the temperature makes of them.
    reference = softmax(logits, temperature=calibration.temperature)

    def row(form: str, predict: Predict, megabytes: float, probabilities: npt.NDArray[np.float32]) -> Measured:
        return measure(
            form,
            predict=predict,
            megabytes=megabytes,
            images=faces.images,
            labels=faces.labels,
            probabilities=probabilities,
            reference=reference,
        )

    def onnx_row(form: str, graph: "ModelProto") -> tuple[Measured, npt.NDArray[np.float32]]:
        content: bytes = graph.SerializeToString()
        predict = onnx_predictor(content)
        probabilities = predict(faces.images)
        return row(form, predict, len(content) / 1e6, probabilities), probabilities

    with one_torch_thread():
        torch_row = row("torch fp32", model.probabilities, _megabytes(model), reference)
    graph, maps = to_onnx(model, size=faces.size, temperature=calibration.temperature)
    fp32, probabilities = onnx_row("onnx fp32", graph)
    gate.check_parity(fp32)
    if int8 is None:
        return Converted(graph=graph, maps=maps, probabilities=probabilities, measured=(torch_row, fp32))
    graph = quantize(graph, faces=faces.calibration, ranges=int8.ranges, full_range=int8.full_range)
    quantized, probabilities = onnx_row("onnx int8", graph)
    gate.check_loss(fp32, quantized, split=faces.split, n=len(faces.labels))
    return Converted(graph=graph, maps=maps, probabilities=probabilities, measured=(torch_row, fp32, quantized))


def torch_logits(model: LoadedModel, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """float32 array (N, K): what the net itself says of uint8 images (N, 1, S, S), before the softmax."""
    import torch

    found = []
    with torch.inference_mode():
        for start in range(0, len(images), _BATCH):
            x_BCHW = model.preprocess(torch.from_numpy(images[start : start + _BATCH]))
            found.append(model.net(x_BCHW.contiguous(memory_format=torch.channels_last)).numpy())
    logits: npt.NDArray[np.float32] = np.concatenate(found)
    return logits


def softmax(logits_NK: npt.NDArray[np.float32], *, temperature: float = 1.0) -> npt.NDArray[np.float32]:
    """float32 array (N, K): probabilities of logits that are divided by a temperature."""
    z_NK = logits_NK.astype(np.float64) / temperature
    weights_NK = np.exp(z_NK - z_NK.max(axis=1, keepdims=True))
    probabilities: npt.NDArray[np.float32] = (weights_NK / weights_NK.sum(axis=1, keepdims=True)).astype(np.float32)
    return probabilities


def _megabytes(model: LoadedModel) -> float:
    """Of the weights, 10^6 bytes."""
    return sum(int(tensor.nbytes) for tensor in model.net.state_dict().values()) / 1e6
