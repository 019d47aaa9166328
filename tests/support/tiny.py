"""Values that several test files share."""

TINY = (
    "data=synthetic",
    "data.train=210",
    "data.public=70",
    "data.private=70",
    "data.batch_size=32",
    "trainer.accelerator=cpu",
    "trainer.precision=32-true",
    "trainer.max_epochs=2",
    "threads=1",
)
"""Overrides of a training of seconds."""
