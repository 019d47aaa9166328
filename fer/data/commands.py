"""`fer-data`: fetch, import, audit, stats, preview of a data set; `doctor` and `suspects` have rooms of their own."""

import argparse
import csv
import io
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer.common.cells import cell_of
from fer.common.errors import ConfigError, DataError
from fer.common.options_parser import OptionsParser, natural, positive
from fer.common.wording import printable_path, shell_word

if TYPE_CHECKING:
    from fer.data.audit import AuditReport
    from fer.data.cache import Packed
    from fer.data.samples import FaceSamples
    from fer.data.sources import DataConfig

_DATASET_HELP = "a path (zip, folder, CSV or parquet files), or the name of a source, such as fer2013 or synthetic"

_SPLITS = ("Training", "PublicTest", "PrivateTest", "Test")
_SOURCES = ("fer2013", "folder", "affectnet", "ckplus", "rafdb")


def main(argv: Sequence[str]) -> int:
    """Runs one subcommand; returns the exit status.

    The answer goes to standard output, everything else to standard error; with `--json` the answer is one JSON
    document.

    Raises:
        FerError: a mistake of the user's.
        SystemExit: help was asked for (0), or the arguments make no sense (2).
    """
    parser = _parser()
    if not argv:
        parser.print_help(sys.stderr)
        return 2
    arguments = parser.parse_args(argv)
    assert arguments.command not in ("doctor", "suspects"), "fer.cli.data answers them: they look into rooms above"
    logging.basicConfig(level=logging.WARNING, format="warning: %(message)s", stream=sys.stderr)
    command = {"fetch": _fetch, "import": _import, "audit": _audit, "stats": _stats, "preview": _preview}[
        arguments.command
    ]
    answer, text = command(arguments)
    print(json.dumps(answer, indent=2, allow_nan=False) if arguments.json else text)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = OptionsParser(prog="fer-data", description="Fetch, check and look at data sets of faces.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=OptionsParser)

    fetch = commands.add_parser(
        "fetch", help="download a public copy of FER-2013, or the face detector YuNet", description=_fetch.__doc__
    )
    fetch.add_argument(
        "name", nargs="?", default="fer2013", help="fer2013 (default), or yunet for fer-predict --detector yunet"
    )
    fetch.add_argument(
        "--from",
        dest="origin",
        metavar="ORIGIN",
        help="autumnqiu (default: Hugging Face, three official splits), kaggle (class folders; may want your token), "
        "jeneral or clip-benchmark (Hugging Face, the two test splits mixed)",
    )
    fetch.add_argument("--dest", type=Path, metavar="DIR", help="folder to make (default: $FER_DATA/NAME)")

    imported = commands.add_parser("import", help="read a data set once and check it", description=_import.__doc__)
    imported.add_argument("dataset", metavar="DATASET", help=_DATASET_HELP)

    audit = commands.add_parser("audit", help="leaks, copies, contradictory labels, blanks", description=_audit.__doc__)
    audit.add_argument("dataset", metavar="DATASET", help=_DATASET_HELP)
    audit.add_argument(
        "--ferplus", type=Path, metavar="CSV", help="a fer2013new.csv of your own (default: the votes of the package)"
    )
    audit.add_argument(
        "--no-near-duplicates", action="store_true", help="look for equal images only (saves some seconds)"
    )
    audit.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write audit.json, duplicates.csv, class_balance.png, findings.png there",
    )

    stats = commands.add_parser("stats", help="images per class, brightness, contrast", description=_stats.__doc__)
    stats.add_argument("dataset", metavar="DATASET", help=_DATASET_HELP)
    stats.add_argument("--out", type=_png, metavar="PNG", help="draw the class distribution there")

    preview = commands.add_parser("preview", help="a picture of faces of every class", description=_preview.__doc__)
    preview.add_argument("dataset", metavar="DATASET", help=_DATASET_HELP)
    preview.add_argument("--out", type=_png, default=Path("preview.png"), metavar="PNG", help="default: preview.png")
    preview.add_argument("--split", choices=_SPLITS, default="Training", help="default: Training")
    preview.add_argument("--columns", type=positive, default=10, metavar="N", help="faces a class (default: 10)")
    preview.add_argument("--seed", type=natural, default=0, metavar="N", help="another seed, other faces (default: 0)")

    commands.add_parser("doctor", help="what a bug report needs; is this installation, or a run, all right?")
    commands.add_parser("suspects", help="training faces whose labels look wrong to models that did not train on them")

    for command in (imported, audit, stats, preview):
        command.add_argument(
            "--source", choices=_SOURCES, default="fer2013", help="what a path holds (default: fer2013)"
        )
        command.add_argument(
            "--set",
            dest="settings",
            action="append",
            default=[],
            metavar="KEY=VALUE",
            help="a key of the source, as fer-train's data.KEY: contempt=drop, size=96, 'mapping={joy: happy}'",
        )
    for command in (fetch, imported, audit, stats, preview):
        command.add_argument("--json", action="store_true", help="answer with one JSON document")
    return parser


def _fetch(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """Downloads a public copy of a data set and reads it once, or YuNet; verifies what it downloads."""
    if arguments.name == "yunet":
        return _fetch_yunet(arguments)
    from fer.data.dataset_argument import data_configuration
    from fer.data.fetch import LICENCE, fetch, read_receipt

    print(LICENCE, file=sys.stderr)
    folder = fetch(arguments.name, origin=arguments.origin, dest=arguments.dest)
    receipt = read_receipt(folder)
    packed = _open(data_configuration(str(folder), source="fer2013", settings=()))
    origin = {name: receipt[name] for name in ("service", "repo")}
    answer = {"folder": str(folder), **origin, "files": len(receipt["files"]), **_summary(packed)}
    use = "fer-train" if arguments.dest is None else f"fer-train {shell_word(f'data.root={folder}')}"
    return (
        answer,
        f"{printable_path(folder)} holds {receipt['repo']}\n\n{_summary_text(packed)}\n\nTrain on it with `{use}`.",
    )


def _fetch_yunet(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from fer.data.fetch_yunet import LICENCE, SHA256, fetch_yunet

    if arguments.origin is not None or arguments.dest is not None:
        raise ConfigError("fer-data fetch yunet takes no --from and no --dest: FER_CACHE says where the file goes")
    print(LICENCE, file=sys.stderr)
    path = fetch_yunet()
    answer = {"file": str(path), "bytes": path.stat().st_size, "sha256": SHA256}
    return answer, f"{path} is YuNet as published. Use it with `fer-predict PHOTO --detector yunet`."


def _import(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """Reads a data set in any form into the packed cache, and says what it found before a training meets it."""
    from fer.common.cache_folder import default_cache_dir

    packed = _open(_asked(arguments))
    cache = str(default_cache_dir())
    how = f"Read and packed into {cache}." if packed.built else f"Already packed in {cache}."
    return {"cache": cache, "built": packed.built, **_summary(packed)}, f"{_summary_text(packed)}\n\n{how}"


def _audit(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """Counts leaks between splits, copies, contradictory labels and blanks, and says what the data set is."""
    from fer.data.audit import audit
    from fer.data.tables import audit_text

    samples = _open(_asked(arguments)).samples
    report = audit(samples, ferplus=arguments.ferplus, near_duplicates=not arguments.no_near_duplicates)
    answer = _audit_answer(report, samples)
    text = _with_notes(audit_text(report), samples)
    if arguments.out is not None:
        written = _write_audit(report, samples, out=arguments.out)
        answer["written"] = [str(path) for path in written]
        text += f"\n\nWrote {', '.join(path.name for path in written)} to {printable_path(arguments.out)}"
    return answer, text


def _stats(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """Counts the images of every class, before and after balancing, and measures their grey levels."""
    from fer.data.audit import class_table
    from fer.data.samples import Split
    from fer.data.sampling import epoch_counts
    from fer.data.statistics import image_statistics
    from fer.data.tables import class_counts_text, epoch_counts_text, statistics_text

    config = _asked(arguments)
    samples = _open(config).samples
    statistics = image_statistics(samples)
    trained = samples.labels[samples.splits == Split.TRAINING]
    counts = epoch_counts(trained, mode=config.sampling, classes=len(samples.classes))
    shown = dict(zip(samples.classes, counts.tolist(), strict=True))
    answer: dict[str, Any] = {
        "source": samples.source,
        "notes": list(samples.notes),
        "counts": class_table(samples),
        "sampling": config.sampling,
        "epoch_counts": shown,
        "grey_levels": {split: asdict(of_split) for split, of_split in statistics.items()},
    }
    parts = [samples.source, class_counts_text(class_table(samples))]
    if config.sampling != "shuffle" and len(trained) > 0:
        parts.append(epoch_counts_text(shown, sampling=config.sampling))
    text = "\n\n".join([*parts, statistics_text(statistics)])
    text = _with_notes(text, samples)
    if arguments.out is not None:
        from fer.data.plots import class_balance_figure, save_figure

        save_figure(class_balance_figure(samples), arguments.out)
        answer["written"] = [str(arguments.out)]
        text += f"\n\nWrote {printable_path(arguments.out)}"
    return answer, text


def _preview(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """Draws random faces of every class into one picture. For synthetic faces, the seed is the album's."""
    from fer.data.plots import sample_grid_figure, save_figure

    drawn = arguments.dataset == "synthetic" and not arguments.settings
    samples = _few_synthetic(arguments) if drawn else _open(_asked(arguments)).samples
    figure = sample_grid_figure(
        samples, split=arguments.split, columns=arguments.columns, seed=arguments.seed, drawn=drawn
    )
    save_figure(figure, arguments.out)
    answer = {
        "source": samples.source,
        "split": arguments.split,
        "seed": arguments.seed,
        "written": [str(arguments.out)],
    }
    shown = f"{arguments.split} faces of {samples.source}, {arguments.columns} a class"
    return answer, f"Wrote {printable_path(arguments.out)}: {shown}"


def _few_synthetic(arguments: argparse.Namespace) -> "FaceSamples":
    """As many synthetic faces as the picture shows: the first of the album, without the thousands of a training."""
    from fer.common.labels import NUM_CLASSES
    from fer.data.samples import Split
    from fer.data.synthetic import synthetic_samples

    if arguments.split == Split.MERGED_TEST:
        raise DataError(
            f"synthetic faces have no {Split.MERGED_TEST} split: choose Training, PublicTest or PrivateTest"
        )
    # Every block of seven holds each emotion once, but a split need not begin with a block.
    count = NUM_CLASSES * (arguments.columns + 1)
    return synthetic_samples(counts={Split(arguments.split): count}, seed=arguments.seed)


def _asked(arguments: argparse.Namespace) -> "DataConfig":
    from fer.data.dataset_argument import data_configuration

    return data_configuration(arguments.dataset, source=arguments.source, settings=arguments.settings)


def _open(config: "DataConfig") -> "Packed":
    from fer.data.sources import open_samples

    return open_samples(config)


def _summary(packed: "Packed") -> dict[str, Any]:
    from fer.data.audit import class_table, recognise

    is_fer2013, recognised = recognise(packed.samples)
    return {
        "source": packed.samples.source,
        "images": len(packed.samples),
        "counts": class_table(packed.samples),
        "fingerprint": packed.fingerprint,
        "is_fer2013": is_fer2013,
        "recognised": recognised,
        "copy": dict(packed.samples.copy) or None,
        "notes": list(packed.samples.notes),
        "unreadable": list(packed.samples.unreadable),
    }


def _summary_text(packed: "Packed") -> str:
    from fer.data.audit import class_table, recognise
    from fer.data.tables import class_counts_text, unreadable_text

    samples = packed.samples
    text = (
        f"{samples.source}\n{len(samples):,} images, content {packed.fingerprint}\n{recognise(samples)[1]}\n\n"
        f"{class_counts_text(class_table(samples))}\n\n{unreadable_text(samples.unreadable)}"
    )
    return _with_notes(text, samples)


def _with_notes(text: str, samples: "FaceSamples") -> str:
    """The text, and under it what reading the source decided, dropped or changed."""
    from fer.data.tables import notes_text

    return f"{text}\n\n{notes_text(samples.notes)}" if samples.notes else text


def _audit_answer(report: "AuditReport", samples: "FaceSamples") -> dict[str, Any]:
    return {**report.to_json(), "notes": list(samples.notes)}


def _write_audit(report: "AuditReport", samples: "FaceSamples", *, out: Path) -> list[Path]:
    from fer.common.files import write_atomic, write_json
    from fer.data.plots import class_balance_figure, findings_figure, save_figure

    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["id", "split", "label", "kind", "group", "of", "ncc"])
    for finding in report.findings:
        ncc = f"{finding.ncc:.4f}" if finding.of else ""
        names = (cell_of(finding.id), finding.split, finding.label)
        rows.writerow([*names, finding.kind, finding.group, cell_of(finding.of), ncc])
    try:
        write_json(out / "audit.json", _audit_answer(report, samples))
        write_atomic(out / "duplicates.csv", table.getvalue())
    except OSError as error:
        raise DataError(f"cannot write to {out}: {error.strerror}; choose another folder with --out") from error
    written = [out / "audit.json", out / "duplicates.csv"]
    written.append(save_figure(class_balance_figure(samples), out / "class_balance.png"))
    findings = out / "findings.png"
    if report.findings:
        written.append(save_figure(findings_figure(samples, findings=report.findings), findings))
    else:
        # Examples of an earlier audit are not what this one found.
        findings.unlink(missing_ok=True)
    return written


def _png(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() != ".png":
        raise argparse.ArgumentTypeError(f"{text!r} does not end in .png, and pictures are written as PNG")
    return path
