"""The page and the model card of a report."""

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from matplotlib.figure import Figure
from support.report_stand_ins import EVIL, Page, evaluated, report, run_folder
from support.sketched import sketched

from fer.common.label_set import LABEL_SETS
from fer.common.wording import markdown
from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.page import figures
from fer.report.page.class_words import class_words, page_in
from fer.report.page.figures import Palette, new_figure
from fer.report.page.section import Chart


def test_what_is_no_emotion_is_called_a_class() -> None:
    words = class_words(["awake", "drowsy"])
    assert words("An emotion's share; most emotions, than an\nemotion. Emotions") == (
        "A class's share; most classes, than a\nclass. Classes"
    )
    for kept in ("Emotion recognition at work", "runs/emotion/a", "data.root=emotion", "emotion.csv", "emotional"):
        assert words(kept) == kept
    page = '<p title="an emotion" class="emotion">emotions <code>run=emotion</code></p><style>.emotion {}</style>'
    assert page_in(words, page) == page.replace("an emotion", "a class").replace("emotions", "classes")
    # Eight of FER+ are emotions all; and a label that holds the word must stay.
    for labels in (LABEL_SETS["ferplus8"], LABEL_SETS["five"], ["emotion", "none"]):
        assert class_words(labels)("an emotion") == "an emotion"


def test_a_label_that_runs_from_right_to_left_keeps_its_number_behind_it(fake_page: str) -> None:
    assert re.search(r"<p><bdi>\w+</bdi>, \d", fake_page)
    assert re.search(r"\.card b[^{]*\{ unicode-bidi: isolate; \}", fake_page)


def test_a_letter_that_no_font_has_is_told_once_and_in_words(
    caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    def draw(palette: Palette) -> Figure:
        figure = new_figure(3, 2, palette)
        # Of a private-use area: no font has it.
        figure.add_subplot().set_title("\uf8ee\uf8ed")
        return figure

    figures._tell_letters.cache_clear()
    for key in ("one", "two"):
        assert "\uf8ee" in Chart(key=key, caption="a title", draw=draw).svg
    assert [each for each in recwarn if "Glyph" in str(each.message)] == []
    (told,) = caplog.messages
    assert "which no font of this machine has" in told


def test_every_tag_closes(fake_page: str) -> None:
    assert Page(fake_page).open == []


def test_the_page_needs_and_loads_nothing(fake_page: str) -> None:
    page = Page(fake_page)
    for tag, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "srcset", "action", "data"):
            if name in attributes:
                assert attributes[name].startswith(("data:", "#")), (tag, name, attributes[name][:80])
    assert page.named("link", "iframe", "object", "embed") == []
    assert not re.search(r"@import|url\(\s*['\"]?(?!#)", fake_page)
    (policy,) = [meta["content"] for meta in page.named("meta") if "http-equiv" in meta]
    assert policy.startswith("default-src 'none'")


def test_names_from_outside_cannot_become_markup(fake_page: str) -> None:
    assert EVIL not in fake_page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in fake_page
    assert "a&amp;b&lt;run&gt;" in fake_page
    assert len(Page(fake_page).named("script")) == 1


def test_ids_are_unique_and_references_resolve(fake_page: str) -> None:
    page = Page(fake_page)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.elements:
        for name in ("aria-labelledby", "aria-describedby"):
            assert set(attributes.get(name, "").split()) <= set(ids)
        for name in ("href", "xlink:href"):
            if attributes.get(name, "").startswith("#"):
                assert attributes[name][1:] in ids
    for reference in re.findall(r"url\(#([^)]+)\)", fake_page):
        assert reference in ids


def test_headings_go_down_one_level_at_a_time(fake_page: str) -> None:
    levels = [int(tag[1]) for tag, _ in Page(fake_page).elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_everything_has_a_name_for_screen_readers(fake_page: str) -> None:
    page = Page(fake_page)
    assert all(len(image["alt"]) > 20 for image in page.named("img"))
    charts = [svg for svg in page.named("svg") if svg.get("role") == "img"]
    assert len(charts) == len(page.named("svg"))
    assert all(len(svg["aria-label"]) > 20 for svg in charts)
    assert all("scope" in heading for heading in page.named("th"))
    assert page.named("html")[0]["lang"] == "en"
    regions = [attributes for _, attributes in page.elements if attributes.get("role") == "region"]
    assert all(region["tabindex"] == "0" for region in regions)
    assert page.elements[[tag for tag, _ in page.elements].index("a")][1]["href"] == "#content"


def test_the_headline_carries_split_protocol_augmentation_and_n(fake_page: str) -> None:
    text = " ".join(Page(fake_page).text.split())
    assert "95 % interval" in text
    assert "PrivateTest, official protocol, no test-time augmentation, n = 28" in text
    assert "What these numbers mean" in text


@pytest.mark.parametrize(
    ("protocol", "words"),
    [("official", "PublicTest chose the epoch"), ("folder7178", "PublicTest and PrivateTest mixed")],
)
def test_splits_of_other_data_are_not_called_official(protocol: str, words: str, tmp_path: Path) -> None:
    found = evaluated(run_folder(tmp_path / "run", protocol=protocol))
    found.record.config["data"]["name"] = "rafdb"
    text = " ".join(Page(sketched()(report)(tmp_path / "out", found).read_text(encoding="utf-8")).text.split())
    assert f", {words}, no test-time augmentation, n = " in text
    assert "FER-2013's names for the parts that train" in text
    assert not any(claim in text for claim in ("official protocol", "official splits", "7,178-image"))


def test_the_human_level_stands_beside_fer2013_alone(fake_page: str, tmp_path: Path) -> None:
    assert "65 ± 5" not in fake_page
    found = evaluated(run_folder(tmp_path / "run"))
    found = replace(found, data=replace(found.data, is_fer2013=True))
    text = " ".join(Page(sketched()(report)(tmp_path / "out", found).read_text(encoding="utf-8")).text.split())
    assert "people on FER-2013: 65 ± 5 %" in text
    assert "72.7 % (VGG, arXiv 1612.02903)" in text.replace("\u00a0", " ")
    assert "Scores on PublicTest (as the 73.3 % of arXiv 2105.03588" in text.replace("\u00a0", " ")
    assert "The limits are choices of this project" in text


def test_drawn_faces_are_called_drawn(tmp_path: Path) -> None:
    path = run_folder(tmp_path / "run")
    config = yaml.safe_load((path / "config.yaml").read_text())
    (path / "config.yaml").write_text(yaml.safe_dump({**config, "data": {"name": "synthetic"}}))
    text = Page(sketched()(report)(tmp_path / "out", evaluated(path)).read_text(encoding="utf-8")).text
    assert "says nothing about real faces" in text


def test_a_page_without_faces_holds_none(fake_run: EvaluatedRun, tmp_path: Path) -> None:
    page = sketched()(report)(tmp_path, fake_run, with_faces=False)
    assert Page(page.read_text(encoding="utf-8")).named("img") == []
    assert not list(tmp_path.glob("gradcam/*"))


def test_every_text_colour_has_enough_contrast(fake_page: str) -> None:
    """WCAG 2.2 AA: 4.5 to 1 for text, 3 to 1 for the marks of a figure, in light, dark and print."""

    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(one: str, other: str) -> float:
        low, high = sorted((luminance(one), luminance(other)))
        return (high + 0.05) / (low + 0.05)

    themes = [
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{(.*?)\}", fake_page, re.S)
    ]
    assert len(themes) == 3
    for theme in themes:
        for ink in ("ink", "muted", "accent"):
            for ground in ("paper", "surface"):
                assert contrast(theme[ink], theme[ground]) >= 4.5, (ink, ground)
        assert contrast(theme["warn-ink"], theme["warn-paper"]) >= 4.5
        assert contrast(theme["fail"], theme["surface"]) >= 4.5
        for number in range(1, 7):
            assert contrast(theme[f"series-{number}"], theme["surface"]) >= 3, number
        # The strongest cell of the confusion matrix is 55 % heat on paper.
        mix = [
            round(0.55 * int(theme["heat"][i : i + 2], 16) + 0.45 * int(theme["paper"][i : i + 2], 16))
            for i in (1, 3, 5)
        ]
        assert contrast(theme["ink"], "#{:02x}{:02x}{:02x}".format(*mix)) >= 4.5


def test_a_failure_is_read_on_paper_where_grounds_are_left_out(fake_page: str) -> None:
    paper = fake_page[fake_page.rindex("@media print {") :]
    assert ".verdict.fail .mark { color: var(--fail); background: none; }" in paper


def test_the_model_card_has_its_parts_and_well_formed_tables(fake_report: Path) -> None:
    card = (fake_report / "model_card.md").read_text(encoding="utf-8")
    parts = [
        "Model",
        "Intended use",
        "Not for",
        "Data",
        "Protocol",
        "Scores",
        "Limits",
        "Ethics",
        "How to reproduce it",
    ]
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
    assert markdown("a|b_c*\n<x>") == r"a\|b\_c\* \<x\>"
