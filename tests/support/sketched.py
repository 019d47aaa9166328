"""Pages whose figures are made but not drawn, which takes most of a page's time: for tests that read its words."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fer.report.page.figures import PRINT, styled
from fer.report.page.section import Chart


@contextmanager
def sketched() -> Iterator[None]:
    """Inside, a figure of a page is an empty picture; it also decorates what makes pages."""
    with pytest.MonkeyPatch.context() as patch:
        # Nothing is kept: the same chart is drawn in full afterwards.
        patch.setattr(Chart, "_files", property(_files))
        yield


def _files(chart: Chart) -> tuple[bytes, str]:
    with styled(PRINT):
        chart.draw(PRINT)
    return b"\x89PNG", '<svg viewBox="0 0 1 1"></svg>'
