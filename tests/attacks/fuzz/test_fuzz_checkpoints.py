"""Damaged and ill-meant checkpoints, into the loader that reports, exports and resumed runs share."""

import copy
import io
import os
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attacks.fuzz.battery import COUNTS, attack
from attacks.fuzz.mutations import Random, mutated

from fer.common.errors import CheckpointError
from fer.common.labels import NUM_CLASSES
from fer.models.checkpoint import NetSpec, describe, load_model
from fer.models.preprocess import Preprocess

SPECS = (
    NetSpec(name="mlp", channels=1, size=8, params={"hidden": [16]}),
    NetSpec(name="skipcnn", channels=1, size=8, params={"widths": [4], "blocks": [1]}),
    NetSpec(name="vit", channels=1, size=8, params={"embed_dim": 12, "depth": 1, "heads": 2, "patch_size": 4}),
)
VALUES = (None, True, 0, -1, 1, 7, 10**6, 10**12, 2**63, 2**70, 1.5, float("nan"), "", "x", [], {}, [1] * 40, "\ud800")


def content(spec: NetSpec = SPECS[0]) -> dict[str, Any]:
    """A checkpoint as fer-train writes it, of a net of a few kilobytes."""
    torch.manual_seed(0)
    weights = {f"net.{name}": tensor for name, tensor in spec.build().state_dict().items()}
    preprocess = Preprocess(channels=spec.channels, size=spec.size)
    described = copy.deepcopy(describe(spec, preprocess, data_fingerprint="0" * 16))
    return {"epoch": 3, "state_dict": weights, "fer": described}


def saved(value: Any, *, zipped: bool = True) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


def repacked(data: bytes, change: Callable[[str, bytes], bytes], *, compression: int = zipfile.ZIP_STORED) -> bytes:
    """The same archive with other members, its own sums right again."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", compression) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return buffer.getvalue()


SEEDS = [*(saved(content(spec)) for spec in SPECS), saved(content(), zipped=False)]
TOKENS = (
    *(b"cos\nsystem\n", b"cbuiltins\neval\n", b"ctorch._utils\n_rebuild_tensor_v2\n", b"R", b".", b"}", b"t", b"Q"),
    *(b"ctorch\nFloatStorage\n", b"cbuiltins\nbytearray\n", b"J\xff\xff\xff\x7f", b"\x8a\x08" + b"\xff" * 7 + b"\x7f"),
)


def make(rng: Random) -> bytes:
    kind = rng.random()
    if kind < 0.1:
        return rng.bytes(int(rng.integers(0, 4096)))
    if kind < 0.4:
        return mutated(SEEDS[rng.integers(len(SEEDS))], rng, tokens=TOKENS, others=SEEDS)
    if kind < 0.7:  # past the sums of the zip, into the pickle or the numbers
        part = "data.pkl" if rng.random() < 0.8 else ""
        seed = SEEDS[rng.integers(len(SPECS))]
        return repacked(seed, lambda name, old: mutated(old, rng, tokens=TOKENS) if name.endswith(part) else old)
    return saved(misdescribed(rng))


def misdescribed(rng: Random) -> dict[str, Any]:
    """A whole checkpoint, one to three values of which are not what they should be."""
    tree = content(SPECS[rng.integers(len(SPECS))])
    for _ in range(int(rng.integers(1, 4))):
        node: Any = tree
        while True:
            keys = list(node) if isinstance(node, dict) else range(len(node))
            if len(keys) == 0:
                break
            key = keys[rng.integers(len(keys))]
            if isinstance(node[key], dict | list) and rng.random() < 0.85:
                node = node[key]
                continue
            value = VALUES[rng.integers(len(VALUES))]
            if rng.random() < 0.2 and isinstance(node, dict):
                del node[key]
            elif rng.random() < 0.2 and isinstance(node, dict):
                node["".join(chr(97 + int(each)) for each in rng.integers(0, 26, 3))] = value
            else:
                node[key] = torch.zeros(3) if rng.random() < 0.1 else value
            break
    return tree


def opened(path: Path) -> None:
    model = load_model(path)
    size = model.spec.size
    assert model.probabilities(np.zeros((2, 1, size, size), np.uint8)).shape == (2, NUM_CLASSES)
    assert model.epoch is not None


@pytest.mark.parametrize("count", COUNTS)
def test_damaged_checkpoints(count: int, tmp_path: Path) -> None:
    path = tmp_path / "best.ckpt"

    def use(data: bytes) -> None:
        path.write_bytes(data)
        opened(path)

    attack("checkpoints", count=count, make=make, use=use)


class Runs:
    """Calls something when it is unpickled."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self._call


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("place", ["whole", "state_dict"])
@pytest.mark.parametrize("gadget", ["system", "eval", "pickle", "hub", "numpy"])
def test_code_in_a_checkpoint_does_not_run(gadget: str, place: str, zipped: bool, tmp_path: Path) -> None:
    mark, other = tmp_path / "ran", tmp_path / "other.pkl"
    other.write_bytes(pickle.dumps(Runs(os.system, f"touch {mark}")))
    code: Any = {
        "system": Runs(os.system, f"touch {mark}"),
        "eval": Runs(eval, f"open({str(mark)!r}, 'w')"),
        "pickle": Runs(pickle.loads, pickle.dumps(Runs(os.system, f"touch {mark}"))),
        "hub": Runs(torch.hub.load, str(tmp_path), "model"),
        "numpy": Runs(np.load, str(other), None, True),
    }[gadget]
    path = tmp_path / "best.ckpt"
    path.write_bytes(saved(code if place == "whole" else content() | {place: code}, zipped=zipped))
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        load_model(path)
    assert not mark.exists()
    # The very same bytes do harm where code may run.
    if gadget in ("system", "eval", "pickle"):
        torch.load(path, weights_only=False)
        assert mark.exists()


def test_a_net_larger_than_its_file_is_not_built(tmp_path: Path) -> None:
    """Terabytes of layers, and a million of them, described in a kilobyte."""
    path = tmp_path / "best.ckpt"
    for params in ({"hidden": [10**6, 10**6]}, {"hidden": [30_000, 30_000]}, {"hidden": [1] * 100_000}):
        tree = content()
        tree["fer"]["net"]["params"] = params
        path.write_bytes(saved(tree))
        with pytest.raises(CheckpointError, match="which is many times larger"):
            load_model(path)


def test_weights_that_repeat_one_number_are_refused(tmp_path: Path) -> None:
    spec = NetSpec(name="mlp", channels=1, size=8, params={"hidden": [10_000, 10_000]})
    with torch.device("meta"):
        shapes = {f"net.{name}": tensor.shape for name, tensor in spec.build().state_dict().items()}
    tree = content() | {
        "state_dict": OrderedDict((name, torch.zeros(()).expand(shape)) for name, shape in shapes.items())
    }
    tree["fer"]["net"]["params"] = dict(spec.params)
    path = tmp_path / "best.ckpt"
    path.write_bytes(saved(tree))
    with pytest.raises(CheckpointError, match="larger than the file"):
        load_model(path)


def test_a_compressed_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "best.ckpt"
    path.write_bytes(repacked(SEEDS[0], lambda name, old: old, compression=zipfile.ZIP_DEFLATED))
    with pytest.raises(CheckpointError, match="compresses nothing"):
        load_model(path)
