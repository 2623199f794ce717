"""A PDF written piece by piece, the same to the byte for the same calls (ISO 32000-1).

Nothing is compressed, dated by a clock or drawn by lot: whoever draws the same pages has the same file,
whatever the version of any library (docs/decisions/0010-bill-paper.md).

>>> pdf = Pdf(title="Bill", language="zh-CN", producer="Landbridge bill paper/1", moment=0)
>>> page = pdf.page()
>>> page.text(40, 800, 9, (0, 0, 0), "L", "Railway bill")
>>> pdf.attach("landbridge-bundle.json", "application/json", b"{}", description="The bill's proof")
>>> pdf.write().startswith(b"%PDF-1.7")
True
"""

from __future__ import annotations

import hashlib
import time
from typing import Final
from xml.sax.saxutils import escape

from api.domains.bills.paper.typeface import FACES, typeface

__all__ = ["HEIGHT", "WIDTH", "Colour", "Page", "Pdf"]

WIDTH: Final = 595.28
HEIGHT: Final = 841.89
"""A4 in points."""

Colour = tuple[int, int, int]
"""Red, green and blue in percent."""


class Page:
    """A page that is being drawn; coordinates in points from the lower left corner."""

    def __init__(self, codes: dict[str, dict[str, int]]) -> None:
        self._codes = codes
        self._drawn: list[str] = []

    def text(self, x: float, y: float, size: float, colour: Colour, face: str, text: str) -> None:
        """A text on its base line; the typeface must have its characters."""
        codes = self._codes[face]
        hexed = "".join(f"{codes.setdefault(c, len(codes) + 1):04X}" for c in text)
        self._drawn.append(f"BT {_rgb(colour)} rg /{face} {size:.2f} Tf {x:.2f} {y:.2f} Td <{hexed}> Tj ET")

    def rule(self, x: float, y: float, to_x: float, to_y: float, width: float, colour: Colour) -> None:
        """A straight line."""
        self._drawn.append(f"{_rgb(colour)} RG {width:.2f} w {x:.2f} {y:.2f} m {to_x:.2f} {to_y:.2f} l S")

    def fill(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        """A filled rectangle by its lower left corner."""
        self._drawn.append(f"{_rgb(colour)} rg {x:.2f} {y:.2f} {width:.2f} {height:.2f} re f")

    @property
    def content(self) -> bytes:
        """What was drawn, as a content stream."""
        return "\n".join(self._drawn).encode("ascii")


class Pdf:
    """A document that is being written.

    :param moment: Unix time that the document bears
    """

    def __init__(self, *, title: str, language: str, producer: str, moment: int) -> None:
        self._title, self._language, self._producer = title, language, producer
        self._moment = time.gmtime(moment)
        self._codes: dict[str, dict[str, int]] = {face: {} for face in FACES}
        self._pages: list[Page] = []
        self._attached: tuple[str, str, bytes, str] | None = None

    def page(self) -> Page:
        """A new page at the end."""
        self._pages.append(Page(self._codes))
        return self._pages[-1]

    @property
    def pages(self) -> list[Page]:
        """The pages so far."""
        return self._pages

    def attach(self, name: str, kind: str, data: bytes, *, description: str) -> None:
        """Attach the one file.

        :param kind: its media type
        """
        self._attached = (name, kind, data, description)

    def write(self) -> bytes:
        """The file."""
        body = _Objects()
        catalogue, tree = body.reserve(), body.reserve()
        fonts = {face: _font(body, face, list(codes)) for face, codes in self._codes.items() if codes}
        resources = body.add("<</Font <<" + "".join(f"/{f} {n} 0 R" for f, n in fonts.items()) + ">>>>")
        kids = []
        for page in self._pages:
            content = body.stream("", page.content)
            kids.append(
                body.add(
                    f"<</Type /Page /Parent {tree} 0 R /MediaBox [0 0 {WIDTH:.2f} {HEIGHT:.2f}] "
                    f"/Resources {resources} 0 R /Contents {content} 0 R>>"
                )
            )
        named = " ".join(f"{kid} 0 R" for kid in kids)
        body.put(tree, f"<</Type /Pages /Kids [{named}] /Count {len(kids)}>>")
        described = body.stream("/Type /Metadata /Subtype /XML ", self._xmp().encode())
        body.put(
            catalogue,
            f"<</Type /Catalog /Pages {tree} 0 R /Metadata {described} 0 R /Lang {_string(self._language)} "
            f"/ViewerPreferences <</DisplayDocTitle true>>{self._attachment(body)}>>",
        )
        date = time.strftime("(D:%Y%m%d%H%M%SZ)", self._moment)
        info = body.add(
            f"<</Title {_string(self._title)} /Producer {_string(self._producer)} "
            f"/CreationDate {date} /ModDate {date}>>"
        )
        return body.file(catalogue, info)

    def _attachment(self, body: _Objects) -> str:
        if self._attached is None:
            return ""
        name, kind, data, description = self._attached
        date = time.strftime("(D:%Y%m%d%H%M%SZ)", self._moment)
        subtype = "/" + kind.replace("/", "#2F")
        stream = body.stream(
            f"/Type /EmbeddedFile /Subtype {subtype} /Params <</Size {len(data)} /ModDate {date}>> ", data
        )
        spec = body.add(
            f"<</Type /Filespec /F {_string(name)} /UF {_string(name)} /Desc {_string(description)} "
            f"/AFRelationship /Data /EF <</F {stream} 0 R /UF {stream} 0 R>>>>"
        )
        return f" /Names <</EmbeddedFiles <</Names [{_string(name)} {spec} 0 R]>>>> /AF [{spec} 0 R]"

    def _xmp(self) -> str:
        date = time.strftime("%Y-%m-%dT%H:%M:%SZ", self._moment)
        return (
            '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
            '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
            '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
            ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/">\n'
            f'<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{escape(self._title)}</rdf:li></rdf:Alt>'
            "</dc:title>\n"
            f"<xmp:CreateDate>{date}</xmp:CreateDate><xmp:ModifyDate>{date}</xmp:ModifyDate>"
            f"<pdf:Producer>{escape(self._producer)}</pdf:Producer>\n"
            '</rdf:Description></rdf:RDF></x:xmpmeta>\n<?xpacket end="r"?>'
        )


class _Objects:
    """The numbered objects of a file, each written once."""

    def __init__(self) -> None:
        self._made: list[bytes] = []

    def reserve(self) -> int:
        self._made.append(b"")
        return len(self._made)

    def put(self, number: int, content: str) -> None:
        self._made[number - 1] = content.encode("ascii")

    def add(self, content: str) -> int:
        number = self.reserve()
        self.put(number, content)
        return number

    def stream(self, entries: str, data: bytes) -> int:
        self._made.append(
            f"<<{entries}/Length {len(data)}>>\nstream\n".encode("ascii") + data + b"\nendstream"
        )
        return len(self._made)

    def file(self, catalogue: int, info: int) -> bytes:
        made = bytearray(b"%PDF-1.7\n%\xe6\x8f\x90\xe5\x8d\x95\n")
        places = []
        for number, content in enumerate(self._made, 1):
            places.append(len(made))
            made += b"%d 0 obj\n%b\nendobj\n" % (number, content)
        identity = hashlib.sha256(made).hexdigest()[:32].upper()
        start = len(made)
        made += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
        made += b"".join(b"%010d 00000 n \n" % place for place in places)
        made += (
            f"trailer\n<</Size {len(places) + 1} /Root {catalogue} 0 R /Info {info} 0 R "
            f"/ID [<{identity}> <{identity}>]>>\nstartxref\n{start}\n%%EOF\n"
        ).encode("ascii")
        return bytes(made)


def _font(body: _Objects, face: str, characters: list[str]) -> int:
    """The part of a typeface that was used; a character's code is its glyph's number there."""
    source = typeface(face)
    name, measures = f"LBRDGE+{source.name}", source.metrics
    embedded = source.part(characters)
    file = body.stream(f"/Length1 {len(embedded)} ", embedded)
    box = " ".join(map(str, measures.box))
    descriptor = body.add(
        f"<</Type /FontDescriptor /FontName /{name} /Flags 4 /FontBBox [{box}] /ItalicAngle 0 "
        f"/Ascent {measures.ascent} /Descent {measures.descent} /CapHeight {measures.capital} /StemV 80 "
        f"/FontFile2 {file} 0 R>>"
    )
    widths = " ".join(str(source.width(character)) for character in characters)
    cid = body.add(
        f"<</Type /Font /Subtype /CIDFontType2 /BaseFont /{name} "
        "/CIDSystemInfo <</Registry (Adobe) /Ordering (Identity) /Supplement 0>> "
        f"/FontDescriptor {descriptor} 0 R /DW 1000 /W [1 [{widths}]] /CIDToGIDMap /Identity>>"
    )
    told = body.stream("", _to_unicode(characters))
    return body.add(
        f"<</Type /Font /Subtype /Type0 /BaseFont /{name} /Encoding /Identity-H "
        f"/DescendantFonts [{cid} 0 R] /ToUnicode {told} 0 R>>"
    )


def _to_unicode(characters: list[str]) -> bytes:
    lines = [f"<{code:04X}> <{c.encode('utf-16-be').hex().upper()}>" for code, c in enumerate(characters, 1)]
    blocks = [lines[start : start + 100] for start in range(0, len(lines), 100)]
    mapped = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
    return (
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        "/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def\n"
        "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
        f"1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n{mapped}\n"
        "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend"
    ).encode("ascii")


def _string(text: str) -> str:
    return f"<{text.encode('ascii').hex()}>" if text.isascii() else f"<FEFF{text.encode('utf-16-be').hex()}>"


def _rgb(colour: Colour) -> str:
    return " ".join(f"{part / 100:.2f}" for part in colour)
