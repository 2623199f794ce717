"""Papers as they are drawn: all that the document says stands on them, nothing else, in the same bytes."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
import segno
from fontTools.pens.recordingPen import RecordingPen
from fontTools.ttLib import TTFont
from pypdf import PdfReader

from api.domains.bills.bundle import BillBundle
from api.domains.bills.contract import RAIL_BILL_ACTS
from api.domains.bills.document import fill, sample
from api.domains.bills.document.reading import _INVISIBLE
from api.domains.bills.document.titles import TITLES
from api.domains.bills.paper import MAX_PAGES, VERSION, draw
from api.domains.bills.paper.back import draw_back
from api.domains.bills.paper.boxes import MINOR, VALUE, Boxes
from api.domains.bills.paper.drawing import locator
from api.domains.bills.paper.errors import PaperCharacterError, PaperDocumentError, PaperLongError
from api.domains.bills.paper.front import draw_face
from api.domains.bills.paper.lines import broken, can_print, one_line
from api.domains.bills.paper.pdf import Pdf
from api.domains.bills.paper.sheet import BOTTOM, INNER, LEFT, TOP, Sheet
from api.domains.bills.paper.story import TOLD, Story
from api.domains.bills.paper.typeface import FACES, typeface
from api.domains.bills.paper.view import View
from api.domains.bills.paper.words import ACTS, CHOICES, STATES, TEXTS
from api.domains.bills.rules import LIVE, BillState
from api.kernel.bundles import BundleError, read_bundle, seal_bundle
from tests.clilab import ROOT
from tests.paperlab import (
    NAMES,
    TRANSFERRED,
    bundle_content,
    contents_of,
    drawn_texts,
    everything_in,
    make_bundle,
    signer,
    text_of,
)

SAMPLES = ("chongqing-duisburg", "astana-chengdu")
FIELDS = ("/bill/number", "/issuer/party", "/consignment/goods/2/hs", "/consignment/totals/gross_mass_kg")
VECTORS: dict[str, str] = json.loads((ROOT / "tests/vectors/bills/paper.json").read_text())["sha256"]


def _leaves(value: Any) -> Iterator[str | int | bool]:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    if children is None:
        yield value
    else:
        for child in children:
            yield from _leaves(child)


def _printed(leaf: str | int | bool) -> str:
    """How a value stands on the page, without blanks."""
    if isinstance(leaf, bool):
        words = TEXTS["yes" if leaf else "no"]
    elif leaf in CHOICES:
        words = CHOICES[str(leaf)]
    else:
        return "".join(str(leaf).split())
    return "".join(f"{words.zh}{words.en}".split())


# What it says


@pytest.mark.parametrize("name", SAMPLES)
def test_every_value_of_the_document_stands_on_the_paper(name):
    document = sample(name)
    text = text_of(draw(make_bundle(document)))
    to_order = document["bill"].pop("to_order")  # in capitals of its own
    subjects = [clause.pop("subject") for clause in document["clauses"]]  # one word over each language
    missing = [leaf for leaf in _leaves(document) if _printed(leaf) not in text]
    assert missing == []
    assert (to_order, "指示提单TOORDER" in text) == (True, True)
    assert all("".join(word.split()) in text for subject in subjects for word in CHOICES[subject])
    assert "".join(TEXTS["part.other"].zh.split()) not in text


@pytest.mark.parametrize("whole", [True, False])
def test_every_field_of_the_form_has_its_place(whole):
    """A field that the form gets and the drawing does not know would stand under "other fields"."""
    parents = {pattern.rsplit("/", 1)[0] for pattern in TITLES if pattern}
    leaves: dict[tuple[str | int, ...], str | int | bool] = {}
    for place, pattern in enumerate(sorted(set(TITLES) - parents)):
        path = tuple(0 if step == "*" else step for step in pattern[1:].split("/"))
        leaves[path] = f"v{place}v"
    pdf = Pdf(title="t", language="en", producer="p", moment=0)
    view = View(leaves, whole=whole)
    boxes, bundle = Boxes(view), read_bundle(make_bundle(sample(SAMPLES[0])), BillBundle)
    sheet = Sheet(pdf, lambda page, number: TOP, limit=MAX_PAGES)
    draw_face(sheet, boxes)
    view.leaf("bill", "to_order")  # a field of the head
    draw_back(sheet, boxes, bundle, Story.of(bundle, view))
    assert view.rest() == []
    text = text_of(pdf.write())
    apart = {leaves["clauses", 0, "subject"], leaves["bill", "to_order"]}
    assert [leaf for leaf in leaves.values() if str(leaf) not in text and leaf not in apart] == []
    assert len(leaves) > 150


def test_a_field_that_has_no_box_is_drawn_all_the_same():
    document = sample(SAMPLES[0])
    content = bundle_content(document, fields=FIELDS)
    shown = next(f for f in content["document"]["fields"] if f["path"] == ["bill", "number"])
    shown["path"] = ["bill"]  # a place of the form, and no field of it
    text = text_of(draw(seal_bundle(content)))
    assert "".join(TEXTS["part.other"].zh.split()) in text
    assert "/billLB-CQ-2026-000117" in text


def test_acts_parties_and_proof():
    raw = make_bundle(sample(SAMPLES[0]))
    bundle, text = read_bundle(raw, BillBundle), text_of(draw(raw))
    for party, name, name_zh, _ in NAMES:
        assert "".join(f"{party}{name_zh}{name}".split()) in text
    for act, party, _ in TRANSFERRED:
        assert "".join("".join(ACTS[act]).split()) in text
        assert signer(party).address[:10] in text
    assert bundle.bill in text
    assert bundle.digest in text
    assert bundle.chain.genesis in text
    assert bundle.head.transaction in text
    assert "截至区块17（2026-10-1421:46:40UTC）：已签发，持单人5示范进口商己DemoImporterF" in text
    assert "Asofblock17(2026-10-1421:46:40UTC):issued,heldby5" in text


@pytest.mark.parametrize("act", [act.name for act in RAIL_BILL_ACTS])
def test_every_act_of_the_contract_can_be_told(act):
    assert act in ACTS
    assert act in TOLD


def test_the_story_of_a_bill_to_its_end():
    given = {
        "Offer": {"to": 4, "expiry": 1_800_000_000},
        "RefuseSurrender": {"reason": "0x" + "5a" * 32},
        "Deliver": {"evidence": "0x" + "5a" * 32},
    }
    steps = [
        ("Offer", 2, 2, "issued", 4),
        ("AcceptOffer", 4, 4, "issued", None),
        ("Offer", 4, 4, "issued", 4),
        ("WithdrawOffer", 4, 4, "issued", None),
        ("Surrender", 4, 4, "surrendered", None),
        ("WithdrawSurrender", 4, 4, "issued", None),
        ("Surrender", 4, 4, "surrendered", None),
        ("RefuseSurrender", 1, 4, "issued", None),
        ("Surrender", 4, 4, "surrendered", None),
        ("AcceptSurrender", 1, 4, "accepted", None),
        ("Deliver", 1, 4, "delivered", None),
    ]
    acts = [TRANSFERRED[0]]
    for act, by, holder, state, offeree in steps:
        acts.append((act, by, given.get(act, {})))
        bundle = read_bundle(make_bundle(sample(SAMPLES[0]), acts=acts), BillBundle)
        story = Story.of(bundle, View.of(bundle))
        assert (story.holder, story.state, story.offeree) == (holder, state, offeree), act
        assert story.steps[-1].by == (by,)
        assert story.steps[-1].keys == (signer(by).address,)
    assert "未示" not in text_of(draw(make_bundle(sample(SAMPLES[0]), acts=acts)))
    assert "thisbillisnotlive" in text_of(draw(make_bundle(sample(SAMPLES[0]), acts=acts)))
    assert {state.name.lower() for state in BillState if state} >= {state for *_, state, _ in steps}
    assert {BillState.ISSUED} == LIVE


def test_voided_by_holder_and_issuer_together():
    acts = [TRANSFERRED[0], ("Void", 2, {"reason": "0x" + "5a" * 32})]
    bundle = read_bundle(make_bundle(sample(SAMPLES[0]), acts=acts), BillBundle)
    story = Story.of(bundle, View.of(bundle))
    assert (story.state, story.steps[-1].by) == ("voided", (2, 1))


def test_every_state_of_the_contract_has_its_words():
    assert set(STATES) == {state.name.lower() for state in BillState if state}


def test_the_code_that_is_drawn_is_the_bills():
    raw = make_bundle(sample(SAMPLES[0]))
    rows = list(
        segno.make(locator(read_bundle(raw, BillBundle)), error="m", micro=False, boost_error=False).matrix
    )
    side, left, top = 76.0 / len(rows), LEFT + INNER - 76.0, TOP
    drawn = [bytearray(len(rows)) for _ in rows]
    content = contents_of(draw(raw))[0]
    for x, y, width in re.findall(r"0.00 0.00 0.00 rg ([\d.]+) ([\d.]+) ([\d.]+) [\d.]+ re f", content):
        row, column = round((top - float(y)) / side) - 1, round((float(x) - left) / side)
        for place in range(column, column + round(float(width) / side)):
            drawn[row][place] = 1
    assert drawn == [bytearray(row) for row in rows]


def test_what_the_code_and_the_metadata_say():
    raw = make_bundle(sample(SAMPLES[0]))
    bundle = read_bundle(raw, BillBundle)
    paper = PdfReader(BytesIO(draw(raw)), strict=True)
    assert locator(bundle) == f"landbridge:bill:20777:0x{'5a' * 20}:{bundle.bill}"
    assert paper.metadata is not None
    assert paper.metadata.producer == VERSION == "Landbridge bill paper/1"
    assert paper.metadata.title == "铁路提单 Railway bill of lading LB-CQ-2026-000117"
    assert paper.attachments == {"landbridge-bundle.json": [raw]}
    spec = paper.trailer["/Root"]["/AF"][0].get_object()
    assert spec["/AFRelationship"] == "/Data"
    assert [int(page.mediabox.width) for page in paper.pages] == [595] * len(paper.pages)


# What it hides


def test_chosen_fields_alone_hide_the_rest():
    document = sample(SAMPLES[0])
    # What the acts and the profiles tell anyhow, and short figures that stand on any page, prove nothing.
    told = "".join(f"{party}{name}{name_zh}{land}" for party, name, name_zh, land in NAMES)
    paper = draw(make_bundle(document, fields=FIELDS))
    text, all_of_it = text_of(paper), everything_in(paper)
    shown = {"LB-CQ-2026-000117", "871410", "25910"}
    hidden = {
        leaf
        for leaf in _leaves(document)
        if isinstance(leaf, str) and len(leaf) > 6 and leaf not in shown and leaf not in told
    } - set(CHOICES)
    hidden -= {"landbridge/rail-bill/1", "CIM/SMGS"}  # words of our own
    assert len(hidden) > 90
    for leaf in hidden:
        assert _printed(leaf) not in text, leaf
        for form in (
            leaf.encode(),
            leaf.encode("utf-16-be"),
            leaf.encode("utf-16-be").hex().upper().encode(),
        ):
            assert form not in all_of_it, leaf
    for leaf in shown:
        assert leaf in text
    assert (b"\x07" * 32).hex().encode() not in all_of_it
    assert text.count("未示") > 40


def test_the_layout_tells_nothing_of_what_is_hidden():
    short, long = sample(SAMPLES[0]), sample(SAMPLES[0])
    for party in ("consignor", "consignee"):
        long["consignment"][party]["address"] = "很长的地址 " * 40
        short["consignment"][party]["address"] = "短"
    long["clauses"][0]["zh"] = "条款" * 700

    def places(document: dict[str, Any]) -> list[list[tuple[float, ...]]]:
        pages = contents_of(draw(make_bundle(document, fields=FIELDS)))
        return [[(x, y, size) for x, y, size, _, _ in drawn_texts(page)] for page in pages]

    assert places(short) == places(long)
    assert places(short) != places(sample(SAMPLES[1]))


def test_fields_that_no_bill_has_are_refused():
    for path in (["no", "such"], ["consignment", "goods", 0, "price"], [], [None], "bill", ["bill", 1.5]):
        content = bundle_content(sample(SAMPLES[0]), fields=FIELDS)
        content["document"]["fields"][0]["path"] = path
        with pytest.raises((PaperDocumentError, BundleError)):
            draw(seal_bundle(content) if path != ["bill", 1.5] else b"{}")
    for value in ({"a": 1}, None, "x" * 3001, ["a"]):
        content = bundle_content(sample(SAMPLES[0]), fields=FIELDS)
        content["document"]["fields"][0]["value"] = value
        with pytest.raises(PaperDocumentError):
            draw(seal_bundle(content))
    content = bundle_content(sample(SAMPLES[0]), fields=FIELDS)
    content["document"]["fields"] += content["document"]["fields"][:1]
    with pytest.raises(PaperDocumentError):
        draw(seal_bundle(content))
    content = bundle_content(sample(SAMPLES[0]), fields=FIELDS)
    first = content["document"]["fields"][0]
    content["document"]["fields"] = [
        first | {"path": ["clauses", place, "zh"], "value": "x" * 3000} for place in range(400)
    ]
    with pytest.raises(PaperDocumentError, match="larger"):
        draw(seal_bundle(content))


# Always the same


def _digests() -> dict[str, str]:
    made = {name: make_bundle(sample(name)) for name in SAMPLES}
    made["fields"] = make_bundle(sample(SAMPLES[0]), fields=FIELDS)
    return {name: hashlib.sha256(draw(raw)).hexdigest() for name, raw in made.items()}


def test_the_drawing_is_the_published_one():
    """Where this fails the drawing was changed: raise VERSION, then write the vectors anew.

    A bill that was handed out as ``paper/1`` must be ``paper/1`` for ever, to the byte.
    """
    assert json.loads((ROOT / "tests/vectors/bills/paper.json").read_text())["version"] == VERSION
    assert _digests() == VECTORS


def test_no_clock_no_lot_no_place_changes_a_byte():
    script = f"import json, runpy; print(json.dumps(runpy.run_path({__file__!r})['_digests']()))"
    for seed, zone, lang in (("1", "Asia/Shanghai", "zh_CN.UTF-8"), ("2", "America/New_York", "C")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": lang}
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            check=True,
            timeout=120,
        )
        assert json.loads(done.stdout) == VECTORS


def test_the_parts_of_typefaces_are_true_to_them():
    characters = "重庆团结村 Chongqing Małaszewicze Қазақстан Ө 〇㐂龘，。"
    for face in ("L", "C"):
        have = sorted({c for c in characters if typeface(face).has(c)})
        part, source = (
            TTFont(BytesIO(typeface(face).part(have))),
            TTFont(ROOT / f"api/domains/bills/paper/fonts/{FACES[face]}.ttf"),
        )
        assert part["maxp"].numGlyphs == len(have) + 1
        glyphs, names = source.getGlyphSet(), source.getBestCmap()
        for place, character in enumerate(have, 1):
            drawn = []
            for at, name in ((part.getGlyphSet(), part.getGlyphName(place)), (glyphs, names[ord(character)])):
                pen = RecordingPen()
                at[name].draw(pen)
                drawn.append((pen.value, at[name].width))
            assert drawn[0] == drawn[1], character
        assert part.reader["head"] is not None


# Whatever it is given


def _with(value: str, *path: str | int) -> dict[str, Any]:
    document: Any = sample(SAMPLES[0])
    node = document
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return dict(document)


@pytest.mark.parametrize(
    "name",
    [
        "Шымкент Қазақстан ЖШС Ә Ғ Қ Ң Ө Ұ Ү Һ І",
        "Spółka Małaszewicze Łódź Straße Ærø Çeşme",
        "龘㐂喆旻甡𠅁"[:5],
        "株式会社 ひかり カナ",
        "a" * 300,
        "重" * 300,
        "W" * 150 + "重" * 150,
        "A/B-C" * 60,
        "“引号”‘单’—…·№ 100％ ￥ $ € ₸ ₽",
    ],
)
def test_names_are_printed_whole_and_inside_the_page(name):
    document = _with(name, "consignment", "consignor", "name", "zh")
    document["consignment"]["goods"][0]["description"]["en"] = name
    document["consignment"]["customs_marks"][0]["office"] = name
    paper = draw(make_bundle(document))
    assert text_of(paper).count("".join(name.split())) == 3
    _inside(paper)


def _inside(paper: bytes) -> None:
    """No text leaves the page's frame."""
    reader = PdfReader(BytesIO(paper))
    fonts = reader.pages[0]["/Resources"]["/Font"]
    widths = {}
    for face in fonts:
        listed = fonts[face]["/DescendantFonts"][0].get_object()["/W"]
        widths[face[1:]] = list(listed[1])
    for content in contents_of(paper):
        for x, y, size, face, codes in drawn_texts(content):
            width = sum(int(widths[face][code - 1]) for code in codes) * size / 1000
            assert x >= LEFT - 0.01
            assert x + width <= LEFT + INNER + 0.01
            assert BOTTOM - 30 <= y <= TOP


@pytest.mark.parametrize(("name", "character"), [
    ("Demo 🚂", "U+1F682"),
    ("שלום", "U+05E9"),
    ("مرحبا", "U+0645"),
    ("เรือ", "U+0E40"),
    ("한국", "U+D55C"),
    ("a\u0301b", "U+0301"),
    ("zero\u200bwidth", "U+200B"),
    ("\u202eturned", "U+202E"),
    ("soft\u00adhyphen", "U+00AD"),
    ("\ufeffmark", "U+FEFF"),
    ("𠜎", "U+2070E"),
    ("\U000f0000", "U+F0000"),
])  # fmt: skip
def test_what_cannot_be_printed_is_refused_by_name(name, character):
    document = _with(name, "consignment", "consignor", "name", "zh")
    with pytest.raises(PaperCharacterError) as caught:
        draw(make_bundle(document))
    assert caught.value.params == {"character": character, "where": "/consignment/consignor/name/zh"}


def test_a_name_of_a_party_that_cannot_be_printed_is_refused_too():
    names = [(1, "Demo 🚂", "甲", "CN"), *NAMES[1:]]
    with pytest.raises(PaperCharacterError):
        draw(make_bundle(sample(SAMPLES[0]), names=names))
    names = [(1, "x" * 301, "甲", "CN"), *NAMES[1:]]
    with pytest.raises(PaperDocumentError):
        draw(make_bundle(sample(SAMPLES[0]), names=names))


def test_nothing_that_leaves_no_mark_is_printed():
    assert [c for c in _INVISIBLE if can_print(c)] == []
    assert [chr(c) for c in range(0x20) if can_print(chr(c))] == []
    assert [chr(c) for c in range(0x200B, 0x2010) if can_print(chr(c))] == []
    assert can_print(" ")


def test_lines_break_where_they_may():
    lines = [line.text for line in broken("经阿拉山口、多斯特克、布列斯特", VALUE, 42.0)]
    assert "".join(lines) == "经阿拉山口、多斯特克、布列斯特"
    assert not any(line[0] in "、。，" for line in lines)
    lines = [line.text for line in broken("one two three", VALUE, 30.0)]
    assert lines == ["one", "two", "three"]
    for text in ("a" * 500, "重" * 500, "“" * 20, "。" * 20, ""):
        for width in (1.0, 5.0, 90.0):
            found = broken(text, MINOR, width)
            assert "".join(line.text for line in found) == text
            assert all(line.width <= max(width, 7.1) for line in found)
    both = one_line("“重”", VALUE)
    assert [piece.face for piece in both.pieces] == ["L", "C"]  # a sign after Chinese is Chinese


@pytest.mark.parametrize("change", [
    lambda d: d.pop("clauses"),
    lambda d: d.update(format="landbridge/rail-bill/2"),
    lambda d: d.update(more="x"),
    lambda d: d.update(delivery_agent=None),
    lambda d: d["bill"].update(originals="1"),
    lambda d: d["consignment"].update(goods=[]),
])  # fmt: skip
def test_what_is_no_bill_is_not_drawn(change):
    document = sample(SAMPLES[0])
    change(document)
    with pytest.raises(PaperDocumentError):
        draw(make_bundle(document))


def test_what_is_no_bundle_is_not_drawn():
    for raw in (b"", b"{}", b"%PDF-1.7"):
        with pytest.raises(BundleError):
            draw(raw)
    content = bundle_content(sample(SAMPLES[0]))
    for change in (
        {"act": "Nothing"},
        {"message": {}},
        {"signatures": ["0x" + "ff" * 64]},
        {"time": 253_402_300_800},
    ):
        changed = copy.deepcopy(content)
        changed["acts"][1].update(change)
        with pytest.raises(PaperDocumentError):
            draw(seal_bundle(changed))
    del content["chain"]["contracts"]["RailBills"]
    with pytest.raises(PaperDocumentError):
        draw(seal_bundle(content))


def test_a_bill_of_many_pages_is_whole_and_one_of_too_many_refused():
    document = fill(sample(SAMPLES[0]), issuer=1, holder=2)
    line = document["consignment"]["goods"][0]
    document["consignment"]["goods"] = [
        line | {"line": n, "marks": f"mark-{n:04d}", "loads": line["loads"] * 20} for n in range(1, 201)
    ]
    document["clauses"] = [
        {"number": n, "subject": "other", "zh": "鑫鑫鑫。" * 600, "en": "Long clauses: Ж. " * 170 + "end"}
        for n in range(1, 9)
    ]
    paper = draw(make_bundle(document))
    text = text_of(paper)
    assert all(f"mark-{n:04d}" in text for n in range(1, 201))
    assert text.count("鑫") == 8 * 1800
    assert text.count("Ж") == 8 * 170
    assert 20 < len(contents_of(paper)) <= MAX_PAGES
    _inside(paper)
    moves = [("Transfer", 2 + n % 2 * 2, {"to": 4 - n % 2 * 2}) for n in range(6_000)]
    names = [(party, "x" * 300, "重" * 300, "CN") for party in (1, 2, 4)]
    raw = make_bundle(sample(SAMPLES[0]), acts=[TRANSFERRED[0], *moves], names=names)
    with pytest.raises(PaperLongError):
        draw(raw)
