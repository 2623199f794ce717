"""Boxes and tables of a bill: a label with the box's number, and what the document says or does not show.

Box numbers are those of the consignment note that the bill stands on: the common CIM/SMGS or the SMGS note.

>>> boxes.box(0.5, "/consignment/route", boxes.both("consignment", "route"))  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from api.domains.bills.document.titles import title
from api.domains.bills.paper.lines import Line, Spans, Style, broken, measured, one_line
from api.domains.bills.paper.pdf import Colour
from api.domains.bills.paper.sheet import BLACK, GREY, INNER, NAVY, PAD, Cell, Sheet
from api.domains.bills.paper.view import View
from api.domains.bills.paper.words import CHOICES, NONE_SHOWN, TEXTS, Both
from chain.canonical import pointer

__all__ = [
    "FAINT",
    "FIGURE",
    "HEADING",
    "LABEL",
    "MINOR",
    "NAME",
    "VALUE",
    "Boxes",
    "Column",
    "Said",
    "headed",
]

LABEL: Final = Style(5.7, 7.4, GREY)
HEADING: Final = Style(9.6, 13.0, NAVY, bold=True)
NAME: Final = Style(9.4, 12.4, BLACK)
VALUE: Final = Style(8.2, 10.8, BLACK)
MINOR: Final = Style(7.0, 9.2, BLACK)
FAINT: Final = Style(6.8, 9.2, GREY)
FIGURE: Final = VALUE.but(right=True)
_TITLED: Final = Style(6.6, 8.6, NAVY, bold=True)

Step = str | int


class Said(NamedTuple):
    """A text of a box.

    :ivar where: where it stands in the document, for errors
    """

    text: str | Spans
    style: Style
    where: str = ""


class Column(NamedTuple):
    """A column of a table: its head, its share of the width, and what it says of the record at a place."""

    head: str | Both
    share: float
    say: Callable[[int], list[Said]]


class Boxes:
    """What makes boxes of one view."""

    def __init__(self, view: View) -> None:
        self.view = view
        regime = view.leaf("note", "regime")
        self._numbered = regime if regime in ("SMGS", "CIM/SMGS") else None

    @property
    def none(self) -> Said:
        """What a box says that has nothing to show."""
        return Said("—" if self.view.whole else f"{NONE_SHOWN.zh} {NONE_SHOWN.en}", FAINT)

    # Texts of the document

    def text(self, *path: Step) -> str | None:
        """A field as it is printed, in its one spelling."""
        value = self.view.leaf(*path)
        if isinstance(value, bool):
            word = TEXTS["yes" if value else "no"]
            return f"{word.zh} {word.en}"
        return None if value is None else str(value)

    def one(self, *path: Step, style: Style = VALUE) -> list[Said]:
        """A field."""
        found = self.text(*path)
        return [] if found is None else [Said(found, style, pointer(path))]

    def choice(self, *path: Step, style: Style = VALUE) -> list[Said]:
        """A field whose values the form lists."""
        found = self.text(*path)
        word = CHOICES.get(found or "")
        return [Said(f"{word.zh} {word.en}", style)] if word else self.one(*path, style=style)

    def both(self, *path: Step, style: Style = VALUE) -> list[Said]:
        """A text in Chinese and in English."""
        found = self.one(*path, "zh", style=style) + self.one(*path, "en", style=style)
        return found + self.rest(path, "zh", "en")

    def name(self, *path: Step, style: Style = VALUE) -> list[Said]:
        """A name in its languages."""
        found = [said for language in ("zh", "en", "ru") for said in self.one(*path, language, style=style)]
        return found + self.rest(path, "zh", "en", "ru")

    def joined(self, path: tuple[Step, ...], *members: str, style: Style = MINOR) -> list[Said]:
        """Members on one line, each with its title."""
        found: list[tuple[str, Colour | None]] = []
        for member in members:
            value = self.text(*path, member)
            if value is not None:
                titled = title(pointer((*path, member)))
                found += [(f"{'   ' if found else ''}{titled.zh} {titled.en} ", GREY), (value, None)]
        return [Said(tuple(found), style, pointer(path))] if found else []

    def party(self, *path: Step) -> list[Said]:
        """A party with all that is said of it."""
        found = [
            said for language in ("zh", "en", "ru") for said in self.one(*path, "name", language, style=NAME)
        ]
        found += self.one(*path, "address") + self.joined(path, "country", "party", "code", "contact")
        return found + self.rest(path, "name", "address", "country", "party", "code", "contact")

    def station(self, *path: Step, style: Style = VALUE) -> list[Said]:
        """A station by name, code and country."""
        found = self.one(*path, "name", "zh", style=style) + self.one(*path, "name", "en", style=style)
        code = [value for member in ("code", "country") if (value := self.text(*path, member))]
        found += [Said(" ".join(code), MINOR, pointer(path))] if code else []
        return found + self.rest(path, "name", "code", "country")

    def money(self, *path: Step, style: Style = VALUE) -> list[Said]:
        """An amount with its currency."""
        found = [value for member in ("amount", "currency") if (value := self.text(*path, member))]
        told = [Said(" ".join(found), style, pointer(path))] if found else []
        return told + self.rest(path, "amount", "currency")

    def rest(self, path: tuple[Step, ...], *members: str) -> list[Said]:
        """That members of something shown in part are not shown."""
        if self.view.whole or not self.view.has(*path):
            return []
        if all(self.view.has(*path, member) for member in members):
            return []
        return [Said(f"{TEXTS['rest'].zh} {TEXTS['rest'].en}", FAINT)]

    # Boxes

    def label(self, head: str | Both, share: float, *, columns: bool = False, style: Style = LABEL) -> Cell:
        """A cell that says its title: of a field by its pointer, or words of our own.

        :param columns: in two lines, as heads of columns are
        """
        width = INNER * share
        if isinstance(head, Both):
            return Cell(_lines(("", head.zh, head.en), width, columns, style))
        number = self._number(head)
        # The heads of a table's columns do not say again what stands above them.
        shown = "" if columns and number == self._number(head.partition("/*")[0]) else number
        titled = title(head)
        return Cell(_lines((shown, titled.zh, titled.en), width, columns, style))

    def _number(self, head: str) -> str:
        titled = title(head)
        number = titled.cim_smgs if self._numbered == "CIM/SMGS" else titled.smgs
        return str(number) if self._numbered and number else ""

    def box(self, share: float, head: str | Both, said: Iterable[Said]) -> Cell:
        """A box: its label, and what it says."""
        cell = self.label(head, share)
        for one in list(said) or [self.none]:
            cell.add(one.text, one.style, INNER * share, where=one.where)
        return cell

    def table(
        self,
        sheet: Sheet,
        path: tuple[Step, ...],
        columns: Sequence[Column],
        *,
        up: int = 1,
        below: Callable[[int], Cell | None] = lambda place: None,
    ) -> None:
        """A list of the document as a table; where it has no line, a box that says so.

        :param up: records beside one another in each row
        :param below: what stands under a record, as wide as the table
        """
        head = pointer(path)
        places = self.view.places(*path)
        if not places:
            sheet.row([self.box(1.0, head, [])], [1.0])
            return
        heads = [self.label(column.head, column.share / up, columns=True) for column in columns] * up
        shares = [column.share / up for column in columns] * up
        rows: list[list[Cell]] = []
        for start in range(0, len(places), up):
            row = [
                self._said(column, place, up) for place in places[start : start + up] for column in columns
            ]
            rows.append(row + [Cell() for _ in range(len(heads) - len(row))])
            under = below(places[start])
            if under is not None:
                rows.append([under])
        if not self.view.whole:
            told = TEXTS["rest-rows"]
            rows.append([Cell().add(f"{told.zh} {told.en}", FAINT, INNER)])
        named = self.label(head, 1.0, style=_TITLED)
        sheet.table(heads, shares, rows, named=named)

    def _said(self, column: Column, place: int, up: int) -> Cell:
        cell = Cell()
        for one in column.say(place) or [self.none if self.view.whole else Said(NONE_SHOWN.zh, FAINT)]:
            cell.add(one.text, one.style, INNER * column.share / up, where=one.where)
        return cell


def headed(sheet: Sheet, words: Both, *, note: Both | None = None) -> None:
    """A heading that stays with what follows it."""
    sheet.need(96.0)
    sheet.skip(9.0)
    line = one_line(f"{words.zh}  {words.en}", HEADING)
    sheet.draw([line], 36.0, sheet.y)
    if note is not None:
        told = one_line(f"{note.zh} {note.en}", LABEL)
        sheet.draw([told], 36.0 + INNER - told.width, sheet.y - 4.0)
    sheet.skip(HEADING.leading + 3.0)


def _lines(words: tuple[str, str, str], width: float, columns: bool, style: Style) -> list[Line]:
    number, chinese, english = words
    strong = style.but(bold=True, colour=NAVY)
    before = measured(f"{number}  ", strong) if number else 0.0
    room = width - 2 * PAD - before
    found = (
        broken(chinese, style, room) + broken(english, style, room)
        if columns
        else broken(f"{chinese}  {english}", style, room)
    )
    if not number:
        return found
    pieces = one_line(number, strong).pieces + one_line("  ", style).pieces + found[0].pieces
    return [Line(pieces, style), *found[1:]]
