"""Checkpoints of any origin: what is refused before a model is made of them."""

import math
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor
from torch.overrides import TorchFunctionMode

from fer.common.errors import CheckpointError, ConfigError
from fer.common.label_set import MAX_LABELS, label_names


def check_archive(path: Path) -> None:
    """Refuses a file that would grow on reading (torch stores tensors as they are, each once), or that is damaged.

    Raises:
        ValueError: no zip, one that was not written by torch, or one whose content is not what was written.
    """
    size = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise ValueError("it is compressed, as torch compresses nothing")
            claimed = sum(member.file_size for member in members)
            if claimed > size:
                raise ValueError(f"it claims to hold {claimed:,} bytes, and has {size:,}")
            # torch writes sums and does not read them: a flipped bit in a weight would be another model, unnoticed.
            damaged = archive.testzip()
    except zipfile.BadZipFile as error:
        raise ValueError(str(error)) from error
    if damaged is not None:
        raise ValueError(f"{damaged} is damaged: its content is not what was written")


def check_content(content: Mapping[str, Any], *, described: Mapping[str, Any], origin: str) -> None:
    """Whether a checkpoint's content, read already, is one that a model can be made of.

    Args:
        content: of the file.
        described: the part of it that describes the model.
        origin: the file's name, for messages.

    Raises:
        CheckpointError: a description, classes or weights that are none of ours.
    """
    try:
        description = _Description.model_validate(described)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise CheckpointError(
            f"{origin} does not describe its model ({key}: {first['msg']}): take a checkpoint of fer-train"
        ) from error
    try:
        label_names(description.labels)
    except ConfigError as error:
        raise CheckpointError(f"{origin} has labels that none of fer-train has ({error}): train it again") from error
    weights, epoch = content["state_dict"], content.get("epoch", 0)
    tensors = isinstance(weights, Mapping) and all(
        isinstance(name, str) and isinstance(value, Tensor) and value.layout == torch.strided and not value.is_quantized
        for name, value in weights.items()
    )
    if not tensors or not isinstance(epoch, int):
        raise CheckpointError(f"{origin} holds no weights that can be read: take a checkpoint of fer-train")


class _Described(BaseModel):
    # Written by a program: nothing is converted, and what a later version adds is left alone.
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class _Net(_Described):
    model_config = ConfigDict(extra="forbid")

    name: str
    channels: Literal[1, 3]
    size: int = Field(ge=8, le=1024)
    params: dict[str, Any]
    heads: int = Field(default=1, ge=1, le=2)
    votes_share: float = Field(default=0.0, ge=0.0, le=1.0)
    target: str | None = Field(default=None, pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$", max_length=300)
    cam_layer: str | None = Field(default=None, max_length=300)


class Preprocessing(_Described):
    """The arguments of `fer.models.preprocess.Preprocess` in a file."""

    model_config = ConfigDict(extra="forbid")

    channels: Literal[1, 3]
    size: int = Field(ge=8, le=1024)
    mean: float = Field(allow_inf_nan=False)
    std: float = Field(gt=0, allow_inf_nan=False)


class _Description(_Described):
    """What `describe` gives, as a file of any origin must hold it."""

    net: _Net
    preprocess: Preprocessing
    labels: Annotated[list[str], Field(min_length=2, max_length=MAX_LABELS)]
    data_fingerprint: str


ROOM: Final = 1 << 26
"""Bytes that a net may take beyond its weights: masks, position codes, values made and thrown away on building."""

_MAKERS: Final = frozenset(
    {torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.eye, torch.linspace, torch.arange}
)


class AllocationExceeded(Exception):
    """A net needs more memory than its file can fill."""


class AllocationGuard(TorchFunctionMode):
    """Within, new tensors may take no more than they should.

    A checkpoint of a kilobyte may describe a net of terabytes. `torch.empty`, which every layer begins with, costs
    nothing until it is written to, so that there is time to say no.
    """

    def __init__(self, *, bytes_left: int, tensors_left: int) -> None:
        super().__init__()
        self._bytes, self._tensors = bytes_left, tensors_left

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func in _MAKERS and _cells(args) > self._bytes:
            raise AllocationExceeded
        made = func(*args, **({} if kwargs is None else kwargs))
        if func in _MAKERS:
            self._bytes -= made.nbytes
            self._tensors -= 1
            if self._bytes < 0 or self._tensors < 0:
                raise AllocationExceeded
        return made


def _cells(sizes: object) -> int:
    """The product of the whole numbers in a call's arguments: the cells, or more, of a tensor that it makes."""
    if isinstance(sizes, Sequence):
        return math.prod(map(_cells, sizes))
    return max(1, abs(sizes)) if isinstance(sizes, int) else 1
