"""Energy of a training: measured, accumulated over its parts, in manifest and report."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fer.callbacks.emissions import Emissions, grid_factor, read_earlier
from fer.common.errors import ConfigError, DataError
from fer.folders.record import read_run
from fer.report.cost.measurement import training_of

ON = (
    *("callbacks=emissions", "callbacks.emissions.country=fra", "callbacks.emissions.interval=1"),
    *("model=mlp", "model.params.hidden=[16]"),
)


@pytest.fixture(scope="module")
def measured(train: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny run with its energy."""
    path: Path = train(*ON, run_dir=tmp_path_factory.mktemp("emissions") / "run").run_dir
    return path


def test_energy_and_its_source_are_in_the_manifest(measured: Path) -> None:
    energy = json.loads((measured / "manifest.json").read_text())["energy"]
    assert energy == json.loads((measured / "energy.json").read_text())
    assert energy["kwh"] > 0
    assert energy["co2_kg"] == pytest.approx(energy["kwh"] * energy["kg_per_kwh"])
    assert (energy["country"], energy["kg_per_kwh"]) == ("FRA", grid_factor("FRA"))
    assert "CPU" in energy["method"]
    assert "memory" in energy["method"]


def test_codecarbon_writes_no_file_of_its_own(measured: Path) -> None:
    assert not [*measured.rglob("*emissions*"), *Path.cwd().glob("emissions*.csv")]


def test_a_report_tells_grid_and_method(measured: Path) -> None:
    told = training_of(read_run(measured)).energy_source
    assert told is not None
    assert "kg CO2e a kWh (FRA)" in told
    assert "codecarbon" in told


def test_parts_of_a_resumed_run_add_up(
    train: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir = tmp_path / "run"

    class PowerCutError(Exception):
        pass

    def cut(self: Emissions, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == 1:
            raise PowerCutError

    with monkeypatch.context() as patch:
        patch.setattr(Emissions, "on_train_epoch_start", cut)
        with pytest.raises(PowerCutError):
            train(*ON, run_dir=run_dir)
    first = read_earlier(run_dir / "energy.json")
    assert first["kwh"] > 0
    train(*ON, run_dir=run_dir)
    both = read_earlier(run_dir / "energy.json")
    assert both["kwh"] > first["kwh"]
    assert both["seconds"] > first["seconds"]
    assert json.loads((run_dir / "manifest.json").read_text())["energy"]["kwh"] == both["kwh"]


def test_without_a_country_the_mean_of_the_world_counts(tmp_path: Path) -> None:
    assert Emissions(str(tmp_path / "energy.json")).kg_per_kwh == 0.475
    assert Emissions(str(tmp_path / "energy.json"), country="deu", kg_per_kwh=0.02).kg_per_kwh == 0.02


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"country": "DEUT"}, r"country=DEUT.*did you mean 'DEU'"),
        ({"interval": 0}, "interval=0"),
        ({"scope": "house"}, "machine or process"),
        ({"kg_per_kwh": -1.0}, "kg_per_kwh"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Emissions(str(tmp_path / "energy.json"), **arguments)


def test_a_broken_energy_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "energy.json").write_text("{}")
    with pytest.raises(DataError, match=r"energy\.json is broken"):
        read_earlier(tmp_path / "energy.json")
