"""Run folders, faces and a model that stand in for real ones in a whole report."""

import json
from collections.abc import Iterable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import yaml

from fer.common.labels import EMOTIONS
from fer.data.samples import FaceSamples, Split
from fer.explain.heat_maps import HeatMaps
from fer.folders.opened import OpenData, OpenModels
from fer.folders.record import read_runs
from fer.report.comparison.analysis import analyse as comparison
from fer.report.context import ReportContext
from fer.report.evaluation.evaluate import EvaluatedRun, describe_data, evaluate_run
from fer.report.explanations.analysis import gallery_result
from fer.report.explanations.gallery import build_gallery
from fer.report.main import choose_detail, write_report
from fer.report.options import ReportOptions

OPTIONS = ReportOptions(bootstrap=100, explanations={"cam_images_per_class": 1, "mistakes": 2, "successes": 0})
EVIL = "<script>alert(1)</script>"
ROOT = Path(__file__).parents[2]
FINGERPRINT = "0123456789abcdef"


def faces() -> FaceSamples:
    """56 Training, 28 PublicTest and 28 PrivateTest faces of 48 px; two PrivateTest faces copy a Training face.

    The first pixel holds the label, the last of the first row another class: a model that reads the first pixel is
    right, and sees the other class in the mirror.
    """
    rng = np.random.default_rng(0)
    count = 112
    images = rng.integers(0, 256, (count, 1, 48, 48)).astype(np.uint8)
    labels = np.arange(count) % 7
    images[:, 0, 0, 0] = labels
    images[:, 0, 0, -1] = (labels + 1) % 7
    images[84:86] = images[0:2]
    splits = np.array([Split.TRAINING] * 56 + [Split.PUBLIC] * 28 + [Split.PRIVATE] * 28).astype(np.str_)
    ids = np.array([f"test/{EVIL}/{i}.jpg" for i in range(count)])
    return FaceSamples(images=images, labels=labels, splits=splits, ids=ids, source=f"faces {EVIL}")


SAMPLES = faces()


def predict(images: np.ndarray) -> np.ndarray:
    """Certain of the first pixel's class, and wrong on every fifth face by its second pixel."""
    wrong = images[:, 0, 0, 1] % 5 == 0
    classes = (images[:, 0, 0, 0].astype(int) + wrong) % 7
    return (0.9 * np.eye(7)[classes] + 0.1 / 7).astype(np.float32)


def explain(images: np.ndarray, classes: np.ndarray) -> HeatMaps:
    maps = np.zeros((len(images), 48, 48), dtype=np.float32)
    maps[:, 10:20, 10:20] = 1
    return HeatMaps(maps=maps, empty=np.zeros(len(images), dtype=bool), grid=(6, 6), values=maps)


def run_folder(path: Path, *, protocol: str = "official", seed: int = 0, finished: bool = True) -> Path:
    (path / "checkpoints").mkdir(parents=True)
    (path / "checkpoints" / "best.ckpt").write_bytes(b"weights")
    config = {"data": {"name": "fer2013", "protocol": protocol}, "model": {"name": "cnn"}, "seed": seed}
    (path / "config.yaml").write_text(yaml.safe_dump(config))
    manifest = {
        "command": f"fer-train model=cnn 'x={EVIL}'",
        "versions": {"torch": "2.15.0", "ferlab": "0.1.0"},
        "seed": seed,
        "device": {"accelerator": "cpu", "name": "CPU (2 threads)", "precision": "32-true"},
        "wall_seconds": 75.0,
        "data": {"source": "faces", "protocol": f"{protocol}: trained on Training", "unreadable": []},
    }
    (path / "manifest.json").write_text(json.dumps(manifest))
    epochs = [{"epoch": e, "train/loss": 2 - e / 9, "valid/loss": 1.9, "valid/accuracy": 0.3 + e / 9} for e in range(3)]
    (path / "metrics.jsonl").write_text("".join(json.dumps(epoch) + "\n" for epoch in epochs))
    if finished:
        numbers = {"train_seconds": 61.5, "images_per_second": 900.0}
        (path / "metrics.json").write_text(json.dumps(numbers))
    return path


def evaluated(path: Path, *, samples: FaceSamples = SAMPLES, options: ReportOptions = OPTIONS, **changes: object):
    arguments = {
        "predict": predict,
        "labels": EMOTIONS,
        "num_parameters": 1234567,
        "input_shape": (1, 48, 48),
        "trained_on": FINGERPRINT,
        "samples": samples,
        "data": describe_data(samples, fingerprint=FINGERPRINT),
        "options": options,
    }
    return evaluate_run(read_runs([path])[0], **{**arguments, **changes})


def report(folder: Path, *runs: EvaluatedRun, options: ReportOptions = OPTIONS, with_faces: bool = True) -> Path:
    detail = choose_detail(runs)
    gallery = build_gallery(
        detail.headline.plain.predictions,
        SAMPLES.images[detail.headline.evaluation_set.rows],
        explain=explain,
        per_class=options.explanations.cam_images_per_class,
        mistakes=options.explanations.mistakes,
        successes=options.explanations.successes,
        seed=0,
    )
    context = ReportContext(run=detail, runs=runs, options=options, data=OpenData(), models=OpenModels("cpu"))
    results = {"comparison": comparison(context), "explanations": gallery_result(detail, gallery, options)}
    if not with_faces:
        context = replace(context, options=options.model_copy(update={"faces": False}))
        del results["explanations"]
    known = {name: found for name, found in results.items() if found is not None}
    return write_report(folder, context, known, command="fer-report run=x")


def files_to_name(folder: Path) -> set[str]:
    """The files of a report that the reference has to name, by their paths in it."""
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")}
    return {name for name in names if not name.endswith(".svg")}


def assert_in_reference(names: Iterable[str]) -> None:
    """docs/reference/files.md names each of a report's files, or its folder or kind."""
    told = (ROOT / "docs" / "reference" / "files.md").read_text(encoding="utf-8")
    section = told.partition("## Report folder")[2].partition("\n## ")[0]
    for name in names:
        top, _, rest = name.rpartition("/")
        whole = f"`{top}/`" in section and (f"`{rest}`" in section or not rest.endswith((".csv", ".json")))
        assert f"`{name}`" in section or whole or f"`{top}/*.{rest.rpartition('.')[2]}`" in section, name


class Page(HTMLParser):
    """What the tests look for in the page: elements with attributes, text by element, and whether all tags close."""

    VOID = frozenset({"meta", "img", "br", "link", "input", "hr", "path", "use"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.text += data

    def named(self, *tags: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.elements if tag in tags]
