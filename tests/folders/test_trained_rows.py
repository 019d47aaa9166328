"""Which faces of its data a run was trained on, as a report finds out."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from fer.common.errors import DataError
from fer.data.samples import Split
from fer.folders.opened import OpenData
from fer.folders.record import RunRecord, read_run


def record(path: Path, *, train_rows: int | None = None, **data: object) -> RunRecord:
    (path / "checkpoints").mkdir(parents=True)
    (path / "checkpoints" / "best.ckpt").write_bytes(b"weights")
    section = {"name": "synthetic", "train": 28, "public": 7, "private": 7, "size": 24, **data}
    (path / "config.yaml").write_text(yaml.safe_dump({"data": section, "model": {"name": "cnn"}, "seed": 3}))
    told = {} if train_rows is None else {"train_rows": train_rows}
    (path / "manifest.json").write_text(json.dumps({"data": told}))
    return read_run(path)


def test_faces_that_were_held_out_or_left_out_are_none_of_them(tmp_path: Path) -> None:
    data = OpenData()
    whole = record(tmp_path / "whole")
    samples, _ = data.of(whole)
    training = np.flatnonzero(samples.splits == Split.TRAINING)
    np.testing.assert_array_equal(data.trained_rows(whole), training)
    listed = tmp_path / "out.csv"
    listed.write_text("id\n" + "\n".join(samples.ids[training[:20]]) + "\n")
    without = record(tmp_path / "without", train_rows=8, leave_out=str(listed))
    np.testing.assert_array_equal(data.trained_rows(without), training[20:])
    fold = data.trained_rows(record(tmp_path / "fold", protocol="kfold", folds=4, fold=1))
    assert len(fold) == 21
    assert np.isin(fold, training).all()


def test_a_list_that_is_gone_or_changed_leaves_them_unknown(tmp_path: Path) -> None:
    listed = tmp_path / "out.csv"
    run = record(tmp_path / "run", train_rows=27, leave_out=str(listed))
    with pytest.raises(DataError, match="cannot be read"):
        OpenData().trained_rows(run)
    samples, _ = OpenData().of(run)
    listed.write_text("id\n" + "\n".join(samples.ids[samples.splits == Split.TRAINING][:5]) + "\n")
    with pytest.raises(DataError, match="trained on 27 faces, and its settings choose 23 now"):
        OpenData().trained_rows(run)
