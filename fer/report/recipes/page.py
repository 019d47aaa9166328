"""Writes the page of a study of recipes."""

from pathlib import Path
from typing import Any, Final

from fer.common.files import remove_leftovers, write_atomic, written_whole
from fer.common.wording import counted
from fer.report.page.render import render_page
from fer.report.page.section import Chart, Section
from fer.report.recipes.figures import augmentation_figure, datasize_figure
from fer.report.recipes.measurement import Floats, RecipeScores, StudyScores, read_study
from fer.report.recipes.words import sentences
from fer.report.scores.tables import csv_text

_PAGE: Final = "study.html"

_TITLES: Final = {
    "augmentation": "What augmentation does",
    "datasize": "What more faces do",
}


def write_study_page(path: Path) -> Path:
    """Writes `study.html`, `study.csv` (a row a run), `study.md` and `figures/` into the folder of a fer-study.

    Returns:
        The page.

    Raises:
        DataError: no study of fer-study, or one without a finished run.
    """
    study = read_study(path)
    told = sentences(study)
    draw = augmentation_figure if study.kind == "augmentation" else datasize_figure
    seeds = max(len(one.seeds) for one in study.recipes)
    chart = Chart(
        key=study.kind,
        caption=f"Accuracy on {study.selection}, n = {study.n:,}, without test-time augmentation; up to "
        f"{counted(seeds, 'seed')} each"
        f"{'' if study.kind == 'augmentation' else ', band from the lowest to the highest'}.",
        draw=lambda palette: draw(study, palette=palette),
    )
    section = Section(
        key="study",
        title=_TITLES[study.kind],
        template="recipes/section.html.j2",
        context={"told": told, "rows": [_row(one) for one in study.recipes], "command": study.command},
        charts=(chart,),
        folded=False,
    )
    html = render_page(
        [section],
        title=_TITLES[study.kind],
        subtitle=f"{counted(study.runs, 'run')}, {study.selection}",
        notes=(),
        faces=False,
        kind="fer-study",
    )
    remove_leftovers(path, of=_PAGE)
    with written_whole(path, last=_PAGE) as aside:
        for kind in ("png", "svg"):
            write_atomic(aside / "figures" / f"{chart.key}.{kind}", chart.file(kind))
        write_atomic(aside / "study.csv", csv_text(_runs(study)))
        write_atomic(aside / "study.md", "".join(f"- {each}\n" for each in told))
        write_atomic(aside / _PAGE, html)
    return path / _PAGE


def _row(one: RecipeScores) -> dict[str, Any]:
    def shown(values: Floats) -> str:
        spread = f" ± {100 * values.std(ddof=1):.1f}" if len(values) > 1 else ""
        return f"{100 * values.mean():.1f}{spread}"

    return {
        "recipe": one.recipe,
        "faces": one.faces,
        "epochs": " to ".join(dict.fromkeys((str(min(one.epochs)), str(max(one.epochs))))),
        "seeds": len(one.seeds),
        "selection": shown(one.selection),
        "train": shown(one.train),
        "gap": shown(one.gap),
        "selection_loss": f"{one.selection_loss.mean():.3f}",
        "train_loss": f"{one.train_loss.mean():.3f}",
    }


def _runs(study: StudyScores) -> list[dict[str, Any]]:
    return [
        {
            "recipe": one.recipe,
            "share": one.share,
            "train_faces": one.faces,
            "seed": seed,
            "epochs": one.epochs[n],
            "batch_size": one.batch_size,
            "train_accuracy": one.train[n],
            "selection_accuracy": one.selection[n],
            "train_log_loss": one.train_loss[n],
            "selection_log_loss": one.selection_loss[n],
        }
        for one in study.recipes
        for n, seed in enumerate(one.seeds)
    ]
