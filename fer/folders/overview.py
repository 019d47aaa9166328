"""What a run folder says of itself at a glance, whatever state it is in: for lists of many runs that may be at work."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from fer.common.errors import FerError
from fer.common.files import is_held, read_json, read_text
from fer.folders.record import checked_manifest, read_config, read_epochs
from fer.folders.run import RunFolder

RunStatus = Literal["running", "finished", "stopped", "failed", "broken"]

_QUICK_BYTES: Final = 1 << 16
"""Configurations up to this size are read by libyaml, twenty times faster; one of a run has 2 kB."""


@dataclass(frozen=True, kw_only=True)
class RunOverview:
    """The state of a run.

    Attributes:
        folder: where it is.
        status: running (a process holds the folder), finished, stopped (by a signal, or killed), failed (by an error),
            broken (a file of it cannot be read).
        reason: why it is stopped, failed or broken; None for the others.
        config: the resolved configuration; empty for a broken one.
        manifest: as written; empty where there is none.
        epochs: one mapping an epoch.
        final: the final numbers; empty unless finished.
    """

    folder: RunFolder
    status: RunStatus
    reason: str | None
    config: Mapping[str, Any]
    manifest: Mapping[str, Any]
    epochs: tuple[Mapping[str, Any], ...]
    final: Mapping[str, Any]


def overview(path: Path, *, held: bool | None = None) -> RunOverview:
    """The state of the run in a folder; what is wrong with it is its state, and no error.

    Args:
        path: the folder.
        held: whether a process trains in it, where that is known; None to ask.
    """
    folder = RunFolder(path)
    config: Mapping[str, Any] = {}
    manifest: Mapping[str, Any] = {}
    epochs: tuple[Mapping[str, Any], ...] = ()
    try:
        config = _quick_config(folder.config) or read_config(folder.config)
        if folder.manifest.is_file():
            manifest = checked_manifest(folder.manifest, read_json(folder.manifest))
        epochs, _ = read_epochs(folder.epochs)
        final = read_json(folder.metrics) if folder.metrics.is_file() else {}
    except (FerError, OSError) as error:
        return _broken(folder, str(error), config=config, manifest=manifest, epochs=epochs)
    status, reason = _status(folder, manifest, held=held)
    return RunOverview(
        folder=folder, status=status, reason=reason, config=config, manifest=manifest, epochs=epochs, final=final
    )


def _status(folder: RunFolder, manifest: Mapping[str, Any], *, held: bool | None) -> tuple[RunStatus, str | None]:
    told = manifest.get("status")
    if folder.metrics.is_file():
        return "finished", None
    if is_held(folder.path) if held is None else held:
        return "running", None
    error = str(manifest.get("error", ""))
    if told == "failed":
        return "failed", error or "its log.jsonl says why"
    if told == "interrupted":
        return "stopped", f"stopped by {error.rpartition(': ')[2]}" if error else "stopped"
    return "stopped", "its process was killed without notice" if told == "running" else "it has not begun"


def _broken(folder: RunFolder, reason: str, **read: Any) -> RunOverview:
    return RunOverview(folder=folder, status="broken", reason=reason, final={}, **read)


def _quick_config(path: Path) -> Mapping[str, Any] | None:
    """The configuration as libyaml reads it; None where `read_config` has to look, which also says what is wrong."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", None)
    try:
        text = read_text(path)
        # It would follow nested brackets to the end of its stack, and it writes aliases out.
        if loader is None or len(text) > _QUICK_BYTES or text.count("[") + text.count("{") > 500 or "*" in text:
            return None
        if any(len(line) - len(line.lstrip(" -?:")) > 80 for line in text.splitlines()):
            return None
        tree = yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader
    except (OSError, ValueError, yaml.YAMLError):
        return None
    whole = isinstance(tree, dict) and isinstance(tree.get("data"), dict) and isinstance(tree.get("model"), dict)
    return tree if whole and isinstance(tree["model"].get("name"), str) else None
