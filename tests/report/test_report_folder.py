"""The whole report over run folders with a stand-in model, and what its files promise."""

import csv
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from fer.data.samples import FaceSamples, Split
from fer.errors import CheckpointError, DataError
from fer.explain.heat_maps import HeatMaps
from fer.folders.opened import OpenData, OpenModels
from fer.folders.record import read_runs
from fer.labels import EMOTIONS
from fer.metrics import METRICS, Predictions, headline
from fer.report.comparison.analysis import analyse as comparison
from fer.report.explanations.analysis import finding
from fer.report.explanations.gallery import build_gallery
from fer.report.main import choose_detail, write_report
from fer.report.options import ReportOptions
from fer.report.page.render import escape_markdown
from fer.report.scores.evaluation import EvaluatedRun, describe_data, evaluate_run
from fer.report.subject import Subject

OPTIONS = ReportOptions(bootstrap=100, explanations={"cam_images_per_class": 1, "mistakes": 2, "successes": 0})
EVIL = "<script>alert(1)</script>"
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


def answers(images: np.ndarray) -> np.ndarray:
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
        "answers": answers,
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
    subject = Subject(run=detail, runs=runs, options=options, data=OpenData(), models=OpenModels("cpu"))
    findings = {"comparison": comparison(subject), "explanations": finding(detail, gallery, options)}
    if not with_faces:
        subject = replace(subject, options=options.model_copy(update={"faces": False}))
        del findings["explanations"]
    known = {name: found for name, found in findings.items() if found is not None}
    return write_report(folder, subject, known, command="fer-report run=x")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> EvaluatedRun:
    return evaluated(run_folder(tmp_path_factory.mktemp("runs") / "a&b<run>"))


@pytest.fixture(scope="module")
def folder(run: EvaluatedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report(tmp_path_factory.mktemp("report"), run).parent


@pytest.fixture(scope="module")
def html(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


class Page(HTMLParser):
    """What the tests ask of the page: elements with attributes, text by element, and whether all tags close."""

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


# --- numbers ---


def test_the_folder_holds_what_the_contract_names(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "report.html",
        "metrics.json",
        "per_class.csv",
        "confusion_matrix.csv",
        "confusion_matrix.png",
        "confusion_matrix.svg",
        "confusion_matrix_normalized.png",
        "confusion_matrix_normalized.svg",
        "figures",
        "model_eval.csv",
        "gradcam",
        "predictions",
        "model_card.md",
    }


def test_metrics_are_those_of_the_answers_with_and_without_the_mirror(folder: Path) -> None:
    metrics = json.loads((folder / "metrics.json").read_text())
    for key, split in (("private", Split.PRIVATE), ("public", Split.PUBLIC)):
        rows = np.flatnonzero(SAMPLES.splits == split)
        plain = answers(SAMPLES.images[rows])
        mirrored = answers(SAMPLES.images[rows][..., ::-1])
        for name, probabilities in ((key, plain), (f"{key}_tta", (plain + mirrored) / 2)):
            table = Predictions(
                ids=SAMPLES.ids[rows], labels=SAMPLES.labels[rows], probabilities=probabilities, split=key
            )
            for metric, value in headline(table).items():
                found = metrics[name][metric]
                assert found["value"] == pytest.approx(value, abs=1e-9)
                assert found["low"] <= found["value"] <= found["high"]
                assert found["n"] == 28
    assert set(metrics["private"]) == set(METRICS)
    assert metrics["folder7178"]["accuracy"]["n"] == 56
    assert metrics["private_dedup"]["accuracy"]["n"] == 26
    assert (metrics["headline"], metrics["protocol"]) == ("private", "official")


def test_saved_answers_give_the_metrics_again(folder: Path) -> None:
    metrics = json.loads((folder / "metrics.json").read_text())
    for path in (folder / "predictions").iterdir():
        for metric, value in headline(Predictions.read(path)).items():
            assert metrics[path.stem][metric]["value"] == pytest.approx(value, abs=1e-6)
    assert (folder / "predictions" / "private_dedup_tta.parquet").is_file()


def test_the_confusion_matrix_counts_every_face(folder: Path) -> None:
    with (folder / "confusion_matrix.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["true"] for row in rows] == list(EMOTIONS)
    counts = np.array([[int(row[emotion]) for emotion in EMOTIONS] for row in rows])
    assert counts.sum() == 28
    assert counts.trace() / 28 == pytest.approx(
        json.loads((folder / "metrics.json").read_text())["private"]["accuracy"]["value"]
    )


def test_per_class_has_every_set_and_emotion(folder: Path) -> None:
    with (folder / "per_class.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * 2 * 7
    row = next(row for row in rows if row["set"] == "private" and row["class"] == "sad")
    assert row["support"] == "4"
    assert float(row["recall_low"]) <= float(row["recall"]) <= float(row["recall_high"])


def test_model_eval_has_a_row_a_run(run: EvaluatedRun, tmp_path: Path) -> None:
    other = evaluated(run_folder(tmp_path / "other", seed=5), num_parameters=10)
    folder = report(tmp_path / "report", run, other).parent
    with (folder / "model_eval.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["run"] for row in rows] == ["a&b<run>", "other"]
    assert list(rows[0])[:7] == [
        "run",
        "model",
        "seed",
        "protocol",
        "num_parameters",
        "train_seconds",
        "images_per_second",
    ]
    assert [row["seed"] for row in rows] == ["0", "5"]
    for key in ("private", "public", "private_dedup", "folder7178"):
        for metric in METRICS:
            assert float(rows[0][f"{key}_{metric}_low"]) <= float(rows[0][f"{key}_{metric}_high"])
            assert f"{key}_tta_{metric}" in rows[0]
    assert set(json.loads((folder / "metrics.json").read_text())["runs"]) == {"a&b<run>", "other"}


def test_pictures_are_there_and_readable(folder: Path) -> None:
    panels = sorted((folder / "gradcam").iterdir())
    assert 7 < len(panels) <= 7 * 2 + 2
    for path in (*panels, folder / "confusion_matrix.png", folder / "confusion_matrix_normalized.png"):
        assert cv2.imread(str(path)) is not None
    assert all(re.fullmatch(r"(correct|wrong)__.+__true-\w+__predicted-\w+\.png", path.name) for path in panels)


def test_a_report_in_an_old_folder_leaves_no_old_panel(run: EvaluatedRun, tmp_path: Path) -> None:
    (tmp_path / "gradcam").mkdir()
    (tmp_path / "gradcam" / "old.png").write_bytes(b"")
    report(tmp_path, run)
    assert not (tmp_path / "gradcam" / "old.png").exists()


def test_the_same_input_gives_the_same_bytes(run: EvaluatedRun, folder: Path, tmp_path: Path) -> None:
    again = report(tmp_path, run).parent
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            assert path.read_bytes() == (again / path.relative_to(folder)).read_bytes(), path.name


# --- what a run may and may not be ---


def test_other_classes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="answers with the classes a, b"):
        evaluated(run_folder(tmp_path / "run"), labels=("a", "b"))


def test_data_without_a_test_split_is_refused(tmp_path: Path) -> None:
    training = SAMPLES.take(SAMPLES.splits == Split.TRAINING)
    with pytest.raises(DataError, match="nothing to score"):
        evaluated(run_folder(tmp_path / "run"), samples=training)


def test_changed_data_are_told(tmp_path: Path) -> None:
    found = evaluated(run_folder(tmp_path / "run"), trained_on="feedfacefeedface")
    assert any("data changed since training" in note for note in found.notes)


def test_a_checkpoint_that_does_not_repeat_its_training_score_is_told(tmp_path: Path) -> None:
    path = run_folder(tmp_path / "run")
    (path / "metrics.json").write_text(json.dumps({"public.accuracy": 0.111}))
    assert any("recorded a PublicTest accuracy of 11.1 %" in note for note in evaluated(path).notes)


def test_without_private_labels_public_is_the_headline_and_the_page_says_why(tmp_path: Path) -> None:
    found = evaluated(run_folder(tmp_path / "run"), samples=SAMPLES.take(SAMPLES.splits != Split.PRIVATE))
    assert found.headline_key == "public"
    assert any("no PrivateTest score is possible" in note for note in found.notes)
    assert any("optimistic" in note for note in found.notes)
    text = Page(report(tmp_path / "out", found, with_faces=False).read_text(encoding="utf-8")).text
    assert "no PrivateTest score is possible" in text
    assert "PrivateTest was read only" not in text


def test_a_merged_test_never_passes_for_private(tmp_path: Path) -> None:
    splits = np.where(SAMPLES.splits == Split.TRAINING, SAMPLES.splits, str(Split.MERGED_TEST))
    found = evaluated(run_folder(tmp_path / "run"), samples=replace(SAMPLES, splits=splits))
    assert list(found.sets) == ["folder7178"]
    page = report(tmp_path / "out", found, with_faces=False)
    assert "private" not in json.loads((page.parent / "metrics.json").read_text())


def test_the_7178_protocol_puts_that_folder_on_top(tmp_path: Path) -> None:
    found = evaluated(run_folder(tmp_path / "run", protocol="folder7178"))
    assert found.headline_key == "folder7178"
    assert "private" in found.sets


def test_a_held_out_part_of_training_is_reported_as_such(tmp_path: Path) -> None:
    path = run_folder(tmp_path / "run", protocol="stratified")
    rows = np.arange(14)
    Predictions(
        ids=SAMPLES.ids[rows],
        labels=SAMPLES.labels[rows],
        probabilities=answers(SAMPLES.images[rows]),
        split="heldout",
    ).write(path / "predictions" / "heldout.parquet")
    found = evaluated(path)
    assert found.sets["heldout"].plain.metrics["accuracy"].n == 14
    assert found.sets["heldout"].flipped is None
    assert found.headline_key == "private"


def test_the_run_in_detail_is_chosen_without_private(tmp_path: Path) -> None:
    """The run that is better on PrivateTest alone is not the one shown."""
    public = SAMPLES.splits == Split.PUBLIC
    private = SAMPLES.splits == Split.PRIVATE

    def right_on(rows: np.ndarray):
        marks = {image.tobytes() for image in SAMPLES.images[rows]}

        def answer(images: np.ndarray) -> np.ndarray:
            right = np.array([image.tobytes() in marks for image in images])
            return np.eye(7, dtype=np.float32)[(images[:, 0, 0, 0] + ~right) % 7]

        return answer

    better_private = evaluated(run_folder(tmp_path / "a"), answers=right_on(private))
    better_public = evaluated(run_folder(tmp_path / "b"), answers=right_on(public))
    assert choose_detail([better_private, better_public]) is better_public


def test_an_unfinished_run_is_reported_with_a_note_on_top(tmp_path: Path) -> None:
    found = evaluated(run_folder(tmp_path / "run", finished=False))
    html = report(tmp_path / "out", found).read_text(encoding="utf-8")
    assert "This run was interrupted after 3 epochs" in Page(html).text
    assert html.index("interrupted after 3 epochs") < html.index('class="big-number"')
    assert "interrupted after 3 epochs" in (tmp_path / "out" / "model_card.md").read_text()


def test_without_test_time_augmentation_there_are_no_such_numbers(tmp_path: Path) -> None:
    options = OPTIONS.model_copy(update={"tta": False})
    found = evaluated(run_folder(tmp_path / "run"), options=options)
    page = report(tmp_path / "out", found, options=options)
    assert not any(key.endswith("_tta") for key in json.loads((page.parent / "metrics.json").read_text()))
    assert "mirrored" not in Page(page.read_text(encoding="utf-8")).text


def test_runs_of_different_protocols_are_told_apart(run: EvaluatedRun, tmp_path: Path) -> None:
    other = evaluated(run_folder(tmp_path / "other", protocol="kfold"))
    text = Page(report(tmp_path / "out", run, other).read_text(encoding="utf-8")).text
    assert "These runs follow different protocols" in text


# --- the page ---


def test_every_tag_closes(html: str) -> None:
    assert Page(html).open == []


def test_the_page_needs_and_loads_nothing(html: str) -> None:
    page = Page(html)
    for tag, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "srcset", "action", "data"):
            if name in attributes:
                assert attributes[name].startswith(("data:", "#")), (tag, name, attributes[name][:80])
    assert page.named("link", "iframe", "object", "embed") == []
    assert not re.search(r"@import|url\(\s*['\"]?(?!#)", html)
    (policy,) = [meta["content"] for meta in page.named("meta") if "http-equiv" in meta]
    assert policy.startswith("default-src 'none'")


def test_names_from_outside_cannot_become_markup(html: str) -> None:
    assert EVIL not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "a&amp;b&lt;run&gt;" in html
    assert len(Page(html).named("script")) == 1


def test_ids_are_unique_and_references_resolve(html: str) -> None:
    page = Page(html)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.elements:
        for name in ("aria-labelledby", "aria-describedby"):
            assert set(attributes.get(name, "").split()) <= set(ids)
        for name in ("href", "xlink:href"):
            if attributes.get(name, "").startswith("#"):
                assert attributes[name][1:] in ids
    for reference in re.findall(r"url\(#([^)]+)\)", html):
        assert reference in ids


def test_headings_go_down_one_level_at_a_time(html: str) -> None:
    levels = [int(tag[1]) for tag, _ in Page(html).elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_everything_has_a_name_for_screen_readers(html: str) -> None:
    page = Page(html)
    assert all(len(image["alt"]) > 20 for image in page.named("img"))
    charts = [svg for svg in page.named("svg") if svg.get("role") == "img"]
    assert len(charts) == len(page.named("svg"))
    assert all(len(svg["aria-label"]) > 20 for svg in charts)
    assert all("scope" in heading for heading in page.named("th"))
    assert page.named("html")[0]["lang"] == "en"
    regions = [attributes for _, attributes in page.elements if attributes.get("role") == "region"]
    assert all(region["tabindex"] == "0" for region in regions)
    assert page.elements[[tag for tag, _ in page.elements].index("a")][1]["href"] == "#content"


def test_the_headline_carries_split_protocol_augmentation_and_n(html: str) -> None:
    text = " ".join(Page(html).text.split())
    assert "95 % interval" in text
    assert "PrivateTest, official protocol, no test-time augmentation, n = 28" in text
    assert "What these numbers mean" in text


def test_the_human_level_stands_beside_fer2013_alone(html: str, tmp_path: Path) -> None:
    assert "65 ± 5" not in html
    found = evaluated(run_folder(tmp_path / "run"))
    found = replace(found, data=replace(found.data, is_fer2013=True))
    text = " ".join(Page(report(tmp_path / "out", found).read_text(encoding="utf-8")).text.split())
    assert "people on FER-2013: 65 ± 5 %" in text
    assert "72 to 74.5 % on PrivateTest" in text


def test_drawn_faces_are_called_drawn(tmp_path: Path) -> None:
    path = run_folder(tmp_path / "run")
    config = yaml.safe_load((path / "config.yaml").read_text())
    (path / "config.yaml").write_text(yaml.safe_dump({**config, "data": {"name": "synthetic"}}))
    text = Page(report(tmp_path / "out", evaluated(path)).read_text(encoding="utf-8")).text
    assert "says nothing about real faces" in text


def test_a_page_without_faces_holds_none(run: EvaluatedRun, tmp_path: Path) -> None:
    page = report(tmp_path, run, with_faces=False)
    assert Page(page.read_text(encoding="utf-8")).named("img") == []
    assert not list(tmp_path.glob("gradcam/*"))


def test_every_text_colour_has_enough_contrast(html: str) -> None:
    """WCAG 2.2 AA: 4.5 to 1 for text, 3 to 1 for the marks of a figure, in light, dark and print."""

    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(one: str, other: str) -> float:
        low, high = sorted((luminance(one), luminance(other)))
        return (high + 0.05) / (low + 0.05)

    themes = [
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in re.findall(r":root \{(.*?)\}", html, re.S)
    ]
    assert len(themes) == 3
    for theme in themes:
        for ink in ("ink", "muted", "accent"):
            for ground in ("paper", "surface"):
                assert contrast(theme[ink], theme[ground]) >= 4.5, (ink, ground)
        assert contrast(theme["warn-ink"], theme["warn-paper"]) >= 4.5
        for number in range(1, 7):
            assert contrast(theme[f"series-{number}"], theme["surface"]) >= 3, number
        # The strongest cell of the confusion matrix is 55 % heat on paper.
        mix = [
            round(0.55 * int(theme["heat"][i : i + 2], 16) + 0.45 * int(theme["paper"][i : i + 2], 16))
            for i in (1, 3, 5)
        ]
        assert contrast(theme["ink"], "#{:02x}{:02x}{:02x}".format(*mix)) >= 4.5


# --- the card ---


def test_the_model_card_has_its_parts_and_well_formed_tables(folder: Path) -> None:
    card = (folder / "model_card.md").read_text(encoding="utf-8")
    parts = ["Model", "Intended use", "Not for", "Data", "Protocol", "Scores", "Limits", "Ethics", "How to repeat it"]
    assert re.findall(r"^## (.+)$", card, re.M) == parts
    for word in ("**Privacy.**", "**Bias.**", "**Environment.** Training took 1 min 2 s on CPU (2 threads)"):
        assert word in card
    # Outside the indented command lines nothing is markup of its own.
    assert not any(EVIL in line for line in card.splitlines() if not line.startswith("    "))
    for block in re.findall(r"(?:^\|.*\n)+", card, re.M):
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(cells) == 1, block
    assert card.endswith("\n")


def test_markdown_shows_text_as_it_is() -> None:
    assert escape_markdown("a|b_c*\n<x>") == r"a\|b\_c\* \<x\>"
