"""A source that a configuration names: a function or class that gives `FaceSamples`, or a LightningDataModule."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from fer.common.arguments import checked_arguments
from fer.common.errors import DataError, FerError
from fer.common.labels import EMOTIONS, canonical_name, plain_class
from fer.common.plugins import located
from fer.data.cache import Packed
from fer.data.persons import shared_note
from fer.data.samples import FaceSamples, Split, canonical_order, content_hashes, fingerprint

if TYPE_CHECKING:
    from pytorch_lightning import LightningDataModule

logger = logging.getLogger(__name__)

_KEY: Final = "data._target_"

_LOADERS: Final[Mapping[Split, str]] = {
    Split.TRAINING: "train_dataloader",
    Split.PUBLIC: "val_dataloader",
    # The report alone opens these.
    Split.PRIVATE: "test_dataloader",
}


def check_own(target: str, params: Mapping[str, Any]) -> tuple[Callable[..., Any], dict[str, Any]]:
    """What a data section names, and its arguments; no data are read.

    Raises:
        ConfigError: nothing that can be called, none that may be imported, or arguments that it does not take.
    """
    found = located(target, _KEY)
    if not callable(found):
        raise DataError(f"{_KEY}={target} is no function or class: name one that gives fer.data.samples.FaceSamples")
    owner = getattr(found, "__name__", target)
    return found, checked_arguments(found, params, key="data.params", owner=owner)


def open_own(target: str, params: Mapping[str, Any], *, labels: tuple[str, ...] = EMOTIONS) -> Packed:
    """All samples of a source of one's own, in canonical order; not cached, because nothing tells when they change.

    Args:
        target: dotted name of a function or class that gives `FaceSamples`, or of a LightningDataModule.
        params: its arguments.
        labels: what the numbers of a LightningDataModule's labels stand for; `FaceSamples` say it themselves.

    Raises:
        ConfigError: as for `check_own`.
        DataError: it fails, or gives something else.
    """
    found, arguments = check_own(target, params)
    try:
        given = found(**arguments)
        samples = _read(given, target, labels) if _is_datamodule(given) else given
    except FerError:
        raise
    # Whatever the code of others raises, a failed check of FaceSamples among it; FER_DEBUG=1 shows where.
    except Exception as error:
        told = (str(error).strip().splitlines() or ["it breaks a rule of FaceSamples"])[0][:200]
        raise DataError(f"{_KEY}={target} fails with {type(error).__name__}: {told}") from error
    if not isinstance(samples, FaceSamples):
        raise DataError(
            f"{_KEY}={target} gives a {type(samples).__name__}: a source gives fer.data.samples.FaceSamples, or is a "
            "LightningDataModule"
        )
    if len(samples) == 0:
        raise DataError(f"{_KEY}={target} gives no face")
    unknown = sorted(set(samples.splits.tolist()) - set(Split))
    if unknown:
        raise DataError(f"{_KEY}={target} gives the split {str(unknown[0])[:40]!r}: splits are {', '.join(Split)}")
    if len(np.unique(samples.ids)) < len(samples):
        raise DataError(f"{_KEY}={target} gives two faces one id: ids name each face")
    shared = shared_note(samples)
    samples = replace(samples, notes=(*samples.notes, shared)) if shared else samples
    ordered = canonical_order(_by_name(samples, target, labels))
    return Packed(ordered, fingerprint(ordered), built=True)


def _by_name(samples: FaceSamples, target: str, labels: tuple[str, ...]) -> FaceSamples:
    """The samples with their labels in the order of `labels`, where these are the same names in another order.

    Raises:
        DataError: classes that are no names.
    """
    if not all(isinstance(name, str) for name in samples.classes):
        raise DataError(f"{_KEY}={target} gives the classes {list(samples.classes)}: names of classes are text")
    known_as = [canonical_name(name) or plain_class(name) for name in labels]
    given_as = [canonical_name(name) or plain_class(name) for name in samples.classes]
    if sorted(known_as) != sorted(given_as):
        return samples
    number_of_K = np.array([known_as.index(name) for name in given_as])
    return replace(samples, labels=number_of_K[samples.labels], classes=labels)


def _is_datamodule(given: object) -> bool:
    return any(base.__name__ == "LightningDataModule" for base in type(given).__mro__)


def _read(module: "LightningDataModule", target: str, labels_K: tuple[str, ...]) -> FaceSamples:
    """The faces that a LightningDataModule's loaders show in one pass, as samples; ours take over from there.

    Its train loader's faces are Training, its val loader's PublicTest, its test loader's PrivateTest.
    """
    module.prepare_data()
    module.setup("fit")
    module.setup("test")
    images, labels, splits = [], [], []
    for split, hook in _LOADERS.items():
        loader = getattr(module, hook)() if _has(module, hook) else ()
        for image_BCHW, label_B in _batches(loader, target, labels_K):
            images.append(image_BCHW)
            labels.append(label_B)
            splits += [split.value] * len(label_B)
    if not images:
        raise DataError(f"{_KEY}={target} has neither train_dataloader nor val_dataloader that show a face")
    shapes = {image.shape[1:] for image in images}
    if len(shapes) > 1:
        raise DataError(f"{_KEY}={target} shows faces of different shapes {sorted(shapes)}: bring them to one")
    pixels = np.concatenate(images)
    logger.info("read %s faces of %s", f"{len(pixels):,}", target)
    return FaceSamples(
        images=pixels,
        labels=np.concatenate(labels),
        splits=np.array(splits),
        ids=_ids(pixels, splits),
        source=target.rpartition(".")[2],
        classes=labels_K,
    )


def _has(module: "LightningDataModule", hook: str) -> bool:
    """Whether a datamodule brings a loader itself; Lightning's own raise."""
    return not getattr(type(module), hook).__module__.startswith("pytorch_lightning")


def _batches(
    loader: Iterable[Any], target: str, labels: tuple[str, ...]
) -> Iterator[tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]]:
    """Images uint8 (B, C, H, W) and labels int64 (B,) of a loader that shows (image, label) or a dict of both."""
    for batch in loader:
        if isinstance(batch, Mapping) and {"image", "label"} <= set(batch):
            image, label = batch["image"], batch["label"]
        elif isinstance(batch, list | tuple) and len(batch) >= 2:
            image, label = batch[0], batch[1]
        else:
            raise DataError(
                f"{_KEY}={target} shows batches of type {type(batch).__name__}: give (image, label), or a dict of both"
            )
        image_BCHW, label_B = np.asarray(image), np.asarray(label)
        if image_BCHW.ndim != 4 or label_B.shape != (len(image_BCHW),):
            raise DataError(
                f"{_KEY}={target} shows images {image_BCHW.shape} with labels {label_B.shape}: give (B, C, H, W), (B,)"
            )
        if not (label_B.min(initial=0) >= 0 and label_B.max(initial=0) < len(labels)):
            raise DataError(f"{_KEY}={target} shows labels outside 0 to {len(labels) - 1}")
        if (label_B % 1 != 0).any():
            raise DataError(f"{_KEY}={target} shows the label {label_B[label_B % 1 != 0][0]:g}: give whole numbers")
        yield _as_bytes(image_BCHW, target), label_B.astype(np.int64)


def _as_bytes(image_BCHW: npt.NDArray[Any], target: str) -> npt.NDArray[np.uint8]:
    if image_BCHW.dtype == np.uint8:
        return image_BCHW
    # The other way round, so that NaN is refused.
    if not (image_BCHW.min(initial=0) >= 0 and image_BCHW.max(initial=0) <= 1):
        raise DataError(
            f"{_KEY}={target} shows {image_BCHW.dtype} images in [{image_BCHW.min():g}, {image_BCHW.max():g}]: give "
            "uint8, or floats in [0, 1] without normalisation, which the model does itself"
        )
    return np.asarray((image_BCHW * 255).round(), dtype=np.uint8)


def _ids(pixels: npt.NDArray[np.uint8], splits: list[str]) -> npt.NDArray[np.str_]:
    """A name for each face by its content, so that a loader that shuffles gives the same."""
    seen: dict[str, int] = {}
    names = []
    for content, split in zip(content_hashes(pixels).tolist(), splits, strict=True):
        name = f"{split}/{content[:16]}"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return np.array(names)
