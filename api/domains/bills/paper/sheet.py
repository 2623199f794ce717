"""Pages filled from above: rows of boxes, tables that go on over pages, headings that stay with what follows.

Everything is made of cells, a cell of lines, and a row is as high as its highest cell. A row that does not
fit goes to the next page; one that fits no page is split between lines. Nothing is cut off or drawn over.

>>> sheet = Sheet(pdf, lambda page, number: TOP, limit=400)          # doctest: +SKIP
>>> sheet.row([Cell([line]), Cell([other])], [0.5, 0.5])             # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from api.domains.bills.paper.errors import PaperLongError
from api.domains.bills.paper.lines import Line, Spans, Style, broken
from api.domains.bills.paper.pdf import HEIGHT, WIDTH, Colour, Page, Pdf

__all__ = ["BLACK", "BOTTOM", "GREY", "INNER", "LEFT", "NAVY", "PAD", "PALE", "RULE", "TOP", "Cell", "Sheet"]

LEFT: Final = 36.0
TOP: Final = HEIGHT - 34.0
BOTTOM: Final = 52.0
INNER: Final = WIDTH - 2 * LEFT
PAD: Final = 3.2

BLACK: Colour = (8, 8, 10)
GREY: Colour = (38, 40, 44)
NAVY: Colour = (9, 20, 38)
RULE: Colour = (55, 58, 63)
PALE: Colour = (93, 95, 97)
_THIN: Final = 0.45
_LEAST: Final = 30.0


@dataclass
class Cell:
    """Lines one below the other."""

    lines: list[Line] = field(default_factory=list)

    def add(self, text: str | Spans, style: Style, width: float, *, where: str = "") -> Cell:
        """Text in as many lines as it takes in a cell of this width."""
        self.lines += broken(text, style, width - 2 * PAD, where=where)
        return self

    @property
    def height(self) -> float:
        """In points, without what surrounds it."""
        return sum(line.style.leading for line in self.lines)


class Sheet:
    """The pages, and how far the last one is filled.

    :param begin: draws the head of a page and tells where its content begins
    :param limit: pages that are drawn at most
    """

    def __init__(self, pdf: Pdf, begin: Callable[[Page, int], float], *, limit: int) -> None:
        self._pdf, self._begin, self._limit = pdf, begin, limit
        self.y = 0.0
        self._page: Page
        self._repeat: Callable[[], None] | None = None
        self.turn()

    @property
    def page(self) -> Page:
        """The page that is being filled."""
        return self._page

    def turn(self) -> None:
        """Begin a new page.

        :raises PaperLongError: that would be one too many
        """
        if len(self._pdf.pages) == self._limit:
            raise PaperLongError(
                f"the bill would fill more than {self._limit} pages", params={"limit": self._limit}
            )
        self._page = self._pdf.page()
        self.y = self._begin(self._page, len(self._pdf.pages))
        if self._repeat is not None:
            self._repeat()

    def need(self, height: float) -> None:
        """Begin a new page unless this much is left of this one."""
        if self.y - height < BOTTOM:
            self.turn()

    def skip(self, height: float) -> None:
        """Leave a gap."""
        self.y -= height

    def row(self, cells: Sequence[Cell], shares: Sequence[float], *, fill: Colour | None = None) -> None:
        """A row of boxes.

        :param shares: of the width, one for each cell
        """
        widths = [INNER * share for share in shares]
        rest = [list(cell.lines) for cell in cells]
        height = max(_height(lines) for lines in rest) + 2 * PAD
        if height > self.y - BOTTOM and (height <= self._room() or self.y - BOTTOM < _LEAST):
            self.turn()
        while True:
            room = self.y - BOTTOM - 2 * PAD
            now = [_fitting(lines, room) for lines in rest]
            rest = [lines[len(taken) :] for lines, taken in zip(rest, now, strict=True)]
            self._boxes(now, widths, fill)
            if not any(rest):
                return
            self.turn()

    def table(
        self,
        heads: Sequence[Cell],
        shares: Sequence[float],
        rows: Iterable[Sequence[Cell]],
        *,
        named: Cell | None = None,
    ) -> None:
        """A table whose heads stand again on each new page, and never alone at the foot of one.

        A row of one cell is as wide as the table. Rows are asked for one by one: a table that fills too many
        pages ends before all of it is made.

        :param named: what stands above the heads
        """
        rows = iter(rows)
        first = next(rows, None)
        above = [cell for cell in (named,) if cell is not None]
        height = sum(cell.height + 2 * PAD for cell in (*above, max(heads, key=lambda cell: cell.height)))
        needed = max(cell.height for cell in first) + 2 * PAD if first else 0.0
        self.need(height + (needed if height + needed <= self._room() else _LEAST))
        for cell in above:
            self.row([cell], [1.0])
        self.row(heads, shares, fill=PALE)
        self._repeat = lambda: self._boxes([cell.lines for cell in heads], [INNER * s for s in shares], PALE)
        for cells in chain([first] if first else [], rows):
            self.row(cells, shares if len(cells) == len(shares) else [1.0])
        self._repeat = None

    def _room(self) -> float:
        """What an empty page takes."""
        return TOP - BOTTOM - 90.0

    def _boxes(self, rows: Sequence[Sequence[Line]], widths: Sequence[float], fill: Colour | None) -> None:
        height = max(_height(lines) for lines in rows) + 2 * PAD
        below, x = self.y - height, LEFT
        if fill is not None:
            self._page.fill(LEFT, below, sum(widths), height, fill)
        for lines, width in zip(rows, widths, strict=True):
            self.draw(lines, x + PAD, self.y - PAD, width - 2 * PAD)
            self._page.rule(x, self.y, x, below, _THIN, RULE)
            x += width
        self._page.rule(x, self.y, x, below, _THIN, RULE)
        self._page.rule(LEFT, self.y, x, self.y, _THIN, RULE)
        self._page.rule(LEFT, below, x, below, _THIN, RULE)
        self.y = below

    def draw(self, lines: Sequence[Line], x: float, top: float, width: float = 0.0) -> None:
        """Lines one below the other, from their upper left corner.

        :param width: of the cell, for those that end at its right border
        """
        for line in lines:
            style = line.style
            base = top - style.leading + (style.leading - style.size * 0.72) / 2
            at = x + width - line.width if style.right else x
            for piece in line.pieces:
                self._page.text(at, base, style.size, piece.colour, piece.face, piece.text)
                at += piece.width
            top -= style.leading


def _height(lines: Sequence[Line]) -> float:
    return sum(line.style.leading for line in lines)


def _fitting(lines: Sequence[Line], room: float) -> list[Line]:
    taken: list[Line] = []
    for line in lines:
        room -= line.style.leading
        if room < -0.01:
            break
        taken.append(line)
    return taken
