"""A network with YuNet's inputs and outputs that finds white cells of 8 x 8 pixels, built by hand."""

import math
from pathlib import Path

import numpy as np

LANDMARKS = ((-1.0, -1.0), (2.0, -1.0), (0.5, 0.5), (-0.5, 2.0), (1.5, 2.0))
"""(x, y) of both eyes, nose and corners of the mouth, in cells of 8 pixels from a found cell's corner."""

SIDE = 64.0
"""Height and width of the boxes that it gives, in pixels."""


def write_fake_yunet(path: Path) -> Path:
    """Writes the file; a cell is a face where it is white throughout."""
    from onnx import TensorProto, checker, helper, numpy_helper, save

    nodes, constants, outputs = [], [], []

    def constant(name: str, value: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(value, name))
        return name

    # Centre and logarithm of the size in cells, from the cell's corner.
    box = [0.5, 0.5, math.log(SIDE / 8), math.log(SIDE / 8)]
    kinds = {"cls": [0.0], "obj": [0.0], "bbox": box, "kps": [value for point in LANDMARKS for value in point]}
    for stride in (8, 16, 32):
        for kind, bias in kinds.items():
            name, channels = f"{kind}_{stride}", len(bias)
            found = kind in ("cls", "obj") and stride == 8
            weight = np.full((channels, 3, stride, stride), 1 / (3 * 255 * stride**2) if found else 0.0, np.float32)
            inputs = ["input", constant(f"w_{name}", weight), constant(f"b_{name}", np.array(bias, np.float32))]
            strides = [stride, stride]
            nodes.append(helper.make_node("Conv", inputs, [f"c_{name}"], kernel_shape=strides, strides=strides))
            nodes.append(helper.make_node("Transpose", [f"c_{name}"], [f"t_{name}"], perm=[0, 2, 3, 1]))
            shape = constant(f"s_{name}", np.array([1, -1, channels], np.int64))
            nodes.append(helper.make_node("Reshape", [f"t_{name}", shape], [name]))
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, None, channels]))
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 320, 320])
    graph = helper.make_graph(nodes, "yunet", [image], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    checker.check_model(model)
    save(model, str(path))
    return path
