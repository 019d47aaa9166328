"""`fer-train --from RUN`: reproduces a run from its folder alone."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fer.common.errors import ConfigError, DataError
from fer.common.parsing import parse_json
from fer.config.overrides import key_of
from fer.config.saved import changed_settings, completed, compose_on, read_tree
from fer.folders.run import RunFolder
from fer.folders.same_data import data_fingerprint

log = logging.getLogger(__name__)

_DEVICE: Final = ("accelerator", "name", "precision", "threads", "processes")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The run that another one reproduces.

    Attributes:
        run_dir: its folder.
        changed: what the reproduction sets otherwise, as "key=value (was value)"; empty for a plain reproduction.
        manifest: its manifest; empty where it has none.
        other_data: the reproduction was told where its data lie, or which they are.
    """

    run_dir: Path
    changed: tuple[str, ...]
    manifest: Mapping[str, Any]
    other_data: bool

    def compared(self, facts: Mapping[str, Any], environment: Mapping[str, Any]) -> dict[str, Any]:
        """What the reproduction's manifest says of its origin; warns of all that may change its bits.

        Args:
            facts: of the reproduction: device and data, as its manifest will hold them.
            environment: of the reproduction: versions and revision.

        Returns:
            `run_dir`, `changed`, and `differences`, each as "name: now (was then)".

        Raises:
            DataError: other data at the same place. Data named on the command line may be others: training the same
                settings on them is a wish, and is warned of; without a word of the user's it is an accident.
        """
        then = data_fingerprint(self.manifest)
        now = data_fingerprint(facts)
        if then is not None and then != now and not self.other_data:
            raise DataError(
                f"--from {self.run_dir}: the data at the same place are others now (fingerprint {now}, was {then}), so "
                "this would reproduce nothing: give the old data with data.root=PATH, or the same data.root on the "
                "command line to train on what lies there now"
            )
        differences = [] if then is None or then == now else [f"data: {now} (was {then})"]
        if differences:
            log.warning("WARNING  OTHER DATA than %s was trained on: fingerprint %s, was %s", self.run_dir, now, then)
        machine = [
            *_differences("device", self.manifest.get("device"), facts["device"], _DEVICE),
            *_differences("version", self.manifest.get("versions"), environment["versions"], None),
        ]
        revisions = self.manifest.get("git_revision"), environment["git_revision"]
        if revisions[0] != revisions[1]:
            machine.append(f"git_revision: {revisions[1]} (was {revisions[0]})")
        if machine:
            log.warning("warning  not as in %s, so that bits may differ: %s", self.run_dir, "; ".join(machine))
        return {"run_dir": str(self.run_dir), "changed": list(self.changed), "differences": differences + machine}


def reproduced(run_dir: Path, overrides: Sequence[str]) -> tuple[dict[str, Any], Origin]:
    """The plain configuration that reproduces a run in a new run folder, with `overrides` on top.

    Args:
        run_dir: the run's folder, finished or not.
        overrides: as on the command line of `fer-train`.

    Raises:
        ConfigError: no run folder, or an override that cannot be applied.
    """
    saved = completed(read_tree(run_dir))
    if not isinstance(saved.get("model"), Mapping) or "run_dir" not in saved:
        raise ConfigError(f"{run_dir}/config.yaml is not the configuration of a fer-train")
    tree = compose_on(saved, overrides, new_run=True)
    changed = changed_settings(saved, tree, free=("run_dir",))
    other_data = any(key_of(override).partition(".")[0] == "data" for override in overrides)
    return tree, Origin(
        run_dir=run_dir, changed=tuple(changed), manifest=_manifest(RunFolder(run_dir)), other_data=other_data
    )


def _manifest(folder: RunFolder) -> Mapping[str, Any]:
    if not folder.manifest.is_file():
        log.warning("warning  %s has no manifest: data and versions cannot be compared with it", folder.path)
        return {}
    try:
        manifest = parse_json(folder.manifest.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(
            f"{folder.manifest} is not readable JSON ({error}): delete it to reproduce the run"
        ) from error
    return manifest if isinstance(manifest, dict) else {}


def _differences(kind: str, then: Any, now: Mapping[str, Any], names: Sequence[str] | None) -> list[str]:
    """Entries of both that differ; what an earlier version did not write down is not compared."""
    if not isinstance(then, Mapping):
        return []
    return [
        f"{kind}.{name}: {now[name]} (was {then[name]})"
        for name in (names if names is not None else sorted(now))
        if name in then and name in now and then[name] != now[name]
    ]
