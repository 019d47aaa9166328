"""The three forms of one net, timed in turns."""

from pathlib import Path

import pytest
from support.tiny import TINY

from fer.bench.inference import INT8, ONNX, TORCH, measure_inference
from fer.bench.settings import Bench, compose_bench
from fer.common.errors import ConfigError
from fer.export import measurement


def bench(tmp_path: Path, *more: str) -> Bench:
    return compose_bench([*TINY, "bench.repeats=2", *more], run_dir=tmp_path / "run")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measurement, "_SECONDS", 0.05)


def test_the_trained_net_of_a_run_is_timed_in_every_form_at_both_sizes(tmp_path: Path, tiny_run: Path) -> None:
    found = measure_inference(bench(tmp_path, f"bench.run={tiny_run}"))
    assert tiny_run.name in found.title
    assert "untrained" not in found.title
    rows = {row.label: row for row in found.rows}
    for size in ("1 face", "batches of 64"):
        for form in (TORCH, ONNX, INT8):
            assert len(rows[f"{form}, {size}"].values) == 2
            assert min(rows[f"{form}, {size}"].values) > 0
        torch_ms, onnx_ms = rows[f"{TORCH}, {size}"].values, rows[f"{ONNX}, {size}"].values
        assert rows[f"torch / ONNX, {size}"].values == tuple(a / b for a, b in zip(torch_ms, onnx_ms, strict=True))


def test_a_net_without_layers_to_quantise_has_a_reason_in_their_place(tmp_path: Path) -> None:
    found = measure_inference(bench(tmp_path, "model=majority"))
    rows = {row.label: row for row in found.rows}
    assert "untrained" in found.title
    assert len(rows[f"{TORCH}, 1 face"].values) == 2
    int8 = rows[f"{INT8}, 1 face"]
    assert int8.values == ()
    assert "no layer to quantise" in int8.note
    assert rows["ONNX / INT8, 1 face"].values == ()


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a run folder"):
        measure_inference(bench(tmp_path, f"bench.run={tmp_path}"))
