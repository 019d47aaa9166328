"""A bare PyTorch loop over the very net, optimiser, precision, augmentation and batches of fer-train."""

import torch

from fer.bench.training.clock import now
from fer.bench.training.subject import Subject
from fer.models.schedule import build_scheduler
from fer.seeding import seed_everything
from fer.training import build_classifier


def bare_rate(subject: Subject) -> float:
    """Images a second of the loop one would write by hand; without callbacks, so without averaged weights."""
    config, device = subject.config, subject.device
    seed_everything(config.seed)
    system = build_classifier(config, subject.data).to(device).train()
    optimizer = system.optimizer
    assert optimizer is not None
    total = subject.warmup + subject.steps
    schedule = build_scheduler(config.scheduler, optimizer, steps=total)
    generator = torch.Generator(device=device).manual_seed(config.seed)
    augment = subject.data.augment
    assert augment is not None
    begin = end = 0.0
    images = 0
    for number, loaded in enumerate(subject.data.train_dataloader()):
        batch = {name: tensor.to(device) for name, tensor in loaded.items()}
        batch = augment.batch(batch, size=config.model.size, generator=generator)
        x_BCHW = system.preprocess(batch["image"]).contiguous(memory_format=system.memory_format)
        with torch.autocast(device.type, subject.autocast, enabled=subject.autocast is not None):
            loss = system.loss(system.net(x_BCHW), batch["label"], batch.get("target"))
        optimizer.zero_grad()
        loss.backward()
        if config.optimizer.grad_clip is not None:
            torch.nn.utils.clip_grad_norm_(system.parameters(), config.optimizer.grad_clip)
        optimizer.step()
        if schedule["interval"] == "step":
            schedule["scheduler"].step()
        if number + 1 == subject.warmup:
            begin = now(device)
        elif number >= subject.warmup:
            images += len(batch["label"])
            # Here, not behind the loop, whose end puts away what loaded the batches.
            end = now(device) if number + 1 == total else end
    return images / (end - begin)
