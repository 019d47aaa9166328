"""`fer-train --from RUN`: the same weights, or a warning of what is not the same."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from support.own_parts import KeyedLogger

from fer import cli
from fer.common.errors import ConfigError, DataError
from fer.config.compose import compose_train
from fer.config.saved import changed_settings, completed, compose_on, read_tree
from fer.training.reproduce import Origin, reproduced


def fer_train(*arguments: str) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["fer-train", *arguments])
        try:
            cli.train()
        except SystemExit as end:
            return int(end.code or 0)
    return 0


def manifest(run_dir: Path) -> Any:
    return json.loads((run_dir / "manifest.json").read_text(encoding="utf-8"))


def test_weights_are_bit_identical_and_the_manifest_tells_the_origin(tiny_run: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    assert fer_train("--from", str(tiny_run), f"run_dir={again}") == 0
    for name in ("best.ckpt", "last.ckpt"):
        ours, theirs = (torch.load(run / "checkpoints" / name, weights_only=True) for run in (again, tiny_run))
        for part in ("state_dict", "current_model_state"):
            assert ours[part].keys() == theirs[part].keys()
            assert all(torch.equal(ours[part][key], theirs[part][key]) for key in theirs[part]), (name, part)
    told = manifest(again)["from"]
    assert (told["run_dir"], told["changed"]) == (str(tiny_run), [])
    # Somebody may commit to the checkout while the tests run.
    assert [difference for difference in told["differences"] if not difference.startswith("git_revision")] == []
    config = yaml.safe_load((again / "config.yaml").read_text(encoding="utf-8"))
    assert config["callbacks"]["last"]["dirpath"] == f"{again}/checkpoints"


def test_settings_on_top_are_told_and_secrets_kept_nowhere(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FER_OWN_KEY", "k3y-of-mine")
    monkeypatch.setattr(KeyedLogger, "KEYS", [])
    node = (
        f"{{_target_: support.own_parts.KeyedLogger, save_dir: {tmp_path}/x/csv, api_key: '${{oc.env:FER_OWN_KEY}}'}}"
    )
    asked = ("trainer.max_epochs=1", "model=mlp", f"++logger.own={node}", "plugins=[support]")
    assert fer_train(f"--from={tiny_run}", *asked, f"run_dir={tmp_path / 'x'}") == 0
    assert KeyedLogger.KEYS == ["k3y-of-mine"]
    kept = [path for path in (tmp_path / "x").rglob("*") if path.is_file()]
    assert tmp_path / "x" / "csv" / "lightning_logs" / "version_0" / "hparams.yaml" in kept
    assert [path.name for path in kept if b"k3y-of-mine" in path.read_bytes()] == []
    assert fer_train(f"--from={tmp_path / 'x'}", "plugins=[support]", f"run_dir={tmp_path / 'y'}") != 0
    assert "error: logger.own.api_key is ***" in capsys.readouterr().err
    assert not (tmp_path / "y").exists()
    changed = manifest(tmp_path / "x")["from"]["changed"]
    assert "trainer.max_epochs=1 (was 2)" in changed
    assert "model.name=mlp (was skipcnn)" in changed
    assert not any(change.startswith("data") for change in changed)


@pytest.mark.parametrize(
    ("overrides", "key", "value"),
    [
        (["optimizer.lr=0.5"], "optimizer.lr", 0.5),
        (["model.params.dropout=0.1"], "model.params.dropout", 0.1),
        (["+trainer.limit_train_batches=3"], "trainer.limit_train_batches", 3),
        (["model=resnet18"], "model.name", "resnet18"),
        (["visible=upper"], "visible", "upper"),
    ],
)
def test_overrides_act_on_the_runs_own_settings(tiny_run: Path, overrides: list[str], key: str, value: object) -> None:
    tree, origin = reproduced(tiny_run, [*overrides, "run_dir=new"])
    found: Any = tree
    for part in key.split("."):
        found = found[part]
    assert found == value
    assert [change for change in origin.changed if change.startswith(key.partition(".")[0])] != []


def test_a_callback_is_taken_out_and_the_default_folder_is_new(tiny_run: Path) -> None:
    tree, _ = reproduced(tiny_run, ["~callbacks.ema"])
    assert "ema" not in tree["callbacks"]
    assert tree["run_dir"].startswith("outputs/")
    assert tree["callbacks"]["last"]["dirpath"] == f"{tree['run_dir']}/checkpoints"
    assert tree["model"]["params"]["blocks"] == [0, 1, 0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from"], ["--from takes one run folder"]),
        (["--from", "nowhere"], ["nowhere is not a run folder"]),
        (["--from", "RUN", "trainer.max_epoch=3"], ["trainer.max_epoch=3", "'trainer.max_epochs'"]),
        (["--from", "RUN", "experiment=quickstart"], ["experiment=quickstart", "name the keys"]),
        (["--from", "RUN", "model=resnet81"], ["model=resnet81", "resnet18"]),
        (["--from", "RUN", "-m", "seed=1,2"], ["--from", "Hydra's flags"]),
    ],
)
def test_mistakes_are_told(
    arguments: list[str], words: list[str], tiny_run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert fer_train(*(str(tiny_run) if word == "RUN" else word for word in arguments)) == 2
    told = capfd.readouterr().err
    assert [word for word in words if word not in told] == [], told
    assert "Traceback" not in told


def facts(**changes: Any) -> dict[str, Any]:
    device = {"accelerator": "cpu", "name": "CPU (1 threads)", "precision": "32-true", "threads": 1, "processes": 1}
    return {"device": device, "data": {"fingerprint": "a"}, "versions": {"torch": "2"}, "git_revision": "x", **changes}


def test_what_may_change_bits_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    then = facts(device={**facts()["device"], "threads": 8}, versions={"torch": "1", "gone": "1"})
    origin = Origin(run_dir=Path("old"), changed=(), manifest=then, other_data=False)
    told = origin.compared(facts(), {"versions": {"torch": "2"}, "git_revision": "x"})
    assert told["differences"] == ["device.threads: 1 (was 8)", "version.torch: 2 (was 1)"]
    assert "bits may differ: device.threads: 1 (was 8)" in caplog.text


def test_other_data_are_refused_unless_named(caplog: pytest.LogCaptureFixture) -> None:
    then = facts(data={"fingerprint": "b"})
    environment = {"versions": {"torch": "2"}, "git_revision": "x"}
    unnamed = Origin(run_dir=Path("old"), changed=(), manifest=then, other_data=False)
    with pytest.raises(DataError, match=r"fingerprint a, was b.*data\.root=PATH"):
        unnamed.compared(facts(), environment)
    named = Origin(run_dir=Path("old"), changed=(), manifest=then, other_data=True)
    assert named.compared(facts(), environment)["differences"] == ["data: a (was b)"]
    assert "OTHER DATA" in caplog.text


def test_a_run_of_an_earlier_version_is_completed(tiny_run: Path, tmp_path: Path) -> None:
    saved = read_tree(tiny_run)
    old = {key: value for key, value in saved.items() if key not in ("visible", "threads")}
    old["trainer"] = {key: value for key, value in saved["trainer"].items() if key != "strategy"}
    filled = completed(old)
    assert filled["visible"] == "full"
    assert filled["trainer"]["strategy"] == "auto"
    assert changed_settings(old, saved) == []
    assert changed_settings(old, {**saved, "visible": "upper"}) == ["visible=upper (was full)"]
    shutil.copytree(tiny_run, tmp_path / "old")
    (tmp_path / "old" / "config.yaml").write_text(yaml.safe_dump(old), encoding="utf-8")
    assert reproduced(tmp_path / "old", ["visible=upper"])[0]["visible"] == "upper"


def test_a_configuration_that_cannot_be_read_is_left_alone() -> None:
    assert completed({"model": 3}) == {"model": 3}


def test_completing_changes_nothing_of_a_run_of_today() -> None:
    tree = compose_train(["run_dir=runs/a", "model=vit", "augment=strong"])
    filled = completed(tree)
    assert compose_on(filled, []) == filled
    assert {key: filled[key] for key in tree} == {**filled, **tree} | {
        key: filled[key] for key in ("data", "loss", "optimizer", "scheduler", "augment", "model", "trainer")
    }


def test_settings_that_no_run_has_are_refused(tiny_run: Path) -> None:
    with pytest.raises(ConfigError, match="no such key"):
        reproduced(tiny_run, ["optimiser.lr=1"])
