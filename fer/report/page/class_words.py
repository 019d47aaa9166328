"""What a report calls the things that a model predicts: emotions, or classes where its labels are none.

Sections and figures say "emotion"; this is the one place that says otherwise for labels of other kinds.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fer.common.label_set import are_emotions
from fer.report.page.section import Chart, Section

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from fer.report.page.figures import Palette

Words = Callable[[str], str]
"""A text in the words of a set of labels."""

# Not in a name, a path or a setting; and a law on emotion recognition is one whatever is recognised.
_EMOTION: Final = re.compile(r"(?<![\w./=\[-])(?:(an?)(\s+))?(emotions?)\b(?! recognition)(?![/=.-]\w)", re.IGNORECASE)

_TAGS: Final = re.compile(r"(<(?:style|script|code|pre)\b.*?</(?:style|script|code|pre)>|<[^>]*>)", re.DOTALL)
_SPOKEN: Final = re.compile(r'\b((?:alt|aria-label|title)=")([^"]*)')


def class_words(labels: Sequence[str]) -> Words:
    """How texts of a report are to be changed for these labels: not at all where all are emotions."""
    # Nobody could tell the word from a label that holds it.
    kept = are_emotions(labels) or any("emotion" in label.lower() for label in labels)
    return str if kept else _of_classes


def _of_classes(text: str) -> str:
    return _EMOTION.sub(_class, text)


def _class(found: re.Match[str]) -> str:
    article, space, word = found.groups()
    said = "classes" if word[-1] in "sS" else "class"
    said = said.capitalize() if word[0].isupper() else said
    return said if article is None else f"{article[0]}{space}{said}"


def page_in(words: Words, page: str) -> str:
    """An HTML page; what is code or no text stays as it is."""
    if words is str:
        return page
    parts = _TAGS.split(page)
    parts[::2] = map(words, parts[::2])
    parts[1::2] = (_SPOKEN.sub(lambda found: found[1] + words(found[2]), tag) for tag in parts[1::2])
    return "".join(parts)


def section_in(words: Words, section: Section) -> Section:
    """A section whose figures speak so; its texts do when the page is made."""
    if words is str:
        return section
    return replace(section, charts=tuple(replace(chart, draw=_drawn_in(words, chart)) for chart in section.charts))


def _drawn_in(words: Words, chart: Chart) -> "Callable[[Palette], Figure]":
    def draw(palette: "Palette") -> "Figure":
        from matplotlib.text import Text

        figure = chart.draw(palette)
        for text in figure.findobj(Text):
            assert isinstance(text, Text)
            text.set_text(words(text.get_text()))
        return figure

    return draw
