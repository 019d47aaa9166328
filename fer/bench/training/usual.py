"""The usual stack: one file an image, torchvision's ImageFolder and transforms, a DataLoader, float32 in NCHW."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from fer.bench.training.repeated import passes
from fer.bench.training.subject import Subject
from fer.bench.training.timing import step_rate
from fer.common.seeding import seed_everything
from fer.data.augment_config import AugmentConfig
from fer.training.system import build_classifier

if TYPE_CHECKING:
    from fer.config.schema import ModelConfig

QUALITY: Final = 95
"""Of the JPEG files."""

PREFETCH: Final = 2
"""Batches that each worker process has ready or under way, torch's default."""

_ABSENT: Final = {
    "shear_degrees": "shear",
    "gamma": "gamma",
    "noise_std": "noise",
    "blur_probability": "blur",
    "downscale_probability": "small faces",
    "low_light_probability": "low light",
    "jpeg_probability": "JPEG compression",
    "occlude_probability": "hidden regions",
    "mixup_alpha": "mixup",
    "cutmix_alpha": "CutMix",
}
"""Augmentations of ours that the usual stack is measured without, and what they are called."""


def lengthened(subject: Subject, *, workers: int) -> Subject:
    """The subject, with batches enough for worker processes to be timed.

    They start together and so hand over in bursts, the first of them loaded before the clock starts: the warm-up takes
    what is ready then, and as many batches are timed from each of them.
    """
    if workers == 0:
        return subject
    bursts = -(-subject.steps // workers)
    return replace(subject, warmup=max(subject.warmup, PREFETCH * workers + 1), steps=bursts * workers)


def write_folder(subject: Subject, folder: Path) -> int:
    """Writes training faces as class/row.jpg, as Kaggle hands FER-2013 out; how many.

    As many as the timed batches show, or all where there are fewer.
    """
    import cv2

    data = subject.data
    wanted = (subject.warmup + subject.steps) * subject.batch_size
    rows = data.split.train
    rows = np.sort(np.random.default_rng(0).permutation(rows)[:wanted])
    for row in rows.tolist():
        image_CHW = data.samples.images[row]
        image = image_CHW[0] if len(image_CHW) == 1 else image_CHW[::-1].transpose(1, 2, 0)
        place = folder / data.labels[int(data.samples.labels[row])]
        place.mkdir(parents=True, exist_ok=True)
        written = cv2.imwrite(str(place / f"{row}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        assert written, place
    return len(rows)


def absent(config: AugmentConfig) -> list[str]:
    """What `config` does to training images and `transforms` does not."""
    return [name for field, name in _ABSENT.items() if getattr(config, field) > 0]


def transforms(augment: AugmentConfig, model: "ModelConfig", *, mean: float, std: float) -> Any:
    """torchvision's transforms of equal kind, image by image: PIL image -> float32 (C, size, size), normalised."""
    import torchvision.transforms.v2

    v2: Any = torchvision.transforms.v2
    steps: list[Any] = [v2.Grayscale(num_output_channels=model.channels), v2.Resize(model.size)]
    if augment.flip_probability > 0:
        steps.append(v2.RandomHorizontalFlip(augment.flip_probability))
    if augment.warps:
        steps.append(
            v2.RandomAffine(
                augment.rotate_degrees,
                translate=(augment.translate_fraction, augment.translate_fraction),
                scale=(1 / (1 + augment.scale_fraction), 1 + augment.scale_fraction),
                interpolation=v2.InterpolationMode.BILINEAR,
            )
        )
    if augment.brightness > 0 or augment.contrast > 0:
        steps.append(v2.ColorJitter(brightness=augment.brightness, contrast=augment.contrast))
    steps += [
        v2.ToImage(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize([mean] * model.channels, [std] * model.channels),
    ]
    if augment.erase_probability > 0:
        aspect = (1 / augment.erase_aspect, augment.erase_aspect)
        steps.append(v2.RandomErasing(augment.erase_probability, scale=augment.erase_area, ratio=aspect))
    return v2.Compose(steps)


def usual_loader(subject: Subject, folder: Path, *, workers: int) -> "DataLoader[Any]":
    """Shuffled batches of the files, decoded and varied one by one in worker processes."""
    from torchvision.datasets import ImageFolder

    config = subject.config
    preprocess = build_classifier(config, subject.data).preprocess
    files = ImageFolder(
        folder,
        transform=transforms(subject.augment, config.model, mean=preprocess.mean, std=preprocess.std),
    )
    return DataLoader(
        files,
        batch_size=min(config.data.batch_size, len(files)),
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        prefetch_factor=PREFETCH if workers > 0 else None,
        pin_memory=subject.accelerator == "cuda",
    )


def usual_rate(subject: Subject, folder: Path, *, workers: int) -> float:
    """Images a second of the loop as people write it."""
    device = subject.device
    # Neither the memory order nor the precision that fer-train chooses by itself.
    config = subject.config.model_copy(update={"channels_last": False})
    seed_everything(config.seed)
    system = build_classifier(config, subject.data).to(device).train()
    criterion = nn.CrossEntropyLoss(label_smoothing=subject.loss.label_smoothing)

    def loss_of(batch: tuple[Tensor, Tensor]) -> tuple[Tensor, int]:
        x_BCHW, label_B = batch
        return criterion(system.net(x_BCHW.to(device)), label_B.to(device)), len(label_B)

    return step_rate(subject, system, passes(usual_loader(subject, folder, workers=workers)), loss_of)
