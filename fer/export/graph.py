"""A trained net with its preprocessing and its temperature as one graph, from stored grey faces to probabilities."""

import logging
import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from fer.common.errors import CheckpointError
from fer.models.checkpoint import LoadedModel
from fer.models.preprocess import Preprocess
from fer.runtime.facts import INPUT, MAPS, PROBABILITIES

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 18
"""The operators torch's exporter writes natively, which every ONNX Runtime since 1.14 runs."""

IR_VERSION = 10
"""The newest format of the file that ONNX Runtime 1.20 reads."""


class ClassMaps(NamedTuple):
    """The two halves of a net whose logits are the mean over places of a linear map of its features.

    Attributes:
        features: normalised images (N, C, H, W) -> feature map (N, D, h, w).
        head: the linear map, D -> K.
        cells: h and w.
    """

    features: Callable[[Tensor], Tensor]
    head: nn.Linear
    cells: int


class DeployedNet(nn.Module):
    """Stored grey faces in, probabilities out.

    Args:
        net: logits (N, K) of normalised images.
        preprocess: what the net was trained with.
        temperature: divides the logits (arXiv 1706.04599, section 4.2).
        class_maps: where the net has them, their maps (Zhou et al., arXiv 1512.04150) come out too. They cost nothing:
            the logits are their mean, for a mean and a linear map can change places.
    """

    def __init__(
        self, net: nn.Module, *, preprocess: Preprocess, temperature: float, class_maps: ClassMaps | None
    ) -> None:
        super().__init__()
        self.net = net
        self.preprocess = preprocess
        self.temperature = temperature
        self.class_maps = class_maps

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """uint8 (N, 1, S, S) -> probabilities (N, K), and with class maps these (N, K, h, w)."""
        x_NCHW = self.preprocess(image)
        if self.class_maps is None:
            return (self._probabilities(self.net(x_NCHW)),)
        features, head, _ = self.class_maps
        maps_NKhw = nn.functional.conv2d(features(x_NCHW), head.weight[:, :, None, None])
        logits_NK = maps_NKhw.mean(dim=(2, 3))
        return self._probabilities(logits_NK if head.bias is None else logits_NK + head.bias), maps_NKhw

    def _probabilities(self, logits_NK: Tensor) -> Tensor:
        return (logits_NK / self.temperature).softmax(dim=1)


def find_class_maps(net: nn.Module, *, in_channels: int, size: int) -> ClassMaps | None:
    """The halves of a net that ends in average pooling and a linear map; None for any other net.

    Nets of ours name them `stages` and `head`, those of timm `forward_features` and `get_classifier()`. Whether they
    are all there is, numbers tell: the halves must give the logits of the whole.

    Args:
        net: in eval mode.
        in_channels: image channels.
        size: height and width of the net's images, in pixels.
    """
    features = getattr(net, "forward_features", getattr(net, "stages", None))
    get_classifier = getattr(net, "get_classifier", None)
    head = getattr(net, "head", None) if get_classifier is None else get_classifier()
    if not callable(features) or not isinstance(head, nn.Linear):
        return None
    probe = torch.randn((2, in_channels, size, size), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        try:
            maps = features(probe)
        # In a net of another's, these names may mean anything.
        except Exception:
            return None
        if (
            not isinstance(maps, Tensor)
            or maps.ndim != 4
            or maps.shape[1] != head.in_features
            or maps.shape[2] != maps.shape[3]
        ):
            return None
        whole, halves = net(probe), head(maps.mean(dim=(2, 3)))
        if not torch.allclose(whole, halves, rtol=1e-4, atol=1e-4):
            return None
    return ClassMaps(features, head, int(maps.shape[2]))


def to_onnx(model: LoadedModel, *, size: int, temperature: float) -> "tuple[ModelProto, int | None]":
    """The graph of a model in float32, and the cells a side of its class maps, None where it has none.

    Args:
        model: on the CPU.
        size: height and width of the stored faces, in pixels; what resizing the net wants is in the graph.
        temperature: divides the logits.

    Raises:
        CheckpointError: torch cannot write this net as ONNX.
    """
    net = model.net.to(memory_format=torch.contiguous_format)
    class_maps = find_class_maps(net, in_channels=model.spec.channels, size=model.spec.size)
    deployed = DeployedNet(net, preprocess=model.preprocess, temperature=temperature, class_maps=class_maps).eval()
    example = torch.randint(0, 256, (2, 1, size, size), dtype=torch.uint8)
    with warnings.catch_warnings(), _quiet("torch.onnx", "onnxscript", "onnx_ir"):
        warnings.simplefilter("ignore")
        try:
            program = torch.onnx.export(
                deployed,
                (example,),
                dynamo=True,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=[PROBABILITIES] if class_maps is None else [PROBABILITIES, MAPS],
                dynamic_shapes={"image": {0: torch.export.Dim("N")}},
                verbose=False,
            )
        except (RuntimeError, torch.onnx.OnnxExporterError) as error:
            raise CheckpointError(
                f"torch cannot write the net {model.spec.name!r} as ONNX: {first_cause(error)}"
            ) from error
    assert program is not None
    graph = strip(program.model_proto)
    return graph, None if class_maps is None else class_maps.cells


def first_cause(error: BaseException) -> str:
    """What went wrong at first, in a line: torch wraps it in advice of many lines, with colours for a terminal."""
    while error.__cause__ is not None:
        error = error.__cause__
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip()
    return f"{type(error).__name__}: {(plain.splitlines() or [''])[0][:300]}"


def strip(graph: "ModelProto") -> "ModelProto":
    """The graph without what its making left in it: stack traces with paths, names of classes, notes of tools."""
    from onnx import ModelProto

    clean = ModelProto()
    clean.CopyFrom(graph)
    clean.ir_version = min(clean.ir_version, IR_VERSION)
    for message in (clean, clean.graph, *clean.graph.node, *clean.graph.value_info, *clean.graph.initializer):
        message.ClearField("metadata_props")
        message.ClearField("doc_string")
    for port in (*clean.graph.input, *clean.graph.output):
        port.ClearField("metadata_props")
        port.ClearField("doc_string")
    used = {node.domain for node in clean.graph.node} | {""}
    kept = [entry for entry in clean.opset_import if entry.domain in used]
    del clean.opset_import[:]
    clean.opset_import.extend(kept)
    clean.producer_name, clean.producer_version = "ferlab", ""
    clean.graph.name = "ferlab"
    return clean


class _quiet:  # noqa: N801 - used as a function
    """Silences loggers that tell of every step."""

    def __init__(self, *names: str) -> None:
        self._loggers = [logging.getLogger(name) for name in names]
        self._levels = [logger.level for logger in self._loggers]

    def __enter__(self) -> None:
        for logger in self._loggers:
            logger.setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        for logger, level in zip(self._loggers, self._levels, strict=True):
            logger.setLevel(level)
