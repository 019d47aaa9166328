"""A section without a template of its own: sentences, a table, figures."""

from collections.abc import Sequence

from fer.report.page.section import Chart, Section


def plain_section(
    key: str,
    *,
    title: str,
    text: Sequence[str] = (),
    columns: Sequence[str] = (),
    rows: Sequence[Sequence[str | float]] = (),
    caption: str = "",
    charts: Sequence[Chart] = (),
    lead: str = "",
) -> Section:
    """A section of the page for an analysis of one's own.

    Args:
        key: its anchor, of letters, digits and "-".
        title: its heading.
        text: paragraphs; what HTML would read as markup is shown as it stands.
        columns: headings of the table.
        rows: cells of the table; the first names the row.
        caption: what the table shows, with split and n.
        charts: figures, which stand beside the page as PNG and SVG too.
        lead: what is seen of it while it is folded; a sentence.
    """
    context = {"key": key, "text": list(text), "columns": list(columns), "rows": list(rows), "caption": caption}
    return Section(
        key=key, title=title, template="page/plain.html.j2", context=context, charts=tuple(charts), lead=lead
    )
