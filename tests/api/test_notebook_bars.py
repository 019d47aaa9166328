"""Bars in a notebook: drawn while a training or a prediction runs, gone afterwards."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from fer.common.notebook_bar import NotebookBar, in_notebook


def test_nothing_is_drawn_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert not in_notebook()
    bar = NotebookBar()
    bar.show(1, total=1)
    bar.clear()
    assert capsys.readouterr().out == ""


def test_a_training_in_a_notebook_has_a_bar_of_all_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    from fer.callbacks.progress import progress_callbacks

    monkeypatch.setattr("fer.callbacks.progress.in_notebook", lambda: True)
    assert [type(each).__name__ for each in progress_callbacks()] == ["EpochLines", "BatchesInNotebook"]


def test_a_bar_grows_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    )
    cell = (
        "from fer.common.notebook_bar import NotebookBar, in_notebook\n"
        "print(in_notebook())\n"
        "bar = NotebookBar()\n"
        "bar.show(1, total=4, words='<batches>')\n"
        "bar.show(4, total=4, words='<batches>')"
    )
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell), nbformat.v4.new_code_cell("bar.clear()")]
    )
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    with client.setup_kernel():
        client.execute_cell(notebook.cells[0], 0)
        printed, shown = notebook.cells[0].outputs
        assert printed["text"] == "True\n"
        page = shown["data"]["text/html"]
        assert '<progress value="4" max="4">' in page
        assert "&lt;batches&gt; 4 of 4" in page
        client.execute_cell(notebook.cells[1], 1)
    assert notebook.cells[0].outputs[1]["data"]["text/html"] == ""
