"""What a model file says of itself: written by the export into its metadata, read and checked before it is run."""

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from fer.common.errors import CheckpointError
from fer.common.label_set import label_names

SCHEMA: Final = 1
"""Version of the metadata; a file of a higher one was written by a later ferlab."""

SCHEMA_KEY: Final = "ferlab.schema"
FACTS_KEY: Final = "ferlab.facts"
"""Keys of the file's `metadata_props`: a whole number, and one JSON document."""

INPUT: Final = "image"
"""uint8 (N, 1, size, size), grey."""

PROBABILITIES: Final = "probabilities"
"""float32 (N, K), the temperature applied, in the order of the file's labels."""

MAPS: Final = "maps"
"""float32 (N, K, h, w): class activation maps (arXiv 1512.04150), where the net has them; their mean over the cells is
the logit, up to the class's bias."""

NEVER_CERTAIN: Final = 2.0
"""The threshold of a model of which no confidence is enough."""


class _Facts(BaseModel):
    # A later version may add facts; what it must not change, it gives a new schema.
    model_config = ConfigDict(frozen=True, extra="ignore")


class MetricFacts(_Facts):
    """A score with its 95 % bootstrap interval over the `n` faces it was measured on; None where undefined."""

    value: float | None
    low: float | None
    high: float | None
    n: int


class Reference(_Facts):
    """What the model saw, and said of it, where its scores were measured: what a drift log compares with.

    Attributes:
        split: which faces ("PublicTest").
        n: how many.
        labels: label -> its share in [0, 1] among the model's own predictions; they sum to 1.
        means: "confidence", "brightness", "sharpness" (`fer.runtime.statistics`) -> mean over the faces.
        deviations: the same -> standard deviation over the faces, above 0.
    """

    split: str
    n: int = Field(ge=1)
    labels: dict[str, float]
    means: dict[str, float]
    deviations: dict[str, float]


class PhotographFacts(_Facts):
    """Photographs with labels that fitted temperature and threshold in place of the selection faces.

    All shares are cross-validated: of the persons of each part, with what the other parts' persons fitted.

    Attributes:
        name: of the photographs, in words.
        n: faces found in them.
        persons: whose faces they are; photographs of no known person count as a person each.
        accuracy: share of the faces that are labelled rightly.
        coverage: share of the faces with a certain prediction.
        answered_accuracy: accuracy on these; None where there are none.
        told: settings that the export was given beside these photographs, in words, which may have been chosen on them.
    """

    name: str
    n: int = Field(ge=1)
    persons: int = Field(ge=2)
    accuracy: float
    coverage: float
    answered_accuracy: float | None
    told: tuple[str, ...] = ()


class ModelFacts(_Facts):
    """All that is known of a model.

    Attributes:
        name: in words: "skipcnn int8, FER-2013".
        net: the net's name in the registry it was built from.
        parameters: of the net.
        precision: of its layers: "fp32" or "int8".
        labels: class names in the order of the probabilities.
        size: height and width of a face, in pixels.
        maps: cells a side of its class activation maps; None where it has none.
        temperature: what the logits are divided by, inside the graph (arXiv 1706.04599, section 4.2).
        threshold: lowest confidence of a certain prediction; None where none earns the accuracy asked for.
        target_accuracy: what the predictions above the threshold are to reach.
        coverage: share of the fitting faces with a prediction of this very file above the threshold.
        answered_accuracy: accuracy on these; None where there are none.
        split: the faces that gave the scores ("PublicTest"), and fitted temperature and threshold unless `photographs`
            did. Never PrivateTest.
        photographs: what fitted temperature, threshold, coverage and answered accuracy; None for `split`.
        prior: label -> its share in [0, 1] that the model takes for granted: the mean of its probabilities over
            `split`, whose labels come in the shares of its training's (estimated on `photographs` where they changed
            the temperature of a finished file); None where it was not measured.
        copies: how many of the scored faces equal a training face to the pixel; None where they were not counted.
        metrics: score by name ("accuracy", "macro_f1", ...) of this very file on these faces.
        source: what it was trained on, in words.
        protocol: which rows trained and which selected.
        data_fingerprint: content of the training data.
        config_digest: SHA-256 of the run's configuration, without the places of files; 16 hex digits.
        seed: of the training.
        epochs: trained, up to the checkpoint.
        reference: for the drift log.
        versions: of the software that wrote the file.
        sha256: of the file, 64 hex digits; "" inside the file itself.
    """

    name: str
    net: str
    parameters: int
    precision: Literal["fp32", "int8"]
    labels: tuple[str, ...]
    size: int = Field(ge=8, le=1024)
    maps: int | None
    temperature: float = Field(gt=0)
    threshold: float | None
    target_accuracy: float
    coverage: float
    answered_accuracy: float | None
    split: str
    photographs: PhotographFacts | None = None
    prior: dict[str, float] | None = None
    copies: int | None = None
    metrics: dict[str, MetricFacts]
    source: str
    protocol: str
    data_fingerprint: str
    config_digest: str
    seed: int
    epochs: int
    reference: Reference
    versions: dict[str, str]
    sha256: str = ""

    @field_validator("labels")
    @classmethod
    def _possible_labels(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        return label_names(labels)

    @field_validator("prior")
    @classmethod
    def _shares(cls, prior: dict[str, float] | None, info: ValidationInfo) -> dict[str, float] | None:
        labels = info.data.get("labels", ())
        if prior is not None and (set(prior) != set(labels) or not all(0 < share < 1 for share in prior.values())):
            raise ValueError("expected a share above 0 and below 1 of each label")
        return prior

    @property
    def fitted_on(self) -> str:
        """The faces that fitted temperature and threshold, in words."""
        if self.photographs is None:
            return f"{self.split} faces"
        return f"faces in {self.photographs.name}"

    @property
    def uncertain_below(self) -> float:
        """Predictions of lower confidence are uncertain: all of them for `NEVER_CERTAIN`, above every confidence."""
        return NEVER_CERTAIN if self.threshold is None else self.threshold

    def as_metadata(self) -> dict[str, str]:
        """The facts as a file's `metadata_props`."""
        return {SCHEMA_KEY: str(SCHEMA), FACTS_KEY: self.model_dump_json(exclude={"sha256"})}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], *, origin: str) -> "ModelFacts":
        """What `as_metadata` gave.

        Args:
            metadata: of a file.
            origin: the file, for messages.

        Raises:
            CheckpointError: not of ours, of a later schema, or not whole.
        """
        schema = metadata.get(SCHEMA_KEY, "")
        if FACTS_KEY not in metadata or not schema.isdecimal():
            raise CheckpointError(
                f"{origin} was not written by fer-export: it does not say what it is (no {SCHEMA_KEY} and {FACTS_KEY} "
                "in its metadata)"
            )
        if int(schema) != SCHEMA:
            raise CheckpointError(
                f"{origin} has model schema {schema}; this version reads {SCHEMA}: "
                + ("update ferlab" if int(schema) > SCHEMA else "export it again with fer-export")
            )
        try:
            return cls.model_validate_json(metadata[FACTS_KEY])
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            raise CheckpointError(
                f"{origin}: {FACTS_KEY}{'.' if key else ''}{key}: {first['msg']}; export it again with fer-export"
            ) from error
