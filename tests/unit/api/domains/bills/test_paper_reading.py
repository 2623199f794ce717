"""Papers as they come: each bad one is refused by its own name, in bounded time and memory; none passes."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    NameObject,
    NumberObject,
    TextStringObject,
)

from api.domains.bills.document import sample
from api.domains.bills.paper import (
    VERSION,
    Paper,
    check_pages,
    draw,
    extract,
    is_paper,
    lines,
    read_paper,
    reading,
    typeface,
)
from api.domains.bills.paper.errors import PaperError
from api.domains.bills.paper.extract import Refusal, take
from api.kernel.checks import Policy, Result, judge
from tests.paperlab import TRANSFERRED, make_bundle

BUNDLE = make_bundle(sample("chongqing-duisburg"))
OTHER = make_bundle(sample("astana-chengdu"))
PAPER = draw(BUNDLE)
NAME = "landbridge-bundle.json"


def _code(data: bytes) -> str:
    with pytest.raises(PaperError) as caught:
        read_paper(data)
    assert caught.value.sentence
    assert "Traceback" not in caught.value.sentence
    return caught.value.code


def test_the_bundle_comes_out_as_it_went_in():
    paper = read_paper(PAPER)
    assert paper == Paper(PAPER, BUNDLE, VERSION)
    assert is_paper(PAPER)
    assert not is_paper(BUNDLE)
    found = check_pages(paper)
    assert (found.name, found.result) == ("pages", Result.PASS)


# Bad files, written by another hand


def _written(change: Callable[[PdfWriter], None], *, pages: int = 1) -> bytes:
    """A PDF of empty pages, changed."""
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(200, 200)
    change(writer)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def _attach(
    writer: PdfWriter, name: str = NAME, data: bytes = BUNDLE, kind: str | None = "/application/json"
) -> Any:
    """Attach a file as a tree of one name."""
    stream = DecodedStreamObject()
    stream.set_data(data)
    if kind is not None:
        stream[NameObject("/Subtype")] = NameObject(kind)
    spec = _spec(writer, name, writer._add_object(stream))
    names = writer.root_object.setdefault(NameObject("/Names"), DictionaryObject())
    tree = names.setdefault(NameObject("/EmbeddedFiles"), DictionaryObject())
    tree.setdefault(NameObject("/Names"), ArrayObject()).extend([TextStringObject(name), spec])
    return spec


def _spec(writer: PdfWriter, name: str, stream: Any) -> Any:
    spec = DictionaryObject()
    spec[NameObject("/Type")] = NameObject("/Filespec")
    spec[NameObject("/F")] = TextStringObject(name)
    spec[NameObject("/UF")] = TextStringObject(name)
    spec[NameObject("/EF")] = DictionaryObject({NameObject("/F"): stream})
    return writer._add_object(spec)


def _hung_on_a_page(writer: PdfWriter) -> None:
    _attach(writer)
    stream = DecodedStreamObject()
    stream.set_data(b"another")
    note = DictionaryObject({NameObject("/Subtype"): NameObject("/FileAttachment")})
    note[NameObject("/FS")] = _spec(writer, "x.txt", writer._add_object(stream))
    writer.pages[0][NameObject("/Annots")] = ArrayObject([writer._add_object(note)])


def _associated(writer: PdfWriter) -> None:
    _attach(writer)
    stream = DecodedStreamObject()
    stream.set_data(b"another")
    other = _spec(writer, NAME, writer._add_object(stream))
    writer.root_object[NameObject("/AF")] = ArrayObject([other])


def _two_streams(writer: PdfWriter) -> None:
    spec = _attach(writer).get_object()
    stream = DecodedStreamObject()
    stream.set_data(b"another")
    spec["/EF"][NameObject("/UF")] = writer._add_object(stream)


def _one_stream_under_two_names(writer: PdfWriter) -> None:
    spec = _attach(writer)
    writer.root_object["/Names"]["/EmbeddedFiles"]["/Names"].extend([TextStringObject("x"), spec])


def _listed_under_another_name(writer: PdfWriter) -> None:
    _attach(writer)
    writer.root_object["/Names"]["/EmbeddedFiles"]["/Names"][0] = TextStringObject("x")


def _looping_names(writer: PdfWriter) -> None:
    _attach(writer)
    node = DictionaryObject()
    kid = writer._add_object(node)
    node[NameObject("/Kids")] = ArrayObject([kid])
    writer.root_object["/Names"]["/EmbeddedFiles"][NameObject("/Kids")] = ArrayObject([kid])


def _looping_pages(writer: PdfWriter) -> None:
    _attach(writer)
    tree = writer.root_object.raw_get("/Pages")
    tree.get_object()["/Kids"].append(tree)


def _bomb(writer: PdfWriter, size: int = 400_000_000) -> None:
    """A file of four hundred megabytes in four hundred kilobytes."""
    spec = _attach(writer)
    packer = zlib.compressobj(9)
    block = packer.compress(bytes(1 << 20))
    packed = block + b"".join(packer.compress(bytes(1 << 24)) for _ in range(size >> 24)) + packer.flush()
    stream = spec.get_object()["/EF"]["/F"]
    stream._data = packed
    stream[NameObject("/Filter")] = NameObject("/FlateDecode")
    stream[NameObject("/Subtype")] = NameObject("/application/json")


def _encoded(*filters: str) -> Callable[[PdfWriter], None]:
    def change(writer: PdfWriter) -> None:
        stream = _attach(writer).get_object()["/EF"]["/F"]
        stream[NameObject("/Filter")] = ArrayObject([NameObject(one) for one in filters])

    return change


def _nothing(writer: PdfWriter) -> None:
    pass


@pytest.mark.parametrize(("change", "pages", "code"), [
    (_nothing, 1, "paper-attachment-missing"),
    (lambda w: (_attach(w), _attach(w, "second.txt", b"x")), 1, "paper-attachment-several"),
    (lambda w: (_attach(w), _attach(w)), 1, "paper-attachment-several"),
    (_hung_on_a_page, 1, "paper-attachment-several"),
    (_associated, 1, "paper-attachment-several"),
    (_two_streams, 1, "paper-attachment-several"),
    (_one_stream_under_two_names, 1, "paper-attachment-several"),
    (_listed_under_another_name, 1, "paper-attachment-other"),
    (lambda w: _attach(w, "bundle.json"), 1, "paper-attachment-other"),
    (lambda w: _attach(w, NAME.upper()), 1, "paper-attachment-other"),
    (lambda w: _attach(w, kind="/text/plain"), 1, "paper-attachment-other"),
    (lambda w: _attach(w, kind=None), 1, "paper-attachment-other"),
    (lambda w: _attach(w, data=bytes((10 << 20) + 1)), 1, "paper-attachment-too-large"),
    (_bomb, 1, "paper-attachment-too-large"),
    (lambda w: (_attach(w), w.encrypt("")), 1, "paper-encrypted"),
    (lambda w: (_attach(w), w.encrypt("secret", algorithm="AES-256")), 1, "paper-encrypted"),
    (_attach, 10_000, "paper-too-long"),
    (_attach, 1_001, "paper-too-long"),
    (_looping_names, 1, "paper-malformed"),
    (_looping_pages, 1, "paper-malformed"),
    (_encoded("/FlateDecode", "/FlateDecode"), 1, "paper-malformed"),
    (_encoded("/LZWDecode"), 1, "paper-malformed"),
    (_encoded("/Crypt"), 1, "paper-malformed"),
])  # fmt: skip
def test_each_bad_file_is_refused_by_its_name(change, pages, code):
    assert _code(_written(change, pages=pages)) == code


def test_a_bundle_that_another_program_attached_is_read():
    """So that a verifier can say of a rewritten file what still holds, and that its pages do not."""
    paper = read_paper(_written(_attach))
    assert paper.bundle == BUNDLE
    found = check_pages(paper)
    assert (found.result, found.evidence["producer"]) == (Result.FAIL, "pypdf")
    rewritten = BytesIO()
    PdfWriter(clone_from=BytesIO(PAPER)).write(rewritten)
    paper = read_paper(rewritten.getvalue())
    assert (paper.bundle, check_pages(paper).result) == (BUNDLE, Result.FAIL)


# Bad files, written by hand


def _by_hand(*objects: bytes, trailer: bytes = b"/Root 1 0 R") -> bytes:
    made, places = bytearray(b"%PDF-1.7\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    start = len(made)
    made += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
    made += b"".join(b"%010d 00000 n \n" % place for place in places)
    made += b"trailer\n<</Size %d %b>>\nstartxref\n%d\n%%%%EOF\n" % (len(places) + 1, trailer, start)
    return bytes(made)


_CATALOGUE = b"<</Type /Catalog /Pages 2 0 R>>"
_PAGES = b"<</Type /Pages /Kids [] /Count 0>>"


@pytest.mark.parametrize("data", [
    b"%PDF-",
    b"%PDF-1.7\n",
    b"%PDF-1.7\n" + b"\x00" * 5000,
    b"%PDF-1.7\nstartxref\n9\n%%EOF",
    PAPER[:-1000],
    PAPER[: len(PAPER) // 2],
    PAPER[:100],
    PAPER.replace(b"trailer", b"TRAILER"),
    PAPER.replace(b"/Root", b"/Boot"),
    _by_hand(_CATALOGUE, _PAGES, trailer=b""),
    _by_hand(b"1 0 R", _PAGES),
    _by_hand(b"2 0 R", b"1 0 R"),
    _by_hand(b"[" * 50_000),
    _by_hand(b"<</A " * 20_000),
    _by_hand(b"<</Type /Catalog /Pages 3 0 R>>", _PAGES),
    _by_hand(b"<</Type /Catalog /Pages 2 0 R /Names [1 2 3]>>", _PAGES),
    _by_hand(b"<</Type /Catalog /Pages 2 0 R /Names <</EmbeddedFiles <</Names [(a)]>>>>>>", _PAGES),
    _by_hand(b"<</Type /Catalog /Pages 2 0 R /Names <</EmbeddedFiles <</Names (a)>>>>>>", _PAGES),
    _by_hand(b"<</Type /Catalog /Pages 2 0 R /Names <</EmbeddedFiles <</Names [(a) 1 0 R]>>>>>>", _PAGES),
    _by_hand(b"<</Type /Catalog /Pages 2 0 R>>", b"<</Kids [<</Kids [2 0 R]>>]>>"),
    _by_hand(b"<</Length 1 0 R>>\nstream\nx\nendstream", _PAGES),
    _by_hand(_CATALOGUE, _PAGES, trailer=b"/Root 1 0 R /Prev 9"),
    _by_hand(_CATALOGUE, _PAGES, trailer=b"/Root 1 0 R /Info 1"),
])  # fmt: skip
def test_a_broken_file_is_refused_and_never_a_crash(data):
    assert _code(data) in ("paper-malformed", "paper-attachment-missing")


def test_a_cross_reference_that_leads_back_to_itself_ends():
    made = _by_hand(_CATALOGUE, _PAGES, trailer=b"/Root 1 0 R /Prev 0000")
    start = made.rindex(b"xref\n0 ")
    assert _code(made.replace(b"/Prev 0000", b"/Prev %4d" % start)).startswith("paper-")


def test_bombs_elsewhere_in_the_file_do_no_harm():
    """Streams that nothing leads to are not unpacked; those of which the file is made are, within bounds."""
    zeros = zlib.compress(bytes(200 << 20), 9)
    packed = zlib.compress(zeros, 9)
    stream = b"<</Type /%b %b /Length %d>>\nstream\n%b\nendstream"
    once, twice = b"/N 1 /First 4 /Filter /FlateDecode", b"/N 1 /First 4 /Filter [/FlateDecode /FlateDecode]"
    data = _by_hand(_CATALOGUE, _PAGES, stream % (b"ObjStm", once, len(zeros), zeros))
    assert _code(data) == "paper-attachment-missing"
    data = _by_hand(_CATALOGUE, _PAGES, stream % (b"ObjStm", twice, len(packed), packed))
    assert _code(data) == "paper-attachment-missing"
    table = stream % (b"XRef", b"/Size 9 /W [1 2 1] /Root 1 0 R /Filter /FlateDecode", len(zeros), zeros)
    assert _code(b"%PDF-1.7\n1 0 obj\n" + table + b"\nendobj\nstartxref\n9\n%%EOF\n") == "paper-malformed"


def test_a_file_larger_than_any_is_refused_unread():
    assert _code(b"%PDF-1.7\n" + bytes(64 << 20)) == "paper-too-large"


def test_whatever_holds_the_reader_up_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Its bounds are real: a reader that would never end, or take all memory, is stopped."""
    before = f"import sys; sys.path.insert(0, {str(Path(extract.__file__).parent)!r}); import extract\n"
    program = tmp_path / "reader.py"
    monkeypatch.setattr(reading, "_READER", program)
    program.write_text(before + "extract.bound(1, 1 << 30)\nwhile True: pass\n")
    ended = subprocess.run([sys.executable, "-I", program], timeout=120)
    assert ended.returncode in (-signal.SIGXCPU, -signal.SIGKILL)
    assert _code(PAPER) == "paper-too-costly"
    program.write_text(before + "extract.take = lambda data: bytearray(8 << 30)\nsys.exit(extract.main())\n")
    assert _code(PAPER) == "paper-too-costly"
    program.write_text("import time\nwhile True: time.sleep(60)\n")
    monkeypatch.setattr(reading, "_WALL_SECONDS", 1)
    assert _code(PAPER) == "paper-too-costly"
    program.write_text("import no_such_module\n")
    with pytest.raises(RuntimeError):  # a defect of this installation, and no word on the file
        read_paper(PAPER)


# The check


def _pages(data: bytes, bundle: bytes = BUNDLE, producer: str | None = VERSION) -> Result:
    return check_pages(Paper(data, bundle, producer)).result


def test_pages_of_another_bill_fail():
    assert _pages(PAPER) is Result.PASS
    assert _pages(PAPER, OTHER) is Result.FAIL
    assert _pages(PAPER + b"\n") is Result.FAIL
    assert _pages(PAPER, b"{}") is Result.FAIL
    assert _pages(PAPER, make_bundle(sample("chongqing-duisburg"), acts=TRANSFERRED[:2])) is Result.FAIL
    no_bill = sample("chongqing-duisburg")
    del no_bill["clauses"]
    assert _pages(PAPER, make_bundle(no_bill)) is Result.FAIL


def test_what_another_version_drew_is_unknown_and_what_another_program_wrote_fails():
    assert _pages(PAPER, producer="Landbridge bill paper/2") is Result.UNKNOWN
    assert _pages(PAPER, producer="Landbridge bill paper/1 ") is Result.UNKNOWN
    assert _pages(PAPER, producer="Microsoft: Print To PDF") is Result.FAIL
    assert _pages(PAPER, producer=None) is Result.FAIL
    told = check_pages(Paper(PAPER, BUNDLE, "Landbridge bill paper/0"))
    assert "landbridge bill paper" in told.en
    assert "landbridge bill paper" in told.zh
    assert not judge([told], Policy(("pages",), "x")).passed


def test_without_typefaces_nothing_is_said(monkeypatch: pytest.MonkeyPatch):
    caches = (typeface.typeface, lines._looked_up)
    monkeypatch.setitem(typeface.FACES, "C", "no-such-face")
    try:
        for cache in caches:
            cache.cache_clear()
        assert check_pages(Paper(PAPER, BUNDLE, VERSION)).result is Result.UNKNOWN
    finally:
        for cache in caches:
            cache.cache_clear()


def test_no_change_of_a_byte_and_no_cut_passes():
    """Seeded places all over the file: refused, or read and found to be other pages; never a crash."""
    luck = random.Random(11)  # noqa: S311 - a test's order, no secret
    attached = PAPER.index(BUNDLE)
    places = [luck.randrange(len(PAPER)) for _ in range(160)]
    places += [attached + luck.randrange(len(BUNDLE)) for _ in range(20)]
    places += [luck.randrange(len(PAPER) - 2000, len(PAPER)) for _ in range(40)]
    read = 0
    for place in places:
        changed = bytearray(PAPER)
        changed[place] = (changed[place] + 1 + luck.randrange(255)) % 256
        read += _never_passes(bytes(changed))
    assert read > 100  # most changes leave a PDF that can be read: the check of the pages is what finds them
    for _ in range(40):
        _never_passes(PAPER[: luck.randrange(len(PAPER))])


def _never_passes(data: bytes) -> bool:
    try:
        bundle, producer = take(data)
    except Refusal:
        return False
    assert check_pages(Paper(data, bundle, producer)).result is not Result.PASS
    return True


def test_the_same_through_the_process_that_reads():
    luck = random.Random(12)  # noqa: S311 - a test's order, no secret
    for _ in range(12):
        changed = bytearray(PAPER)
        changed[luck.randrange(len(PAPER))] ^= 1 << luck.randrange(8)
        try:
            paper = read_paper(bytes(changed))
        except PaperError:
            continue
        assert check_pages(paper).result is not Result.PASS


def test_a_valid_pdf_by_another_reader():
    reader = PdfReader(BytesIO(PAPER), strict=True)
    assert len(reader.pages) == 5
    assert NumberObject(reader.trailer["/Size"]) > 10
