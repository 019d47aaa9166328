"""Run folders in, report folder out."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fer.errors import ConfigError
from fer.files import write_atomic
from fer.report.card import model_card
from fer.report.evaluation import EvaluatedRun, describe_data, evaluate_run
from fer.report.figure_style import PRINT, save_png, styled
from fer.report.figures import confusion_figure
from fer.report.gallery import Explainer, Gallery, build_gallery, png
from fer.report.options import ReportOptions
from fer.report.page import render_page
from fer.report.picture_sections import gradcam_section, mistakes_section
from fer.report.records import RunRecord, read_runs
from fer.report.section import Section
from fer.report.sections import (
    classes_section,
    command_line,
    comparison_section,
    confusion_section,
    curves_section,
    data_section,
    repeat_section,
    result_section,
    scores_section,
    terms_section,
)
from fer.report.tables import tables, write_confusion, write_metrics, write_model_eval, write_per_class
from fer.report.wording import is_synthetic, protocol, statement

if TYPE_CHECKING:
    from fer.checkpoint import LoadedModel
    from fer.data.samples import FaceSamples


def make_report(runs: Sequence[Path], *, out: Path | None = None, options: ReportOptions | None = None) -> Path:
    """Evaluates and explains run folders; the path of the page, `report.html`.

    This is the only place where PrivateTest is scored.

    Args:
        runs: run folders. Of several, the one with the highest PublicTest accuracy is shown in detail.
        out: the report folder; None puts it into the run folder as `report`, or for several runs beside the first.
        options: what to do; None for the defaults.

    Raises:
        ConfigError: a path that is not a run folder, or a device this machine does not have.
        CheckpointError: a run folder without a checkpoint, or one that cannot be read.
        DataError: the run's data cannot be opened, or a metrics file is broken.
    """
    options = ReportOptions() if options is None else options
    records = read_runs(runs)
    folder = _report_folder(records, out)
    data = OpenData()
    evaluated = [evaluate_record(record, data, options) for record in records]
    detail = choose_detail(evaluated)
    gallery = explain_run(detail, data, options) if options.faces else None
    return write_report(folder, detail, evaluated, gallery, options, command=_command(runs, out))


class OpenData:
    """Data sets opened for a report, each once however many runs use it."""

    def __init__(self) -> None:
        self._opened: dict[str, tuple[FaceSamples, str]] = {}

    def of(self, record: RunRecord) -> "tuple[FaceSamples, str]":
        """The samples a run was trained on, and their fingerprint.

        Raises:
            ConfigError: the run's data section is not one this version can read.
            DataError: the data cannot be opened.
        """
        from pydantic import TypeAdapter, ValidationError

        from fer.data.sources import AnyDataConfig, DataConfig, open_samples

        # The data section alone: validating the whole configuration would import the whole training stack.
        try:
            config: DataConfig = TypeAdapter(AnyDataConfig).validate_python(record.config["data"])
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, ("data", *first["loc"][1:])))
            raise ConfigError(
                f"{record.folder.config}: {key}: {first['msg']}; was it written by another version?"
            ) from error
        # Protocol and batches do not change what is opened.
        key = config.model_dump_json(exclude=set(DataConfig.model_fields))
        if key not in self._opened:
            packed = open_samples(config)
            self._opened[key] = (packed.samples, packed.fingerprint)
        return self._opened[key]


def evaluate_record(record: RunRecord, data: OpenData, options: ReportOptions) -> EvaluatedRun:
    """Loads one run's model and data, and scores it."""
    samples, fingerprint = data.of(record)
    model = load(record, options)

    def answers(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return model.probabilities(images, batch_size=options.batch_size)

    return evaluate_run(
        record,
        answers=answers,
        labels=model.labels,
        num_parameters=sum(parameter.numel() for parameter in model.net.parameters()),
        input_shape=(model.spec.channels, model.spec.size, model.spec.size),
        trained_on=model.data_fingerprint,
        samples=samples,
        data=describe_data(samples, fingerprint=fingerprint),
        options=options,
    )


def load(record: RunRecord, options: ReportOptions) -> "LoadedModel":
    """A run's model on the device of the options."""
    from fer.accelerator import resolve_accelerator
    from fer.checkpoint import load_model

    model = load_model(record.checkpoint)
    try:
        model.net.to(resolve_accelerator(options.device))
    except ConfigError as error:
        raise ConfigError(f"device={options.device} is not on this machine: use device=auto or device=cpu") from error
    return model


def choose_detail(runs: Sequence[EvaluatedRun]) -> EvaluatedRun:
    """The run to show in detail: the one with the highest PublicTest accuracy, the first of equals.

    PrivateTest has no say, because a run chosen by its score there would have an optimistic score. Where a run has no
    PublicTest, the first run is shown.
    """
    if any("public" not in run.sets for run in runs):
        return runs[0]
    return max(runs, key=lambda run: run.sets["public"].plain.metrics["accuracy"].value)


def explain_run(run: EvaluatedRun, data: OpenData, options: ReportOptions) -> Gallery:
    """Faces of the headline set with Grad-CAM maps, or without where the options say so."""
    samples, _ = data.of(run.record)
    explain = grad_cam_explainer(load(run.record, options)) if options.explain else None
    return build_gallery(
        run.headline.plain.predictions,
        samples.images[run.headline.evaluation_set.rows],
        explain=explain,
        per_class=options.cam_images_per_class,
        mistakes=options.mistakes,
        seed=options.seed,
    )


def grad_cam_explainer(model: "LoadedModel") -> Explainer:
    """Grad-CAM of a loaded model, from stored images to maps of their size."""
    import torch

    from fer.explain import HeatMaps, grad_cam
    from fer.models.cam import cam_target

    target = cam_target(model.net, in_channels=model.spec.channels, size=model.spec.size)

    def explain(images: npt.NDArray[np.uint8], classes: npt.NDArray[np.int64]) -> HeatMaps | None:
        if target is None:
            return None
        layer, to_grid = target
        device = next(model.net.parameters()).device
        return grad_cam(
            model.net,
            x_NCHW=model.preprocess(torch.from_numpy(np.ascontiguousarray(images)).to(device)),
            classes_N=torch.from_numpy(classes).to(device),
            layer=layer,
            to_grid=to_grid,
            out_size=(images.shape[2], images.shape[3]),
        )

    return explain


def write_report(
    folder: Path,
    detail: EvaluatedRun,
    runs: Sequence[EvaluatedRun],
    gallery: Gallery | None,
    options: ReportOptions,
    *,
    command: str,
) -> Path:
    """Writes every file of a report folder; the path of its page.

    Args:
        folder: made if it is not there; pictures of an earlier report in it are replaced.
        detail: the run the sections show.
        runs: all runs, `detail` among them.
        gallery: pictures of faces; None for a page without faces.
        options: what was asked for.
        command: the command line that repeats this report.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"out={folder} cannot be written ({error.strerror}): choose another folder") from error
    write_metrics(folder / "metrics.json", detail, runs, options)
    write_model_eval(folder / "model_eval.csv", runs)
    write_per_class(folder / "per_class.csv", runs)
    write_confusion(folder / "confusion_matrix.csv", detail.headline.plain)
    for name, normalised in (("confusion_matrix", False), ("confusion_matrix_normalized", True)):
        with styled(PRINT):
            figure = confusion_figure(
                detail.headline.plain.confusion,
                normalised=normalised,
                caption=statement(detail, detail.headline_key),
                palette=PRINT,
            )
            save_png(figure, folder / f"{name}.png")
    for key, scores in tables(detail).items():
        scores.predictions.write(folder / "predictions" / f"{key}.parquet")
    _write_gallery(folder / "gradcam", gallery)
    write_atomic(folder / "model_card.md", model_card(detail, options=options, report_command=command))
    page = render_page(
        _sections(detail, runs, gallery, options, command),
        title=detail.record.name if len(runs) == 1 else f"{detail.record.name} and {len(runs) - 1} other runs",
        subtitle=f"{detail.record.model}, {detail.data.source}, {protocol(detail)}, seed {detail.record.seed}",
        notes=_notes(detail, runs),
        faces=gallery is not None and not is_synthetic(detail),
    )
    path = folder / "report.html"
    write_atomic(path, page)
    return path


def _sections(
    detail: EvaluatedRun, runs: Sequence[EvaluatedRun], gallery: Gallery | None, options: ReportOptions, command: str
) -> list[Section]:
    """The page in reading order."""
    sections = [
        comparison_section(detail, runs) if len(runs) > 1 else None,
        result_section(detail, title="Result" if len(runs) == 1 else f"Result of {detail.record.name}"),
        scores_section(detail),
        classes_section(detail),
        confusion_section(detail),
        gradcam_section(detail, gallery, seed=options.seed) if gallery is not None and options.explain else None,
        mistakes_section(detail, gallery) if gallery is not None and options.mistakes > 0 else None,
        curves_section(detail),
        data_section(detail),
        repeat_section(detail, report_command=command),
        terms_section(detail, resamples=options.bootstrap),
    ]
    return [section for section in sections if section is not None]


def _notes(detail: EvaluatedRun, runs: Sequence[EvaluatedRun]) -> list[str]:
    """Notes of the run in detail, then those of the others under their names."""
    others = [f"{run.record.name}: {note}" for run in runs if run is not detail for note in run.notes]
    return [*detail.notes, *others]


def _write_gallery(folder: Path, gallery: Gallery | None) -> None:
    """The face panels as files; those of an earlier report in the same place go."""
    for old in folder.glob("*.png"):
        old.unlink()
    if gallery is None:
        return
    examples = [example for _, correct, wrong in gallery.by_class for example in (*correct, *wrong)]
    for example in (*examples, *gallery.mistakes):
        write_atomic(folder / example.file_name, png(example.picture))


def _report_folder(records: Sequence[RunRecord], out: Path | None) -> Path:
    if out is not None:
        if out.exists() and not out.is_dir():
            raise ConfigError(f"out={out} is a file: name a folder for the report")
        return out
    first = records[0].folder.path
    return first / "report" if len(records) == 1 else first.resolve().parent / "report"


def _command(runs: Sequence[Path], out: Path | None) -> str:
    return command_line([str(run) for run in runs], None if out is None else str(out))
