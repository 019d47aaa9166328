"""Teachers: trained models whose answers are the target of another's training."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from fer.checkpoint import LoadedModel, load_model
from fer.errors import ConfigError
from fer.folders.run import RunFolder
from fer.models.loss_config import LossConfig


class Teachers:
    """Averages what frozen models say of the very images that the student sees.

    Being shown the same augmented view is what keeps the answers informative: of the plain training images a teacher
    has learned the labels by heart (arXiv 2106.05237, section 3). No module, so that neither checkpoints nor averaged
    weights hold a copy.

    Args:
        models: at least one.
        weight: share of the target that is theirs, in (0, 1].
    """

    def __init__(self, models: Sequence[LoadedModel], *, weight: float) -> None:
        self.models = tuple(models)
        self.weight = weight

    def __deepcopy__(self, memo: Mapping[int, Any]) -> "Teachers":
        # Averaged weights are a deep copy of what trains; what is frozen need not be there twice.
        return self

    @property
    def size(self) -> int:
        """Height and width of the images they want to see, in pixels."""
        return max(model.preprocess.size for model in self.models)

    def to(self, device: torch.device) -> None:
        """Moves them to where the student trains."""
        for model in self.models:
            model.net.to(device)

    @torch.no_grad()
    def __call__(self, image_BCHW: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 255] -> probabilities float32 (B, K), the mean over the teachers."""
        answers = [
            model.net(model.preprocess(image_BCHW).contiguous(memory_format=torch.channels_last)).float().softmax(dim=1)
            for model in self.models
        ]
        return torch.stack(answers).mean(dim=0)


def load_teachers(
    config: LossConfig, *, data_fingerprint: str, protocol: str
) -> tuple[Teachers | None, list[dict[str, Any]]]:
    """The teachers of a configuration, and what the manifest says of them; None and nothing where it names none.

    Args:
        config: names their run folders.
        data_fingerprint: of the student's data.
        protocol: what the student's manifest says of the rows it trains on and is judged by.

    Raises:
        ConfigError: a teacher that is not there, or that was trained on other rows: its answers may hold the labels by
            which this training is judged.
        CheckpointError: a checkpoint that cannot be read.
    """
    if not config.teachers:
        return None, []
    folders = [RunFolder(path.expanduser()) for path in config.teachers]
    models = []
    for folder in folders:
        if not folder.best.is_file():
            raise ConfigError(f"loss.teachers: {folder.path} has no checkpoints/best.ckpt: give run_dirs of fer-train")
        model = load_model(folder.best)
        learned = (model.data_fingerprint, folder.read_manifest().get("data", {}).get("protocol"))
        if learned != (data_fingerprint, protocol):
            raise ConfigError(
                f"loss.teachers: {folder.path} learned from data {learned[0]} ({learned[1]}), this training has "
                f"{data_fingerprint} ({protocol}): the teacher may know the faces that this training is judged by"
            )
        models.append(model)
    facts = [
        {"run": str(folder.path), "model": model.spec.name, "size": model.spec.size, "epoch": model.epoch}
        for folder, model in zip(folders, models, strict=True)
    ]
    return Teachers(models, weight=config.teacher_weight), facts
