"""An augmentation that a configuration names by its class."""

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn

from fer.common.arguments import parameters
from fer.common.errors import ConfigError
from fer.common.labels import NUM_CLASSES
from fer.common.plugins import own_callable
from fer.data.augment import Augment, resize
from fer.data.augment_config import AugmentConfig, OwnAugmentConfig
from fer.data.batch_shard import WHOLE, BatchShard

_BLACK: Final = 8.0
"""A batch that nowhere is brighter than this, of 255, was scaled to [0, 1] or normalised."""


class OwnAugment:
    """Varies training images as a class of one's own does, then brings them to the size of the training.

    Args:
        config: the class and its arguments.

    Raises:
        ConfigError: no such class, or arguments it does not take.
    """

    mixes = False

    def __init__(self, config: OwnAugmentConfig) -> None:
        self._target = config.target
        self._vary = own_callable({"_target_": config.target, **config.arguments}, "augment", handed=1)
        called = self._vary.forward if isinstance(self._vary, nn.Module) else self._vary
        self._takes_generator = "generator" in parameters(called)
        self._looked_at = False

    def __call__(self, image_BCHW: Tensor, *, size: int | None = None, generator: torch.Generator) -> Tensor:
        """Varied copies of the images.

        Args:
            image_BCHW: uint8 images, grey or RGB.
            size: height and width of the result in pixels; None keeps those that the class gives.
            generator: on the images' device.

        Returns:
            float32 (B, C, size, size) in [0, 255].

        Raises:
            ConfigError: the class fails, or what it gives is no such batch.
        """
        if isinstance(self._vary, nn.Module):
            self._vary.to(image_BCHW.device)
        shape = tuple(image_BCHW.shape)
        try:
            varied = self._vary(image_BCHW, **({"generator": generator} if self._takes_generator else {}))
        # It says itself that the device is full.
        except torch.OutOfMemoryError:
            raise
        # Whatever the code of others raises; FER_DEBUG=1 shows where.
        except Exception as error:
            told = (str(error).strip().splitlines() or [""])[0][:200]
            raise ConfigError(
                f"augment._target_={self._target} fails on uint8 images {shape} with {type(error).__name__}: {told}"
            ) from error
        if not isinstance(varied, Tensor) or varied.ndim != 4 or varied.shape[:2] != image_BCHW.shape[:2]:
            given = tuple(varied.shape) if isinstance(varied, Tensor) else type(varied).__name__
            raise ConfigError(
                f"augment._target_={self._target} turns images {shape} into {given}: it must give as many images of as "
                "many channels back"
            )
        if not self._looked_at:
            # Once: to look at values, a GPU has to come to rest.
            self._looked_at = True
            self._check_light(image_BCHW, varied)
        height, width = varied.shape[-2:] if size is None else (size, size)
        return resize(varied.float(), height=height, width=width).clamp(0.0, 255.0)

    def _check_light(self, image_BCHW: Tensor, varied: Tensor) -> None:
        """Refuses images in [0, 1] or normalised, which would be trained on as if they were black."""
        brightest = varied.max().item()
        if varied.is_floating_point() and 0 < brightest <= _BLACK and image_BCHW.max() > 8 * _BLACK:
            raise ConfigError(
                f"augment._target_={self._target} turns images in [0, 255] into values from {varied.min():.3g} to "
                f"{brightest:.3g}: it must give images in [0, 255], neither scaled nor normalised; the model does that"
            )

    def batch(
        self,
        batch: Mapping[str, Tensor],
        *,
        size: int | None = None,
        generator: torch.Generator,
        share: BatchShard = WHOLE,
    ) -> dict[str, Tensor]:
        """The batch with its "image" varied; see `fer.data.augment.Augment.batch`."""
        return {**batch, "image": self(batch["image"], size=size, generator=generator)}


def build_augment(config: AugmentConfig | OwnAugmentConfig, *, num_classes: int = NUM_CLASSES) -> Augment | OwnAugment:
    """What a configuration's augment section asks for, for so many labels.

    Raises:
        ConfigError: a class of one's own that is not there, or refuses its arguments.
    """
    return OwnAugment(config) if isinstance(config, OwnAugmentConfig) else Augment(config, num_classes=num_classes)
