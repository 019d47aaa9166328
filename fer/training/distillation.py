"""Teachers: trained models whose predictions are the target of another's training."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import torch
from torch import Tensor

from fer.common.errors import ConfigError
from fer.common.label_set import set_name
from fer.common.labels import EMOTIONS
from fer.common.paths import expanded
from fer.data.resampling_blur import blur
from fer.data.views import Augmentation, further_views
from fer.folders.run import RunFolder
from fer.models.checkpoint import LoadedModel, load_model
from fer.models.heads import head_probabilities
from fer.models.loss_config import TargetConfig
from fer.models.preprocess import Preprocess
from fer.runtime.model import EmotionModel

SHIPPED: Final = Path("shipped")
"""In `loss.teachers`: the model that comes with the package."""
_BENCHMARK: Final = "benchmark"
"""The model of the package that `shipped` is: it learned from labels, by which a training is judged too."""


class Teacher(Protocol):
    """One of the models that teach."""

    @property
    def labels(self) -> tuple[str, ...]:
        """What it predicts."""

    @property
    def heads(self) -> int:
        """How many heads' predictions it gives."""

    @property
    def size(self) -> int:
        """Height and width of the images it wants to see, in pixels."""

    def to(self, device: torch.device) -> None:
        """Moves it to where the student trains, if it can be moved."""

    def __call__(self, image_BCHW: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 255] -> probabilities float32 (B, K) on the images' device."""


class RunTeacher:
    """A checkpoint of `fer-train`; predicts where the student trains."""

    def __init__(self, model: LoadedModel) -> None:
        self.model = model
        self.heads = model.spec.heads
        self.labels = model.labels

    @property
    def size(self) -> int:
        """Height and width of the images it wants to see, in pixels."""
        return self.model.preprocess.size

    def to(self, device: torch.device) -> None:
        """Moves the net."""
        self.model.net.to(device)

    def __call__(self, image_BCHW: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 255] -> probabilities float32 (B, K)."""
        x_BCHW = self.model.preprocess(image_BCHW).contiguous(memory_format=torch.channels_last)
        return head_probabilities(self.model.net(x_BCHW).float(), heads=self.model.spec.heads)


class FileTeacher:
    """A model file of `fer-export`; predicts on the CPU. Its probabilities are calibrated, rounded if INT8."""

    heads = 1

    def __init__(self, model: EmotionModel) -> None:
        self.model = model
        self.labels = model.labels
        # The file takes grey levels as they are stored, and scales them itself.
        self._framed = Preprocess(channels=1, size=model.size, mean=0.0, std=1.0)

    @property
    def size(self) -> int:
        """Height and width of the images it wants to see, in pixels."""
        return self.model.size

    def to(self, device: torch.device) -> None:
        """Nothing: ONNX Runtime stays on the CPU, and the predictions travel."""

    def __call__(self, image_BCHW: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 255] -> probabilities float32 (B, K)."""
        grey_BHW = (self._framed(image_BCHW.cpu())[:, 0] * 255).round().clamp(0, 255).to(torch.uint8)
        return torch.from_numpy(self.model.probabilities(grey_BHW.numpy())).to(image_BCHW.device)


class Teachers:
    """Averages what frozen models say of the very images that the student sees.

    Being shown the same augmented view is what keeps the predictions informative: of the plain training images a
    teacher has learned the labels by heart (arXiv 2106.05237, section 3). No module, so that neither checkpoints nor
    averaged weights hold a copy.

    Args:
        models: at least one.
        weight: share of the target that is theirs, in (0, 1].
        tta: average what they say of a view with what they say of these further views of it.
        blur: show them each view as blurred as bilinear resampling leaves it.
    """

    def __init__(
        self,
        models: Sequence[Teacher],
        *,
        weight: float,
        tta: Literal[False] | Augmentation = False,
        blur: bool = False,
    ) -> None:
        self.models = tuple(models)
        self.weight = weight
        self.tta = tta
        self.blur = blur

    def __deepcopy__(self, memo: Mapping[int, Any]) -> "Teachers":
        # Averaged weights are a deep copy of what trains; what is frozen need not be there twice.
        return self

    @property
    def size(self) -> int:
        """Height and width of the images they want to see, in pixels."""
        return max(model.size for model in self.models)

    def to(self, device: torch.device) -> None:
        """Moves them to where the student trains."""
        for model in self.models:
            model.to(device)

    @torch.no_grad()
    def __call__(self, image_BCHW: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 255] -> probabilities float32 (B, K), the mean over the teachers and views."""
        if self.blur:
            image_BCHW = blur(image_BCHW.float())
        views = [image_BCHW]
        if self.tta:
            views.extend(further_views(image_BCHW.float(), self.tta))
        return torch.stack([model(view_BCHW) for model in self.models for view_BCHW in views]).mean(dim=0)


def load_teachers(
    config: TargetConfig, *, data_fingerprint: str, protocol: str, labels: tuple[str, ...] = EMOTIONS, heads: int = 1
) -> tuple[Teachers | None, list[dict[str, Any]]]:
    """The teachers of a configuration, and what the manifest says of them; None and nothing where it names none.

    Args:
        config: names run folders, model files of fer-export, or `SHIPPED`.
        data_fingerprint: of the student's data.
        protocol: what the student's manifest says of the rows it trains on and is judged by.
        labels: of the student, which its teachers must have too.
        heads: of the student; a student with two wants teachers with two.

    Raises:
        ConfigError: a teacher that is not there, or that was trained on other rows: its predictions may hold the labels
            by which this training is judged.
        CheckpointError: a checkpoint or model file that cannot be read.
    """
    if not config.teachers:
        return None, []
    models, facts = [], []
    for path in config.teachers:
        from_file = path == SHIPPED or path.suffix == ".onnx"
        teacher, learned, told = _file_teacher(path) if from_file else _run_teacher(expanded(path), heads=heads)
        if teacher.labels != labels:
            raise ConfigError(
                f"loss.teachers: {path} predicts {set_name(teacher.labels)}, and this training learns "
                f"{set_name(labels)}: a teacher must have the labels of its student"
            )
        if teacher.heads != heads:
            raise ConfigError(
                f"loss.teachers: {path} has one head, and data.targets=both trains two: give run folders of trainings "
                "with data.targets=both"
            )
        if learned != (data_fingerprint, protocol):
            raise ConfigError(
                f"loss.teachers: {path} learned from data {learned[0]} ({learned[1]}), this training has "
                f"{data_fingerprint} ({protocol}): the teacher may know the faces that this training is judged by"
            )
        models.append(teacher)
        facts.append(told)
    teachers = Teachers(models, weight=config.teacher_weight, tta=config.teacher_tta, blur=config.teacher_blur)
    return teachers, facts


def _run_teacher(path: Path, *, heads: int) -> tuple[Teacher, tuple[str, str | None], dict[str, Any]]:
    """The teacher, (data fingerprint, protocol) of what it learned from, and its facts for the manifest."""
    folder = RunFolder(path)
    if not folder.best.is_file():
        raise ConfigError(
            f"loss.teachers: {path} has no checkpoints/best.ckpt: give run_dirs of fer-train, .onnx files of "
            f"fer-export, or {SHIPPED}"
        )
    model = load_model(folder.best, merge=heads == 1)
    learned = (model.data_fingerprint, folder.read_manifest().get("data", {}).get("protocol"))
    told = {"origin": str(path), "model": model.spec.name, "size": model.spec.size, "epoch": model.epoch}
    return RunTeacher(model), learned, told


def _file_teacher(path: Path) -> tuple[Teacher, tuple[str, str | None], dict[str, Any]]:
    """As `_run_teacher`; the model uses as many threads as the student."""
    model = EmotionModel.load(_BENCHMARK if path == SHIPPED else expanded(path), threads=torch.get_num_threads())
    facts = model.facts
    told = {"origin": str(path), "model": facts.name, "size": facts.size, "sha256": facts.sha256}
    return FileTeacher(model), (facts.data_fingerprint, facts.protocol), told
