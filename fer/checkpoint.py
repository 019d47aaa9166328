"""Self-describing checkpoints: what a file needs to become a net again, as primitives."""

import math
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from fer.accelerator import fast_inference
from fer.errors import CheckpointError, FerError
from fer.labels import EMOTIONS
from fer.models.registry import build_net
from fer.preprocess import Preprocess

SCHEMA: Final = 1
KEY: Final = "fer"
"""Where a Lightning checkpoint holds our description."""


@dataclass(frozen=True, kw_only=True)
class NetSpec:
    """All that is needed to build a net without its weights.

    Attributes:
        name: a name of `fer.models.registry`.
        channels: channels the net takes.
        size: height and width the net takes, in pixels.
        params: arguments of the net's builder; plain types only.
    """

    name: str
    channels: int
    size: int
    params: Mapping[str, Any]

    def build(self) -> nn.Module:
        """The net, freshly initialised."""
        return build_net(
            self.name, in_channels=self.channels, num_classes=len(EMOTIONS), size=self.size, params=self.params
        )


class _Described(BaseModel):
    # Written by a program: nothing is converted, and what a later version adds is left alone.
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class _Net(_Described):
    model_config = ConfigDict(extra="forbid")

    name: str
    channels: Literal[1, 3]
    size: int = Field(ge=8, le=1024)
    params: dict[str, Any]


class _Preprocessing(_Described):
    model_config = ConfigDict(extra="forbid")

    channels: Literal[1, 3]
    size: int = Field(ge=8, le=1024)
    mean: float = Field(allow_inf_nan=False)
    std: float = Field(gt=0, allow_inf_nan=False)


class _Description(_Described):
    """What `describe` gives, as a file of any origin must hold it."""

    net: _Net
    preprocess: _Preprocessing
    labels: Annotated[list[str], Field(min_length=len(EMOTIONS), max_length=len(EMOTIONS))]
    data_fingerprint: str


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A trained model, ready to be asked.

    Attributes:
        net: in eval mode, float32, on the CPU.
        preprocess: the preprocessing the net was trained with.
        spec: how the net is built.
        labels: class names in the order of the outputs.
        data_fingerprint: content fingerprint of the data it was trained on.
        epoch: the last epoch trained, from 0.
    """

    net: nn.Module
    preprocess: Preprocess
    spec: NetSpec
    labels: tuple[str, ...]
    data_fingerprint: str
    epoch: int

    def probabilities(
        self, images: npt.NDArray[np.uint8], *, flip: bool = False, batch_size: int = 256, fast: bool = False
    ) -> npt.NDArray[np.float32]:
        """Probabilities (N, K) of images (N, C, H, W).

        Args:
            images: uint8 images.
            flip: average with the mirrored image's answer.
            batch_size: images asked about at a time.
            fast: in the precision of `fer.accelerator.fast_inference`, for answers that need not repeat to the last
                digit.
        """
        device = next((tensor.device for tensor in self.net.state_dict().values()), torch.device("cpu"))
        chunks = []
        with torch.inference_mode(), fast_inference(device) if fast else nullcontext():
            for start in range(0, len(images), batch_size):
                batch = torch.from_numpy(np.ascontiguousarray(images[start : start + batch_size])).to(device)
                x_BCHW = self.preprocess(batch).contiguous(memory_format=torch.channels_last)
                probability_BK = self.net(x_BCHW).softmax(dim=1)
                if flip:
                    probability_BK = (probability_BK + self.net(x_BCHW.flip(3)).softmax(dim=1)) / 2
                chunks.append(probability_BK.float().cpu().numpy())
        return np.concatenate(chunks) if chunks else np.zeros((0, len(self.labels)), np.float32)


_ROOM: Final = 1 << 26
"""Bytes that a net may take beyond its weights: masks, position codes, values made and thrown away on building."""

_MAKERS: Final = frozenset(
    {torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.eye, torch.linspace, torch.arange}
)


class _BeyondMeans(Exception):
    """A net needs more memory than its file can fill."""


class _WithinMeans(TorchFunctionMode):
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
            raise _BeyondMeans
        made = func(*args, **({} if kwargs is None else kwargs))
        if func in _MAKERS:
            self._bytes -= made.nbytes
            self._tensors -= 1
            if self._bytes < 0 or self._tensors < 0:
                raise _BeyondMeans
        return made


def _cells(sizes: object) -> int:
    """The product of the whole numbers in a call's arguments: the cells, or more, of a tensor that it makes."""
    if isinstance(sizes, Sequence):
        return math.prod(map(_cells, sizes))
    return max(1, abs(sizes)) if isinstance(sizes, int) else 1


def describe(spec: NetSpec, preprocess: Preprocess, *, data_fingerprint: str) -> dict[str, Any]:
    """The description that goes into a checkpoint under `KEY`."""
    return {
        "schema": SCHEMA,
        "net": {"name": spec.name, "channels": spec.channels, "size": spec.size, "params": dict(spec.params)},
        "preprocess": preprocess.arguments,
        "labels": list(EMOTIONS),
        "data_fingerprint": data_fingerprint,
    }


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The raw content of a checkpoint of ours, without running any code it may carry.

    Raises:
        CheckpointError: missing, truncated, not ours, or of a newer schema.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint at {path}")
    try:
        _check_archive(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    # Unpickling damaged bytes "may raise other exceptions" (the pickle module's manual), and does: any of them.
    except Exception as error:
        reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
        raise CheckpointError(
            f"{path} is not a readable checkpoint (truncated, or not safe to load): {reason}"
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get(KEY), dict) or "state_dict" not in content:
        raise CheckpointError(f"{path} was not written by fer-train: it does not describe its model")
    schema = content[KEY].get("schema")
    if not isinstance(schema, int) or schema != SCHEMA:
        raise CheckpointError(
            f"{path} has checkpoint schema {schema!r:.40}; this version reads {SCHEMA}: update ferlab"
        )
    _check_content(content, origin=str(path))
    return content


def _check_archive(path: Path) -> None:
    """Refuses a file that would grow on reading (torch stores tensors as they are, each once), or that is damaged.

    Raises:
        ValueError: no zip, one that was not written by torch, or one whose content is not what was written.
    """
    size = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except zipfile.BadZipFile as error:
        raise ValueError(str(error)) from error
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise ValueError("it is compressed, as torch compresses nothing")
    claimed = sum(member.file_size for member in members)
    if claimed > size:
        raise ValueError(f"it claims to hold {claimed:,} bytes, and has {size:,}")
    # torch writes sums and does not read them: a flipped bit in a weight would be another model, without a word.
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise ValueError(f"{damaged} is damaged: its content is not what was written")


def _check_content(content: Mapping[str, Any], *, origin: str) -> None:
    try:
        description = _Description.model_validate(content[KEY])
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, (KEY, *first["loc"])))
        raise CheckpointError(
            f"{origin} does not describe its model ({key}: {first['msg']}): take a checkpoint of fer-train"
        ) from error
    if tuple(description.labels) != EMOTIONS:
        raise CheckpointError(
            f"{origin} is of other classes ({', '.join(description.labels)[:200]}); this version knows "
            f"{', '.join(EMOTIONS)}"
        )
    weights, epoch = content["state_dict"], content.get("epoch", 0)
    tensors = isinstance(weights, Mapping) and all(
        isinstance(name, str) and isinstance(value, Tensor) and value.layout == torch.strided and not value.is_quantized
        for name, value in weights.items()
    )
    if not tensors or not isinstance(epoch, int):
        raise CheckpointError(f"{origin} holds no weights that can be read: take a checkpoint of fer-train")


def spec_of(content: Mapping[str, Any]) -> NetSpec:
    """The net's specification in a checkpoint's content."""
    net = content[KEY]["net"]
    return NetSpec(name=net["name"], channels=net["channels"], size=net["size"], params=net["params"])


def load_model(path: Path) -> LoadedModel:
    """The trained model in a checkpoint.

    Raises:
        CheckpointError: missing, truncated, not ours, or its weights do not fit the net it describes.
    """
    content = read_checkpoint(path)
    description = content[KEY]
    spec = spec_of(content)
    weights = {
        name.removeprefix("net."): tensor for name, tensor in content["state_dict"].items() if name.startswith("net.")
    }
    stored = path.stat().st_size
    if sum(tensor.nbytes for tensor in weights.values()) > _ROOM + 2 * stored:
        raise CheckpointError(f"{path}: its weights are larger than the file ({stored:,} bytes): it was tampered with")
    try:
        with _WithinMeans(bytes_left=_ROOM + 2 * stored, tensors_left=10_000 + 4 * len(weights)):
            net = spec.build()
    except _BeyondMeans as error:
        raise CheckpointError(
            f"{path}: its weights do not fit the net {spec.name!r} that it describes, which is many times larger"
        ) from error
    except FerError as error:
        raise CheckpointError(f"{path} describes a net that this version cannot build: {error}") from error
    except (RuntimeError, ValueError, TypeError, ArithmeticError, AssertionError, LookupError) as error:
        # Values of the right types that the net's layers refuse.
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(f"{path} describes a net that cannot be built ({reason}): train it again") from error
    try:
        net.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(
            f"{path}: its weights do not fit the net {spec.name!r} that it describes: {error}"
        ) from error
    return LoadedModel(
        # Filters in the order of the images they meet: a quarter faster on a CPU.
        net=net.eval().to(memory_format=torch.channels_last),
        preprocess=Preprocess(**_Preprocessing.model_validate(description["preprocess"]).model_dump()),
        spec=spec,
        labels=tuple(description["labels"]),
        data_fingerprint=description["data_fingerprint"],
        epoch=int(content.get("epoch", 0)),
    )
