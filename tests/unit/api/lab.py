"""A house without its HTTP side, and parties that keep their own keys: acts and documents made quickly."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from api.domains.bills.contract import RAIL_BILL_ACTS, BillWord
from api.domains.bills.document import fill, sample
from api.domains.bills.service import claim_of_document
from api.domains.bills.verify import Claim
from api.kernel import documents, intents, parties
from api.kernel.house import House
from api.kernel.party_acts import PARTY_ACTS
from api.registry import ROOMS
from api.settings import Settings
from chain import outbox
from chain.canonical import parse
from chain.contracts import encode_intents
from chain.db import reading, writing
from chain.intents import Act, act_from_message, keccak
from chain.node import NodeRefusedError
from chain.signers import KeySigner
from chain.tables import OutboxRow
from vault.blobs import BlobId
from vault.documents import SealedDocument, open_document
from vault.keys import PrivateKey

FAR = 1 << 40
REASON = "0x" + "5a" * 32


@dataclass
class Paper:
    """A document with its seed and digest, and the bill and note it stands for."""

    document: dict[str, Any]
    seed: bytes
    bill: str
    note: str
    _known: Claim | None = None

    def claim(self, *, named: bool = True, concerned: bool = False, **changes: Any) -> Claim:
        """What a bank would claim with it."""
        if changes or self._known is None:
            made = claim_of_document(self.document | changes, self.seed, self.bill)
            self._known = self._known if changes else made
        else:
            made = self._known  # its note's fingerprint takes a while
        bill = self.bill if named else made.digest
        return replace(made, bill=bill, named=named, concerned=concerned)


@dataclass
class Lab:
    """An open house, its parties' numbers, and their keys."""

    house: House
    numbers: dict[str, int] = field(default_factory=dict)
    keys: dict[str, KeySigner] = field(default_factory=dict)
    readers: dict[str, PrivateKey] = field(default_factory=dict)
    _windows: Iterator[int] = field(default_factory=lambda: itertools.count(10))

    @property
    def bills(self) -> Any:
        return self.house.rooms["bills"]

    def read(self, function: str, *arguments: Any, room: str = "bills") -> Any:
        """Ask a contract."""
        return self.house.reader(self.house.rooms[room])(function, *arguments)

    def word(self, bill: str) -> BillWord:
        """The bill as the chain has it."""
        return BillWord.unpack(self.read("billWord", bytes.fromhex(bill[2:])))

    def act(self, name: str, bill: str, **fields: Any) -> Act:
        """An act in the bill's present state."""
        message = {"bill": bill, "deadline": FAR, **fields}
        if "sequence" not in message:
            message["sequence"] = self.word(bill).sequence
        return act_from_message(RAIL_BILL_ACTS, name, message)

    def refusal(self, act: Act, *signers: KeySigner) -> str | None:
        """The contract's own error for an act, which is only tried; none where it would take it."""
        signatures = [signer.sign(act.digest(self.house.domain(self.bills))) for signer in signers]
        wire = act.wire(signatures[0], cosigners=len(signatures) - 1)
        try:
            artifact, address = self.bills.artifact, self.house.address(self.bills)
            self.house.chain.call(address, encode_intents(artifact, [(wire, signatures[1:])]))
        except NodeRefusedError as error:
            return str(artifact.reverted(error.revert_data or b"").name)
        return None

    def do(self, act: Act, *signers: str, room: str = "bills") -> OutboxRow:
        """Have an act done, and wait until the tables know."""
        place = self.house.rooms[room]
        digest = act.digest(self.house.domain(place))
        signatures = [self.keys[one].sign(digest) for one in signers]
        with writing(self.house.engine) as session:
            intents.submit(session, self.house, place, act, signatures)
        return self.wait(digest)

    def wait(self, digest: bytes) -> OutboxRow:
        """Wait until an act has ended and is indexed."""
        self.house.relayer.wake()
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with reading(self.house.engine) as session:
                row = outbox.by_digest(session, digest)
            assert row is not None
            if row.status in ("done", "refused", "expired"):
                assert (row.status, row.reason_name) == ("done", None)
                assert self.house.indexer.wait_for(row.block_number or 0, 60)
                return row
            time.sleep(0.01)
        raise AssertionError("the act is not done")

    def admit(self, name: str) -> int:
        """Admit a party that keeps its own key."""
        signer = self.keys.setdefault(name, KeySigner(keccak(name.encode())))
        reader = self.readers.setdefault(name, PrivateKey.generate())
        profile = parties.Profile(name, "测试" + name, "CN")
        with writing(self.house.engine) as session:
            act, row = parties.prepare_admission(
                session,
                self.house,
                profile,
                key=signer.address,
                custodial=False,
                reader_key=reader.public.hex(),
            )
            digest = act.digest(self.house.domain(parties.PARTIES))
            parties.admit(session, self.house, act, signer.sign(digest))
        self.wait(digest)
        number = int(self.read("partyOfProfile", bytes.fromhex(row.digest[2:]), room="parties"))
        self.numbers[name] = number
        return number

    def administrate(self, name: str, party: str, **fields: Any) -> None:
        """An act of the administrator's on a party."""
        with writing(self.house.engine) as session:
            row = parties.administrate(session, self.house, name, self.numbers[party], fields)
            digest = row.digest
        self.wait(digest)

    def role(self, party: str, role: int, *, starts: int = 0, ends: int = 0) -> None:
        """Give a role."""
        self.administrate("GrantRole", party, role=role, **{"from": starts, "until": ends})

    def party_act(self, name: str, party: str, *signers: KeySigner, **fields: Any) -> None:
        """An act of a party on itself, such as changing its keys."""
        number = self.numbers[party]
        sequence = self.read("party", number, room="parties")["sequence"]
        message = {"party": number, "sequence": sequence, "deadline": FAR, **fields}
        act = act_from_message(PARTY_ACTS, name, message)
        digest = act.digest(self.house.domain(parties.PARTIES))
        with writing(self.house.engine) as session:
            signatures = [signer.sign(digest) for signer in signers]
            intents.submit(session, self.house, parties.PARTIES, act, signatures)
        self.wait(digest)

    def issue(
        self,
        *,
        by: str = "carrier",
        to: str = "holder",
        bill: str = "",
        note: str = "",
        to_order: bool = True,
    ) -> str:
        """A bill; of random digests where none are given."""
        bill, note = bill or "0x" + secrets.token_hex(32), note or "0x" + secrets.token_hex(32)
        self.do(self.act("Issue", bill, note=note, holder=self.numbers[to], toOrder=to_order), by)
        return bill

    def paper(self, *, by: str = "carrier", to: str = "holder", window: int | None = None) -> Paper:
        """A sample bill between two parties, kept in the house, for a note of its own; not issued.

        :param window: papers of one window name the same containers on the same days; without it, on days of
            their own
        """
        days = next(self._windows) if window is None else window
        document = fill(
            sample("chongqing-duisburg"),
            issuer=self.numbers[by],
            holder=self.numbers[to],
            note_number=str(secrets.randbelow(10**12) + 10**12),
            note_date=date(2026, 10, 12) - timedelta(days=60 * days),
        )
        with writing(self.house.engine) as session:
            row, _, facts = documents.store(session, self.house, document, self.numbers[by], [])
        return Paper(document, self._seed(row.digest, by), row.digest, str(facts["note"]))

    def _seed(self, digest: str, author: str) -> bytes:
        """The seed, as a party that keeps its reader key finds it."""
        reader = self.readers[author]
        with reading(self.house.engine) as session:
            found = documents.sealed_for(session, self.house, digest, self.numbers[author])
        context = {"chain": self.house.chain_id, "document": digest, "registry": self.house.registry}
        sealed = SealedDocument(BlobId(found.row.blob), {reader.id: found.wrap})
        content: Any = parse(open_document(sealed, reader, context, self.house.blobs))
        return bytes.fromhex(content["seed"])


@contextmanager
def open_lab(folder: Path, **settings: Any) -> Iterator[Lab]:
    """A house in a folder, with a carrier, a second one, a holder, a bank and a stranger."""
    with House.open(Settings(data_dir=folder, **settings), ROOMS) as house:
        lab = Lab(house)
        for name in ("carrier", "rival", "holder", "bank", "stranger"):
            lab.admit(name)
        for name in ("carrier", "rival"):
            lab.role(name, 1)
        yield lab
