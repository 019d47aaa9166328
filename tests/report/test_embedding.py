"""The map of faces: planted clusters are found, a seed has one layout, and the page stays small."""

import re
from pathlib import Path

import numpy as np
import pytest
from support.sketched import sketched

from fer.folders.opened import OpenData, OpenModels
from fer.folders.record import read_runs
from fer.report.context import ReportContext
from fer.report.embedding.analysis import SPRITE_BYTES, analyse, sprite_of
from fer.report.embedding.measurement import embed, last_features
from fer.report.main import evaluate_record
from fer.report.options import ReportOptions
from fer.report.page.render import render_page
from fer.report.page.section import Section


def planted(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three far clusters in 20 dimensions, a label each."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(3), 40)
    return (10 * np.eye(20)[labels] + rng.normal(size=(120, 20))).astype(np.float32), labels


def test_planted_clusters_stay_apart_and_a_seed_has_one_layout() -> None:
    features, labels = planted()
    first, again = (embed(features, labels, seed=3) for _ in range(2))
    assert first is not None
    assert again is not None
    assert np.array_equal(first.places, again.places)
    assert first.neighbours_agree == 1.0
    assert first.trustworthiness > 0.8
    middle = np.stack([first.places[labels == c].mean(axis=0) for c in range(3)])
    nearest = np.linalg.norm(first.places[:, None] - middle, axis=2).argmin(axis=1)
    assert np.array_equal(nearest, labels)
    assert first.places.min() == 0.0
    assert first.places.max() == 1.0


def test_labels_without_a_pattern_have_neighbours_that_disagree() -> None:
    features, labels = planted()
    found = embed(features, np.random.default_rng(1).permutation(labels), seed=0)
    assert found is not None
    assert found.neighbours_agree < 0.6


@pytest.mark.parametrize("value", [0.0, 3.7, 1e-20, np.nan])
def test_a_collapsed_net_has_no_map(value: float) -> None:
    features, labels = planted()
    # scikit-learn's t-SNE ends the process on these.
    assert embed(np.full_like(features, value), labels, seed=0) is None
    rounded = np.where(np.arange(len(labels))[:, None] % 2, np.nextafter(np.float32(value), np.float32(1)), value)
    assert embed((rounded * np.ones_like(features)).astype(np.float32), labels, seed=0) is None


def test_the_faces_of_a_page_stay_within_their_size() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (2000, 1, 48, 48), dtype=np.uint8)
    sprite = sprite_of(noise)
    # Noise packs worst: even so the smallest and coarsest picture is near the limit.
    assert len(sprite["uri"]) < 1.4 * 2 * SPRITE_BYTES
    faces = np.broadcast_to(np.linspace(60, 200, 48, dtype=np.uint8)[:, None], (2000, 1, 48, 48))
    assert len(sprite_of(faces)["uri"]) < 1.4 * SPRITE_BYTES


def test_a_run_has_its_map_with_and_without_faces(tiny_run: Path) -> None:
    (record,) = read_runs([tiny_run])
    data, models = OpenData(), OpenModels("cpu")
    pages = {}
    for faces in (True, False):
        options = ReportOptions(bootstrap=100, tta=False, faces=faces)
        run = evaluate_record(record, models.of(record), data, options)
        found = analyse(ReportContext(run=run, runs=[run], options=options, data=data, models=models))
        assert found is not None
        pages[faces] = sketched()(render_page)(found.sections, title="t", subtitle="", notes=(), faces=faces)
        lines = found.files["embedding.csv"].splitlines()
        assert len(lines) == 1 + len(run.headline.plain.predictions)
    assert pages[True].count("<circle") == pages[False].count("<circle") == 70
    assert ("data:image/webp" in pages[True], "data:image/webp" in pages[False]) == (True, False)


def test_every_label_has_a_colour_of_its_own() -> None:
    names = [f"label{n}" for n in range(12)]
    told = {"sprite": None, "dimensions": 3, "neighbours": 10, "agree": "", "trust": "", "statement": "", "size": 1000}
    context = {**told, "emotions": names, "points": [(n, n, n, n, 50) for n in range(12)]}
    section = Section(key="map", title="", template="embedding/section.html.j2", context=context)
    page = render_page([section], title="t", subtitle="", notes=(), faces=False)
    for tag in ("g", "li"):
        colours = re.findall(rf'<{tag} class="kind-(\d+)"(?: style="--kind: ([^"]*)")?>', page)
        assert [int(kind) for kind, _ in colours] == list(range(12))
        own = [colour or kind for kind, colour in colours]
        assert len(set(own)) == 12
        # Those without one of their own have it in the page's styles.
        assert all(f".kind-{kind} {{ --kind" in page for kind, colour in colours if not colour)


def test_features_are_what_the_last_layer_turns_into_logits(tiny_run: Path) -> None:
    import torch

    (record,) = read_runs([tiny_run])
    model = OpenModels("cpu").of(record)
    images = np.random.default_rng(0).integers(0, 256, (5, 1, 48, 48), dtype=np.uint8)
    features = last_features(model, images, batch_size=2)
    assert features is not None
    with torch.inference_mode():
        probabilities = model.net.get_submodule("head")(torch.from_numpy(features)).softmax(dim=1).numpy()
    assert probabilities == pytest.approx(model.probabilities(images), abs=0.02)
