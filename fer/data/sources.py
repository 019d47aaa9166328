"""Every source by name: its configuration, and one way to open it."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from fer.data.cache import Packed, load_packed
from fer.data.paths import data_root
from fer.section import Section


class DataConfig(Section):
    """What every source has: which rows train, which rows select, and how batches are drawn.

    Attributes:
        protocol: `official` (Training / PublicTest), `stratified` (70/30 of Training), `kfold` (of Training) or
            `folder7178` (90/10 of Training; the report's headline is the mixed 7,178-image folder).
        folds: number of folds of `kfold`.
        fold: the fold held out, from 0.
        holdout: share of Training held out by `stratified`, in (0, 1).
        dedup: train without byte-identical copies of test images and without contradictory labels.
        batch_size: images a step.
        sampling: `shuffle`, `balanced` (classes drawn equally) or `oversample` (every class as often as the largest).
    """

    protocol: Literal["official", "stratified", "kfold", "folder7178"] = "official"
    folds: int = Field(default=5, ge=2)
    fold: int = Field(default=0, ge=0)
    holdout: float = Field(default=0.3, gt=0, lt=1)
    dedup: bool = False
    batch_size: int = Field(default=128, ge=1)
    sampling: Literal["shuffle", "balanced", "oversample"] = "shuffle"


class Fer2013Config(DataConfig):
    """FER-2013 in any public form; `root` is a zip, a folder, a CSV or a folder of parquet files."""

    name: Literal["fer2013"]
    root: Path | None = None


class SyntheticConfig(DataConfig):
    """Drawn faces; needs no data.

    Attributes:
        train: faces in the Training split.
        public: faces in PublicTest.
        private: faces in PrivateTest.
        seed: names the population; the same seed draws the same faces everywhere.
        size: height and width in pixels.
        difficulty: 0 (full expressions, studio light) to 1 (faint expressions in unruly snapshots).
    """

    name: Literal["synthetic"]
    train: int = Field(default=6000, ge=7)
    public: int = Field(default=1000, ge=7)
    private: int = Field(default=1000, ge=7)
    seed: int = Field(default=0, ge=0)
    size: int = Field(default=48, ge=24)
    difficulty: float = Field(default=0.5, ge=0, le=1)


AnyDataConfig = Annotated[Fer2013Config | SyntheticConfig, Field(discriminator="name")]


def open_samples(config: DataConfig) -> Packed:
    """All samples of a source, memory-mapped from the packed cache (built on first use).

    Raises:
        DataError: the source is missing, broken, or not what it claims to be.
    """
    opener = _OPENERS[type(config)]
    return opener(config)


def _open_fer2013(config: Fer2013Config) -> Packed:
    from fer.data.fer2013 import load_fer2013

    return load_fer2013(data_root(config.root, name="fer2013"))


def _open_synthetic(config: SyntheticConfig) -> Packed:
    from fer.data.samples import Split, canonical_order
    from fer.data.synthetic import RENDERER, synthetic_samples

    counts = {Split.TRAINING: config.train, Split.PUBLIC: config.public, Split.PRIVATE: config.private}
    settings = f"{config.seed}-{config.size}-{config.difficulty:g}-{'-'.join(map(str, counts.values()))}"
    return load_packed(
        lambda: canonical_order(
            synthetic_samples(counts=counts, seed=config.seed, size=config.size, difficulty=config.difficulty)
        ),
        key=f"synthetic-{RENDERER}-{settings}",
    )


_OPENERS: dict[type[DataConfig], Callable[..., Packed]] = {
    Fer2013Config: _open_fer2013,
    SyntheticConfig: _open_synthetic,
}
