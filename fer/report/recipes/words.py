"""The sentences of a study of recipes, each from its numbers."""

import math

from fer.common.wording import counted
from fer.report.page.wording import NBSP, percent
from fer.report.recipes.measurement import SELECTIONS, RecipeScores, StudyScores, faces_to_reach, variance_parts

_BEYOND_CHANCE = 0.05


def sentences(study: StudyScores) -> list[str]:
    """What the study says, its limits last."""
    told = _augmentation(study) if study.kind == "augmentation" else _datasize(study)
    told.append(
        f"All accuracies are on {study.selection} (n = {study.n:,}), which chose the epochs and so flatters all; "
        f"those on training faces on at most {study.train_n:,} of them, not augmented. PrivateTest was not read."
    )
    if study.selection == SELECTIONS["heldout"]:
        told.append("Each seed holds out other faces of Training, so what seeds differ by holds that draw too.")
    early = sum(epochs < one.most_epochs for one in study.recipes for epochs in one.epochs)
    if early > 0:
        allowed = "it was" if early == 1 else "they were"
        told.append(f"{early} of {counted(study.runs, 'run')} stopped before the last epoch that {allowed} allowed.")
    if study.runs < study.planned:
        told.append(f"{study.runs} of {study.planned} runs {'is' if study.runs == 1 else 'are'} done.")
    told += [f"{name} is missing: {reason}" for name, reason in study.missing.items()]
    return told


def with_spread(one: RecipeScores) -> str:
    """Mean and standard deviation over seeds, in percent."""
    spread = "" if math.isnan(one.spread) else f" ± {100 * one.spread:.1f}"
    return f"{100 * one.mean:.1f}{spread} %"


def _augmentation(study: StudyScores) -> list[str]:
    best, least_gap, most_gap = (
        max(study.recipes, key=lambda one: one.mean),
        min(study.recipes, key=lambda one: one.gap.mean()),
        max(study.recipes, key=lambda one: one.gap.mean()),
    )
    told = [f"The best mean accuracy has {best.recipe}: {with_spread(best)} over {counted(len(best.seeds), 'seed')}."]
    parts = variance_parts([one.selection for one in study.recipes])
    if parts is not None:
        sure = (
            "a difference beyond chance"
            if parts.p_value < _BEYOND_CHANCE
            else "which seeds alone could explain: more seeds would tell"
        )
        told.append(
            f"The choice of augmentation makes {percent(parts.share, 0)} of the variance of accuracy among these runs "
            f"(omega squared; F test p = {parts.p_value:.2g}, {sure}); seeds of one augmentation differ with a "
            f"standard deviation of {100 * parts.within:.2f} points."
        )
    if least_gap is not most_gap:
        told.append(
            f"The gap between training and selection accuracy is widest with {most_gap.recipe} "
            f"({_points(float(most_gap.gap.mean()))}) and narrowest with {least_gap.recipe} "
            f"({_points(float(least_gap.gap.mean()))})."
        )
        narrower = float(least_gap.gap.mean()) < 0.5 * float(most_gap.gap.mean())
        if narrower and least_gap.mean < best.mean and least_gap is not best:
            told.append(
                f"A narrow gap alone is no merit: {least_gap.recipe} is {_points(best.mean - least_gap.mean)} less "
                f"accurate than {best.recipe}."
            )
    spreads = [one for one in study.recipes if not math.isnan(one.spread)]
    if len(spreads) > 1:
        calm, wild = min(spreads, key=lambda one: one.spread), max(spreads, key=lambda one: one.spread)
        told.append(
            f"Over seeds, the standard deviation is least with {calm.recipe} ({100 * calm.spread:.2f} points) and "
            f"most with {wild.recipe} ({100 * wild.spread:.2f}); of {counted(len(calm.seeds), 'seed')} that is itself "
            "uncertain."
        )
    return told


def _datasize(study: StudyScores) -> list[str]:
    curves = {name: study.named(name) for name in study.names}
    told = []
    for share in dict.fromkeys(one.share for one in sorted(study.recipes, key=lambda one: one.share)):
        there = sorted((one for one in study.recipes if one.share == share), key=lambda one: -one.mean)
        if len(there) > 1:
            lead = there[0].mean - there[1].mean
            within = math.hypot(*(one.spread for one in there[:2]))
            clear = (
                ", of one seed" if math.isnan(within) else "" if lead > 2 * within else ", no more than seeds differ"
            )
            if round(100 * lead, 1) == 0:
                told.append(
                    f"With {there[0].faces:,} faces {there[0].recipe} and {there[1].recipe} are level at the top: "
                    f"{with_spread(there[0])}."
                )
                continue
            told.append(
                f"With {there[0].faces:,} faces {there[0].recipe} is best: {with_spread(there[0])}, "
                f"{_points(lead)} above {there[1].recipe}{clear}."
            )
    # What the best net of the largest size is worth in faces of the others.
    full = max(curves.values(), key=lambda curve: curve[-1].mean)
    for name, curve in curves.items():
        if curve is full or curve[-1].mean <= curve[0].mean:
            continue
        enough = faces_to_reach(full, curve[-1].mean)
        if enough is not None:
            told.append(
                f"{full[0].recipe} reaches with about {enough:,.0f} faces what {name} reaches with "
                f"{curve[-1].faces:,} ({100 * curve[-1].mean:.1f} %)."
            )
    for name, curve in curves.items():
        if len(curve) > 1:
            gain = curve[-1].mean - curve[-2].mean
            told.append(
                f"{name}: from {curve[-2].faces:,} to {curve[-1].faces:,} faces it "
                f"{'loses' if gain < 0 else 'gains'} {_points(abs(gain))}"
                f"{'' if math.isnan(curve[-1].spread) else f' (seeds: {100 * curve[-1].spread:.1f})'}."
            )
    sizes = sorted({(one.share, one.most_epochs, one.batch_size) for one in study.recipes})
    if len({epochs for _, epochs, _ in sizes}) > 1:
        share, epochs, batch = sizes[0]
        smaller = " in smaller batches" if batch < max(size for _, _, size in sizes) else ""
        told.append(
            f"Small shares were allowed more epochs{smaller} ({100 * share:g}{NBSP}%: {epochs} epochs of batches "
            f"of {batch}), because so few faces make few batches."
        )
    return told


def _points(difference: float) -> str:
    return f"{100 * difference:.1f} points"
