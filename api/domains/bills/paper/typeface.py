"""The typefaces that bills are printed in: which characters they have, how wide those are, and parts of them.

They are TrueType files made by ``scripts/fonts``, with plain outlines and one table of characters, so a part
is a matter of copying, and the same characters give the same bytes with any version of any library.

>>> chinese = typeface("C")
>>> chinese.width("重"), chinese.has("𠅤")
(1000, False)
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

__all__ = ["FACES", "Metrics", "Typeface", "typeface"]

FACES: Final = {
    "L": "NotoSans-Regular",
    "LB": "NotoSans-Bold",
    "C": "NotoSansSC-Regular",
    "CB": "NotoSansSC-Bold",
}
"""Latin, Greek and Cyrillic, and Chinese, in two weights; the bold Chinese has the commonest characters."""


class Metrics(NamedTuple):
    """A typeface's measures in thousandths of its size."""

    ascent: int
    descent: int
    capital: int
    box: tuple[int, int, int, int]


class Typeface:
    """One typeface.

    :param name: as in the PDF
    :param data: the TrueType file
    """

    def __init__(self, name: str, data: bytes) -> None:
        self.name = name
        self._tables = _tables(data)
        head, hhea = self._tables["head"], self._tables["hhea"]
        (self._units,) = struct.unpack_from(">H", head, 18)
        (self._widths,) = struct.unpack_from(">H", hhea, 34)
        (self._glyphs,) = struct.unpack_from(">H", self._tables["maxp"], 4)
        wide = struct.unpack_from(">h", head, 50)[0] == 1
        form, scale = (f">{self._glyphs + 1}{'I' if wide else 'H'}", 1 if wide else 2)
        self._places = [place * scale for place in struct.unpack_from(form, self._tables["loca"])]
        self._groups = _groups(self._tables["cmap"])
        self._starts = [first for first, _, _ in self._groups]
        ascent, descent = struct.unpack_from(">hh", hhea, 4)
        (capital,) = struct.unpack_from(">h", self._tables["OS/2"], 88)
        box = struct.unpack_from(">hhhh", head, 36)
        scaled = [round(value * 1000 / self._units) for value in (ascent, descent, capital, *box)]
        self.metrics = Metrics(scaled[0], scaled[1], scaled[2], (scaled[3], scaled[4], scaled[5], scaled[6]))

    def has(self, character: str) -> bool:
        """Whether the typeface has a character."""
        return self._glyph(ord(character)) is not None

    def width(self, character: str) -> int:
        """A character's width in thousandths of the size; it must have it."""
        return round(self._advance(self._known(character)) * 1000 / int(self._units))

    def part(self, characters: Sequence[str]) -> bytes:
        """A TrueType file with these characters alone: the first one's glyph has the number 1, and so on."""
        glyphs = [0, *(self._known(character) for character in characters)]
        outlines, places = bytearray(), [0]
        for glyph in glyphs:
            outlines += self._tables["glyf"][self._places[glyph] : self._places[glyph + 1]]
            outlines += bytes(-len(outlines) % 4)
            places.append(len(outlines))
        metrics = b"".join(struct.pack(">Hh", self._advance(glyph), self._bearing(glyph)) for glyph in glyphs)
        count = struct.pack(">H", len(glyphs))
        head, hhea, maxp = (bytearray(self._tables[name]) for name in ("head", "hhea", "maxp"))
        struct.pack_into(">I", head, 8, 0)
        struct.pack_into(">h", head, 50, 1)  # places as 32 bits
        hhea[34:36] = maxp[4:6] = count
        return _file(
            {
                "glyf": bytes(outlines),
                "head": bytes(head),
                "hhea": bytes(hhea),
                "hmtx": metrics,
                "loca": struct.pack(f">{len(places)}I", *places),
                "maxp": bytes(maxp),
            }
        )

    def _glyph(self, code: int) -> int | None:
        first, last, glyph = self._groups[max(bisect_right(self._starts, code) - 1, 0)]
        return glyph + code - first if first <= code <= last else None

    def _known(self, character: str) -> int:
        glyph = self._glyph(ord(character))
        if glyph is None:
            raise KeyError(f"U+{ord(character):04X}")
        return glyph

    def _advance(self, glyph: int) -> int:
        place = min(glyph, self._widths - 1)  # all after the last have its width
        (advance,) = struct.unpack_from(">H", self._tables["hmtx"], place * 4)
        return int(advance)

    def _bearing(self, glyph: int) -> int:
        beyond = glyph - self._widths
        place = glyph * 4 + 2 if beyond < 0 else self._widths * 4 + beyond * 2
        (bearing,) = struct.unpack_from(">h", self._tables["hmtx"], place)
        return int(bearing)


def _tables(data: bytes) -> dict[str, bytes]:
    (count,) = struct.unpack_from(">H", data, 4)
    found = {}
    for place in range(count):
        tag, _, start, length = struct.unpack_from(">4sIII", data, 12 + 16 * place)
        found[tag.decode("ascii")] = data[start : start + length]
    return found


def _groups(table: bytes) -> list[tuple[int, int, int]]:
    (start,) = struct.unpack_from(">I", table, 8)  # the only one, and of the form 12
    (count,) = struct.unpack_from(">I", table, start + 12)
    return list(struct.iter_unpack(">III", table[start + 16 : start + 16 + 12 * count]))


def _file(tables: dict[str, bytes]) -> bytes:
    """A TrueType file of these tables, with its sums (OpenType 1.9, "Organization of an OpenType Font")."""
    count, power = len(tables), 2 ** (len(tables).bit_length() - 1)
    header = struct.pack(
        ">IHHHH", 0x00010000, count, power * 16, power.bit_length() - 1, count * 16 - power * 16
    )
    directory, body, start, head = b"", bytearray(), 12 + 16 * count, 0
    for tag, table in sorted(tables.items()):
        if tag == "head":
            head = start + len(body)
        directory += struct.pack(">4sIII", tag.encode(), _sum(table), start + len(body), len(table))
        body += table + bytes(-len(table) % 4)
    made = bytearray(header + directory + body)
    struct.pack_into(">I", made, head + 8, (0xB1B0AFBA - _sum(bytes(made))) & 0xFFFFFFFF)
    return bytes(made)


def _sum(table: bytes) -> int:
    padded = table + bytes(-len(table) % 4)
    return int(sum(struct.unpack(f">{len(padded) // 4}I", padded))) & 0xFFFFFFFF


@cache
def typeface(face: str) -> Typeface:
    """A typeface by its key of `FACES`."""
    return Typeface(FACES[face], _read(FACES[face]))


def _read(name: str) -> bytes:
    return (files(__package__) / "fonts" / f"{name}.ttf").read_bytes()
