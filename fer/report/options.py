"""What a report is asked to do; conf/evaluation/report/default.yaml holds the same defaults."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SerializeAsAny, field_validator, model_validator

from fer.common.section import Section
from fer.data.dataset_argument import validated
from fer.data.sources import ContemptConfig, DataConfig, ImageFilesConfig


class OcclusionOptions(Section):
    """Options of the occlusion analysis.

    Attributes:
        enabled: predict the faces again with a part hidden; with runs trained under different masks, also make
            the table of training mask by test mask.
        max_faces: a random draw of this many faces of the headline set, where there is no such table; None takes all.
    """

    enabled: bool = True
    max_faces: int | None = Field(default=1000, ge=10)


class FairnessOptions(Section):
    """Which groups of faces are compared.

    Attributes:
        enabled: compare groups where they are known.
        groups: CSV with a column that names the faces (`id`, `file`, `filename`, `name`, `image` or `path`) and one
            column a grouping; None for the groups the data set itself carries, as the synthetic faces do.
        columns: the groupings to use; None for all of them.
        min_group: a rate over fewer faces is neither shown nor compared.
    """

    enabled: bool = True
    groups: Path | None = None
    columns: tuple[str, ...] | None = Field(default=None, min_length=1)
    min_group: int = Field(default=30, ge=10)


class LabelNoiseOptions(Section):
    """What the labels are held against.

    Attributes:
        enabled: look for likely label errors, and compare faces of FER-2013 with FER+.
        ferplus: a `fer2013new.csv` of one's own; None takes the votes that come with this package.
        shown: likely label errors shown as faces.
    """

    enabled: bool = True
    ferplus: Path | None = None
    shown: int = Field(default=24, ge=0, le=200)


class RobustnessOptions(Section):
    """Options under `robustness`.

    Attributes:
        enabled: whether the analysis runs.
        corruptions: "lighting" for the changes of light alone, "all" for the fifteen of arXiv 1903.12261 as well.
        severities: which of 1 (slight) to 5 (hard).
        max_faces: a random draw of this many faces of the headline set; None takes them all.
        baseline: name or path of the run of this report that mCE is relative to; None gives no mCE.
    """

    enabled: bool = True
    corruptions: Literal["lighting", "all"] = "lighting"
    severities: tuple[Annotated[int, Field(ge=1, le=5)], ...] = Field(default=(3,), min_length=1)
    max_faces: int | None = Field(default=1000, ge=10)
    baseline: str | None = None

    @field_validator("severities")
    @classmethod
    def _each_once(cls, severities: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(severities)) < len(severities):
            raise ValueError("name each severity once, as in [1,2,3,4,5]")
        return tuple(sorted(severities))


class CostOptions(Section):
    """Options under `cost`.

    Attributes:
        enabled: count parameters and arithmetic and measure how long a prediction takes.
        repeats: single faces timed for each run, where `seconds` allow as many.
        seconds: about how long the timing of one run may take; half for single faces, half for batches.
    """

    enabled: bool = True
    repeats: int = Field(default=100, ge=10, le=10_000)
    seconds: float = Field(default=1.0, gt=0, le=600)


class EnsembleOptions(Section):
    """Options under `ensemble`.

    Attributes:
        enabled: with several runs of the same faces, also score the mean of their probabilities.
        resamples: bootstrap resamples of PublicTest behind the spread of the fitted weights.
    """

    enabled: bool = True
    resamples: int = Field(default=200, ge=20, le=10_000)


class EmbeddingOptions(Section):
    """Options of the map of faces by the net's last features.

    Attributes:
        enabled: whether it is made.
        max_faces: a random draw of this many faces of the headline set.
    """

    enabled: bool = True
    max_faces: int = Field(default=700, ge=30, le=2000)


TestFaces = Literal["auto", "test", "valid", "train", "all"]


class CrossSet(Section):
    """One data set, written as the `data` section of a training with two keys more.

    What a training would hold out is not held out here (`valid_share` and `test_share` are 0 unless named), and faces
    of contempt are left out, where the model does not predict it, unless `contempt` says otherwise. The labels are the
    model's.

    Attributes:
        data: the source and its keys.
        title: its name in tables; None takes the source's name.
        split: which of its faces are predicted. `auto`: the test part where the set itself has one, else all.
    """

    data: SerializeAsAny[DataConfig]
    title: str | None = None
    split: TestFaces = "auto"

    @model_validator(mode="before")
    @classmethod
    def _from_data_section(cls, tree: Any) -> Any:
        if not isinstance(tree, Mapping) or isinstance(tree.get("data"), DataConfig):
            return tree
        own = {key: tree[key] for key in ("title", "split") if key in tree}
        section = {str(key): value for key, value in tree.items() if key not in own}
        config = validated(section, prefix="")
        defaults = {"valid_share": 0.0, "test_share": 0.0} if isinstance(config, ImageFilesConfig) else {}
        if isinstance(config, ContemptConfig) and config.contempt is None:
            defaults["contempt"] = "drop"  # type: ignore[assignment]
        unnamed = {key: value for key, value in defaults.items() if key not in config.model_fields_set}
        return {**own, "data": config.model_copy(update=unnamed)}

    @property
    def source(self) -> str:
        """The name of the source."""
        return str(self.data.name)  # type: ignore[attr-defined]


class CrossPhotographs(Section):
    """Photographs whose faces must be found first.

    Attributes:
        root: their folder or zip.
        labels: CSV with the columns file, emotion and, where known, person.
        title: its name in tables; None takes the name of `root`.
        detector: what finds the faces, as fer-predict names it.
    """

    root: Path
    labels: Path
    title: str | None = None
    detector: Literal["auto", "yunet", "blazeface", "haar", "none"] = "auto"


class CrossDataOptions(Section):
    """Options of the test on other data sets.

    Attributes:
        enabled: whether it is made, where there are sets.
        photographs: sets of photographs, as `[{root: PATH, labels: CSV}]`.
        sets: the data sets, as `[{name: rafdb, root: PATH}, {name: ckplus, root: PATH}]`.
    """

    enabled: bool = True
    sets: list[CrossSet] = Field(default_factory=list)
    photographs: list[CrossPhotographs] = Field(default_factory=list)


class CalibrationOptions(Section):
    """Options under `calibration`.

    Attributes:
        enabled: whether the analysis runs.
        target_accuracy: what faces above the abstention threshold are to reach, with 95 % confidence; where no
            threshold promises it, there is none and the model abstains on every face.
        answer_share: the share of the fitting faces that the threshold answers instead; None goes by accuracy.
    """

    enabled: bool = True
    target_accuracy: float = Field(default=0.8, gt=0, le=1)
    answer_share: float | None = Field(default=None, gt=0, le=1)


MethodName = Literal["grad_cam", "guided_grad_cam", "integrated_gradients", "saliency", "occlusion"]


class ExplanationsOptions(Section):
    """What is explained, and how thoroughly the explanations are tested.

    Attributes:
        enabled: whether the analysis runs.
        methods: the methods compared and tested, names of `fer.explain.methods.METHODS`; the gallery and the average
            maps are always Grad-CAM.
        cam_images_per_class: correct and wrong predictions shown for each emotion.
        mistakes: how many of the most confident wrong predictions are shown.
        successes: how many of the least confident correct predictions are shown.
        compared_faces: faces shown under every method.
        class_map_faces: correct predictions averaged into each emotion's map, at most; 0 leaves the average maps out.
        tested_faces: faces of the deletion and insertion test; 0 leaves it out, and the next with it.
        randomised_faces: how many of them the parameter-randomisation test takes; 0 leaves it out.
        pointing_faces: faces of the pointing game, where the data tell which part makes the emotion; 0 leaves it out.
    """

    enabled: bool = True
    methods: tuple[MethodName, ...] = Field(
        default=("grad_cam", "guided_grad_cam", "integrated_gradients", "saliency", "occlusion"), min_length=1
    )
    cam_images_per_class: int = Field(default=4, ge=1, le=50)
    mistakes: int = Field(default=12, ge=0, le=200)
    successes: int = Field(default=12, ge=0, le=200)
    compared_faces: int = Field(default=7, ge=0, le=70)
    class_map_faces: int = Field(default=200, ge=0)
    tested_faces: int = Field(default=30, ge=0)
    randomised_faces: int = Field(default=6, ge=0)
    pointing_faces: int = Field(default=70, ge=0)

    @field_validator("methods")
    @classmethod
    def _each_once(cls, methods: tuple[MethodName, ...]) -> tuple[MethodName, ...]:
        if len(set(methods)) < len(methods):
            raise ValueError("name each method once, as in [grad_cam,occlusion]")
        return methods


class ReportOptions(Section):
    """Options of `fer-report`.

    Attributes:
        bootstrap: resamples behind each interval.
        seed: of the resampling and of the choice of example faces.
        tta: also score with the predictions for further views of each face averaged in: mirror (the mirrored face) or
            zoom (the enlarged one too, and its mirror image: twice the time); false: only as the face is.
        faces: show faces at all; false makes a page that can be passed on where the data set's licence forbids
            passing on its images.
        batch_size: faces a batch.
        data_root: where the data set lies now, if it was moved since the training; null: where the run found it.
        device: auto (CUDA, then Apple MPS, then the CPU), cpu, mps or cuda.
        votes_share: of nets with two heads (data.targets=both), weight of the votes' in [0, 1]; null: each run's.
        prior: how often each emotion is to be expected, told before any temperature, as fer-export's --prior is beside
            --calibrate: everyday, balanced, or a CSV file of label,share; null: as often as in the training.
        calibration: what the abstention threshold is to reach.
        cost: how each model is timed.
        embedding: of the map of faces.
        ensemble: of several runs.
        explanations: faces, heat maps and their tests.
        cross_data: other data sets to test on.
        fairness: which groups of faces are compared.
        label_noise: what the labels are held against.
        occlusion: of the analysis of hidden parts of the face.
        robustness: corruptions and changes of light.
        analyses: analyses of one's own by name, each a class or function (`_target_`) that turns a
            `fer.report.context.ReportContext` into a `fer.report.result.AnalysisResult`, and its arguments.
        plugins: packages whose code checkpoints and run folders may name, see docs/extend/index.md.
    """

    bootstrap: int = Field(default=2000, ge=100, le=100_000)
    seed: int = Field(default=0, ge=0, lt=2**32)
    tta: Literal[False, "mirror", "zoom"] = "mirror"
    faces: bool = True
    batch_size: int = Field(default=128, ge=1)
    data_root: Path | None = None
    device: Literal["auto", "cpu", "mps", "cuda"] = "auto"
    votes_share: float | None = Field(default=None, ge=0.0, le=1.0)
    prior: str | None = None
    calibration: CalibrationOptions = CalibrationOptions()
    cost: CostOptions = CostOptions()
    embedding: EmbeddingOptions = EmbeddingOptions()
    ensemble: EnsembleOptions = EnsembleOptions()
    explanations: ExplanationsOptions = ExplanationsOptions()
    occlusion: OcclusionOptions = OcclusionOptions()
    robustness: RobustnessOptions = RobustnessOptions()
    fairness: FairnessOptions = FairnessOptions()
    label_noise: LabelNoiseOptions = LabelNoiseOptions()
    cross_data: CrossDataOptions = CrossDataOptions()
    analyses: dict[str, dict[str, Any]] = Field(default_factory=dict)
    plugins: tuple[str, ...] = ()

    @field_validator("tta", mode="before")
    @classmethod
    def _true_is_mirror(cls, tta: object) -> object:
        return "mirror" if tta is True else tta
