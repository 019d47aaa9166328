"""Hydra composes the shipped files and the command line into one plain tree; what it refuses is told in one line."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fer.common.errors import ConfigError, FerError, nearest
from fer.common.plugins import allow_named_by
from fer.common.wording import printable_path
from fer.config.conf_files import conf_dir, config_groups, group_options
from fer.config.grammar import MAX_WORDS, no_setting, understood
from fer.config.own_parts import with_own_parts
from fer.config.plain_tree import all_keys, composed_tree, dotted_keys, resolved


def compose_train(overrides: Sequence[str], *, config_name: str = "train") -> dict[str, Any]:
    """The plain, resolved configuration of `fer-train OVERRIDES`.

    Args:
        overrides: as on the command line.
        config_name: the primary configuration: `train`, or one that adds keys of its own to it.

    Raises:
        ConfigError: an override Hydra cannot apply; the message names the key and its nearest neighbours.
    """
    tree = compose_in(conf_dir(), config_name, overrides, known=lambda: all_keys(config_name))
    # The files of an earlier run have no part in it: what it names, the person at the command line named.
    allow_named_by(tree)
    return tree


def compose_in(
    folder: Path, config_name: str, overrides: Sequence[str], *, known: Callable[[], list[str]]
) -> dict[str, Any]:
    """As `compose_train`, from the files of another folder.

    Args:
        folder: holds `config_name`.yaml.
        config_name: the primary configuration.
        overrides: as on the command line.
        known: the keys there are, for the message of an error.
    """
    for override in overrides:
        if not override.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in override):
            raise ConfigError(
                f"{printable_path(override)!r} is no text in UTF-8, so it cannot be written into config.yaml: rename "
                "what it names, or give a link to it with another name (ln -s)"
            )
    told, mappings = understood(with_own_parts(overrides))
    try:
        return composed_tree(folder, config_name, told, mappings=mappings)
    except FerError:
        raise
    except refusals() as error:
        raise refused(error, overrides, known=known) from error


def refused(error: Exception, overrides: Sequence[str], *, known: Callable[[], list[str]] | None = None) -> ConfigError:
    """One of `refusals` as a mistake: Hydra's own words, shortened, with the nearest valid key or option.

    Args:
        error: what Hydra or OmegaConf raised on `overrides`.
        overrides: as on the command line.
        known: the keys there are; None for those of `fer-train`.
    """
    return ConfigError(_hydra_message(error, overrides, all_keys if known is None else known))


def plain(composed: Any) -> dict[str, Any]:
    """An OmegaConf tree as plain dicts and lists: the run folder named, interpolations resolved, `???` refused.

    Raises:
        ConfigError: it cannot be resolved.
    """
    try:
        return resolved(composed)
    except FerError:
        raise
    except refusals() as error:
        raise ConfigError(" ".join(str(error).split())[:MAX_WORDS]) from error


def refusals() -> tuple[type[Exception], ...]:
    """What Hydra and OmegaConf raise on overrides they refuse: besides their own errors they let others through.

    `model=null` is a ValueError, a number of 5,000 digits another, braces in braces a RecursionError, a name that no
    file can have an OSError, and `+=emissions`, which adds to no group, an AssertionError.
    """
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    theirs = (HydraException, OmegaConfBaseException)
    return *theirs, AssertionError, AttributeError, OSError, RecursionError, TypeError, ValueError


def _hydra_message(error: Exception, overrides: Sequence[str], known: Callable[[], list[str]]) -> str:
    from hydra.errors import HydraException, OverrideParseException
    from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

    if isinstance(error, MissingMandatoryValue) and str(error.full_key).endswith("_target_"):
        return f"{error.full_key} is missing: name the class, as in {error.full_key}=package.module.Class"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(line for line in lines if not line.startswith(("full_key:", "object_type=")))
    pairs = [(override, *override.lstrip("+~").partition("=")[::2]) for override in overrides]
    groups = {**config_groups(), "space": group_options("space")}
    # A multirun, and a list, give several values with commas between them.
    for key, value in ((key, value.strip("[] ")) for _, key, values in pairs for value in values.split(",")):
        if f"'{key}/{value}'" in text and key in groups:
            options = groups[key]
            return f"{key}={value}: there is no such {key}{nearest(value, options)}; choose one of {', '.join(options)}"
    for override, key, _ in pairs:
        if ("=" not in override and not override.startswith("~")) or not key.partition("@")[0]:
            return f"{override!r} is no KEY=VALUE{nearest(key, set(known()) - {key})}"
        if override.startswith("+") and text.startswith(f"Multiple values for {key}."):
            return f"{override}: the key is there: write {override.lstrip('+')}"
        if (
            f"override '{key}'" in text
            or f"delete from config. '{key}'" in text
            or f"Key '{key.rpartition('.')[2]}'" in text
        ):
            if key in config_groups():
                wrong = next(
                    (each for each, name, value in pairs if name == key and value not in groups[key]), override
                )
                return f"{wrong}: {key} chooses a file: give one of {', '.join(groups[key])}"
            keys = known()
            if "optimizer.lr" in keys:
                there = _keys_of_chosen(overrides, keys)
                said = _added(override, overrides) or (_left_out(override, there) if key in keys else None)
                if said is not None:
                    return said
                keys = there
            return f"{override}: no such key{nearest(key, keys)}; `fer-train --cfg job` lists them"
    if isinstance(error, OverrideParseException):
        return no_setting(error.override)
    if not text or not isinstance(error, HydraException | OmegaConfBaseException):
        text = text or "Hydra cannot apply this; a value taken from elsewhere (${...}) may not name a group's file"
        return f"{' '.join(overrides)[:MAX_WORDS]}: {text[:MAX_WORDS]}"
    return text[:MAX_WORDS]


def _added(override: str, overrides: Sequence[str]) -> str | None:
    """What to write where a key of fer-train is only missing in the chosen files, which Hydra wants a plus for."""
    from fer.config.schema import typed

    section = override.partition("=")[0].rpartition(".")[0]
    if override.startswith(("+", "~")) or not section:
        return None
    chosen = _chosen(overrides)

    def accepted(more: str) -> bool:
        tree = _composed([*chosen, more, "run_dir=unused"])
        try:
            return tree is not None and typed(tree) is not None
        except FerError:
            return False

    # A section that takes arguments of a class takes any name here, and may hold a slip.
    if not accepted(f"+{override}") or accepted(f"+{section}.no_such_key=1"):
        return None
    return f"{override}: the key is there, but the chosen {section} does not name it: write +{override}"


def _left_out(override: str, keys: Sequence[str]) -> str | None:
    """What there is instead of a key that other files of its group have."""
    key = override.lstrip("+~").partition("=")[0]
    if key in keys:
        return None
    section = key
    while section and section not in keys:
        section = section.rpartition(".")[0]
    instead = [each for each in keys if each.rpartition(".")[0] == section]
    told = f"it has {', '.join(instead)}" if instead else f"its {section} has none"
    return f"{override}: no such key in the chosen {key.partition('.')[0]}; {told}"


def _keys_of_chosen(overrides: Sequence[str], keys: Sequence[str]) -> list[str]:
    """Of the keys that a command has by default, those with these options of groups; all where they do not compose."""
    composed = _composed([*_chosen(overrides), "run_dir=unused"])
    if composed is None:
        return list(keys)
    chosen = dotted_keys(composed)
    # A command may have keys beside those of a training.
    return sorted({*chosen, *keys} - (set(all_keys()) - set(chosen)))


def _composed(overrides: Sequence[str]) -> dict[str, Any] | None:
    """The tree of a training; None where Hydra refuses it, whose refusal would be put into words with this again."""
    try:
        told, mappings = understood(with_own_parts(overrides))
        return composed_tree(conf_dir(), "train", told, mappings=mappings)
    except FerError:
        return None
    except refusals():
        return None


def _chosen(overrides: Sequence[str]) -> list[str]:
    """Those that choose an option of a group."""
    return [each for each in overrides if each.partition("=")[0] in config_groups()]
