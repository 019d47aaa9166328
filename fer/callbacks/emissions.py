"""Energy and emissions of a training, by codecarbon's offline tracker."""

import importlib.metadata
import json
import logging
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl

from fer.common.errors import ConfigError, DataError, MissingExtraError, nearest
from fer.common.files import write_json


class Emissions(pl.Callback):
    """Measures the energy of fitting and writes it to `energy.json`, which the run's manifest takes over.

    The file holds `kwh`, `co2_kg` (kilograms of CO2 equivalent: kWh times the grid's factor), `country`, `kg_per_kwh`,
    `method` (what was measured and what estimated), `scope`, `seconds` (measured) and `codecarbon` (version). Energy of
    earlier parts of an interrupted run is in it too. It is of the machine's processors and memory, without losses of
    the power supply, cooling or the making of the machine. In a distributed training the first process measures, so
    other machines are not in it.

    Args:
        path: the file to write.
        country: ISO 3166-1 alpha-3 code of the country whose mean grid factor counts (Our World in Data, as codecarbon
            ships it); null takes the world's mean (475 g/kWh, IEA 2019).
        kg_per_kwh: the grid's factor where it is known better; null takes the country's.
        interval: seconds from one measurement to the next, above 0.
        scope: "machine" counts all that runs on the machine; "process" this process alone, where power is estimated
            from the processor's load (measured power is always that of the whole processor).
    """

    def __init__(
        self,
        path: str,
        *,
        country: str | None = None,
        kg_per_kwh: float | None = None,
        interval: float = 15.0,
        scope: Literal["machine", "process"] = "machine",
    ) -> None:
        from importlib.util import find_spec

        if find_spec("codecarbon") is None:
            raise MissingExtraError("callbacks=emissions needs codecarbon: pip install 'ferlab[train]'")
        if interval <= 0:
            raise ConfigError(f"interval={interval} must be above 0 seconds")
        if scope not in ("machine", "process"):
            raise ConfigError(f"scope={scope!r} must be machine or process")
        if kg_per_kwh is not None and kg_per_kwh < 0:
            raise ConfigError(f"kg_per_kwh={kg_per_kwh} must be at least 0")
        self.path = Path(path)
        self.country = "world" if country is None else country.upper()
        factor = grid_factor(country)
        self.kg_per_kwh = factor if kg_per_kwh is None else kg_per_kwh
        self.interval = interval
        self.scope = scope
        self._tracker: Any = None
        self._latest: Any = None
        self._earlier: dict[str, float] = {}

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Starts measuring."""
        if not trainer.is_global_zero:
            return
        self._earlier = read_earlier(self.path)
        self._latest = None
        # codecarbon sets its level only after its first words.
        logging.getLogger("codecarbon").setLevel(logging.ERROR)
        from codecarbon import OfflineEmissionsTracker
        from codecarbon.output_methods.base_output import BaseOutput

        class Latest(BaseOutput):  # type: ignore[misc, unused-ignore]
            """Hands the totals over in memory: codecarbon itself writes no file and calls no server."""

            def out(_, total: Any, delta: Any) -> None:  # noqa: N805
                self._latest = total

        self._tracker = OfflineEmissionsTracker(
            # What is not asked for: emissions are energy times our own factor.
            force_carbon_intensity_g_co2e_kwh=1000 * self.kg_per_kwh,
            country_iso_code="USA" if self.country == "world" else self.country,
            measure_power_secs=self.interval,
            tracking_mode=self.scope,
            output_methods=[],
            output_handlers=[Latest()],
            log_level="error",
            # The trainings of a sweep run side by side.
            allow_multiple_runs=True,
        )
        self._tracker.start()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Writes what was used so far, so that a killed run has it too."""
        if self._tracker is not None:
            self._tracker.flush()
            self._write()

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Writes the whole."""
        self._stop()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Writes what was used until then."""
        self._stop()

    def _stop(self) -> None:
        if self._tracker is not None:
            self._tracker.stop()
            self._write()
            self._tracker = None

    def _write(self) -> None:
        assert self._latest is not None
        kwh = self._earlier.get("kwh", 0.0) + self._latest.energy_consumed
        write_json(
            self.path,
            {
                "kwh": kwh,
                "co2_kg": self._earlier.get("co2_kg", 0.0) + self._latest.energy_consumed * self.kg_per_kwh,
                "country": self.country,
                "kg_per_kwh": self.kg_per_kwh,
                "method": "; ".join(method_of(hardware) for hardware in self._tracker._hardware),
                "scope": self.scope,
                "seconds": round(self._earlier.get("seconds", 0.0) + self._latest.duration, 3),
                "codecarbon": importlib.metadata.version("codecarbon"),
            },
        )


def grid_factor(country: str | None) -> float:
    """Kilograms of CO2 equivalent of a kilowatt-hour, from the tables in codecarbon.

    Args:
        country: ISO 3166-1 alpha-3 code in any case; None for the world's mean.

    Raises:
        ConfigError: no country of that code.
    """
    from codecarbon.input import DataSource

    tables = DataSource()  # type: ignore[no-untyped-call, unused-ignore]
    if country is None:
        return float(tables.get_carbon_intensity_per_source_data()["world_average"]) / 1000
    mix = tables.get_global_energy_mix_data()
    if country.upper() not in mix:
        raise ConfigError(
            f"country={country}: codecarbon knows no such country{nearest(country.upper(), mix)}; take the three "
            "letters of ISO 3166-1, such as DEU, or null for the world's mean"
        )
    return float(mix[country.upper()]["carbon_intensity"]) / 1000


def method_of(hardware: Any) -> str:
    """How codecarbon gets the power of one part of the machine, in words."""
    kind = type(hardware).__name__
    if kind == "RAM":
        return "memory estimated from its size"
    if kind == "GPU":
        return "GPU measured by its driver"
    if kind == "CPU":
        mode = hardware._mode
        if mode == "cpu_load":
            return f"CPU estimated from its load and a rated power of {hardware._tdp:.0f} W"
        if mode == "constant":
            return f"CPU estimated as a constant share of a rated power of {hardware._tdp:.0f} W"
        return f"CPU measured ({'RAPL' if mode == 'intel_rapl' else mode.replace('_', ' ')})"
    return f"{kind} measured"


def read_earlier(path: Path) -> dict[str, float]:
    """What earlier parts of the run used: `kwh`, `co2_kg`, `seconds`; empty at its first start.

    Raises:
        DataError: the file is broken.
    """
    if not path.is_file():
        return {}
    try:
        earlier = json.loads(path.read_text(encoding="utf-8"))
        return {key: float(earlier[key]) for key in ("kwh", "co2_kg", "seconds")}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is broken ({error}): delete it to measure from here on") from error
