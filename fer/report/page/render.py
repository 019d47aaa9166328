"""The HTML page and the model card, from their templates."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from fer.common.labels import EMOTIONS
from fer.common.wording import counted, markdown, printable_path
from fer.report.page.class_words import class_words, page_in
from fer.report.page.section import Section

if TYPE_CHECKING:
    import jinja2


def render_page(
    sections: Sequence[Section],
    *,
    title: str,
    subtitle: str,
    notes: Sequence[str],
    faces: bool,
    kind: str = "fer-report",
    labels: Sequence[str] = EMOTIONS,
) -> str:
    """One HTML file that needs nothing beside it: styles, script and pictures are inside, and it may load nothing else.

    Args:
        sections: in reading order.
        title: heading of the page.
        subtitle: model, data, protocol in a line.
        notes: warnings that stand above everything.
        faces: whether the page shows faces that a licence may cover.
        kind: the command that made it.
        labels: what the models of the page predict, for the words that name it.
    """
    parts = [(section, render_section(section)) for section in sections]
    page = (
        _environment()
        .get_template("page/report.html.j2")
        .render(title=title, subtitle=subtitle, notes=notes, faces=faces, kind=kind, parts=parts)
    )
    return page_in(class_words(labels), page)


def render_section(section: Section) -> str:
    """The HTML of one section, without its heading."""
    return _environment().get_template(section.template).render(charts=section.charts, **section.context)


def render_markdown(template: str, context: dict[str, Any]) -> str:
    """A Markdown file; values are escaped by the template's `md` filter."""
    return _environment().get_template(template).render(context)


@cache
def _environment() -> "jinja2.Environment":
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fer.report", ""),
        # Markdown escapes in another way, by the `md` filter.
        autoescape=jinja2.select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["md"] = markdown
    environment.filters["printable"] = printable_path
    environment.filters["counted"] = counted
    return environment
