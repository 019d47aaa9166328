"""What `fer-data` prints for people: aligned tables and plain sentences."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Final

from fer.common.wording import counted
from fer.data.audit import AuditReport
from fer.data.samples import Split
from fer.data.statistics import ImageStatistics

_MOST_COLUMNS: Final = 12

_SHOWN: Final = 5
"""Images that could not be read, by name."""


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns of equal width, the first to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]
        lines.append(("  " + "  ".join(cells)).rstrip())
    return "\n".join(lines)


def _by_label(rows: Sequence[Sequence[str]]) -> str:
    """A table of a column a label, between the first column and the last; of many labels, which no terminal is wide
    enough for, one of a row a label."""
    return aligned(rows if len(rows[0]) - 2 <= _MOST_COLUMNS else list(zip(*rows, strict=True)))


def class_counts_text(counts: Mapping[str, Mapping[str, int]]) -> str:
    """A row a split, a column a label, and the sums; turned round where there are many labels."""
    labels = tuple(next(iter(counts.values()), {}))
    rows = [["", *labels, "all"]]
    for split, by_emotion in counts.items():
        rows.append([split, *(f"{by_emotion[name]:,}" for name in labels), f"{sum(by_emotion.values()):,}"])
    if len(counts) > 1:
        sums = [sum(by_emotion[name] for by_emotion in counts.values()) for name in labels]
        rows.append(["all", *(f"{total:,}" for total in sums), f"{sum(sums):,}"])
    return _by_label(rows)


def epoch_counts_text(counts: Mapping[str, int], *, sampling: str) -> str:
    """What an epoch of training shows of each emotion, after balancing."""
    total = sum(counts.values())
    rows = [
        ["", *counts, "all"],
        ["faces", *(f"{count:,}" for count in counts.values()), f"{total:,}"],
        ["share", *(f"{count / total:.2%}" for count in counts.values()), ""],
    ]
    return f"Training, as an epoch shows it (data.sampling={sampling})\n{_by_label(rows)}"


def unreadable_text(unreadable: Sequence[str]) -> str:
    """How many raw items could not be decoded, and the first of them."""
    if not unreadable:
        return "Every image could be read."
    names = ", ".join(unreadable[:_SHOWN]) + (", ..." if len(unreadable) > _SHOWN else "")
    left_out = f"{'is' if len(unreadable) == 1 else 'are'} left out"
    return f"{counted(len(unreadable), 'image')} could not be read and {left_out}: {names}"


def notes_text(notes: Sequence[str]) -> str:
    """What reading the source decided, dropped or changed."""
    wrapped = [textwrap.fill(note, width=100, initial_indent="  - ", subsequent_indent="    ") for note in notes]
    return "\n".join(["On reading", *wrapped])


def statistics_text(statistics: Mapping[str, ImageStatistics]) -> str:
    """A row a split; grey levels in [0, 1]."""
    rows = [["", "images", "mean", "std", "dark 5 %", "median", "bright 5 %", "contrast", "equalised"]]
    for split, of in statistics.items():
        levels = (of.mean, of.std, of.dark, of.median, of.bright, of.contrast)
        rows.append([split, f"{of.images:,}", *(f"{level:.3f}" for level in levels), f"{100 * of.equalised:.0f} %"])
    lines = [
        "Grey levels from 0 (black) to 1 (white)",
        aligned(rows),
        "  mean and std: of all pixels; dark, median, bright: of image means; contrast: std within an image.",
    ]
    if any(of.equalised > 0.2 for of in statistics.values()):
        lines.append(
            "  Many images have evenly spread grey levels, as after histogram equalisation. Photographs have not: a"
            "\n  model trained on these sees less contrast at prediction, unless brightness and contrast are augmented."
        )
    return "\n".join(lines)


def audit_text(report: AuditReport) -> str:
    """The whole report; every number is explained where it stands."""
    channels, height, width = report.shape
    sizes = {split: sum(by_emotion.values()) for split, by_emotion in report.counts.items()}
    parts = [
        f"{report.source}\n"
        f"{counted(sum(sizes.values()), 'image')}, {'grey' if channels == 1 else 'colour'}, {width} x {height} pixels, "
        f"content {report.fingerprint}\n{report.recognised}",
        class_counts_text(report.counts),
        unreadable_text(report.unreadable),
        "Equal images\n" + aligned(_equal_rows(report, sizes=sizes)),
    ]
    if report.persons is not None:
        parts.append("Persons in two splits\n" + _shared_rows(report, sizes=sizes))
    if report.near:
        rows = [[near.split, f"{near.images:,}", _share(near.images, sizes[near.split])] for near in report.near]
        rows = [[*row, f"{near.exact:,} of them exact copies"] for row, near in zip(rows, report.near, strict=True)]
        title = f"Near-duplicates of Training (correlation of {report.near[0].threshold} or more, mirrored included)"
        parts.append(f"{title}\n{aligned(rows)}")
    parts.append(
        "Contradictory labels\n  none"
        if report.conflicting_groups == 0
        else f"Contradictory labels\n  {report.conflicting_groups:,} groups of equal images carry more than one label: "
        f"{counted(report.conflicting_images, 'image')}"
    )
    parts.append("Blank images (one value at every pixel)\n" + _per_split(report.blank))
    if report.ferplus is not None:
        agreeing = _share(report.ferplus.agreeing, report.ferplus.clear)
        parts.append(
            "Not a face, say more than half of the FER+ voters\n"
            + _per_split(report.ferplus.non_faces)
            + f"\n\nFER+ and the labels\n  {counted(report.ferplus.clear, 'image')} have an emotion that more than "
            f"half of the votes went to; in {report.ferplus.agreeing:,} of them {agreeing} it is the label"
        )
    if report.ferplus_note:
        parts.append(textwrap.fill(report.ferplus_note, width=100))
    parts.append(_meaning(report, sizes=sizes))
    return "\n\n".join(part for part in parts if part)


def _equal_rows(report: AuditReport, *, sizes: Mapping[str, int]) -> list[list[str]]:
    total = sum(sizes.values())
    rows = [
        ["different images", f"{report.unique_images:,}", _share(report.unique_images, total)],
        ["groups of two and more", f"{report.duplicate_groups:,}", ""],
    ]
    for copies in report.copies:
        share = _share(copies.images, sizes[copies.split])
        rows.append([f"{copies.split} images that equal one of {copies.of}", f"{copies.images:,}", share])
    for split, repeats in report.within.items():
        rows.append(
            [f"{split} images that repeat another {split} image", f"{repeats:,}", _share(repeats, sizes[split])]
        )
    return rows


def _shared_rows(report: AuditReport, *, sizes: Mapping[str, int]) -> str:
    return (
        aligned(
            [
                [
                    f"{shared.split} images of a person of {shared.of}",
                    f"{shared.images:,}",
                    _share(shared.images, sizes[shared.split]),
                    counted(shared.persons, "person"),
                ]
                for shared in report.persons or ()
            ]
        )
        or "  none"
    )


def _meaning(report: AuditReport, *, sizes: Mapping[str, int]) -> str:
    leaks = [copies for copies in report.copies if copies.of == Split.TRAINING and copies.images > 0]
    if not leaks and report.conflicting_groups == 0:
        return ""
    lines = ["What it means"]
    for leak in leaks:
        seen = f"{leak.images:,} of the {sizes[leak.split]:,} {leak.split} images"
        lines.append(f"  A model trained on Training has seen {seen} before.")
    lines.append("  data.dedup=true trains without copies of test images, repeats and contradictory labels.")
    if leaks:
        lines.append("  A report gives every score with and without the copies.")
    return "\n".join(lines)


def _per_split(counts: Mapping[str, int]) -> str:
    return "  " + (", ".join(f"{count:,} in {split}" for split, count in counts.items() if count > 0) or "none")


def _share(part: int, whole: int) -> str:
    return "" if whole == 0 else f"({100 * part / whole:.1f} %)"
