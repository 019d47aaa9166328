"""Nets of random shape and weights answer in ONNX as they do in torch."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fer.common.labels import EMOTIONS
from fer.export.gate import MAX_DIFFERENCE
from fer.export.graph import to_onnx
from fer.export.measurement import onnx_predictor
from fer.models.checkpoint import LoadedModel, NetSpec
from fer.models.preprocess import Preprocess

WIDTHS = st.lists(st.integers(1, 12), min_size=1, max_size=3)


@st.composite
def nets(draw: st.DrawFn) -> NetSpec:
    name = draw(st.sampled_from(("skipcnn", "cnn", "mlp", "vgg")))
    params: dict[str, Any] = {} if name == "mlp" else {"widths": draw(WIDTHS)}
    if name == "mlp":
        params["hidden"] = draw(st.lists(st.integers(1, 24), max_size=3))
    if name == "skipcnn":
        params["blocks"] = [draw(st.integers(0, 2)) for _ in params["widths"]]
    if name == "cnn":
        params["convs"] = draw(st.integers(1, 2))
    if name == "vgg":
        params["hidden"] = draw(st.lists(st.integers(1, 16), max_size=2))
    return NetSpec(
        name=name, channels=draw(st.sampled_from((1, 3))), size=draw(st.sampled_from((32, 40, 48, 56))), params=params
    )


def untrained(spec: NetSpec, *, seed: int) -> LoadedModel:
    torch.manual_seed(seed)
    net = spec.build()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, -1.5, 1.5)
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(module.running_var, 0.1, 3.0)
    return LoadedModel(
        net=net.eval(),
        preprocess=Preprocess(channels=spec.channels, size=spec.size),
        spec=spec,
        labels=EMOTIONS,
        data_fingerprint="0123456789abcdef",
        epoch=0,
    )


def check(spec: NetSpec, *, seed: int, stored: int, faces: int, temperature: float) -> None:
    model = untrained(spec, seed=seed)
    images = np.random.default_rng(seed).integers(0, 256, (faces, 1, stored, stored), dtype=np.uint8)
    expected = model.probabilities(images).astype(np.float64) ** (1.0 / temperature)
    expected /= expected.sum(axis=1, keepdims=True)
    graph, _ = to_onnx(model, size=stored, temperature=temperature)
    np.testing.assert_allclose(onnx_predictor(graph.SerializeToString())(images), expected, atol=MAX_DIFFERENCE)


CASES = given(
    spec=nets(),
    seed=st.integers(0, 2**16),
    stored=st.sampled_from((40, 48, 64)),
    faces=st.integers(1, 5),
    temperature=st.sampled_from((0.5, 1.0, 1.7)),
)


@CASES
@settings(max_examples=2, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_a_random_net_answers_as_torch(spec: NetSpec, seed: int, stored: int, faces: int, temperature: float) -> None:
    check(spec, seed=seed, stored=stored, faces=faces, temperature=temperature)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@CASES
@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_many_random_nets_answer_as_torch(
    spec: NetSpec, seed: int, stored: int, faces: int, temperature: float
) -> None:
    check(spec, seed=seed, stored=stored, faces=faces, temperature=temperature)
