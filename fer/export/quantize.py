"""Static INT8 quantisation of an exported graph, by ONNX Runtime's own tools."""

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt

from fer.common.errors import ConfigError
from fer.export.graph import strip
from fer.runtime.facts import INPUT, MAPS

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto

Ranges = Literal["minmax", "entropy", "percentile"]

_WEIGHTED: Final = ("Conv", "Gemm", "MatMul")
_BATCH = 64


def quantize(
    model: "ModelProto", *, faces: npt.NDArray[np.uint8], ranges: Ranges = "minmax", full_range: bool = False
) -> "ModelProto":
    """The graph with 8-bit layers: uint8 activations (asymmetric), int8 weights (symmetric, a scale a channel), QDQ.

    Preprocessing, softmax, the class maps and products of two activations (attention) stay float32: what lies before
    the first and after the last layer with weights costs nothing, and the others lose the most.

    Args:
        model: float32, as `to_onnx` gives it.
        faces: uint8 (N, 1, S, S), from which the ranges of the activations are read; training faces.
        ranges: how: the extremes, the least loss of information (entropy), or the 99.999th percentile.
        full_range: use all 8 bits of a weight. False uses 7, because x86 CPUs without VNNI add pairs of products in 16
            bits and saturate: with 7 bits every CPU gives the same predictions, at the same speed.

    Raises:
        ConfigError: the graph has no layer to quantise.
    """
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    method = {
        "minmax": CalibrationMethod.MinMax,
        "entropy": CalibrationMethod.Entropy,
        "percentile": CalibrationMethod.Percentile,
    }[ranges]
    with tempfile.TemporaryDirectory(prefix="fer-export-") as folder, _quiet_root():
        plain, prepared, quantized = (Path(folder) / f"{name}.onnx" for name in ("plain", "prepared", "int8"))
        # Given a graph in memory it would move the weights of that very graph into another file.
        onnx.save(model, plain)
        quant_pre_process(plain, prepared, skip_symbolic_shape=True)
        graph = onnx.load(prepared)
        for number, node in enumerate(graph.graph.node):
            node.name = node.name or f"{node.op_type}_{number}"
        onnx.save(graph, prepared)
        keep = kept_in_float(graph.graph)
        if all(node.name in keep for node in graph.graph.node):
            raise ConfigError("--int8: this net has no layer to quantise; export it without --int8")
        quantize_static(
            prepared,
            quantized,
            _Reader(faces),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=not full_range,
            calibrate_method=method,
            nodes_to_exclude=sorted(keep),
        )
        return strip(onnx.load(quantized))


def kept_in_float(graph: "GraphProto") -> set[str]:
    """Names of the nodes that are not quantised; see `quantize`."""
    weights = {tensor.name for tensor in graph.initializer}
    maker = {output: node.name for node in graph.node for output in node.output}
    layers = {
        node.name
        for node in graph.node
        if node.op_type in _WEIGHTED and node.input[1] in weights and MAPS not in node.output
    }
    after: set[str] = set()
    for node in graph.node:  # in topological order
        sources = {maker[name] for name in node.input if name in maker}
        if node.name in layers or sources & after:
            after.add(node.name)
    # The class maps are the last layer where there are any: what leads to them is between, they themselves are not.
    last = {node.name for node in graph.node if MAPS in node.output}
    before: set[str] = set()
    for node in reversed(graph.node):
        users = {user.name for user in graph.node if set(user.input) & set(node.output)}
        if node.name in layers or users & (before | last):
            before.add(node.name)
    products = {node.name for node in graph.node if node.op_type in _WEIGHTED and node.name not in layers}
    between = (after & before) - products - last
    return {node.name for node in graph.node} - between


class _Reader:
    """Gives the calibration faces batch by batch, as ONNX Runtime's CalibrationDataReader does."""

    def __init__(self, faces: npt.NDArray[np.uint8]) -> None:
        self._batches: Iterator[npt.NDArray[np.uint8]] = (
            faces[start : start + _BATCH] for start in range(0, len(faces), _BATCH)
        )

    def get_next(self) -> dict[str, Any] | None:
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: np.ascontiguousarray(batch)}


class _quiet_root:  # noqa: N801 - used as a function
    """Silences the advice that ONNX Runtime's tools log at the root logger."""

    def __enter__(self) -> None:
        self._disabled = logging.root.manager.disable
        logging.disable(logging.WARNING)

    def __exit__(self, *_: object) -> None:
        logging.disable(self._disabled)
