"""The page's files fit together and with the policy they are served under."""

import re
from html.parser import HTMLParser
from pathlib import Path

import fer.runtime.web.app as web

PAGE = Path(web.__file__).parent / "page"
SCRIPTS = sorted((PAGE / "js").glob("*.js"))


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str | None]]] = []
        self.feed((PAGE / "index.html").read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, dict(attrs)))


def test_nothing_is_inline_and_nothing_comes_from_elsewhere() -> None:
    for tag, attributes in Elements().all:
        assert tag != "style"
        assert not any(name == "style" or name.startswith("on") for name in attributes), (tag, attributes)
        assert tag != "script" or attributes.get("src")
        for name in ("src", "href"):
            target = attributes.get(name)
            if target is None or target.startswith("#"):
                continue
            # The page may lie below a path: no address starts at the root.
            assert target.startswith(("./?", "api/", "page/")), target
            assert not target.startswith("page/") or (PAGE / target.removeprefix("page/")).is_file(), target
    for path in [*SCRIPTS, PAGE / "sw.js", PAGE / "page.css", PAGE / "ways.css"]:
        text = path.read_text(encoding="utf-8")
        # The name of SVG's elements looks like an address.
        assert not re.search(r"https?://(?!localhost\b|www\.w3\.org/2000/svg\b)", text), path.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|\beval\(|localStorage|document\.cookie", text), (
            path.name
        )


def test_scripts_ask_only_for_elements_that_are_there() -> None:
    ids = [attributes["id"] for _, attributes in Elements().all if "id" in attributes]
    assert len(ids) == len(set(ids))
    asked = {name for path in SCRIPTS for name in re.findall(r'part\("([a-z-]+)"\)', path.read_text(encoding="utf-8"))}
    assert asked
    assert asked <= set(ids)
    imported = {
        name for path in SCRIPTS for name in re.findall(r'from "\./([a-z0-9]+\.js)"', path.read_text(encoding="utf-8"))
    }
    assert imported == {path.name for path in SCRIPTS} - {"main.js"}


def test_references_between_elements_resolve() -> None:
    elements = Elements().all
    ids = {attributes.get("id") for _, attributes in elements}
    for _, attributes in elements:
        for name in ("for", "aria-labelledby", "aria-describedby"):
            for target in (attributes.get(name) or "").split():
                assert target in ids, (name, target)


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_colours_can_be_read_in_light_and_in_dark() -> None:
    css = (PAGE / "page.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\n\s*\}", css, re.DOTALL)
    light, dark, light_contrast, dark_contrast, paper = (
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block)) for block in blocks
    )
    themes = [light, light | dark, light | light_contrast, light | dark | light_contrast | dark_contrast, light | paper]
    for colour in themes:
        text = [("ink", "paper"), ("ink", "surface"), ("muted", "paper"), ("muted", "surface"), ("accent", "surface")]
        text += [("on-accent", "accent"), ("warn-ink", "warn-paper"), ("bad-ink", "surface"), ("accent", "paper")]
        for front, back in text:
            # WCAG 2.2, success criterion 1.4.6 (AAA).
            assert contrast(colour[front], colour[back]) >= 7, (front, back)
        for name in ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"):
            assert contrast(colour[name], colour["track"]) >= 3, name
        assert contrast(colour["edge"], colour["surface"]) >= 3
        assert contrast(colour["accent"], colour["paper"]) >= 3
