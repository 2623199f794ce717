"""A bill as paper: pages drawn from its proof bundle alone, which they carry as the one attached file.

The same bundle gives the same file, to the byte: that is what the check ``pages`` rests on.

>>> paper = draw(raw)                  # doctest: +SKIP
>>> Path("bill.pdf").write_bytes(paper)  # doctest: +SKIP
"""

from __future__ import annotations

from functools import partial
from typing import Final

import segno

from api.domains.bills.bundle import BillBundle
from api.domains.bills.paper.back import draw_back, draw_standing
from api.domains.bills.paper.boxes import FAINT, LABEL, Boxes
from api.domains.bills.paper.front import draw_face
from api.domains.bills.paper.lines import Style, one_line
from api.domains.bills.paper.pdf import Page, Pdf
from api.domains.bills.paper.sheet import BOTTOM, INNER, LEFT, NAVY, RULE, TOP, Cell, Sheet
from api.domains.bills.paper.story import Story
from api.domains.bills.paper.view import View
from api.domains.bills.paper.words import TEXTS
from api.kernel.bundles import read_bundle

__all__ = ["ATTACHMENT", "MAX_PAGES", "MEDIA_TYPE", "VERSION", "draw", "locator"]

VERSION: Final = "Landbridge bill paper/1"
"""Of the drawing: raised with every change to what is drawn, be it by a hair."""
ATTACHMENT: Final = "landbridge-bundle.json"
MEDIA_TYPE: Final = "application/json"
MAX_PAGES: Final = 400

_TITLE: Final = Style(21.0, 26.0, NAVY, bold=True)
_ENGLISH: Final = Style(10.6, 14.0, NAVY, bold=True)
_TAG: Final = Style(8.0, 11.0, (100, 100, 100), bold=True)
_SLIM: Final = Style(8.0, 11.0, NAVY, bold=True)
_CODE: Final = 76.0


def locator(bundle: BillBundle) -> str:
    """What the QR code says: which bill, on which registry of which chain."""
    return f"landbridge:bill:{bundle.chain.id}:{bundle.chain.contracts.get('RailBills', '')}:{bundle.bill}"


def draw(raw: bytes) -> bytes:
    """The PDF of a bill's bundle.

    :param raw: the bundle's bytes
    :raises BundleError: they are no bundle of a bill
    :raises PaperDocumentError: it shows no bill of the form
    :raises PaperCharacterError: a character cannot be printed
    :raises PaperLongError: it would fill more than 400 pages
    """
    bundle = read_bundle(raw, BillBundle)
    view = View.of(bundle)
    story, boxes = Story.of(bundle, view), Boxes(view)
    number = view.leaf("bill", "number")
    named = f" {number}" if isinstance(number, str) else ""
    pdf = Pdf(
        title=f"{TEXTS['title'].zh} Railway bill of lading{named}",
        language="zh-CN",
        producer=VERSION,
        moment=story.steps[-1].time,
    )
    sheet = Sheet(pdf, partial(_begin, bundle, boxes, named), limit=MAX_PAGES)
    draw_standing(sheet, bundle, story)
    sheet.skip(5.0)
    if not view.whole:
        told = Cell()
        for text in TEXTS["fields-alone"]:
            told.add(text, FAINT, INNER)
        sheet.row([told], [1.0])
    draw_face(sheet, boxes)
    draw_back(sheet, boxes, bundle, story)
    for place, page in enumerate(pdf.pages, 1):
        _end(page, bundle, place, len(pdf.pages))
    pdf.attach(ATTACHMENT, MEDIA_TYPE, raw, description=" ".join(TEXTS["attachment"]))
    return pdf.write()


def _put(page: Page, x: float, y: float, text: str, style: Style, *, right: bool = False) -> float:
    """A text by its base line; gives its width."""
    line = one_line(text, style)
    at = x - line.width if right else x
    for piece in line.pieces:
        page.text(at, y, style.size, piece.colour, piece.face, piece.text)
        at += piece.width
    return line.width


def _begin(bundle: BillBundle, boxes: Boxes, named: str, page: Page, number: int) -> float:
    """The head of a page: all of it on the first, a line on the others."""
    if number > 1:
        _put(page, LEFT, TOP - 8, f"{TEXTS['title'].zh}  Railway bill of lading{named}", _SLIM)
        page.rule(LEFT, TOP - 14, LEFT + INNER, TOP - 14, 0.8, NAVY)
        return TOP - 22
    _code(page, locator(bundle), LEFT + INNER - _CODE, TOP - _CODE)
    _put(page, LEFT, TOP - 20, TEXTS["title"].zh, _TITLE)
    _put(page, LEFT, TOP - 36, TEXTS["title"].en, _ENGLISH)
    to_order = boxes.view.leaf("bill", "to_order")
    if isinstance(to_order, bool):
        told = TEXTS["to-order" if to_order else "named"]
        text = f"{told.zh} {told.en}"
        page.fill(LEFT, TOP - 58, one_line(text, _TAG).width + 12, 14, NAVY)
        _put(page, LEFT + 6, TOP - 54, text, _TAG)
    else:
        _put(page, LEFT, TOP - 54, f"{TEXTS['to-order'].zh}: {boxes.none.text}", FAINT)
    page.rule(LEFT, TOP - _CODE - 5, LEFT + INNER, TOP - _CODE - 5, 1.2, NAVY)
    return TOP - _CODE - 11


def _code(page: Page, text: str, x: float, y: float) -> None:
    """A QR code (ISO/IEC 18004) without its quiet zone: the page is white around it."""
    rows = [bytes(row) for row in segno.make(text, error="m", micro=False, boost_error=False).matrix]
    side = _CODE / len(rows)
    for place, row in enumerate(rows):
        start = None
        for column, dark in enumerate((*row, 0)):
            if dark and start is None:
                start = column
            elif not dark and start is not None:
                below = y + _CODE - (place + 1) * side
                page.fill(x + start * side, below, (column - start) * side, side, (0, 0, 0))
                start = None


def _end(page: Page, bundle: BillBundle, number: int, pages: int) -> None:
    """The foot of a page."""
    page.rule(LEFT, BOTTOM - 8, LEFT + INNER, BOTTOM - 8, 0.5, RULE)
    _put(page, LEFT, BOTTOM - 17, f"{TEXTS['digest'].zh} {TEXTS['digest'].en} {bundle.bill}", LABEL)
    told = [text.format(page=number, pages=pages) for text in TEXTS["page"]]
    _put(page, LEFT + INNER, BOTTOM - 17, " · ".join(told), LABEL, right=True)
    _put(page, LEFT, BOTTOM - 26, " ".join(TEXTS["no-effect"]), LABEL)
