"""Every net of the registry, in colour and grey and at other sizes, gives a graph that answers as torch does."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from fer.common.labels import EMOTIONS
from fer.export.gate import MAX_DIFFERENCE
from fer.export.graph import first_cause, to_onnx
from fer.export.measurement import onnx_predictor
from fer.export.quantize import quantize
from fer.models.checkpoint import LoadedModel, NetSpec
from fer.models.preprocess import Preprocess
from fer.models.registry import NETS

SMALL: dict[str, dict[str, Any]] = {
    "timm": {"timm_name": "convnext_atto"},
    "vit": {"depth": 2},
    "cnn": {"widths": [8, 16, 16]},
    "skipcnn": {"widths": [8, 16, 16]},
    "vgg": {"widths": [8, 16], "hidden": [32]},
}
CASES = {
    "random": (1, 48, 48, None),
    "majority": (1, 48, 48, None),
    "mlp": (1, 48, 48, None),
    "cnn": (3, 64, 48, 16),
    "vgg": (1, 48, 48, None),
    "skipcnn": (1, 48, 64, 6),
    "resnet18": (1, 48, 48, 3),
    "resnet50": (3, 48, 48, 2),
    "efficientnetv2": (1, 48, 48, 3),
    "vit": (1, 48, 48, None),
    "timm": (3, 64, 48, None),
}
"""Net -> channels, size of the net, size of the stored faces, cells of its class maps."""

SLOW = {"random", "vgg", "resnet18", "resnet50", "efficientnetv2", "vit", "timm"}


def loaded(name: str, *, channels: int, size: int, params: Mapping[str, Any] | None = None) -> LoadedModel:
    """An untrained net whose batch norms have seen something."""
    import torch

    torch.manual_seed(0)
    spec = NetSpec(
        name=name, channels=channels, size=size, params=SMALL.get(name, {}) if params is None else dict(params)
    )
    net = spec.build()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
    return LoadedModel(
        net=net.eval(),
        preprocess=Preprocess(channels=channels, size=size),
        spec=spec,
        labels=EMOTIONS,
        data_fingerprint="0123456789abcdef",
        epoch=0,
    )


TIMM: dict[str, tuple[dict[str, Any], int]] = {
    "swin": (
        {
            "timm_name": "swin_tiny_patch4_window7_224",
            "options": {"depths": [1, 2], "embed_dim": 24, "num_heads": [2, 4]},
        },
        48,
    ),
    "levit": ({"timm_name": "levit_128s"}, 64),
}
"""Families of timm whose attention keeps tables of positions: parameters, size of the net."""


def test_every_net_has_a_case() -> None:
    assert set(CASES) == set(NETS)


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in CASES])
def test_graph_answers_as_torch(name: str) -> None:
    channels, size, stored, cells = CASES[name]
    model = loaded(name, channels=channels, size=size)
    faces = np.random.default_rng(0).integers(0, 256, (9, 1, stored, stored), dtype=np.uint8)
    graph, maps = to_onnx(model, size=stored, temperature=0.5)
    expected = model.probabilities(faces) ** 2  # a temperature of one half
    expected /= expected.sum(axis=1, keepdims=True)
    answers = onnx_predictor(graph.SerializeToString())
    np.testing.assert_allclose(answers(faces), expected, atol=MAX_DIFFERENCE)
    np.testing.assert_allclose(answers(faces[:1]), expected[:1], atol=MAX_DIFFERENCE)
    assert maps == cells
    if name in ("cnn", "vit"):
        quantised = onnx_predictor(quantize(graph, faces=faces).SerializeToString())
        np.testing.assert_allclose(quantised(faces), expected, atol=0.1)
        assert np.abs(quantised(faces) - expected).max() > 0


@pytest.mark.slow
@pytest.mark.parametrize("family", TIMM)
def test_windows_and_tables_of_positions_are_exported_and_quantised(family: str) -> None:
    params, size = TIMM[family]
    model = loaded("timm", channels=1, size=size, params=params)
    faces = np.random.default_rng(0).integers(0, 256, (5, 1, 48, 48), dtype=np.uint8)
    # As in an export: predicting first leaves tables of this size behind.
    expected = model.probabilities(faces)
    graph, _ = to_onnx(model, size=48, temperature=1.0)
    answers = onnx_predictor(graph.SerializeToString())
    np.testing.assert_allclose(answers(faces), expected, atol=MAX_DIFFERENCE)
    np.testing.assert_allclose(answers(faces[:1]), expected[:1], atol=MAX_DIFFERENCE)
    quantised = onnx_predictor(quantize(graph, faces=faces).SerializeToString())
    np.testing.assert_allclose(quantised(faces), expected, atol=0.05)


def test_why_a_net_cannot_be_written_is_told_in_one_plain_line() -> None:
    wrapped = RuntimeError("Failed to export. \x1b[96mThis is step 1/3\x1b[0m of exporting. Next steps:\nmore")
    wrapped.__cause__ = ValueError("data-dependent branch\nsecond line")
    assert first_cause(wrapped) == "ValueError: data-dependent branch"
    assert first_cause(RuntimeError("\x1b[31mno\x1b[0m such operator")) == "RuntimeError: no such operator"
