"""Run folders in, report folder out."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import ConfigError, DataError, FerError
from fer.common.files import check_writable, read_json, remove_leftovers, write_atomic, write_json, written_whole
from fer.common.label_set import set_name
from fer.common.wording import counted
from fer.data.steps import select
from fer.folders.opened import OpenData, OpenModels
from fer.folders.record import RunRecord, read_runs
from fer.folders.sweep import SweepFolder
from fer.report.analyses import own_analyses, run_analyses
from fer.report.card.card import model_card
from fer.report.clock import told_when_done
from fer.report.context import ReportContext
from fer.report.evaluation.evaluate import EvaluatedRun, describe_data, evaluate_run
from fer.report.options import ReportOptions
from fer.report.page.class_words import class_words, section_in
from fer.report.page.render import render_page
from fer.report.page.section import Section
from fer.report.result import AnalysisResult, Verdict
from fer.report.scores.section import facts_sections, score_sections
from fer.report.scores.statements import is_synthetic, protocol
from fer.report.scores.tables import tables, write_confusion, write_metrics, write_model_eval, write_per_class
from fer.report.summary.summary import summarise, summary_section
from fer.report.sweep.page import write_sweep_report
from fer.report.told_command import report_command
from fer.runtime.prior import Prior, open_prior

if TYPE_CHECKING:
    from fer.models.checkpoint import LoadedModel

log = logging.getLogger(__name__)

_FOLDERS: Final = ("explanations", "figures", "gradcam", "predictions")
"""Folders a report may hold even where this one brings nothing for them."""


PAGE: Final = "report.html"


def make_report(runs: Sequence[Path], *, out: Path | None = None, options: ReportOptions | None = None) -> Path:
    """Evaluates and explains run folders; the path of the page, `report.html`.

    This is the only place where PrivateTest is scored.

    Args:
        runs: run folders, or studies, which stand for their runs. Of several runs, `choose_detail` says which one is
            shown in detail. One folder of a sweep: the sweep's own page, which opens no PrivateTest.
        out: the report folder; None puts it into the run or study folder as `report`, or for several beside the first.
        options: what to do; None for the defaults.

    Raises:
        ConfigError: a path that is not a run folder, a robustness.baseline that cannot be used, or a device this
            machine does not have.
        CheckpointError: a run folder without a checkpoint, or one that cannot be read.
        DataError: the run's data cannot be opened, or a metrics file is broken.
        StorageError: the report folder cannot be written; an earlier page is intact.
    """
    if len(runs) == 1 and SweepFolder(runs[0]).settings.is_file():
        return write_sweep_report(runs[0])
    with told_when_done("the whole report"):
        return _make_report(runs, out=out, options=options)


def _make_report(runs: Sequence[Path], *, out: Path | None, options: ReportOptions | None) -> Path:
    options = ReportOptions() if options is None else options
    prior = None if options.prior is None else open_prior(options.prior, option="prior=")
    records = read_runs(runs)
    _check_labels(records)
    _check_baseline(records, options)
    own_analyses(options.analyses)
    folder = _report_folder(runs, out)
    # Known before the minutes of the work, not after.
    check_writable(folder)
    data, models = OpenData(options.data_root), OpenModels(options.device, votes_share=options.votes_share)
    evaluated = []
    for number, record in enumerate(records, start=1):
        with told_when_done(f"opened {record.name} ({number} of {len(records)})"):
            model = models.of(record)
            data.of(record)
        if prior is not None:
            record = _with_prior(record, model, data, prior, batch_size=options.batch_size)
        with told_when_done(f"scored {record.name} ({number} of {len(records)})"):
            evaluated.append(evaluate_record(record, model, data, options))
    context = ReportContext(run=choose_detail(evaluated), runs=evaluated, options=options, data=data, models=models)
    command = report_command([str(run) for run in runs], None if out is None else str(out), options)
    return write_report(folder, context, run_analyses(context), command=command)


def _with_prior(record: RunRecord, model: "LoadedModel", data: OpenData, prior: Prior, *, batch_size: int) -> RunRecord:
    """Tells a model the prior before any temperature, against what it predicts of the faces that chose its epoch."""
    from fer.models.prior import shift_prior

    samples, _ = data.of(record)
    valid = select(samples, data.config_of(record), seed=record.seed, only=("split",)).split.valid
    if len(valid) == 0:
        raise ConfigError(f"prior={prior.name}: {record.name} has no selection faces to tell what it expects today")
    probabilities_NK = model.probabilities(samples.images[valid], batch_size=batch_size)
    told = f"prior={prior.name}"
    shares = shift_prior(
        model,
        probabilities_NK=probabilities_NK,
        shares=prior.shares,
        told=told,
        instead=f"report {record.name} without prior",
    )
    expected = ", ".join(f"{label} {share:.1%}" for label, share in shares.items())
    return replace(
        record, notes=(*record.notes, f"The model was told how often each emotion comes ({told}): {expected}.")
    )


def _check_labels(records: Sequence[RunRecord]) -> None:
    for record in records[1:]:
        if record.labels != records[0].labels:
            raise ConfigError(
                f"{record.name} predicts {set_name(record.labels)}, {records[0].name} {set_name(records[0].labels)}: "
                "their scores cannot stand side by side; report runs of one set of labels together"
            )


def _check_baseline(records: Sequence[RunRecord], options: ReportOptions) -> None:
    # Its room knows the corruptions, and OpenCV with them.
    from fer.report.robustness.analysis import check_baseline

    check_baseline(records, options.robustness)


def evaluate_record(record: RunRecord, model: "LoadedModel", data: OpenData, options: ReportOptions) -> EvaluatedRun:
    """Scores one run's model on its data."""
    samples, fingerprint = data.of(record)

    def predict(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return model.probabilities(images, batch_size=options.batch_size)

    try:
        trained = data.trained_rows(record)
    except FerError as error:
        trained = np.empty(0, dtype=np.int64)
        told = f"Which faces it was trained on cannot be told, so none are shown and none are scored: {error}."
        record = replace(record, notes=(*record.notes, told))
    return evaluate_run(
        record,
        predict=predict,
        labels=model.labels,
        num_parameters=sum(parameter.numel() for parameter in model.net.parameters()),
        input_shape=(model.spec.channels, model.spec.size, model.spec.size),
        trained_on=model.data_fingerprint,
        samples=samples,
        data=describe_data(samples, fingerprint=fingerprint),
        options=options,
        trained=trained,
        epoch=model.epoch,
    )


def choose_detail(runs: Sequence[EvaluatedRun]) -> EvaluatedRun:
    """The run to show in detail: the one with the highest PublicTest accuracy, the first of equals.

    PrivateTest has no say, because a run chosen by its score there would have an optimistic score. Where a run has no
    PublicTest, the first run is shown. A run trained on a part of the face stands behind those trained on whole faces.
    """
    whole = [run for run in runs if run.record.visible == "full"]
    candidates = whole if whole else runs
    if any("public" not in run.sets for run in candidates):
        return candidates[0]
    return max(candidates, key=lambda run: run.sets["public"].plain.metrics["accuracy"].value)


def write_report(folder: Path, context: ReportContext, results: Mapping[str, AnalysisResult], *, command: str) -> Path:
    """Writes every file of a report folder; the path of its page.

    Args:
        folder: made if it is not there; what an earlier report left in the analyses' folders goes. All files are put
            there together, when they are whole.
        context: the runs, scored.
        results: what each analysis found, by name.
        command: the command line that reproduces this report.
    """
    remove_leftovers(folder)
    with written_whole(folder, last=PAGE) as aside:
        _write(aside, context, results, command=command)
        earlier = listed(folder)
    # Not before: a page that cannot be replaced keeps its figures.
    remove(folder, earlier - listed(folder))
    return folder / PAGE


def _write(folder: Path, context: ReportContext, results: Mapping[str, AnalysisResult], *, command: str) -> None:
    """Writes them into an empty folder."""
    detail, runs, options = context.run, context.runs, context.options
    notes = _notes(context, results)
    write_metrics(folder / "metrics.json", context, results, notes)
    write_model_eval(folder / "model_eval.csv", runs, results)
    write_per_class(folder / "per_class.csv", runs)
    write_confusion(folder, detail)
    write_atomic(folder / "model_card.md", model_card(detail, options=options, results=results, report_command=command))
    words = class_words(detail.labels)
    verdicts = tuple(
        replace(one, question=words(one.question), text=words(one.text)) for one in summarise(detail, results)
    )
    write_json(folder / "summary.json", [verdict.as_dict() for verdict in verdicts])
    sections = [section_in(words, section) for section in _sections(context, results, verdicts, command)]
    scored = {f"predictions/{key}.parquet": scores.predictions for key, scores in tables(detail).items()}
    with told_when_done("drew the figures"):
        _write_files(folder, sections, results, more=tuple(scored))
    for name, predictions in scored.items():
        predictions.write(folder / name)
    with told_when_done("laid out the page"):
        page = _page(context, sections, notes)
    write_atomic(folder / PAGE, page)


_ORDER: Final = (
    ("summary", "comparison", "differences", "seeds", "ensemble"),
    ("result", "scores", "classes", "confusion", "confused-faces", "class-curves", "mistakes"),
    ("curves", "data", "data-sheet"),
    ("calibration", "abstention"),
)
"""Sections of the page in reading order, by key; those not named follow in the order of their analyses."""

_LAST: Final = ("cost", "repeat", "terms")


def _sections(
    context: ReportContext, results: Mapping[str, AnalysisResult], verdicts: tuple[Verdict, ...], command: str
) -> list[Section]:
    """The page in reading order."""
    title = "Result" if len(context.runs) == 1 else f"Result of {context.run.record.name}"
    found = [
        *score_sections(context.run, title=title),
        *(section for result in results.values() for section in result.sections),
        *facts_sections(context.run, report_command=command, resamples=context.options.bootstrap),
    ]
    keys = frozenset(section.key for section in found)
    lead_of = {one.section: one.text for one in verdicts}
    named = [key for group in _ORDER for key in group]

    def place(section: Section) -> int:
        if section.key in named:
            return named.index(section.key)
        return len(named) + (1 + _LAST.index(section.key) if section.key in _LAST else 0)

    leading = [section if section.lead else replace(section, lead=lead_of.get(section.key, "")) for section in found]
    return sorted([summary_section(verdicts, keys=keys), *leading], key=place)


def _page(context: ReportContext, sections: Sequence[Section], notes: Sequence[str]) -> str:
    detail, runs = context.run, context.runs
    return render_page(
        sections,
        title=detail.record.name + ("" if len(runs) == 1 else f" and {counted(len(runs) - 1, 'other run')}"),
        subtitle=f"{detail.record.model}, {detail.data.source}, {protocol(detail)}, seed {detail.record.seed}",
        notes=notes,
        faces=context.options.faces and not is_synthetic(detail),
        labels=detail.labels,
    )


def _notes(context: ReportContext, results: Mapping[str, AnalysisResult]) -> list[str]:
    """Notes of the run in detail, those of the others under their names, then those of the analyses."""
    others = [f"{run.record.name}: {note}" for run in context.runs if run is not context.run for note in run.notes]
    return [*context.run.notes, *others, *(note for found in results.values() for note in found.notes)]


def _write_files(
    folder: Path, sections: Sequence[Section], results: Mapping[str, AnalysisResult], *, more: Sequence[str]
) -> None:
    """Every figure as PNG and SVG, the files of the analyses, and the list of what lies in folders.

    Args:
        folder: an empty one.
        sections: their figures.
        results: their files.
        more: what the caller writes beside them.
    """
    files = {path: content for found in results.values() for path, content in found.files.items()}
    for section in sections:
        for chart in section.charts:
            files |= {f"figures/{chart.key}.{kind}": chart.file(kind) for kind in ("png", "svg")}
    write_json(folder / LIST, {"files": sorted({*files, *more})})
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / path, content)


LIST: Final = ".files.json"
"""What a report wrote into folders of its own: the next one in its place removes that, and nothing else."""


def listed(folder: Path) -> set[str]:
    """The files that a report wrote into folders inside its own, by its list."""
    try:
        files = read_json(folder / LIST).get("files")
    except DataError:
        return set()
    return {str(name) for name in files} if isinstance(files, list) else set()


def remove(folder: Path, names: Iterable[str]) -> None:
    """Removes files of an earlier report from folders inside its own.

    The place may be anybody's, `out=.` among them, with figures of their own; and so may the list.
    """
    for name in names:
        path = folder / name
        inside = path.parent.resolve().is_relative_to(folder.resolve()) and path.parent != folder
        if inside and ".." not in path.parts and (path.is_file() or path.is_symlink()):
            path.unlink()
            with suppress(OSError):
                path.parent.rmdir()


def _report_folder(runs: Sequence[Path], out: Path | None) -> Path:
    if out is not None:
        if out.exists() and not out.is_dir():
            raise ConfigError(f"out={out} is a file: name a folder for the report")
        return out
    place = runs[0] / "report" if len(runs) == 1 else runs[0].resolve().parent / "report"
    for each in (place, *(place / name for name in _FOLDERS)):
        if each.is_symlink():
            # In a stranger's run it may lead to anything, and what lies there would be written over.
            raise ConfigError(f"{each} is a link to {each.resolve()}: remove it, or name the report's folder with out=")
    return place
