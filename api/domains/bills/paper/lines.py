"""Text in lines: which typeface each character takes, how wide it is, and where a line may end.

Chinese breaks between any two characters, but no line begins with a closing sign or ends with an opening one;
other scripts break after blanks, hyphens and strokes; a word longer than the line is broken where it must be.

>>> [line.text for line in broken("重庆 Chongqing", VALUE, 40.0)]
['重庆 ', 'Chongqin', 'g']
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, NamedTuple, TypeAlias

from api.domains.bills.paper.errors import PaperCharacterError
from api.domains.bills.paper.pdf import Colour
from api.domains.bills.paper.typeface import typeface

__all__ = ["Line", "Piece", "Spans", "Style", "broken", "can_print", "measured", "one_line"]

_NO_START: Final = frozenset("、。，．：；！？）〕］｝〉》」』】〗”’…·％％‰℃,.:;!?)]}%")
_NO_END: Final = frozenset("（〔［｛〈《「『【〖“‘￥＄$([{#№")
_SHARED: Final = frozenset("“”‘’…—–·×‰′″※§°±")
"""Signs of both scripts: they are drawn in the typeface of what stands before them."""
_BREAK_AFTER: Final = frozenset(" -/–—_")


Spans: TypeAlias = tuple[tuple[str, Colour | None], ...]
"""A text in parts, each in a colour of its own or in its style's."""


@dataclass(frozen=True)
class Style:
    """How a text looks.

    :ivar size: in points
    :ivar leading: from base line to base line, in points
    :ivar right: whether it ends at the right border of its cell, as figures do
    """

    size: float
    leading: float
    colour: Colour
    bold: bool = False
    right: bool = False

    def but(self, **changes: object) -> Style:
        """The same with changes."""
        return replace(self, **changes)  # type: ignore[arg-type]


class Piece(NamedTuple):
    """A stretch of one line in one typeface; width in points."""

    face: str
    text: str
    width: float
    colour: Colour


@dataclass(frozen=True)
class Line:
    """One line as it is drawn."""

    pieces: tuple[Piece, ...]
    style: Style

    @property
    def width(self) -> float:
        """In points."""
        return sum(piece.width for piece in self.pieces)

    @property
    def text(self) -> str:
        """What it says."""
        return "".join(piece.text for piece in self.pieces)


class _Character(NamedTuple):
    text: str
    face: str
    width: int
    wide: bool
    colour: Colour | None = None


def can_print(character: str) -> bool:
    """Whether a character can be drawn, and read by whoever sees it."""
    return _looked_up(character, False) is not None


def broken(text: str | Spans, style: Style, width: float, *, where: str = "") -> list[Line]:
    """A text in lines no wider than this; at least one.

    :param where: what the text is, for the error
    :raises PaperCharacterError: a character cannot be drawn
    """
    found = _spanned(text, style, where)
    room, lines, start = width * 1000 / style.size, [], 0
    while start < len(found):
        end = _end(found, start, room)
        lines.append(_line(found[start:end], style))
        start = end
        while start < len(found) and found[start].text == " ":
            start += 1  # the blank at which a line was broken belongs to neither
    return lines or [Line((), style)]


def one_line(text: str | Spans, style: Style, *, where: str = "") -> Line:
    """A text on one line, however long."""
    return _line(_spanned(text, style, where), style)


def measured(text: str, style: Style) -> float:
    """How wide a text is on one line."""
    return one_line(text, style).width


def _end(found: list[_Character], start: int, room: float) -> int:
    """Where the line that begins here ends."""
    taken, allowed = 0.0, 0
    for place in range(start, len(found)):
        character = found[place]
        taken += character.width
        if taken > room and character.text != " ":
            return allowed or max(place, start + 1)
        if place + 1 < len(found) and _may_break(character, found[place + 1]):
            allowed = place + 1
    return len(found)


def _may_break(before: _Character, after: _Character) -> bool:
    if after.text in _NO_START or before.text in _NO_END or after.text == " ":
        return False
    return before.text in _BREAK_AFTER or before.wide or after.wide


def _line(characters: list[_Character], style: Style) -> Line:
    pieces: list[Piece] = []
    while characters and characters[-1].text == " " and len(characters) > 1:
        characters = characters[:-1]
    start = 0
    for place in range(1, len(characters) + 1):
        first = characters[start]
        if place == len(characters) or characters[place][1::3] != first[1::3]:  # face and colour
            part = characters[start:place]
            width = sum(one.width for one in part) * style.size / 1000
            text = "".join(one.text for one in part)
            pieces.append(Piece(first.face, text, width, first.colour or style.colour))
            start = place
    return Line(tuple(pieces), style)


def _spanned(text: str | Spans, style: Style, where: str) -> list[_Character]:
    if isinstance(text, str):
        return list(_characters(text, style.bold, where))
    return [
        character._replace(colour=colour)
        for part, colour in text
        for character in _characters(part, style.bold, where)
    ]


def _characters(text: str, bold: bool, where: str) -> Iterator[_Character]:
    wide_before = False
    for character in text:
        found = _looked_up(character, bold)
        if found is None:
            raise PaperCharacterError(
                f"the character U+{ord(character):04X} cannot be printed ({where or 'a text'})",
                params={"character": f"U+{ord(character):04X}", "where": where},
            )
        if character in _SHARED and wide_before:
            found = _in_chinese(character, bold) or found
        wide_before = found.wide
        yield found


@cache
def _looked_up(character: str, bold: bool) -> _Character | None:
    # What leaves no mark, or one on its neighbour, would be printed as nothing or askew.
    if unicodedata.category(character)[0] in "CM" and not _is_new_ideograph(character):
        return None
    if unicodedata.category(character) in ("Zl", "Zp"):
        return None
    latin = typeface("LB" if bold else "L")
    if latin.has(character):
        return _Character(character, "LB" if bold else "L", latin.width(character), False)
    return _in_chinese(character, bold)


def _in_chinese(character: str, bold: bool) -> _Character | None:
    for face in ("CB", "C") if bold else ("C",):
        if typeface(face).has(character):
            return _Character(character, face, typeface(face).width(character), True)
    return None


def _is_new_ideograph(character: str) -> bool:
    """Ideographs that this Python's tables do not know yet."""
    return unicodedata.category(character) == "Cn" and 0x20000 <= ord(character) <= 0x3FFFD
