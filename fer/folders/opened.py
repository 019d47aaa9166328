"""The data and the models of runs, opened from what their folders say."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from fer.common.errors import ConfigError, DataError
from fer.folders.record import RunRecord

if TYPE_CHECKING:
    import numpy.typing as npt

    from fer.data.samples import FaceSamples
    from fer.data.sources import DataConfig
    from fer.models.checkpoint import LoadedModel


class OpenData:
    """Data sets opened each once however many runs use it.

    Args:
        root: where the data lie now; None for where each run found them.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._root = root
        self._opened: dict[str, tuple[FaceSamples, str]] = {}

    def of(self, record: RunRecord) -> "tuple[FaceSamples, str]":
        """The samples a run was trained on, and their fingerprint.

        Raises:
            ConfigError: the run's data section is not one this version can read.
            DataError: the data cannot be opened.
        """
        from fer.data.sources import DataConfig, open_samples

        config = self.config_of(record)
        # Protocol and batches do not change what is opened. Not as JSON, which cannot hold every path.
        key = f"{config.labels} {config.model_dump(exclude=set(DataConfig.model_fields))}"
        if key not in self._opened:
            packed = open_samples(config)
            self._opened[key] = (packed.samples, packed.fingerprint)
        return self._opened[key]

    def trained_rows(self, record: RunRecord) -> "npt.NDArray[np.int64]":
        """Rows of the run's data that it was trained on: of its protocol, without those that its settings leave out.

        Raises:
            ConfigError: the run's data section is not one this version can read, or names code that is not there.
            DataError: the data cannot be opened, a list that chose among them is gone, or they are other data now.
        """
        from fer.data.steps import select

        samples, _ = self.of(record)
        chosen = select(samples, self.config_of(record), seed=record.seed)
        rows = chosen.split.train
        told = record.manifest.get("data", {}).get("train_rows")
        if isinstance(told, int) and told != len(rows):
            raise DataError(f"it was trained on {told:,} faces, and its settings choose {len(rows):,} now")
        # A step of one's own may have put others in their place.
        return rows if chosen.samples is samples else np.flatnonzero(np.isin(samples.ids, chosen.samples.ids[rows]))

    def config_of(self, record: RunRecord) -> "DataConfig":
        """The data section of a run's configuration, with the place where its data lie now.

        Raises:
            ConfigError: it is not one that this version can read.
        """
        from pydantic import TypeAdapter, ValidationError

        from fer.data.sources import AnyDataConfig, DataConfig

        # Said once, at the top.
        section = {**record.config["data"], "labels": record.labels}
        if self._root is not None:
            # A source of one's own has its place among its own arguments.
            holder = section
            if section.get("_target_") is not None:
                holder = section["params"] = dict(section.get("params") or {})
            if "root" not in holder:
                raise ConfigError(f"data_root={self._root}: {record.name} was trained on data without a place")
            holder["root"] = str(self._root)
        # The data section alone: validating the whole configuration would import the whole training stack.
        try:
            config: DataConfig = TypeAdapter(AnyDataConfig).validate_python(section)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, ("data", *first["loc"][1:])))
            raise ConfigError(
                f"{record.folder.config}: {key}: {first['msg']}; was it written by another version?"
            ) from error
        return config


class OpenModels:
    """Models loaded each once.

    Args:
        device: where they predict.
        votes_share: of nets with two heads, the weight of the votes' in [0, 1]; None for what each run says.
    """

    def __init__(self, device: Literal["auto", "cpu", "mps", "cuda"], *, votes_share: float | None = None) -> None:
        self._device = device
        self._votes_share = votes_share
        self._loaded: dict[Path, LoadedModel] = {}

    def of(self, record: RunRecord) -> "LoadedModel":
        """A run's model, in eval mode on the device of the options.

        Raises:
            ConfigError: this machine lacks the device.
            CheckpointError: the checkpoint cannot be read.
        """
        from fer.models.accelerator import resolve_accelerator
        from fer.models.checkpoint import load_model

        if record.checkpoint not in self._loaded:
            model = load_model(record.checkpoint, votes_share=self._votes_share)
            try:
                model.net.to(resolve_accelerator(self._device))
            except ConfigError as error:
                raise ConfigError(
                    f"device={self._device} is not on this machine: use device=auto or device=cpu"
                ) from error
            self._loaded[record.checkpoint] = model
        return self._loaded[record.checkpoint]
