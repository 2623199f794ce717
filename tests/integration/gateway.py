"""A gateway inside the test's process: its application, parties with tokens, and bills made quickly.

Two kinds of party: those that entrusted their keys to the gateway (``carrier``, a ``rival`` carrier,
``bank``, ``importer``, a ``stranger`` to all bills), and those that keep their own (``haulier``, a carrier,
and ``owner``): these make a bill on the chain in a tenth of a second, without a document.

>>> bill = gateway.quick_bill(holder="bank")                 # doctest: +SKIP
>>> gateway.get("bank", f"/v1/bills/{bill}").json()["live"]  # doctest: +SKIP
True
"""

from __future__ import annotations

import itertools
import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import Response
from sqlalchemy import text
from sqlmodel import SQLModel
from starlette.testclient import TestClient

from api.app import create_app
from api.domains.bills.contract import RAIL_BILL_ACTS
from api.domains.bills.document import fill, sample
from api.kernel import auth
from api.kernel.house import House
from api.kernel.parties import Profile
from api.kernel.scrub.tables import ScrubRow
from api.settings import Settings
from chain.db import reading, writing
from chain.intents import Act, Domain, Signature, act_from_message, keccak
from chain.signers import KeySigner
from vault.keys import PrivateKey

EVIDENCE = "0x" + "12" * 32
ALL = ("read", "write", "sign", "tokens", "webhooks")
ENTRUSTED = ("carrier", "rival", "bank", "importer", "stranger")
OWN_KEYS = ("haulier", "owner")
CARRIERS = ("carrier", "rival", "haulier")
PATIENCE = 90
"""Seconds that anything may take to come on a busy machine; nothing is proven by them."""
WAIT = f"wait={PATIENCE}"


@dataclass
class Member:
    """A party of the tests: its number, a token of every scope, and its keys where it keeps them."""

    name: str
    number: int
    headers: dict[str, str]
    signer: KeySigner | None = None
    reader: PrivateKey | None = None


@dataclass
class Gateway:
    """A gateway in this process. A caller is a party's name, ``operator``, nobody (``None``), or headers."""

    app: FastAPI
    house: House
    client: TestClient
    operator: dict[str, str]
    members: dict[str, Member] = field(default_factory=dict)
    _windows: Iterator[int] = field(default_factory=itertools.count)

    # Requests

    def headers(self, who: str | Mapping[str, str] | None) -> dict[str, str]:
        """The headers of a caller."""
        if who is None:
            return {}
        if isinstance(who, str):
            return dict(self.operator if who == "operator" else self.members[who].headers)
        return dict(who)

    def get(self, who: str | Mapping[str, str] | None, path: str, **params: Any) -> Response:
        """GET as somebody."""
        return self.client.get(path, headers=self.headers(who), params=params or None)

    def post(
        self, who: str | Mapping[str, str] | None, path: str, body: Any = None, **headers: str
    ) -> Response:
        """POST JSON as somebody; header names with underscores."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(path, json=body, headers=self.headers(who) | more)

    def delete(self, who: str | Mapping[str, str] | None, path: str, **headers: str) -> Response:
        """DELETE as somebody."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.delete(path, headers=self.headers(who) | more)

    def party(self, who: str) -> int:
        """A member's number."""
        return self.members[who].number

    def token(self, who: str | None, *scopes: str, lifetime: int = 3600) -> dict[str, str]:
        """The headers of a new token of a party (or of the operator), past the API."""
        number = None if who is None else self.members[who].number
        return self.token_of(number, *scopes, lifetime=lifetime)

    def token_of(self, number: int | None, *scopes: str, lifetime: int = 3600) -> dict[str, str]:
        """The same by number."""
        token, row = auth.issue(
            party=number, scopes=scopes, label="test", now=int(time.time()), lifetime=lifetime
        )
        with writing(self.house.engine) as session:
            session.add(row)
        return {"authorization": f"Bearer {token}"}

    # Acts

    def domain(self, room: str = "bills") -> Domain:
        """The EIP-712 domain of a room."""
        return self.house.domain(self.house.rooms[room])

    def sign(self, who: str, act: str, subject: str, **fields: Any) -> Response:
        """Have the gateway sign for a party, and wait."""
        body = {"room": "bills", "act": act, "subject": subject, "fields": fields}
        return self.post(who, "/v1/intents/sign", body, prefer=WAIT)

    def done(self, answer: Response) -> dict[str, Any]:
        """The act took effect; it is waited for if need be."""
        assert answer.status_code in (200, 202), answer.text
        found: dict[str, Any] = answer.json()
        if found["status"] in ("pending", "sent"):
            found = self.get("operator", f"/v1/intents/{found['id']}", wait=PATIENCE).json()
        assert (found["status"] in ("mined", "done"), found["reason"]) == (True, None), found
        return found

    def act(
        self, name: str, bill: str, *, sequence: int | None = None, deadline: int | None = None, **fields: Any
    ) -> Act:
        """An act on a bill, whatever its state; without a sequence the one that the chain expects."""
        message = {
            "bill": bill,
            "sequence": self.sequence(bill) if sequence is None else sequence,
            "deadline": int(time.time()) + 3600 if deadline is None else deadline,
            **fields,
        }
        return act_from_message(RAIL_BILL_ACTS, name, message)

    def submission(self, act: Act, *signers: KeySigner, domain: Domain | None = None) -> dict[str, Any]:
        """The body that submits an act with these signatures."""
        digest = act.digest(domain or self.domain())
        return self.submission_with(act, *(signer.sign(digest) for signer in signers))

    def submission_with(self, act: Act, *signatures: Signature) -> dict[str, Any]:
        """The same with signatures made already."""
        return {
            "room": "bills",
            "act": act.type.name,
            "message": act.typed_data(self.domain())["message"],
            "signatures": ["0x" + signature.rsv.hex() for signature in signatures],
        }

    def submit(self, who: str, act: Act, *signers: KeySigner, **headers: str) -> Response:
        """Sign an act and submit it as somebody."""
        return self.post(who, "/v1/intents", self.submission(act, *signers), **headers)

    # Bills

    def sequence(self, bill: str) -> int:
        """A bill's sequence on the chain."""
        return self.word(bill) >> 16 & 0xFFFFFFFF

    def word(self, bill: str) -> int:
        """A bill's word on the chain."""
        return int(self.house.reader(self.house.rooms["bills"])("billWord", bytes.fromhex(bill[2:])))

    def quick_bill(self, *, holder: str = "owner", issuer: str = "haulier", to_order: bool = True) -> str:
        """A bill of random digests on the chain, issued by an own-key carrier."""
        bill = "0x" + secrets.token_hex(32)
        note = "0x" + secrets.token_hex(32)
        act = self.act("Issue", bill, sequence=0, note=note, holder=self.party(holder), toOrder=to_order)
        signer = self.members[issuer].signer
        assert signer is not None
        self.done(self.submit(issuer, act, signer, prefer=WAIT))
        return bill

    def document(
        self, *, issuer: str = "carrier", holder: str = "importer", note: str | None = None
    ) -> dict[str, Any]:
        """The sample bill between two members, with a note of its own, on days of its own."""
        days = timedelta(days=45 * next(self._windows))
        return fill(
            sample("chongqing-duisburg"),
            issuer=self.party(issuer),
            holder=self.party(holder),
            note_number=note or str(secrets.randbelow(10**12) + 10**12),
            note_date=date(2026, 10, 12) - days % timedelta(days=9000),
        )

    def store(
        self, document: dict[str, Any], *, author: str = "carrier", readers: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """Keep a document."""
        body = {"document": document, "readers": [self.party(one) for one in readers]}
        answer = self.post(author, "/v1/documents", body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def full_bill(self, *, issuer: str = "carrier", holder: str = "importer") -> dict[str, Any]:
        """A bill with its document, issued by an entrusted key: bill, document, seed and note."""
        kept = self.store(self.document(issuer=issuer, holder=holder), author=issuer)
        bill, note = kept["digest"], kept["facts"]["note"]
        self.done(self.sign(issuer, "Issue", bill, note=note, holder=self.party(holder), toOrder=True))
        opened = self.get(issuer, f"/v1/documents/{bill}").json()
        return {"bill": bill, "note": note, "document": opened["document"], "seed": opened["seed"]}

    # Members

    def admit_entrusted(self, name: str) -> str:
        """Ask for an admission; gives the act's id."""
        body = {"name": f"Test {name} {secrets.token_hex(4)}", "name_zh": f"测试{name}", "country": "CN"}
        answer = self.post("operator", "/v1/parties", body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def admit_own(self, name: str, signer: KeySigner, reader: PrivateKey) -> str:
        """Admit a party that keeps its keys; gives the act's id."""
        body = {
            "name": f"Test {name} {secrets.token_hex(4)}",
            "name_zh": f"测试{name}",
            "country": "CN",
            "key": signer.address,
            "reader_key": reader.public.hex(),
        }
        prepared = self.post("operator", "/v1/parties/admission", body).json()
        signature = signer.sign(bytes.fromhex(prepared["digest"][2:]))
        signed = {"message": prepared["typed_data"]["message"], "signature": "0x" + signature.rsv.hex()}
        answer = self.post("operator", "/v1/parties/admission/signed", signed)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def join(
        self, name: str, admission: str, signer: KeySigner | None = None, reader: PrivateKey | None = None
    ) -> Member:
        """Wait for an admission and give the party a token of every scope."""
        found = self.get("operator", f"/v1/intents/{admission}", wait=PATIENCE).json()
        assert found["status"] in ("mined", "done"), found
        (party,) = self.get("operator", "/v1/parties", profile=found["subject"]).json()
        headers = self.token_of(party["party"], *ALL)
        member = Member(name, party["party"], headers, signer, reader)
        self.members[name] = member
        return member

    def role(self, who: str, role: str, **times: int) -> dict[str, Any]:
        """Give a role and wait."""
        answer = self.post("operator", f"/v1/parties/{self.party(who)}/roles", {"role": role, **times})
        return self.done(answer)

    # What there is

    def counts(self) -> dict[str, int]:
        """How many rows each table has."""
        with reading(self.house.engine) as session:
            connection = session.connection()
            return {
                name: int(connection.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one())  # noqa: S608
                for name in SQLModel.metadata.tables
            }

    def settle(self) -> None:
        """Wait until nothing is under way."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            counts = self._under_way() or self._log_under_way() or self._scrub_under_way()
            if not counts and self.house.indexer.height >= self.house.chain.block_number():
                return
            time.sleep(0.02)
        raise AssertionError("acts are under way for ever")

    def _under_way(self) -> int:
        with reading(self.house.engine) as session:
            statement = text("SELECT count(*) FROM outbox WHERE status IN ('pending', 'sent', 'mined')")
            return int(session.connection().execute(statement).scalar_one())

    def _log_under_way(self) -> bool:
        """Whether acts are yet to enter the log, or leaves to be anchored."""
        book, height = self.house.logbook, self.house.indexer.height
        with reading(self.house.engine) as session:
            head = book.log.newest_head(session, anchored=True)
            behind = book.log.size(session) != (head.size if head else 0)
        return behind or book.looked_until < height - self.house.settings.confirmations + 1

    def _scrub_under_way(self) -> bool:
        """Whether a pass over what is stored is yet to end."""
        with reading(self.house.engine) as session:
            row = session.get(ScrubRow, 1)
        return row is None or bool(row.phase)

    @contextmanager
    def nothing_changes(self) -> Iterator[None]:
        """What happens inside changes neither the chain nor a table."""
        self.settle()
        with sqlite3.connect(self.house.settings.data_dir / "gateway.db") as watcher:
            # SQLite's own count of what others committed: it sees any row that changed, however little.
            head, rows, version = self.house.head().hash, self.counts(), _version(watcher)
            yield
            after = self.counts()
            assert {n: (rows[n], after[n]) for n in rows if rows[n] != after[n]} == {}
            assert _version(watcher) == version, "something was written"
            assert self.house.head().hash == head
        watcher.close()


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def problem(answer: Response, status: int, code: str) -> dict[str, Any]:
    """The answer is a problem of this status and code, whole and in shape; gives its members."""
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    body: dict[str, Any] = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["type"] == f"/problems/{code}"
    assert body["status"] == status
    for member in ("title", "detail", "next"):
        assert isinstance(body[member], str)
        assert body[member]
    assert answer.headers["content-language"] in ("en", "zh")
    assert "accept-language" in answer.headers["vary"].lower()
    return body


@contextmanager
def open_gateway(folder: Path, **settings: Any) -> Iterator[Gateway]:
    """A gateway on a data folder, without members."""
    app = create_app(Settings(data_dir=folder, **({"wait_limit": PATIENCE} | settings)))
    with TestClient(app, raise_server_exceptions=True) as client:
        house: House = app.state.house
        token, row = auth.issue(
            party=None, scopes=("operate",), label="operator", now=int(time.time()), lifetime=86_400
        )
        with writing(house.engine) as session:
            session.add(row)
        yield Gateway(app, house, client, {"authorization": f"Bearer {token}"})


def populate(gateway: Gateway) -> None:
    """Admit all members and make carriers of those who are."""
    own = {name: (KeySigner(keccak(name.encode())), PrivateKey.generate()) for name in OWN_KEYS}
    # One by one: two admissions prepared at the same moment would name the same sequence.
    for name, admission in [(name, gateway.admit_entrusted(name)) for name in ENTRUSTED]:
        gateway.join(name, admission)
    for name, (signer, reader) in own.items():
        gateway.join(name, gateway.admit_own(name, signer, reader), signer, reader)
    for name in CARRIERS:
        gateway.role(name, "carrier")
    gateway.role("bank", "bank")


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The gateway that the tests of the API share, with all members. Leave it working."""
    with open_gateway(tmp_path_factory.mktemp("gateway")) as opened:
        populate(opened)
        yield opened


@pytest.fixture(scope="session")
def full_bill(gateway: Gateway) -> dict[str, Any]:
    """A bill with its document, issued by the carrier, held by the importer: to be looked at, not changed."""
    return gateway.full_bill()


__all__ = [
    "ALL",
    "EVIDENCE",
    "PATIENCE",
    "WAIT",
    "Gateway",
    "Member",
    "Profile",
    "full_bill",
    "gateway",
    "open_gateway",
    "populate",
    "problem",
]
