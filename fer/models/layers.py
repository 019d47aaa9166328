"""A net as a stack of layers: where its head begins, in which order its parts lie, which are frozen, what they drop."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

Fraction = Annotated[float, Field(ge=0, lt=1)]
"""A dropping probability: 0 drops nothing, 1 would drop everything; checked by `fer.models.registry.check_params`."""


def top_layers(net: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Dotted name and module of each top-level part, in the order of definition; a `Sequential` counts by its parts.

    "conv1", "bn1", ..., "layer1.0", "layer1.1", ..., "fc" of a ResNet; "stages.0", "stages.1", ..., "head" of a CNN.
    """
    for name, child in net.named_children():
        if isinstance(child, nn.Sequential) and len(child) > 0:
            yield from ((f"{name}.{part}", module) for part, module in child.named_children())
        else:
            yield name, child


def head_parameters(net: nn.Module) -> dict[str, nn.Parameter]:
    """Name -> parameter of the classifier: what `get_classifier()` of a timm model gives, or the attribute `head`.

    Empty for a net without one, such as the baselines, or one's own that calls it otherwise.
    """
    get_classifier = getattr(net, "get_classifier", None)
    heads = getattr(net, "head", ()) if get_classifier is None else get_classifier()
    # Distilled transformers have two.
    modules = heads if isinstance(heads, tuple | list) else (heads,)
    inside = {id(parameter) for module in modules for parameter in module.parameters()}
    return {name: parameter for name, parameter in net.named_parameters() if id(parameter) in inside}


def layer_index(net: nn.Module) -> dict[str, int]:
    """Parameter name -> depth of its layer: 0 at the image, rising without a gap to the head's.

    timm models say themselves what a layer is (`group_matcher`: the stem, each block, the head); in other nets it is
    each of the `top_layers` that has parameters.
    """
    head = head_parameters(net)
    group_matcher = getattr(net, "group_matcher", None)
    if group_matcher is not None:
        from timm.models import group_parameters

        raw: dict[str, float] = group_parameters(net, group_matcher(coarse=False), reverse=True)
    else:
        prefixes = [name for name, _ in top_layers(net)]
        raw = {
            name: next((depth for depth, prefix in enumerate(prefixes) if name.startswith(f"{prefix}.")), -1)
            for name, _ in net.named_parameters()
        }
    above = max(raw.values(), default=0) + 1
    raw = {name: above if name in head else depth for name, depth in raw.items()}
    rank = {depth: index for index, depth in enumerate(sorted(set(raw.values())))}
    return {name: rank[depth] for name, depth in raw.items()}


def unfreeze(net: nn.Module, *, fraction: float) -> None:
    """Makes the head and the topmost `fraction` of the layers below it trainable, and freezes the rest.

    Args:
        net: any net of the registry.
        fraction: share of the layers below the head, in [0, 1], rounded up; 0 trains the head alone, 1 the whole net.
    """
    assert 0 <= fraction <= 1, fraction
    depth_of = layer_index(net)
    head = head_parameters(net)
    below = sorted({depth for name, depth in depth_of.items() if name not in head})
    frozen = set(below[: int(len(below) * (1 - fraction) + 1e-9)])
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(name in head or depth_of[name] not in frozen)
    set_norm_modes(net)


def set_norm_modes(net: nn.Module) -> None:
    """Puts each batch norm whose parameters are frozen into eval mode, the others into the mode of the net.

    A frozen batch norm in training mode would still follow the batches with its statistics. Call it after every
    `net.train()`.
    """
    for module in net.modules():
        if isinstance(module, _BatchNorm):
            parameters = list(module.parameters())
            learns = not parameters or any(parameter.requires_grad for parameter in parameters)
            module.train(net.training and learns)
