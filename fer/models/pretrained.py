"""Weights from elsewhere: ImageNet's from the hub through timm, or a local file, checked for whether they fit."""

import logging
import pickle
import sys
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from fer.common.errors import CheckpointError, ConfigError, FerError
from fer.common.paths import expanded
from fer.models.layers import head_parameters

log = logging.getLogger(__name__)

MIN_OVERLAP: Final = 0.6
"""Share of the backbone's parameters a file must fill. The whole of another architecture fills next to nothing, a
backbone under another stem or of another depth most."""

_WRAPPERS: Final = ("state_dict", "model_state_dict", "model", "net", "state_dict_ema", "model_ema")
"""Keys under which files keep their weights."""

_PREFIXES: Final = ("module.", "_orig_mod.", "model.", "backbone.", "encoder.", "net.")
"""What wrappers (DataParallel, torch.compile, Lightning systems) put before each name."""

_COUNTER: Final = "num_batches_tracked"
"""Of batch norm; older files have none."""

_PROBE_SECONDS: Final = 5.0

_MAX_LISTED: Final = 5
"""Names of fresh tensors that a line of the log shows."""


@dataclass(frozen=True, kw_only=True)
class LoadedWeights:
    """What came of loading weights into a net.

    Attributes:
        source: the file.
        loaded: names of the net's tensors that were filled.
        fresh: names of the net's tensors that keep their initial values.
        unused: names in the file that found no place.
        overlap: share of the backbone's parameters that were filled, in [`MIN_OVERLAP`, 1].
    """

    source: Path
    loaded: tuple[str, ...]
    fresh: tuple[str, ...]
    unused: tuple[str, ...]
    overlap: float


def load_pretrained(net: nn.Module, *, source: bool | str | Path) -> LoadedWeights:
    """Fills `net` with weights trained elsewhere, and tells in the log what it filled.

    Names are matched without the prefixes of wrappers; a file of the same architecture under other names, as other code
    bases call its parts, is matched by the order of its tensors where all their shapes agree. The first convolution is
    adapted between grey and RGB, a transformer's patch and position embeddings to another patch and grid. The
    classifier head is filled only where it has the same shape: from another run of this product, not from ImageNet.

    Args:
        net: any net of the registry.
        source: True for the ImageNet weights of the net's namesake in timm (downloaded once, then from the cache), or
            the path of a `.safetensors` file or of one saved by `torch.save`; False is refused.

    Raises:
        ConfigError: there are no ImageNet weights for this net.
        CheckpointError: the file is missing, unreadable, not only tensors, or made for another net.
        FerError: the hub cannot be reached.
    """
    assert source is not False
    path = fetch_imagenet_weights(net) if source is True else expanded(source)
    weights = read_weights(path)
    wanted = net.state_dict()
    found = _renamed(weights, wanted)
    convert = getattr(sys.modules[type(net).__module__], "checkpoint_filter_fn", None)
    if convert is not None:
        # timm's own conversion for this architecture: patch and position embeddings, names of older releases.
        found = convert(found, net)
    head = head_parameters(net)
    backbone = {name: parameter.numel() for name, parameter in net.named_parameters() if name not in head}
    filled, overlap = _fitting(found, wanted, backbone)
    ordered = _in_order(weights, wanted, head=set(head)) if overlap < MIN_OVERLAP else None
    if ordered is not None:
        found = ordered
        filled, overlap = _fitting(found, wanted, backbone)
    if overlap < MIN_OVERLAP:
        raise CheckpointError(
            f"model.pretrained={path} was made for another net: it fills {overlap:.0%} of the {type(net).__name__}'s "
            f"backbone (at least {MIN_OVERLAP:.0%} needed). The net wants {_examples(wanted, filled)}; "
            f"the file has {_examples(found, filled)}. Choose the model it was made for, or model.pretrained=false"
        )
    net.load_state_dict(filled, strict=False)
    result = LoadedWeights(
        source=path,
        loaded=tuple(filled),
        fresh=tuple(name for name in wanted if name not in filled),
        unused=tuple(name for name in found if name not in filled),
        overlap=overlap,
    )
    rest = [name for name in result.fresh if name not in head and not name.endswith(_COUNTER)]
    log.info(
        "weights  %s: %.0f %% of the %s%s%s%s",
        path.name if source is not True else "ImageNet",
        100 * overlap,
        "backbone" if head else "net",
        ", under other names, matched by order and shape" if ordered is not None else "",
        "" if not head else ", head included" if set(head) <= set(filled) else ", fresh head",
        f"; also fresh: {_listed(rest)}" if rest else "",
    )
    return result


def read_weights(path: Path) -> dict[str, Tensor]:
    """Name -> tensor of a weights file, on the CPU, unwrapped from whatever the file keeps it in.

    No code the file may carry is run.

    Raises:
        CheckpointError: missing, truncated, holding more than tensors and plain values, or holding no tensors.
    """
    if not path.is_file():
        raise CheckpointError(
            f"model.pretrained={path}: there is no such file; give the path of a .safetensors or .pth file, "
            f"true (ImageNet weights) or false"
        )
    content: Any
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            content = load_file(path)
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"model.pretrained={path} is not a readable safetensors file: {error}") from error
    else:
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise CheckpointError(
                f"model.pretrained={path} is no file of torch.save, or holds Python objects beside tensors, which "
                f"could run code: save the net's state_dict() alone, or as .safetensors"
            ) from error
        except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise CheckpointError(f"model.pretrained={path} is not a readable weights file: {reason}") from error
    # Beside what a file keeps its weights in may lie tensors that are none: a best score, predictions.
    while isinstance(content, Mapping):
        inner = next((content[key] for key in _WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            break
        content = inner
    if not isinstance(content, Mapping) or not any(isinstance(value, Tensor) for value in content.values()):
        raise CheckpointError(f"model.pretrained={path} holds no tensors (looked under {', '.join(_WRAPPERS)} too)")
    return {str(name): value for name, value in content.items() if isinstance(value, Tensor)}


def adapt_channels(weight: Tensor, shape: torch.Size) -> Tensor:
    """A convolution's weight (D, 3, h, w) for grey, or (D, 1, h, w) for RGB images; any other weight as it is.

    The filters of the colours are summed, so that a grey image gives what its three equal channels gave; the other way
    round, a third of the filter goes to each colour.
    """
    if weight.ndim != 4 or len(shape) != 4 or weight.shape[0] != shape[0]:
        return weight
    if weight.shape[1] == 3 and shape[1] == 1:
        return weight.sum(dim=1, keepdim=True)
    if weight.shape[1] == 1 and shape[1] == 3:
        return weight.expand(-1, 3, -1, -1) / 3
    return weight


def fetch_imagenet_weights(net: nn.Module) -> Path:
    """The file with the ImageNet weights of a net built by timm, from the hub or from its cache.

    Raises:
        ConfigError: the net is not timm's, or timm has no weights for it.
        FerError: not in the cache, and the hub does not answer within seconds (its own client would retry for minutes).
    """
    import huggingface_hub as hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    cfg: Mapping[str, Any] = getattr(net, "pretrained_cfg", {})
    repo = cfg.get("hf_hub_id")
    if not repo:
        name = cfg.get("architecture", type(net).__name__)
        raise ConfigError(
            f"model.pretrained=true: there are no ImageNet weights for {name}; set it to false or to the path of a file"
        )
    filename = cfg.get("hf_hub_filename") or "model.safetensors"
    try:
        return Path(hub.hf_hub_download(repo, filename, local_files_only=True))
    except LocalEntryNotFoundError:
        pass
    download: Callable[..., str] = hub.hf_hub_download
    try:
        hub.HfApi().model_info(repo, timeout=_PROBE_SECONDS)
        return Path(download(repo, filename))
    # The client's errors change their classes with its HTTP library; whatever it is, the weights did not come.
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise FerError(
            f"model.pretrained=true: cannot fetch {filename} of {repo} from the hub ({reason}). "
            f"Set model.pretrained=false, or fetch the file where there is a network and set model.pretrained=PATH"
        ) from error


def _renamed(weights: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights under the net's names where those lie under prefixes, under bare names otherwise."""
    found: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        bare = name
        while bare not in wanted and (prefix := next((p for p in _PREFIXES if bare.startswith(p)), None)) is not None:
            bare = bare.removeprefix(prefix)
        found.setdefault(bare, tensor)
    return found


def _fitting(
    found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], backbone: Mapping[str, int]
) -> tuple[dict[str, Tensor], float]:
    """The tensors that fit the net's, and the share of the backbone's parameters that they fill."""
    filled = {
        name: adapt_channels(found[name], own.shape)
        for name, own in wanted.items()
        if name in found and _fits(found[name], own)
    }
    return filled, sum(count for name, count in backbone.items() if name in filled) / max(sum(backbone.values()), 1)


def _in_order(
    weights: Mapping[str, Tensor], wanted: Mapping[str, Tensor], *, head: Set[str]
) -> dict[str, Tensor] | None:
    """The weights under the net's names, tensor by tensor; None unless each has the role and the shape of its place.

    A role is the last part of a name: weight, bias, running_mean. Shapes may differ in the head, and in the channels of
    a first convolution.
    """
    theirs, ours = ([name for name in names if not name.endswith(_COUNTER)] for names in (weights, wanted))
    if len(theirs) != len(ours):
        return None
    pairs = list(zip(theirs, ours, strict=True))
    for their, our in pairs:
        same_role = their.rpartition(".")[2] == our.rpartition(".")[2]
        if not same_role or (our not in head and not _fits(weights[their], wanted[our])):
            return None
    return {our: weights[their] for their, our in pairs}


def _fits(weight: Tensor, own: Tensor) -> bool:
    return adapt_channels(weight, own.shape).shape == own.shape


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MAX_LISTED
    return ", ".join(names[:_MAX_LISTED]) + (f" and {more} more" if more > 0 else "")


def _examples(tensors: Mapping[str, Tensor], filled: Mapping[str, Tensor]) -> str:
    """The largest few of the tensors that found no counterpart, with their shapes."""
    left = sorted((name for name in tensors if name not in filled), key=lambda name: -tensors[name].numel())
    return ", ".join(f"{name} {'x'.join(map(str, tensors[name].shape))}" for name in left[:3]) or "nothing else"
