"""Damaged and ill-meant model files, into the opener of fer-predict and fer-serve."""

import contextlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from attacks.fuzz.battery import COUNTS, attack, bounded
from attacks.fuzz.mutations import Random, mutated
from onnx import TensorProto, helper, numpy_helper

from fer.common.errors import CheckpointError
from fer.runtime.facts import FACTS_KEY, INPUT, PROBABILITIES
from fer.runtime.model import EmotionModel
from fer.runtime.onnx_file import has_external_data
from fer.runtime.shipped import shipped_file

FACES = np.random.default_rng(0).integers(0, 256, (2, 48, 48), dtype=np.uint8)
TOKENS = (
    b"\x0a\x08location",
    b"location",
    b"/etc/passwd",
    b"ConstantOfShape",
    b"Loop",
    b"\x70\x01",
    b"Softmax",
    b"\x3a",
)


def small(*nodes: onnx.NodeProto, initializers: tuple[TensorProto, ...] = ()) -> onnx.ModelProto:
    """A model that says of itself what the shipped one says, and computes something else."""
    metadata = {entry.key: entry.value for entry in onnx.load(shipped_file()).metadata_props}
    weights = numpy_helper.from_array(np.random.default_rng(0).normal(0, 0.01, (2304, 7)).astype(np.float32), "weights")
    plain = (
        helper.make_node("Cast", [INPUT], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["floats"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], [PROBABILITIES], axis=1),
    )
    graph = helper.make_graph(
        nodes or plain,
        "net",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["N", 1, 48, 48])],
        [helper.make_tensor_value_info(PROBABILITIES, TensorProto.FLOAT, ["N", 7])],
        [weights, *initializers],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {**metadata, FACTS_KEY: re.sub(r'"maps":\d+', '"maps":null', metadata[FACTS_KEY])})
    return model


SHIPPED = shipped_file().read_bytes()
SMALL = small().SerializeToString()


def make(rng: Random) -> bytes:
    kind = rng.random()
    if kind < 0.3:
        return mutated(SMALL, rng, tokens=TOKENS, others=[SHIPPED])
    if kind < 0.4:
        return mutated(SHIPPED, rng, tokens=TOKENS, others=[SMALL])
    return changed(rng).SerializeToString()


def changed(rng: Random) -> onnx.ModelProto:
    """A model whose graph is whole as a message, and wrong as a graph."""
    model = onnx.ModelProto()
    model.ParseFromString(SHIPPED if rng.random() < 0.2 else SMALL)
    graph = model.graph
    edges = (-1, 0, 1, 2, 7, 2**20, 2**31 - 1, 2**31, 2**40, 2**62, -(2**63))

    def one(items: Any) -> Any:
        return items[int(rng.integers(len(items)))]

    for _ in range(int(rng.integers(1, 4))):
        if not graph.node or not graph.initializer:
            break
        node, tensor, port = one(graph.node), one(graph.initializer), one([*graph.input, *graph.output])
        choice = int(rng.integers(10))
        if choice == 0:
            node.op_type = one(("Conv", "Loop", "If", "Identity", "ConstantOfShape", "Expand", "Tile", "Resize", "X"))
        elif choice == 1 and node.attribute:
            attribute = one(node.attribute)
            attribute.i = one(edges)
            attribute.ints[:] = [one(edges) for _ in attribute.ints]
        elif choice == 2 and tensor.dims:
            tensor.dims[int(rng.integers(len(tensor.dims)))] = one(edges)
        elif choice == 3:
            tensor.data_type = int(rng.integers(0, 25))
        elif choice == 4 and node.input:
            node.input[int(rng.integers(len(node.input)))] = one(
                ["", INPUT, *(each.name for each in graph.initializer)]
            )
        elif choice == 5:
            graph.node.remove(node)
        elif choice == 6:
            tensor.data_location = TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value=one(("/etc/passwd", "../a.bin", "a.bin", "", "\0")))
            tensor.raw_data = b""
        elif choice == 7 and port.type.tensor_type.shape.dim:
            one(port.type.tensor_type.shape.dim).dim_value = one(edges)
        elif choice == 8:
            entry = one(model.metadata_props)
            entry.value = mutated(entry.value.encode(), rng).decode("utf-8", "replace")
        else:
            model.opset_import[0].version = one((0, 1, 6, 13, 30, 10**6))
    return model


def opened(path: Path) -> None:
    model = EmotionModel.load(path)
    if model.size == 48:
        answers = model.probabilities(FACES)
        assert answers.shape == (2, 7)
        assert np.isfinite(answers).all()
        assert 0 <= model.heat_map(FACES[0], "happy").max() <= 1


@pytest.mark.parametrize("count", COUNTS)
def test_damaged_models(count: int, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"

    def use(data: bytes) -> None:
        path.write_bytes(data)
        opened(path)

    attack("onnx", count=count, make=make, use=use)


def grown(kind: str) -> onnx.ModelProto:
    """Graphs of a few kilobytes that ask for gigabytes or for years."""
    size = numpy_helper.from_array(np.array([1 << 16, 1 << 16], np.int64), "size")
    huge = helper.make_node("ConstantOfShape", ["size"], ["huge"])
    least = helper.make_node("ReduceMax", ["huge"], ["least"], keepdims=1)
    flat = helper.make_node("Cast", [INPUT], ["floats"], to=TensorProto.FLOAT)
    rest = (
        flat,
        helper.make_node("Flatten", ["floats"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        helper.make_node("Add", ["logits", "least"], ["more"]),
        helper.make_node("Softmax", ["more"], [PROBABILITIES], axis=1),
    )
    if kind == "shape":
        return small(huge, least, *rest, initializers=(size,))
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Add", ["state", "state"], ["next"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, [1, 1]),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, [1, 1]),
        ],
    )
    times = numpy_helper.from_array(np.array(2**62, np.int64), "times")
    start = numpy_helper.from_array(np.zeros((1, 1), np.float32), "start")
    loop = helper.make_node("Loop", ["times", "", "start"], ["least"], body=body)
    return small(loop, *rest, initializers=(times, start))


@pytest.mark.parametrize(
    ("kind", "words"), [("shape", "cannot be run"), ("loop", r"repeats a part of itself \(Loop\)")]
)
def test_graphs_without_end_are_refused(kind: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(grown(kind).SerializeToString())
    # A refusal of the operating system's would come only when its memory, or this limit, is used up.
    limit = bounded() if Path("/proc/self/clear_refs").exists() else contextlib.nullcontext()
    with limit, pytest.raises(CheckpointError, match=words) as caught:
        EmotionModel.load(path)
    assert "bad_alloc" not in str(caught.value)


@pytest.mark.parametrize("length", [b"\x08", b"\x88\x00", b"\x88\x80\x80\x00"])
def test_the_name_of_another_file_is_found_however_its_length_is_written(length: bytes) -> None:
    """protobuf takes lengths of more bytes than they need."""
    entry = b"\x0a" + length + b"location\x12\x0b/etc/passwd"
    assert onnx.StringStringEntryProto.FromString(entry).key == "location"
    assert has_external_data(SMALL + entry)
    assert not has_external_data(SMALL)
