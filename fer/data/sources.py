"""Every source by name: its configuration, and one way to open it."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from fer.common.errors import DataError
from fer.common.label_set import set_name
from fer.common.labels import EMOTIONS, check_rule
from fer.data.cache import Packed, load_packed
from fer.data.paths import data_root
from fer.data.persons import person_pattern
from fer.data.source_config import DataConfig, Fer2013Config, rule_for_contempt

if TYPE_CHECKING:
    from fer.data.image_files import ImportRules, Listing
    from fer.data.tree import Tree


__all__ = [
    "AnyDataConfig", "ContemptConfig", "DataConfig", "Fer2013Config", "ImageFilesConfig", "OwnDataConfig",
    "SyntheticConfig", "at_size", "open_samples", "with_labels",
]  # fmt: skip


class SyntheticConfig(DataConfig):
    """Synthetic faces; needs no data.

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


class ImageFilesConfig(DataConfig):
    """What every source of image files has.

    Attributes:
        root: a zip or a folder; None for `$FER_DATA/<name>`.
        size: height and width of the packed faces in pixels; others are resized at import.
        channels: 1 packs grey faces, 3 RGB ones.
        valid_share: share of Training held out as PublicTest where the source has no such split.
        test_share: share of Training held out as PrivateTest where the source has none.
        split_seed: names that partition.
    """

    root: Path | None = None
    size: int = Field(default=48, ge=16, le=512)
    channels: Literal[1, 3] = 1
    valid_share: float = Field(default=0.1, ge=0, lt=1)
    test_share: float = Field(default=0.1, ge=0, lt=1, validate_default=True)
    split_seed: int = Field(default=0, ge=0)

    @field_validator("test_share")
    @classmethod
    def _something_trains(cls, share: float, info: ValidationInfo) -> float:
        if share + info.data.get("valid_share", 0) >= 1:
            raise ValueError(f"with valid_share={info.data['valid_share']:g} it leaves nothing to train on: lower one")
        return share


class ContemptConfig(ImageFilesConfig):
    """A source that may hold contempt.

    Attributes:
        contempt: what becomes of its faces where it is no label: `drop` or a label; null refuses them, for it is never
            guessed.
    """

    contempt: str | None = None

    @field_validator("contempt")
    @classmethod
    def _known_contempt(cls, rule: str | None, info: ValidationInfo) -> str | None:
        labels = info.data.get("labels", EMOTIONS)
        return check_rule(rule_for_contempt(rule, labels), labels)


def _plain_mapping(mapping: object) -> object:
    # YAML reads the class 1 as a number.
    return {str(name): rule for name, rule in mapping.items()} if isinstance(mapping, dict) else mapping or {}


class FolderConfig(ContemptConfig):
    """Any class-per-folder data set, with or without train, valid and test folders above; or a CSV with a face a row.

    Attributes:
        mapping: class -> label or `drop`, where its name is no label's ({joy: happy}).
        person: regular expression that finds the person in an image's path: what its group matches, or the whole;
            null goes by the file names of published data sets (`fer.data.persons.NAMINGS`).
    """

    name: Literal["folder"]
    mapping: Annotated[dict[str, str], BeforeValidator(_plain_mapping)] = Field(default_factory=dict)
    person: str | None = None

    @field_validator("person")
    @classmethod
    def _finds_persons(cls, person: str | None) -> str | None:
        if person is not None:
            person_pattern(person)
        return person

    @field_validator("mapping")
    @classmethod
    def _known_rules(cls, mapping: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        labels = info.data.get("labels", EMOTIONS)
        return {name: check_rule(rule, labels) or "" for name, rule in mapping.items()}


class AffectNetConfig(ContemptConfig):
    """AffectNet as Kaggle's noamsegal hands it out.

    Attributes:
        label_from: `folder` or `csv`: which label counts where class folder and labels.csv disagree.
    """

    name: Literal["affectnet"]
    label_from: Literal["folder", "csv"] = "folder"


class CkPlusConfig(ContemptConfig):
    """CK+48; its splits keep persons together."""

    name: Literal["ckplus"]


class RafDbConfig(ImageFilesConfig):
    """RAF-DB's basic expressions; its official test part is PrivateTest."""

    name: Literal["rafdb"]


Member = Annotated[
    Fer2013Config | SyntheticConfig | FolderConfig | AffectNetConfig | CkPlusConfig | RafDbConfig,
    Field(discriminator="name"),
]


class MergedConfig(DataConfig):
    """Several sources as one; each keeps its own splits and rules.

    Attributes:
        sources: the sources, each as its own `data` section without protocol and batches.
        size: height and width every face is brought to, in pixels.
        channels: 1 (grey) or 3 (RGB).
    """

    name: Literal["merged"]
    sources: list[Member] = Field(min_length=1)
    size: int = Field(default=48, ge=16, le=512)
    channels: Literal[1, 3] = 1
    sampling: Literal["shuffle", "balanced", "oversample"] = "oversample"

    @field_validator("sources", mode="before")
    @classmethod
    def _members_predict_the_same(cls, sources: Any, info: ValidationInfo) -> Any:
        if not isinstance(sources, list | tuple):
            return sources
        labels = info.data.get("labels", EMOTIONS)
        if any(isinstance(source, Mapping) and "labels" in source for source in sources):
            raise ValueError("labels of a member have no effect: labels=... at the top says them for all")
        return [{**source, "labels": labels} if isinstance(source, Mapping) else source for source in sources]

    @field_validator("sources")
    @classmethod
    def _members_have_no_protocol(cls, sources: list[Any]) -> list[Any]:
        for source in sources:
            misplaced = sorted(source.model_fields_set & set(DataConfig.model_fields) - {"labels"})
            if misplaced:
                raise ValueError(
                    f"{misplaced[0]} of the member {source.name} has no effect: set data.{misplaced[0]} for all of them"
                )
            if getattr(source, "targets", "label") != "label":
                raise ValueError("targets of the member fer2013: FER+ votes are for data=fer2013 alone")
        return sources


class OwnDataConfig(DataConfig):
    """A source of one's own: a function or class that gives `fer.data.samples.FaceSamples`, or a LightningDataModule.

    Attributes:
        target: dotted name of the function or class (`_target_` in YAML).
        params: its arguments.
        title: what tables call it; null takes the last part of `_target_`.
    """

    model_config = ConfigDict(populate_by_name=True)

    name: Literal["own"]
    target: str = Field(alias="_target_")
    params: dict[str, Any] = Field(default_factory=dict)
    title: str | None = None


def _named_own(section: object) -> object:
    # A package's own conf/data/faces.yaml says `name: faces` of a source that no union here knows.
    if not isinstance(section, Mapping) or section.get("_target_") is None or section.get("name") == "own":
        return section
    return {**section, "name": "own", "title": section.get("title") or section.get("name")}


AnyDataConfig = Annotated[
    Fer2013Config
    | SyntheticConfig
    | FolderConfig
    | AffectNetConfig
    | CkPlusConfig
    | RafDbConfig
    | MergedConfig
    | OwnDataConfig,
    Field(discriminator="name"),
    BeforeValidator(_named_own),
]


def open_samples(config: DataConfig) -> Packed:
    """All samples of a source, memory-mapped from the packed cache (built on first use).

    Raises:
        DataError: the source is missing, broken, or not what it claims to be.
    """
    opener = _OPENERS[type(config)]
    return opener(config)


def _open_fer2013(config: Fer2013Config) -> Packed:
    from fer.data.fer2013 import load_fer2013

    packed = load_fer2013(data_root(config.root, name="fer2013"), splits=config.splits)
    if config.labels == EMOTIONS:
        return packed
    from fer.data.other_labels import fer2013_with

    return fer2013_with(packed, labels=config.labels, ferplus=config.ferplus)


def _open_synthetic(config: SyntheticConfig) -> Packed:
    from fer.data.samples import Split
    from fer.data.synthetic import RENDERER, synthetic_samples

    counts = {Split.TRAINING: config.train, Split.PUBLIC: config.public, Split.PRIVATE: config.private}
    settings = f"{config.seed}-{config.size}-{config.difficulty:g}-{'-'.join(map(str, counts.values()))}"
    packed = load_packed(
        lambda: synthetic_samples(counts=counts, seed=config.seed, size=config.size, difficulty=config.difficulty),
        key=f"synthetic-{RENDERER}-{settings}",
    )
    if config.labels == EMOTIONS:
        return packed
    from fer.data.other_labels import kept_classes

    return kept_classes(packed, labels=config.labels)


def _open_folder(config: FolderConfig) -> Packed:
    from functools import partial

    from fer.data.folder.read import READER, list_folder

    if config.root is None:
        raise DataError(
            "data.root is not set: data=folder needs the folder or zip with a folder for each class, or a CSV of faces"
        )
    listing, reader = list_folder, READER
    if config.person is not None:
        listing = partial(list_folder, person=person_pattern(config.person))
        reader += f"-{hashlib.sha256(config.person.encode()).hexdigest()[:8]}"
    return _open_image_files(config, reader=reader, listing=listing, named=True, tables=True)


def _open_affectnet(config: AffectNetConfig) -> Packed:
    from functools import partial

    from fer.data.affectnet.read import READER, list_affectnet

    listing = partial(list_affectnet, label_from=config.label_from)
    return _open_image_files(config, reader=f"{READER}-{config.label_from}", listing=listing)


def _open_ckplus(config: CkPlusConfig) -> Packed:
    from fer.data.ckplus.read import READER, list_ckplus

    return _open_image_files(config, reader=READER, listing=list_ckplus)


def _open_rafdb(config: RafDbConfig) -> Packed:
    from fer.data.rafdb.read import READER, list_rafdb

    return _open_image_files(config, reader=READER, listing=list_rafdb)


def _open_image_files(
    config: Any, *, reader: str, listing: "Callable[[Tree], Listing]", named: bool = False, tables: bool = False
) -> Packed:
    from fer.data.image_files import load_image_files

    root = data_root(config.root, name=config.name, fetchable=False)
    return load_image_files(root, reader=reader, listing=listing, rules=_rules(config), named=named, tables=tables)


def _rules(config: ImageFilesConfig) -> "ImportRules":
    from fer.data.image_files import ImportRules

    return ImportRules(
        size=config.size,
        channels=config.channels,
        contempt=config.contempt if isinstance(config, ContemptConfig) else None,
        mapping=config.mapping if isinstance(config, FolderConfig) else {},
        valid_share=config.valid_share,
        test_share=config.test_share,
        split_seed=config.split_seed,
        labels=config.labels,
    )


def at_size(config: DataConfig, *, size: int, channels: int) -> DataConfig:
    """The configuration with this size and colour of the packed faces, unless it names its own or its source has one
    size only (FER-2013)."""
    fitting = {"size": size, "channels": channels}
    wanted = {key: value for key, value in fitting.items() if key in type(config).model_fields}
    return config.model_copy(update={key: value for key, value in wanted.items() if key not in config.model_fields_set})


def with_labels(config: DataConfig, labels: tuple[str, ...]) -> DataConfig:
    """The configuration for these labels, unless it names its own: then those must be the same.

    Raises:
        DataError: it names others.
    """
    if "labels" in config.model_fields_set and config.labels != labels:
        raise DataError(f"labels={set_name(config.labels)} of the data are not those of the run, {set_name(labels)}")
    changes: dict[str, Any] = {"labels": labels}
    if isinstance(config, MergedConfig):
        changes["sources"] = [source.model_copy(update={"labels": labels}) for source in config.sources]
    return config.model_copy(update=changes)


def _open_merged(config: MergedConfig) -> Packed:
    from fer.data.merged.read import load_merged

    names = [source.name for source in config.sources]
    members = []
    for number, source in enumerate(config.sources):
        # Decoded at the common size at once: resizing twice would blur twice.
        sized = at_size(source, size=config.size, channels=config.channels)
        name = (
            source.name if names.count(source.name) == 1 else f"{source.name}-{names[: number + 1].count(source.name)}"
        )
        members.append((name, open_samples(sized)))
    return load_merged(members, size=config.size, channels=config.channels)


def _open_own(config: OwnDataConfig) -> Packed:
    from fer.data.own_source import open_own

    return open_own(config.target, config.params, labels=config.labels)


_OPENERS: dict[type[DataConfig], Callable[..., Packed]] = {
    Fer2013Config: _open_fer2013,
    SyntheticConfig: _open_synthetic,
    FolderConfig: _open_folder,
    AffectNetConfig: _open_affectnet,
    CkPlusConfig: _open_ckplus,
    RafDbConfig: _open_rafdb,
    MergedConfig: _open_merged,
    OwnDataConfig: _open_own,
}
