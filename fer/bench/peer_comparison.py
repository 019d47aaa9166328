"""Named peers and this package's runtime on the same crops, each in an interpreter of its own."""

import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError

from fer.bench.result import Measurement, Row, in_turn, ratio, unmeasured
from fer.bench.settings import Bench, PeerSettings
from fer.common.errors import ConfigError, DataError
from fer.common.label_set import set_name
from fer.common.labels import EMOTIONS, canonical_name
from fer.common.paths import expanded
from fer.common.section import Section
from fer.metrics.estimate import wilson_interval

log = logging.getLogger(__name__)

_DRIVER: Final = Path(__file__).parent / "peers" / "driver.py"
_SIDE: Final = 48
"""Pixels of a crop: FER-2013's own size, the one all of these were made for or resize from."""

OURS: Final = "ferlab"


class PeerPredictions(Section):
    """What `driver.py` writes.

    Attributes:
        version: of the peer.
        python: of its interpreter.
        start_seconds: from the peer's first import to its first prediction.
        milliseconds: of each crop, asked one at a time.
        labels: of each crop, as the peer names them.
    """

    version: str
    python: str
    start_seconds: float = Field(gt=0)
    milliseconds: tuple[float, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Peer:
    """Whom to ask.

    Attributes:
        name: of its file in `peers/`.
        python: its interpreter; None where none was given.
        argument: handed to its `start`.
    """

    name: str
    python: Path | None
    argument: str | None = None


class PeerFailedError(Exception):
    """A peer gave no usable predictions; the message says why."""


def measure_peers(bench: Bench) -> Measurement:
    """Seconds to start, milliseconds a crop and accuracy of every peer; one that fails is a row with its reason.

    Raises:
        ConfigError: `bench.run` cannot be exported, or a configuration that cannot be.
        DataError: the data cannot be opened, or have no PublicTest.
    """
    settings = bench.settings
    if bench.config.label_names != EMOTIONS:
        raise ConfigError(
            f"labels={set_name(bench.config.label_names)}: the peers name the seven emotions; compare with labels=fer7"
        )
    crops, labels, is_synthetic = _public_crops(bench)
    with tempfile.TemporaryDirectory(prefix="fer-bench-") as name:
        folder = Path(name)
        np.save(folder / "crops.npy", crops)
        peers = [_ours(bench, folder), *_named(settings.peers)]
        predictions: dict[str, list[PeerPredictions]] = {peer.name: [] for peer in peers}
        failed: dict[str, str] = {}
        for number in range(settings.repeats):
            for peer in in_turn(peers, number):
                if peer.name in failed:
                    continue
                try:
                    found = ask(peer, folder, count=len(crops), seconds=60 * settings.peer_minutes)
                except PeerFailedError as failure:
                    failed[peer.name] = str(failure)
                    log.info("peers %d of %d: %s: %s", number + 1, settings.repeats, peer.name, failure)
                    continue
                predictions[peer.name].append(found)
                each = statistics.median(found.milliseconds)
                log.info("peers %d of %d: %-16s %8.3f ms a crop", number + 1, settings.repeats, peer.name, each)
    finished = {name: each for name, each in predictions.items() if name not in failed}
    ours = "the model `benchmark`" if settings.run is None else f"{settings.run.name}, ONNX float32"
    return Measurement(
        key="peers",
        title=f"peers: {len(crops):,} PublicTest crops of {_SIDE} px, one at a time; ferlab is {ours}",
        rows=tuple(_rows([peer.name for peer in peers], finished, failed, labels=None if is_synthetic else labels)),
        notes=tuple(_notes(is_synthetic=is_synthetic)),
    )


def ask(peer: Peer, folder: Path, *, count: int, seconds: float) -> PeerPredictions:
    """One peer's predictions to the crops in `folder`.

    Args:
        peer: whom.
        folder: holds `crops.npy`; the predictions go there too.
        count: crops there are.
        seconds: it gets.

    Raises:
        PeerFailedError: not given, not there, too slow, broken off, or no prediction for every crop.
    """
    if peer.python is None:
        raise PeerFailedError(f"left out: give its interpreter with bench.peers.{peer.name}=ENV/bin/python")
    python = expanded(peer.python)
    if not (python.is_file() and os.access(python, os.X_OK)):
        raise PeerFailedError(f"bench.peers.{peer.name}={peer.python} is no program")
    path = folder / f"{peer.name}.json"
    path.unlink(missing_ok=True)
    # -I: neither this package's folder nor PYTHONPATH may stand before the peer's own packages.
    line = [str(python.absolute()), "-I", str(_DRIVER), peer.name, str(folder / "crops.npy"), str(path)]
    try:
        done = subprocess.run(
            [*line, *([] if peer.argument is None else [peer.argument])],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            cwd=folder,
        )
    except subprocess.TimeoutExpired as error:
        raise PeerFailedError(f"no prediction within {seconds / 60:g} min (bench.peer_minutes)") from error
    except OSError as error:
        raise PeerFailedError(f"{peer.python} does not run: {error.strerror or error}") from error
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise PeerFailedError(said[-1] if said else f"ended with status {done.returncode}")
    try:
        predictions = PeerPredictions.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        raise PeerFailedError(f"its predictions cannot be read: {str(error).splitlines()[0]}") from error
    if not len(predictions.labels) == len(predictions.milliseconds) == count:
        raise PeerFailedError(f"it predicted {len(predictions.labels)} of {count} crops")
    return predictions


def _public_crops(bench: Bench) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], bool]:
    """PublicTest faces, uint8 (N, 48, 48), their labels int64 (N,), and whether they are synthetic."""
    from fer.config.schema import validate
    from fer.data.datamodule import FERDataModule
    from fer.data.resize import fit_images

    config = validate(bench.tree)
    data = FERDataModule(config.data, augment=None, seed=config.seed)
    data.setup()
    assert data.split.valid_name == "public"
    rows = data.split.valid
    rows = np.sort(np.random.default_rng(0).permutation(rows)[: bench.settings.peer_faces])
    if len(rows) == 0:
        raise DataError(f"{data.source} has no PublicTest faces to ask peers about: set data.root to a copy that has")
    images = np.ascontiguousarray(data.samples.images[rows])
    crops = fit_images(images, size=_SIDE, channels=1)[:, 0]
    return crops, data.samples.labels[rows], config.data.name == "synthetic"


def _ours(bench: Bench, folder: Path) -> Peer:
    """This package's runtime, with the run's net where there is one."""
    python = Path(sys.executable)
    if bench.settings.run is None:
        return Peer(name=OURS, python=python)
    from fer.export.export import export_run

    root = bench.tree["data"].get("root")
    path = folder / "run.onnx"
    export_run(expanded(bench.settings.run), path, data_root=None if root is None else expanded(root))
    return Peer(name=OURS, python=python, argument=str(path))


def _named(settings: PeerSettings) -> list[Peer]:
    return [Peer(name=name, python=getattr(settings, name)) for name in PeerSettings.model_fields]


def _rows(
    names: Sequence[str],
    finished: Mapping[str, Sequence[PeerPredictions]],
    failed: Mapping[str, str],
    *,
    labels: npt.NDArray[np.int64] | None,
) -> list[Row]:
    times: dict[str, Row] = {}
    rows: list[Row] = []
    for name in names:
        if name in failed:
            times[name] = unmeasured(name, unit="ms a crop", reason=failed[name])
            rows.append(times[name])
            continue
        each = finished[name]
        title = f"{name} {each[0].version}"
        medians = tuple(statistics.median(one.milliseconds) for one in each)
        times[name] = Row(label=f"{title}: a crop", unit="ms", values=medians)
        rows += [
            Row(label=f"{title}: to its first prediction", unit="s", values=tuple(one.start_seconds for one in each)),
            times[name],
        ]
        if labels is not None:
            rows.append(_accuracy(title, each[0].labels, labels))
    rows += [
        ratio(f"{name} / {OURS}, a crop", times[name], times[OURS])
        for name in names
        if name in finished and name != OURS
    ]
    return rows


def _accuracy(title: str, said: Sequence[str], labels: npt.NDArray[np.int64]) -> Row:
    """Share of right labels, with its 95 % interval; a name outside the seven emotions is wrong, and counted."""
    names = [canonical_name(label) for label in said]
    right = sum(name == EMOTIONS[label] for name, label in zip(names, labels.tolist(), strict=True))
    low, high = wilson_interval(np.array(right / len(said)), np.array(len(said)))
    others = sum(name not in EMOTIONS for name in names)
    note = f"{100 * float(low):.1f} to {100 * float(high):.1f}, n = {len(said):,} of PublicTest"
    if others > 0:
        note += f"; {others} predictions outside the seven emotions count as wrong"
    return Row(label=f"{title}: accuracy", unit="%", values=(100 * right / len(said),), note=note)


def _notes(*, is_synthetic: bool) -> list[str]:
    notes = [
        "each in its own interpreter, with as many threads as it takes by itself (ferlab: one); detection left out",
        "the first prediction counts imports and loading, not the start of the interpreter",
    ]
    if is_synthetic:
        return [
            *notes,
            "the faces are synthetic, which none of them was made for: no accuracy is told (data.root=PATH)",
        ]
    return [
        *notes,
        "a peer that was trained on FER-2013 may have seen PublicTest, and ferlab's model was chosen on it: these "
        "accuracies flatter, and compare nobody; PrivateTest was not read",
    ]
