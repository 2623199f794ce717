"""What tests of papers share: bundles of a bill made without a chain, and what a PDF shows and hides.

The signatures are true and the document leads to its digest; log and chain are invented.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any

from pypdf import PdfReader

from api.domains.bills.contract import RAIL_BILL_ACTS, RAIL_BILLS_DOMAIN
from api.kernel.bundles import seal_bundle
from chain.canonical import pointer
from chain.digests import Seed, document_digest, field_paths, open_fields
from chain.intents import Address, Domain, act_from_message
from chain.signers import KeySigner

CHAIN_ID = 20777
CONTRACT = Address("0x" + "5a" * 20)
TRANSFERRED: tuple[tuple[str, int, dict[str, Any]], ...] = (
    ("Issue", 1, {"note": "0x" + "12" * 32, "holder": 2, "toOrder": True}),
    ("Transfer", 2, {"to": 4}),
    ("Offer", 4, {"to": 5, "expiry": 1_800_000_000}),
    ("DeclineOffer", 5, {}),
    ("Transfer", 4, {"to": 5}),
)
NAMES = (
    (1, "Demo Carrier A", "示范承运人甲", "CN"),
    (2, "Demo Exporter C", "示范出口商丙", "CN"),
    (4, "Demo Bank E", "示范银行戊", "CN"),
    (5, "Demo Importer F", "示范进口商己", "DE"),
)


def signer(party: int) -> KeySigner:
    """A party's key."""
    return KeySigner(hashlib.sha256(b"key of %d" % party).digest())


def bundle_content(
    document: dict[str, Any],
    *,
    fields: Sequence[str] | None = None,
    acts: Sequence[tuple[str, int, dict[str, Any]]] = TRANSFERRED,
    names: Sequence[tuple[int, str, str, str]] = NAMES,
    seed: bytes = b"\x07" * 32,
) -> dict[str, Any]:
    """All of a bundle but its digest.

    :param fields: pointers of the fields to show alone
    :param acts: name, party that signs, and the act's own fields
    """
    salt = Seed(seed)
    bill = "0x" + document_digest(document, salt).hex()
    domain = Domain(RAIL_BILLS_DOMAIN, "1", CHAIN_ID, CONTRACT)
    made = []
    for place, (name, party, values) in enumerate(acts):
        message = {"sequence": place, "deadline": 1_790_000_000, **values}
        act = act_from_message(RAIL_BILL_ACTS, name, {**message, "bill": bill})
        told = dict(act.typed_data(domain)["message"])
        del told["bill"]
        signature = signer(party).sign(act.digest(domain))
        made.append(
            {
                "act": name,
                "message": told,
                "signatures": ["0x" + (signature.r + signature.vs).hex()],
                "block": 13 + place,
                "time": 1_792_000_000 + 3600 * place,
                "transaction": "0x" + hashlib.sha256(b"%d" % place).hexdigest(),
                "index": place,
                "path": ["0x" + "34" * 32],
            }
        )
    shown: dict[str, Any] = {"whole": document, "seed": seed.hex()}
    if fields is not None:
        paths = [path for path in field_paths(document) if pointer(path) in fields]
        shown = {"fields": [one.to_json() for one in open_fields(document, salt, paths)]}
    return {
        "bundle": "landbridge/bundle/1",
        "kind": "bill",
        "chain": {
            "id": CHAIN_ID,
            "genesis": "0x" + "01" * 32,
            "contracts": {"AnchorLog": "0x" + "5c" * 20, "Parties": "0x" + "5b" * 20, "RailBills": CONTRACT},
        },
        "head": {"size": 12, "root": "0x" + "02" * 32, "block": 19, "transaction": "0x" + "03" * 32},
        "deposit": {"entry": {"kind": "document", "digest": bill}, "index": 1, "path": []},
        "bill": bill,
        "document": shown,
        "acts": made,
        "profiles": [
            {
                "party": party,
                "content": {"name": name, "name_zh": name_zh, "country": land},
                "seed": "5a" * 32,
            }
            for party, name, name_zh, land in names
        ],
    }


def make_bundle(document: dict[str, Any], **options: Any) -> bytes:
    """The bundle's bytes."""
    return seal_bundle(bundle_content(document, **options))


def text_of(paper: bytes) -> str:
    """All that a PDF's pages say, without blanks: lines are broken as the page needs it."""
    pages = PdfReader(BytesIO(paper)).pages
    return "".join("".join(page.extract_text().split()) for page in pages)


def contents_of(paper: bytes) -> list[str]:
    """The pages' drawing, one stream each."""
    return [page.get_contents().get_data().decode("ascii") for page in PdfReader(BytesIO(paper)).pages]  # type: ignore[union-attr]


def everything_in(paper: bytes) -> bytes:
    """The file, and all its streams as they are once they are decoded."""
    reader = PdfReader(BytesIO(paper))
    found = [paper]
    for number in range(1, reader.trailer["/Size"]):  # type: ignore[call-overload]
        one = reader.get_object(number)
        if hasattr(one, "get_data"):
            found.append(one.get_data())
    return b"\n".join(found)


def drawn_texts(content: str) -> Iterator[tuple[float, float, float, str, list[int]]]:
    """Each text of a page's drawing: x, y, size, typeface, codes."""
    form = re.compile(r"/(\w+) ([\d.]+) Tf ([\d.-]+) ([\d.-]+) Td <([0-9A-F]*)> Tj")
    for face, size, x, y, codes in form.findall(content):
        yield (
            float(x),
            float(y),
            float(size),
            face,
            [int(codes[i : i + 4], 16) for i in range(0, len(codes), 4)],
        )
