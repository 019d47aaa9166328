"""One export, from run folder to checked model file."""

import glob
import hashlib
import os
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from fer.common.errors import CheckpointError, ConfigError
from fer.common.files import remove_leftovers, write_atomic
from fer.common.label_set import check_emotions, set_name
from fer.common.wording import printable_path
from fer.export.card import model_card
from fer.export.conversion import Quantization, convert, softmax, torch_logits
from fer.export.description import describe_export, notes_on, predictions_of
from fer.export.faces import open_faces
from fer.export.gate import Gate
from fer.export.measurement import Measured, onnx_predictor, table
from fer.export.photo_fit import PhotoFit, fit_on_photographs, told_settings
from fer.export.photographs import read_faces
from fer.export.quantize import Ranges
from fer.export.recalibrate import divide_logits, recalibrated_file, with_fit, with_metadata
from fer.export.told_shares import ToldShares
from fer.folders.record import read_run
from fer.metrics import Predictions
from fer.metrics.calibration import Calibration, fit_calibration
from fer.models.checkpoint import load_model
from fer.models.prior import shift_prior
from fer.runtime.facts import ModelFacts
from fer.runtime.model import EmotionModel
from fer.runtime.prior import Prior

CALIBRATION_FACES: Final = 512
"""Training faces that INT8 ranges are read from."""


@dataclass(frozen=True, kw_only=True)
class ExportResult:
    """What an export leaves behind.

    Attributes:
        path: the .onnx file.
        facts: what it says of itself, with its SHA-256.
        measured: torch, ONNX float32 and, where it was asked for, INT8, side by side.
        notes: what a reader of the numbers must know.
        fit: what photographs said of the confidence; None where none were asked.
        card: the model card; None where none was asked for.
        seconds: the export took.
    """

    path: Path
    facts: ModelFacts
    measured: tuple[Measured, ...]
    notes: tuple[str, ...]
    fit: PhotoFit | None = None
    card: Path | None
    seconds: float

    def table(self) -> str:
        """The forms side by side, for a terminal."""
        return table(self.measured, split=self.facts.split, n=self.facts.reference.n)

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        return {
            "path": printable_path(self.path),
            "card": None if self.card is None else str(self.card),
            "measured": [row.as_dict() for row in self.measured],
            "notes": list(self.notes),
            "photographs": None if self.fit is None else asdict(self.fit) | {"facts": self.fit.facts.model_dump()},
            "seconds": round(self.seconds, 3),
            "facts": self.facts.model_dump(mode="json"),
        }


def export_run(
    run_dir: Path,
    out: Path,
    *,
    int8: bool = False,
    data_root: Path | None = None,
    max_loss: float = 0.5,
    target_accuracy: float = 0.8,
    ranges: Ranges = "minmax",
    full_range: bool = False,
    calibration_faces: int = CALIBRATION_FACES,
    seed: int = 0,
    card: bool = False,
    votes_share: float | None = None,
    calibrate: Path | None = None,
    labels: Path | None = None,
    prior: Prior | None = None,
) -> ExportResult:
    """Writes the best model of a run as one self-describing .onnx file, checked first; or nothing.

    Temperature and abstention threshold are fitted on the selection faces (PublicTest under the official protocol), on
    torch's predictions; the scores in the file are those of the file itself on the same faces. PrivateTest is not read.

    With photographs these fit temperature and threshold instead, as `calibrate_file` has it.

    Args:
        run_dir: the run folder.
        out: the file to write; ends in .onnx.
        int8: quantise, statically, on faces drawn from the training rows.
        data_root: where the data set lies now; None for where the run found it.
        max_loss: accuracy INT8 may lose against float32 on the selection faces, in points of a hundred, 0 or more.
        target_accuracy: what predictions above the abstention threshold are to reach, in (0, 1].
        ranges: how INT8 ranges are found; see `fer.export.quantize.quantize`.
        full_range: use all 8 bits of a weight; see there.
        calibration_faces: how many are drawn, at least 1.
        seed: of that draw.
        card: also write a model card and the hash, beside the file (.md and .sha256).
        votes_share: of a net with two heads, the weight of the votes' in [0, 1]; None for what the run says.
        calibrate: folder or zip of labelled photographs; see `fer.data.photographs.read_photographs`.
        labels: their labels, see there.
        prior: shares of the emotions that the file takes for granted; None for those that the net has learned.

    Raises:
        ConfigError: `run_dir` is no run folder, `out` cannot be, or the net cannot take another prior.
        CheckpointError: no readable checkpoint, or a net that torch cannot write.
        RefusedError: the result does not predict as the net does.
        DataError: the data set cannot be opened.
        StorageError: the disk refused the file; an earlier one is intact.
    """
    started = time.perf_counter()
    _check_out(out)
    record = read_run(run_dir)
    model = load_model(record.checkpoint, votes_share=votes_share)
    faces = open_faces(record, data_root=data_root, calibration=calibration_faces, seed=seed)
    if model.labels != faces.classes:
        raise CheckpointError(
            f"{record.checkpoint} predicts {set_name(model.labels)}, and its run's config.yaml says "
            f"labels={set_name(faces.classes)}: one of the two is another run's"
        )
    if calibrate is not None:
        check_emotions(model.labels, "--calibrate")
    photographs = None if calibrate is None else read_faces(calibrate, labels=labels, size=faces.size)

    logits = torch_logits(model, faces.images)
    calibration = fit_calibration(predictions_of(faces, softmax(logits)), target_accuracy=target_accuracy)
    told, shares = None, None
    if prior is not None:
        # What is fitted on faces with the old shares is fitted before the new ones are told; photographs fit it after.
        temperature = calibration.temperature if photographs is None else 1.0
        probabilities_NK = softmax(logits / temperature)
        told = ToldShares.of(probabilities_NK, prior.shares)
        shares = shift_prior(
            model,
            probabilities_NK=probabilities_NK,
            shares=prior.shares,
            told=f"--prior {prior.name}",
            temperature=temperature,
        )
        logits = torch_logits(model, faces.images)
        if photographs is not None:
            calibration = fit_calibration(predictions_of(faces, softmax(logits)), target_accuracy=target_accuracy)
    converted = convert(
        model,
        faces=faces,
        logits=logits,
        calibration=calibration,
        gate=Gate(max_loss=max_loss),
        int8=Quantization(ranges=ranges, full_range=full_range) if int8 else None,
    )
    # Fitted on torch's predictions; what it reaches is the file's to say, which rounds where it is INT8.
    calibration = _measured_on(calibration, predictions_of(faces, converted.probabilities))
    describe = partial(
        describe_export,
        record,
        model=model,
        faces=faces,
        calibration=calibration,
        maps=converted.maps,
        int8=int8,
    )
    facts, fit = describe(probabilities=converted.probabilities, prior=shares), None
    if photographs is not None:
        answers = onnx_predictor(converted.graph.SerializeToString())(photographs.faces[:, None])
        fit = fit_on_photographs(
            photographs, answers, before=facts, target=target_accuracy, told=told_settings(prior, votes_share)
        )
        divide_logits(converted.graph, by=fit.temperature, origin=str(out))
        after = onnx_predictor(converted.graph.SerializeToString())(faces.images)
        if told is not None:
            taken = told.after(after, temperature=calibration.temperature * fit.temperature)
            shares = dict(zip(model.labels, taken, strict=True))
        facts = with_fit(describe(probabilities=after, prior=shares), fit, target=target_accuracy)
    content = with_metadata(converted.graph, facts)
    facts = facts.model_copy(update={"sha256": hashlib.sha256(content).hexdigest()})
    notes = notes_on(record, model=model, faces=faces)
    written = _write(out, content, facts, converted.measured, notes, card=card)
    return ExportResult(
        path=out,
        facts=facts,
        measured=converted.measured,
        notes=notes,
        fit=fit,
        card=written,
        seconds=time.perf_counter() - started,
    )


def _measured_on(calibration: Calibration, predictions: Predictions) -> Calibration:
    """The same temperature and threshold, with what the threshold reaches on predictions with the temperature in."""
    certain_N = ~calibration.abstains(predictions.confidence)
    correct_N = predictions.predicted == predictions.labels
    return replace(
        calibration,
        coverage=float(certain_N.mean()),
        accuracy=float(correct_N[certain_N].mean()) if certain_N.any() else None,
    )


def calibrate_file(
    source: Path, out: Path, *, photographs: Path, labels: Path | None, target_accuracy: float = 0.8, card: bool = False
) -> ExportResult:
    """Writes a copy of a model file whose temperature and threshold are fitted on labelled photographs.

    Args:
        source: a file of fer-export, or the name of a model of the package.
        out: the file to write; ends in .onnx. It may be `source`.
        photographs: folder or zip of photographs; see `fer.data.photographs.read_photographs`.
        labels: their labels, see there.
        target_accuracy: what predictions above the threshold are to reach, in (0, 1].
        card: also write a model card and the hash, beside the file (.md and .sha256).

    Raises:
        ConfigError: `out` cannot be.
        CheckpointError: `source` is no file of fer-export.
        DataError: photographs or labels cannot be read, or are too few.
        StorageError: the disk refused the file; an earlier one is intact.
    """
    started = time.perf_counter()
    _check_out(out)
    model = EmotionModel.load(source)
    check_emotions(model.labels, "--calibrate")
    size = model.size
    found = read_faces(photographs, labels=labels, size=size)
    content, facts, fit = recalibrated_file(source, found, target=target_accuracy)
    notes = (f"The file was calibrated on {found.name} after its export.",)
    written = _write(out, content, facts, (), notes, card=card)
    return ExportResult(
        path=out,
        facts=facts,
        measured=(),
        notes=(),
        fit=fit,
        card=written,
        seconds=time.perf_counter() - started,
    )


def _check_out(out: Path) -> None:
    if out.suffix != ".onnx":
        raise ConfigError(f"--out {out}: the file is ONNX, so its name must end in .onnx")
    if out.is_dir():
        raise ConfigError(f"--out {out} is a folder: give the name of a file in it")
    # Known before the minutes of the work, not after.
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise ConfigError(f"--out {out} cannot be written: {error.strerror or error}; choose another place") from error


def _write(
    out: Path,
    content: bytes,
    facts: ModelFacts,
    rows: tuple[Measured, ...],
    notes: tuple[str, ...],
    *,
    card: bool,
) -> Path | None:
    for path in (out, out.with_suffix(".sha256"), out.with_suffix(".md")):
        remove_leftovers(out.parent, of=glob.escape(path.name))
    write_atomic(out, content)
    if not card:
        return None
    # The name byte for byte, as `sha256sum --check` wants it.
    write_atomic(out.with_suffix(".sha256"), f"{facts.sha256}  ".encode() + os.fsencode(out.name) + b"\n")
    path = out.with_suffix(".md")
    write_atomic(
        path, model_card(facts, rows, notes=notes, file=printable_path(out.name), megabytes=len(content) / 1e6)
    )
    return path
