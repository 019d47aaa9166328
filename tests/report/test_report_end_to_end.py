"""fer-report over a run that fer-train made."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
import yaml
from support.forked_commands import ForkedCommands
from support.report_stand_ins import assert_in_reference, files_to_name
from support.sketched import sketched

from fer.common.errors import CheckpointError, ConfigError, DataError
from fer.metrics import Predictions
from fer.report.main import make_report
from fer.report.options import ReportOptions

OPTIONS = ReportOptions(bootstrap=100, explanations={"enabled": False}, robustness={"max_faces": 10}, device="cpu")

# Beside the other tests of the same page.
pytestmark = pytest.mark.xdist_group("the tiny page")


def test_the_report_reproduces_what_the_training_measured(tiny_run: Path, tiny_page: Path) -> None:
    trained = json.loads((tiny_run / "metrics.json").read_text())
    reported = json.loads((tiny_page.parent / "metrics.json").read_text())
    for metric, estimate in reported["public"].items():
        assert estimate["value"] == pytest.approx(trained[f"public.{metric}"], abs=1e-5), metric
    assert reported["notes"] == []
    assert reported["private"]["accuracy"]["n"] == 70


def test_the_answers_are_those_the_training_saved(tiny_run: Path, tiny_page: Path) -> None:
    saved = Predictions.read(tiny_run / "predictions" / "public.parquet")
    again = Predictions.read(tiny_page.parent / "predictions" / "public.parquet")
    assert saved.ids.tolist() == again.ids.tolist()
    assert abs(saved.probabilities - again.probabilities).max() < 1e-5


def test_the_run_folder_is_left_as_it_was(tiny_run: Path, tiny_page: Path) -> None:
    assert not (tiny_run / "report").exists()


def test_the_reference_names_every_file_of_a_whole_report(tiny_page: Path) -> None:
    assert_in_reference(files_to_name(tiny_page.parent))


def test_maps_are_drawn_for_the_default_net(tiny_page: Path) -> None:
    panels = list((tiny_page.parent / "gradcam").glob("*.png"))
    assert len(panels) >= 7
    assert "Grad-CAM map" in tiny_page.read_text(encoding="utf-8")


def test_a_run_beside_an_interrupted_one(tiny_run: Path, tmp_path: Path) -> None:
    other = tmp_path / "interrupted"
    shutil.copytree(tiny_run, other)
    (other / "metrics.json").unlink()
    (other / "checkpoints" / "best.ckpt").unlink()
    page = sketched()(make_report)([tiny_run, other], out=tmp_path / "out", options=OPTIONS)
    html = page.read_text(encoding="utf-8")
    assert "Comparison of 2 runs" in html
    assert "interrupted: This run was interrupted after 2 of 2 epochs" in html


def test_a_truncated_checkpoint_is_named(tiny_run: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_run, tmp_path / "run")
    checkpoint = tmp_path / "run" / "checkpoints" / "best.ckpt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"best\.ckpt"):
        make_report([tmp_path / "run"], options=OPTIONS)


def test_a_data_section_of_another_version_is_named(tiny_run: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_run, tmp_path / "run")
    config = tmp_path / "run" / "config.yaml"
    config.write_text(re.sub(r"^  train: 210$", "  train: many", config.read_text(), flags=re.M))
    with pytest.raises(ConfigError, match=r"config\.yaml: data\.train"):
        make_report([tmp_path / "run"], options=OPTIONS)


def test_data_that_moved_are_found_where_the_options_say(tiny_run: Path, tmp_path: Path) -> None:
    options = OPTIONS.model_copy(update={"data_root": tmp_path / "elsewhere.zip"})
    with pytest.raises(ConfigError, match=r"elsewhere\.zip: tiny was trained on data without a place"):
        make_report([tiny_run], out=tmp_path, options=options)
    moved = tmp_path / "run"
    shutil.copytree(tiny_run, moved)
    config = yaml.safe_load((moved / "config.yaml").read_text())
    config["data"] = {"name": "fer2013", "root": "/gone/archive.zip"}
    (moved / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(DataError, match=r"data\.root=/gone/archive\.zip does not exist"):
        make_report([moved], out=tmp_path, options=OPTIONS)
    with pytest.raises(DataError, match=r"elsewhere\.zip does not exist"):
        make_report([moved], out=tmp_path, options=options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device the test must lack")
def test_a_device_that_is_not_there_is_named(tiny_run: Path, tmp_path: Path) -> None:
    options = OPTIONS.model_copy(update={"device": "cuda"})
    with pytest.raises(ConfigError, match=r"device=cuda is not on this machine: use device=auto"):
        make_report([tiny_run], out=tmp_path, options=options)


def test_the_command_prints_the_page_and_how_far_it_is(forked: ForkedCommands, tiny_run: Path, tmp_path: Path) -> None:
    arguments = [
        f"run={tiny_run}",
        f"out={tmp_path / 'r'}",
        "bootstrap=100",
        # With the seconds of each analysis that there is.
        *(f"{name}.enabled=false" for name in ("embedding", "explanations", "label_noise", "occlusion", "robustness")),
        "cost.seconds=0.1",
        "faces=false",
    ]
    done = forked.run("report", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "r" / "report.html")
    told = done.stderr.splitlines()
    steps = [re.fullmatch(r"(.+) \(\d+\.\d s, processor \d+\.\d s\)", line) for line in told]
    assert all(steps), "a line that is no progress, or without its seconds"
    assert told[0].startswith(f"opened {tiny_run.name} (1 of 1)")
    analysed = [re.fullmatch(r"analysed: ([a-z ]+) \(.+\)", line) for line in told if line.startswith("analysed")]
    assert all(analysed), "a line that is no progress"
    names = [line[1] for line in analysed if line is not None]
    assert "calibration" in names
    assert "explanations" not in names, "what is switched off takes no time and no line"


CHECKS = """
<script>
addEventListener("load", () => {
  const table = document.querySelector("#scores table");
  const button = table.querySelectorAll("th button")[3];
  const column = () => [...table.tBodies[0].rows].map((row) => Number(row.cells[3].dataset.sort));
  const falling = (list) => list.every((value, i) => i === 0 || list[i - 1] >= value);
  button.click();
  const first = falling(column()) && button.parentElement.getAttribute("aria-sort") === "descending";
  button.click();
  const second = falling(column().reverse()) && button.parentElement.getAttribute("aria-sort") === "ascending";
  const map = document.querySelector(".embedding svg");
  const dots = [...map.querySelectorAll("circle")];
  const reached = (key) => {
    map.dispatchEvent(new KeyboardEvent("keydown", { key }));
    return dots.findIndex((dot) => dot.classList.contains("now")) - dots.length;
  };
  const shut = () => document.querySelectorAll("details.fold:not([open])").length;
  const folds = [null, "beforeprint", "afterprint"].map((kind) => {
    if (kind !== null) dispatchEvent(new Event(kind));
    return shut();
  });
  const cells = [...document.querySelectorAll("td[style*='--share']")];
  const shades = cells.map((cell) => getComputedStyle(cell).backgroundColor);
  parent.postMessage(JSON.stringify({
    reached: ["ArrowLeft", "ArrowLeft", "ArrowRight"].map(reached),
    unshaded: shades.filter((shade) => shade === "rgba(0, 0, 0, 0)").length,
    sorts: first && second,
    folds,
    width: document.documentElement.scrollWidth,
    window: innerWidth,
    broken: [...document.images].filter((image) => image.complete && image.naturalWidth === 0).length,
    requests: performance.getEntriesByType("resource").filter((entry) => !entry.name.startsWith("data:")).length,
  }), "*");
});
</script></body>
"""


# A frame of the wanted width, because a window of its own cannot be as narrow as a phone. The fragment is no
# percent-encoding, and stops no script.
FRAME = """
<!doctype html><title>waiting</title>
<script>addEventListener("message", (message) => { document.title = message.data; });</script>
<iframe src="page.html#100%" style="width: WIDTHpx; height: 800px; border: 0"></iframe>
"""


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1200])
def test_the_page_in_a_browser(tiny_page: Path, tmp_path: Path, width: int) -> None:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("Chromium is not here")
    checked = tiny_page.read_text(encoding="utf-8").replace("</body>", CHECKS)
    (tmp_path / "page.html").write_text(checked, encoding="utf-8")
    frame = tmp_path / "frame.html"
    frame.write_text(FRAME.replace("WIDTH", str(width)), encoding="utf-8")
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [chromium, *flags, "--window-size=1300,900", "--virtual-time-budget=5000", "--dump-dom", frame.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    told = re.search(r"<title>(\{.*?\})</title>", done.stdout)
    assert told is not None, done.stderr[-2000:]
    found = json.loads(told[1].replace("&quot;", '"'))
    assert found["sorts"]
    assert found["width"] <= found["window"] == width
    assert found["broken"] == 0
    assert found["requests"] == 0
    # From nowhere backwards is the last face, not the one before it.
    assert found["reached"] == [-1, -2, -1]
    assert found["unshaded"] == 0
    # What is opened for the printer is folded again.
    assert found["folds"] == [found["folds"][0], 0, found["folds"][0]]
    assert found["folds"][0] > 0
