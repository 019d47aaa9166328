"""The occlusion sections of the page."""

from collections.abc import Sequence

from fer.common.labels import EMOTIONS
from fer.data.face_masks import STUDY_MASKS
from fer.report.occlusion import figures
from fer.report.occlusion.scoring import RunUnderMasks
from fer.report.occlusion.statements import Recovery
from fer.report.occlusion.tables import SHOWN, mask_rows, recall_rows, study_tables
from fer.report.page.section import Chart, Section
from fer.report.scores.statements import is_synthetic, statement

_METRIC_HEADS = {"accuracy": "Accuracy", "macro_f1": "Macro F1", "weighted_f1": "Weighted F1", "weighted_auc": "AUC"}


def masks_section(one: RunUnderMasks, said: Sequence[str], *, seed: int) -> Section:
    """One model under every mask."""
    told = statement(one.run, one.run.headline_key)
    charts = [
        Chart(
            key="occlusion-masks",
            caption="What the named masks hide. Left and right are those of the picture.",
            draw=lambda palette: figures.masks_figure(palette=palette),
        ),
        Chart(
            key="occlusion-accuracy",
            caption=f"Accuracy with a part of every face hidden, with 95 % intervals. {told}.",
            draw=lambda palette: figures.accuracy_figure(one, palette=palette),
        ),
    ]
    if any(scores.mask.kind == "patches" for scores in one.scores.values()):
        charts.append(
            Chart(
                key="occlusion-patches",
                caption=f"Accuracy as random patches hide more of every face, with a 95 % interval band. {told}.",
                draw=lambda palette: figures.patches_figure(one, palette=palette),
            )
        )
    return Section(
        key="occlusion",
        title="With a part of the face hidden",
        template="occlusion/masks.html.j2",
        context={
            "said": said,
            "metrics": [_METRIC_HEADS[metric] for metric in SHOWN],
            "rows": mask_rows(one),
            "emotions": EMOTIONS,
            "recalls": recall_rows(one),
            "statement": told,
            "trained_on": one.trained_on,
            "seed": seed,
            "synthetic": is_synthetic(one.run),
        },
        charts=tuple(charts),
    )


def study_section(
    study: Sequence[RunUnderMasks], said: Sequence[str], found: Sequence[Recovery], cautions: Sequence[str]
) -> Section:
    """The table of training mask by test mask."""
    detail = next((one for one in study if one.trained_on == "full"), study[0])
    told = statement(detail.run, detail.run.headline_key)
    charts: tuple[Chart, ...] = ()
    if found:
        charts = (
            Chart(
                key="occlusion-study",
                caption="Accuracy on each half: of the model trained on whole faces, and of the one trained on that "
                f"half alone, with 95 % intervals. {told}.",
                draw=lambda palette: figures.recovery_figure(found, palette=palette),
            ),
        )
    return Section(
        key="occlusion-study",
        title="Occlusion study: trained on one part, tested on another",
        template="occlusion/study.html.j2",
        context={
            "said": said,
            "cautions": cautions,
            "tables": study_tables(study),
            "masks": [mask.key for mask in STUDY_MASKS],
            "statement": told,
            "synthetic": is_synthetic(detail.run),
        },
        charts=charts,
    )
