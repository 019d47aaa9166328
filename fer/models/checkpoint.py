"""Self-describing checkpoints: what a file needs to become a net again, as primitives."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from fer.common.errors import CheckpointError, ConfigError, FerError
from fer.common.labels import EMOTIONS, NUM_CLASSES
from fer.common.plugins import LIBRARIES, check_allowed
from fer.models.accelerator import fast_inference
from fer.models.cam import CHOSEN, cam_target
from fer.models.checkpoint_safety import (
    ROOM,
    AllocationExceeded,
    AllocationGuard,
    Preprocessing,
    check_archive,
    check_content,
)
from fer.models.heads import merge_heads
from fer.models.own_net import build_own_net, resolved
from fer.models.preprocess import Preprocess
from fer.models.registry import build_net

SCHEMA: Final = 1
KEY: Final = "fer"
"""Where a Lightning checkpoint holds our description."""


class ConfiguredNet(Protocol):
    """The part of a model's configuration that says how its net is built; `NetSpec` tells what each means."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def channels(self) -> int: ...  # noqa: D102
    @property
    def size(self) -> int: ...  # noqa: D102
    @property
    def params(self) -> Mapping[str, Any]: ...  # noqa: D102
    @property
    def target(self) -> str | None: ...  # noqa: D102
    @property
    def cam_layer(self) -> str | None: ...  # noqa: D102


@dataclass(frozen=True, kw_only=True)
class NetSpec:
    """All that is needed to build a net without its weights.

    Attributes:
        name: a name of `fer.models.registry`.
        channels: channels the net takes.
        size: height and width the net takes, in pixels.
        params: arguments of the net's builder; plain types only.
        heads: 1, or 2 for a net that predicts labels and votes (`fer.models.heads`).
        votes_share: of two heads, the weight of the votes' in the merged model, in [0, 1].
        num_classes: K, the labels that each head predicts.
        target: `module:qualname` of a class of one's own; None for a net of the registry.
        cam_layer: the layer that Grad-CAM looks at, by its name in the net; None finds one.
    """

    name: str
    channels: int
    size: int
    params: Mapping[str, Any]
    heads: int = 1
    votes_share: float = 0.0
    num_classes: int = NUM_CLASSES
    target: str | None = None
    cam_layer: str | None = None

    @classmethod
    def of(cls, model: ConfiguredNet, *, num_classes: int = NUM_CLASSES) -> "NetSpec":
        """What the model section of a configuration asks for, for so many labels.

        Raises:
            ConfigError: it names a class that is none, or may not be imported.
        """
        spec = cls(
            name=model.name,
            channels=model.channels,
            size=model.size,
            params=model.params,
            num_classes=num_classes,
            cam_layer=model.cam_layer,
        )
        if model.target is None:
            return spec
        own = resolved(model.target, model.params, name=model.name)
        return replace(spec, target=own.net, params=own.net_params)

    def build(self) -> nn.Module:
        """The net, freshly initialised.

        Raises:
            ConfigError: an unknown net or parameter, or a class of one's own that is no net.
        """
        arguments: dict[str, Any] = {
            "in_channels": self.channels,
            "num_classes": self.heads * self.num_classes,
            "size": self.size,
            "params": self.params,
        }
        net = build_net(self.name, **arguments) if self.target is None else build_own_net(self.target, **arguments)
        if self.cam_layer is not None:
            setattr(net, CHOSEN, self.cam_layer)
            cam_target(net, in_channels=self.channels, size=self.size)
        return net


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

    @property
    def finite(self) -> bool:
        """Whether its weights are numbers; those of a training that diverged are not."""
        return all(bool(tensor.isfinite().all()) for tensor in self.net.state_dict().values())

    def probabilities(
        self, images: npt.NDArray[np.uint8], *, flip: bool = False, batch_size: int = 256, fast: bool = False
    ) -> npt.NDArray[np.float32]:
        """Probabilities (N, K) of images (N, C, H, W).

        Args:
            images: uint8 images.
            flip: average with the mirrored image's prediction.
            batch_size: images asked about at a time.
            fast: in the precision of `fer.models.accelerator.fast_inference`, for predictions that need not be
                reproducible to the last digit.
        """
        device = next((tensor.device for tensor in self.net.state_dict().values()), torch.device("cpu"))
        # Filled in place: small results kept one by one between large temporary ones would leave holes that no later
        # batch fits into, 10 kB a face.
        probability_NK = np.empty((len(images), len(self.labels)), np.float32)
        with torch.inference_mode(), fast_inference(device) if fast else nullcontext():
            for start in range(0, len(images), batch_size):
                batch = torch.from_numpy(np.ascontiguousarray(images[start : start + batch_size])).to(device)
                x_BCHW = self.preprocess(batch).contiguous(memory_format=torch.channels_last)
                probability_BK = self.net(x_BCHW).softmax(dim=1)
                if flip:
                    probability_BK = (probability_BK + self.net(x_BCHW.flip(3)).softmax(dim=1)) / 2
                probability_NK[start : start + batch_size] = probability_BK.float().cpu().numpy()
        return probability_NK


def describe(
    spec: NetSpec,
    preprocess: Preprocess,
    *,
    data_fingerprint: str,
    labels: Sequence[str] = EMOTIONS,
    training: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The description that goes into a checkpoint under `KEY`.

    Args:
        spec: the net.
        preprocess: what it is shown.
        data_fingerprint: of what it learns from.
        labels: what it predicts, in the order of the outputs.
        training: how it is trained, as plain values (`fer.models.restored.Training`).
    """
    assert len(labels) == spec.num_classes, (labels, spec)
    heads = {"heads": spec.heads, "votes_share": spec.votes_share} if spec.heads > 1 else {}
    own = {key: value for key, value in (("target", spec.target), ("cam_layer", spec.cam_layer)) if value is not None}
    net = {"name": spec.name, "channels": spec.channels, "size": spec.size, "params": dict(spec.params)}
    return {
        "schema": SCHEMA,
        "net": {**net, **heads, **own},
        "preprocess": preprocess.arguments,
        "labels": list(labels),
        "data_fingerprint": data_fingerprint,
        **({} if training is None else {"training": dict(training)}),
    }


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The raw content of a checkpoint of ours, without running any code it may carry.

    Raises:
        CheckpointError: missing, truncated, not ours, or of a newer schema.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint at {path}")
    try:
        check_archive(path)
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
    check_content(content, described=content[KEY], origin=str(path))
    return content


def spec_of(content: Mapping[str, Any]) -> NetSpec:
    """The net's specification in a checkpoint's content."""
    net = content[KEY]["net"]
    return NetSpec(
        name=net["name"],
        channels=net["channels"],
        size=net["size"],
        params=net["params"],
        heads=net.get("heads", 1),
        votes_share=net.get("votes_share", 0.0),
        num_classes=len(content[KEY]["labels"]),
        target=net.get("target"),
        cam_layer=net.get("cam_layer"),
    )


def net_of(content: Mapping[str, Any], path: Path) -> tuple[NetSpec, nn.Module]:
    """The net that a checkpoint describes, with its weights and all its heads, in training mode.

    Args:
        content: of `read_checkpoint`.
        path: where it was read.

    Raises:
        CheckpointError: the net cannot be built, or the weights do not fit it.
        ConfigError: its class is of a package that nobody allowed (`fer.common.plugins`).
    """
    spec = spec_of(content)
    if spec.target is not None:
        check_allowed(spec.target, str(path), libraries=True)
    weights = {
        name.removeprefix("net."): tensor for name, tensor in content["state_dict"].items() if name.startswith("net.")
    }
    stored = path.stat().st_size
    if sum(tensor.nbytes for tensor in weights.values()) > ROOM + 2 * stored:
        raise CheckpointError(f"{path}: its weights are larger than the file ({stored:,} bytes): it was tampered with")
    # Code that somebody trusts may take what it wants.
    guarded = spec.target is None or spec.target.partition(".")[0] in LIBRARIES
    try:
        guard = AllocationGuard(bytes_left=ROOM + 2 * stored, tensors_left=10_000 + 4 * len(weights))
        with guard if guarded else nullcontext():
            net = spec.build()
    except AllocationExceeded as error:
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
    return spec, net


def load_model(path: Path, *, votes_share: float | None = None, merge: bool = True) -> LoadedModel:
    """The trained model in a checkpoint; two heads are merged into one.

    Args:
        path: the checkpoint.
        votes_share: of two heads, the weight of the votes' in [0, 1]; None for what the checkpoint says.
        merge: False keeps both heads, for a teacher of both.

    Raises:
        CheckpointError: missing, truncated, not ours, or its weights do not fit the net it describes.
        ConfigError: a `votes_share` for a net with one head, or a net of a package that nobody allowed.
    """
    content = read_checkpoint(path)
    description = content[KEY]
    spec, net = net_of(content, path)
    if spec.heads > 1 and merge:
        share = spec.votes_share if votes_share is None else votes_share
        merge_heads(net, num_classes=spec.num_classes, votes_share=share)
        spec = replace(spec, heads=1, votes_share=0.0)
    elif votes_share is not None:
        raise ConfigError(f"votes_share={votes_share}: {path} has one head; data.targets=both trains two")
    return LoadedModel(
        # Filters in the order of the images they meet: a quarter faster on a CPU.
        net=net.eval().to(memory_format=torch.channels_last),
        preprocess=Preprocess(**Preprocessing.model_validate(description["preprocess"]).model_dump()),
        spec=spec,
        labels=tuple(description["labels"]),
        data_fingerprint=description["data_fingerprint"],
        epoch=int(content.get("epoch", 0)),
    )
