"""A bare PyTorch loop over the very net, optimiser, precision, augmentation and batches of fer-train."""

import torch
from torch import Tensor

from fer.bench.training.subject import Subject
from fer.bench.training.timing import step_rate
from fer.common.seeding import seed_everything
from fer.training.system import build_classifier


def bare_rate(subject: Subject) -> float:
    """Images a second of the loop one would write by hand; without callbacks, so without averaged weights."""
    config, device = subject.config, subject.device
    seed_everything(config.seed)
    system = build_classifier(config, subject.data).to(device).train()
    generator = torch.Generator(device=device).manual_seed(config.seed)
    augment = subject.data.augment
    assert augment is not None

    def loss_of(loaded: dict[str, Tensor]) -> tuple[Tensor, int]:
        batch = {name: tensor.to(device) for name, tensor in loaded.items()}
        batch = augment.batch(batch, size=config.model.size, generator=generator)
        x_BCHW = system.preprocess(batch["image"]).contiguous(memory_format=system.memory_format)
        with torch.autocast(device.type, subject.autocast, enabled=subject.autocast is not None):
            loss: Tensor = system.loss(system.net(x_BCHW), batch["label"], batch.get("target"))
        return loss, len(batch["label"])

    return step_rate(subject, system, subject.data.train_dataloader(), loss_of)
