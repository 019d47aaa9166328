"""What is said of a run's scores: the split, protocol and n behind a number, and what it does and does not mean."""

from collections.abc import Mapping
from typing import Final

from fer.common.labels import EMOTIONS
from fer.common.wording import counted
from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.evaluation.sets import SET_TITLES
from fer.report.page.wording import interval, percent, points

_PROTOCOLS: Final[Mapping[str, str]] = {
    "official": "official protocol",
    "stratified": "stratified hold-out of Training",
    "kfold": "one fold of Training held out",
    "folder7178": "7,178-image test folder protocol",
}

_OF_OTHER_DATA: Final[Mapping[str, str]] = {
    **_PROTOCOLS,
    "official": "PublicTest chose the epoch",
    "folder7178": "PublicTest and PrivateTest mixed",
}
"""The same where no paper laid the splits down under these names: some were held out at random when data were read."""


def protocol(run: EvaluatedRun) -> str:
    """The protocol in three words, for every number."""
    words = _PROTOCOLS if has_official_splits(run) else _OF_OTHER_DATA
    return words.get(run.record.protocol, run.record.protocol)


def has_official_splits(run: EvaluatedRun) -> bool:
    """Whether Training, PublicTest and PrivateTest are what the data set itself calls its splits."""
    return str(run.record.config["data"].get("name")) in ("fer2013", "synthetic")


def chose_epoch(run: EvaluatedRun, key: str) -> bool:
    """Whether the set chose this run's epoch, so that a score on it is optimistic."""
    return key == "heldout" or (key == "public" and run.record.protocol == "official")


def part_chose_epoch(run: EvaluatedRun, key: str) -> bool:
    """Whether some faces of the set chose this run's epoch: the mixed test folder holds those of PublicTest."""
    return key == "folder7178" and "public" in run.sets and chose_epoch(run, "public")


def set_title(run: EvaluatedRun, key: str) -> str:
    """A set's name for tables, which says so where its faces chose the epoch; `key` may end in "_tta"."""
    key = key.removesuffix("_tta")
    if part_chose_epoch(run, key):
        return f"{SET_TITLES[key]} (PublicTest chose the epoch)"
    return f"{SET_TITLES[key]} (chose the epoch)" if chose_epoch(run, key) else SET_TITLES[key]


def optimism(run: EvaluatedRun, key: str) -> str:
    """What a set's description says more where its faces chose the epoch; else nothing."""
    if part_chose_epoch(run, key):
        return " Its PublicTest faces chose the epoch, so a score on it is optimistic."
    return " It chose the epoch, so a score on it is optimistic." if chose_epoch(run, key) else ""


def protocol_in_full(run: EvaluatedRun) -> str:
    """What trained and what selected, as the run recorded it."""
    data = run.record.manifest.get("data")
    recorded = data.get("protocol") if isinstance(data, Mapping) else None
    return str(recorded) if recorded else protocol(run)


def statement(run: EvaluatedRun, key: str, *, tta: bool = False) -> str:
    """Split, protocol, augmentation and n: what stands beside a number."""
    scores = run.sets[key]
    n = len(scores.plain.predictions)
    views = scores.views if tta else None
    augmentation = "no test-time augmentation" if views is None else f"{views.faces} averaged in"
    return f"{set_title(run, key)}, {protocol(run)}, {augmentation}, n = {n:,}"


def human_reference(run: EvaluatedRun) -> tuple[float, float] | None:
    """Accuracy of people on FER-2013 and its uncertainty (arXiv 1307.0414); None for other data or labels."""
    return (0.65, 0.05) if run.data.is_fer2013 and set(run.labels) == set(EMOTIONS) else None


PUBLISHED: Final[Mapping[str, float]] = {
    "VGG, arXiv 1612.02903": 0.727,
    "Residual Masking Network, Pham, Vu and Tran 2020, ICPR": 0.7414,
    "LHC-Net, arXiv 2111.07224": 0.7442,
}
"""Single networks on FER-2013's PrivateTest, as their authors report them, with several views of a face averaged.

Not among them: the VGG of arXiv 2105.03588 (73.28 %), whose published code tests on PublicTest and selects by
PrivateTest.
"""


def published_range(run: EvaluatedRun) -> tuple[float, float] | None:
    """The lowest and the highest of `PUBLISHED`; None for other data, labels or sets."""
    known = run.headline_key == "private" and human_reference(run) is not None
    return (min(PUBLISHED.values()), max(PUBLISHED.values())) if known else None


def majority_share(run: EvaluatedRun) -> tuple[str, float]:
    """The most common emotion of the headline set, and the accuracy of always predicting it."""
    support = run.headline.plain.confusion.sum(axis=1)
    return run.labels[int(support.argmax())], float(support.max() / support.sum())


def meanings(run: EvaluatedRun) -> list[str]:
    """What the headline does and does not say: the cautions that belong beside it."""
    scores = run.headline
    accuracy = scores.plain.metrics["accuracy"]
    said = [
        f"With {counted(accuracy.n, 'face')} the interval is "
        f"{points(accuracy.high - accuracy.low)} points wide. It tells "
        "how far another draw of test faces could move the score, not another training seed. It does not rank models: "
        "two models on the same faces are compared face by face, which tells more than two such intervals side by side "
        "(report them together, as in 'run=[a,b]').",
    ]
    copies = run.data.copies
    if run.headline_key == "private" and copies is not None and len(copies.removed) > 0 and "private_dedup" in run.sets:
        clean = run.sets["private_dedup"].plain.metrics["accuracy"]
        known = (
            "although this run trained without such copies"
            if copies_trained_on(run) == 0
            else "which a model may know by heart"
        )
        alone = (
            ""
            if run.on_copies is None
            else f"; on the copies alone it is {percent(run.on_copies.metrics['accuracy'].value)} "
            f"({interval('accuracy', run.on_copies.metrics['accuracy'])})"
        )
        said.append(
            f"{counted(len(copies.removed), 'PrivateTest face')} {'equals' if len(copies.removed) == 1 else 'equal'} "
            f"another face pixel for pixel, {copies.of_training:,} of them a Training face, {known}. Without them the "
            f"accuracy is {percent(clean.value)} ({interval('accuracy', clean)}, n = {clean.n:,}){alone}."
        )
    if human_reference(run) is not None:
        said.append(
            "People agreed with these labels 65 ± 5 % of the time (arXiv 1307.0414). The labels are noisy, so a score "
            "above that means a model has learned this data set's habits of labelling, not that it reads faces better "
            "than people."
        )
    if published_range(run) is not None:
        said.append(
            "Published figures are comparable only for the same split. On PrivateTest single networks are published "
            f"with {', '.join(f'{percent(value)} ({source})' for source, value in PUBLISHED.items())}; the challenge's "
            "winner had 71.2\u00a0% (arXiv 1306.0239), and an ensemble 75.2\u00a0% (arXiv 1612.02903). Not all of "
            "them say which faces chose the epoch. Scores on PublicTest (as the 73.3\u00a0% of arXiv 2105.03588, by "
            "its published code), on the 7,178-image folder or on a split of one's own are other quantities; where a "
            "score is far above these, look for test faces among the training faces."
        )
    if run.headline_key == "folder7178":
        said.append(
            f"This is the score on the mixed test folder ({counted(accuracy.n, 'face')}), not on PrivateTest: the two "
            "must not be compared."
        )
    if run.headline_key == "public":
        said.append(
            "This is PublicTest, which also chose the epoch: expect less on faces that chose nothing."
            if chose_epoch(run, "public")
            else "This is PublicTest, which this protocol kept out of training and selection. It is not PrivateTest: "
            "the two must not be compared."
        )
    if is_synthetic(run):
        said.append(
            "These faces are synthetic. The score shows that the pipeline works; it says nothing about real faces."
        )
    said.append(
        "PrivateTest was read only for this report. Choosing between models by their PrivateTest score would turn it "
        "into a selection set, and the score would no longer be an honest estimate."
        if "private" in run.sets
        else "Choosing between models by this score would make it optimistic."
    )
    said.append(
        "A face shows an expression, not a feeling. This score does not make the model fit for decisions about people."
    )
    return said


def copies_trained_on(run: EvaluatedRun) -> int:
    """PrivateTest faces with the very pixels of a face that trained the run; by its settings alone where it is not
    known which faces did.
    """
    if run.copies_trained_on is not None:
        return run.copies_trained_on
    copies = run.data.copies
    return 0 if copies is None or run.record.config["data"].get("dedup", False) else copies.of_training


def is_synthetic(run: EvaluatedRun) -> bool:
    """Whether the faces are synthetic."""
    return str(run.record.config["data"].get("name")) == "synthetic"


def most_confused_with(run: EvaluatedRun, emotion: int) -> tuple[int, int] | None:
    """The emotion most often predicted in place of `emotion`, and how often; None where no other ever was."""
    counts = run.headline.plain.confusion[emotion].copy()
    counts[emotion] = 0
    other = int(counts.argmax())
    return (other, int(counts[other])) if counts[other] > 0 else None
