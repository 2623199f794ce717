"""Parties: admitted by the administrator together with the party's own first key, given roles, suspended.

An organisation that keeps its own key signs its admission itself; for one that entrusts a key to this gateway
the key is made here and marked custodial on the chain. Names stay here: the chain knows a salted digest.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from sqlmodel import Session, col, select

from api.kernel import intents
from api.kernel.house import House
from api.kernel.keyring import KeyNotHereError
from api.kernel.party_acts import ADMINISTRATOR_ACTS, PARTY_ACTS, PARTY_DOMAIN, PARTY_REFUSALS, Role
from api.kernel.party_happenings import NAMES, happening
from api.kernel.party_projector import PartyProjector
from api.kernel.room import ContractReader, Room
from api.kernel.tables import KeyRow, PartyRow, ProfileRow, TenureRow
from chain.digests import Seed, document_digest, new_seed
from chain.errors import LandbridgeError
from chain.intents import Act, Address, Signature
from chain.tables import OutboxRow

__all__ = [
    "PARTIES",
    "RULEBOOK",
    "PartyView",
    "Profile",
    "UnknownPartyError",
    "admit",
    "prepare_admission",
    "view",
]

RULEBOOK: Final = {
    "format": "landbridge/rulebook/1",
    "title": "Landbridge rulebook",
    "rules": [
        "One consignment note, one live bill.",
        "The holder alone transfers and surrenders; the issuer alone answers and delivers.",
        "A key entrusted to a gateway is marked as such.",
        "Suspension stops new issues and nothing else.",
    ],
}
"""The rules under which parties are admitted here; its digest is recorded with their accession."""


class UnknownPartyError(LandbridgeError):
    """No party has this number."""

    code: ClassVar[str] = "unknown-party"


@dataclass(frozen=True)
class Profile:
    """What an organisation says of itself at admission.

    :param country: ISO 3166-1 alpha-2
    """

    name: str
    name_zh: str
    country: str


@dataclass(frozen=True)
class PartyView:
    """A party as a caller sees it."""

    row: PartyRow
    profile: ProfileRow | None
    keys: Sequence[KeyRow]
    tenures: Sequence[TenureRow]


def _sequence(read: ContractReader, name: str, subject: bytes) -> int:
    if name in ADMINISTRATOR_ACTS:
        return int(read("administratorSequence"))
    return int(read("party", int.from_bytes(subject, "big"))["sequence"])


def _lane(name: str, subject: bytes) -> bytes:
    return b"administrator" if name in ADMINISTRATOR_ACTS else subject


PARTIES: Final = Room(
    name="parties",
    contract="Parties",
    domain_name=PARTY_DOMAIN,
    acts=PARTY_ACTS,
    refusals=PARTY_REFUSALS,
    arguments=lambda administrator, made: (administrator,),
    projector=PartyProjector,
    sequence=_sequence,
    lane=_lane,
    premature=frozenset({"Parties_StaleSequence"}),
    happening=happening,
    happening_names=NAMES,
)
"""The registry of parties, as a room of the house."""


def rulebook_digest() -> bytes:
    """The digest under which parties are admitted: unsalted, for all to check."""
    return document_digest(RULEBOOK, Seed(bytes(32)))


def prepare_admission(
    session: Session, house: House, profile: Profile, *, key: Address, custodial: bool, reader_key: str
) -> tuple[Act, ProfileRow]:
    """The act of admission, to be signed by the party's first key; its profile is kept under its digest."""
    seed = new_seed()
    row = ProfileRow(
        digest="",
        name=profile.name,
        name_zh=profile.name_zh,
        country=profile.country,
        seed=seed.hex(),
        reader_key=reader_key,
        custodial=custodial,
        created=int(time.time()),
    )
    digest = document_digest(row.content(), seed)
    row.digest = "0x" + digest.hex()
    act = intents.prepare(
        house,
        PARTIES,
        "Admit",
        digest,
        {"rulebook": "0x" + rulebook_digest().hex(), "key": key, "custodial": custodial},
    )
    session.add(row)
    return act, row


def admit(session: Session, house: House, act: Act, party_signature: Signature) -> OutboxRow:
    """Admit a party: the administrator signs beside the party's first key."""
    first = house.administrator.sign(act.digest(house.domain(PARTIES)))
    return intents.submit(session, house, PARTIES, act, [first, party_signature])


def admit_custodial(
    session: Session, house: House, profile: Profile, *, key: Address | None = None
) -> tuple[OutboxRow, ProfileRow]:
    """Admit a party whose keys, for signing and for reading, are made and kept here.

    :param key: an account whose key lies in this gateway's token or signing service; without it one is made
    :raises KeyNotHereError: this gateway cannot sign for that account
    :raises SignerError: the key cannot be used now
    """
    signer = house.keys.create() if key is None else house.keys.elsewhere(key)
    if signer is None:
        raise KeyNotHereError("this gateway cannot sign for this account", params={"key": key or ""})
    reader_key = house.new_entrusted_reader().hex()
    act, row = prepare_admission(
        session, house, profile, key=signer.address, custodial=True, reader_key=reader_key
    )
    return admit(session, house, act, signer.sign_act(act, house.domain(PARTIES))), row


def administrate(
    session: Session, house: House, name: str, party: int, fields: Mapping[str, Any]
) -> OutboxRow:
    """Do what is the administrator's: give and end roles, suspend, reinstate."""
    act = intents.prepare(house, PARTIES, name, party.to_bytes(32, "big"), fields)
    signature = house.administrator.sign(act.digest(house.domain(PARTIES)))
    return intents.submit(session, house, PARTIES, act, [signature])


def known(house: House, number: int) -> None:
    """Refuse a number that no party has.

    :raises UnknownPartyError: none has it
    """
    if not 0 < number <= house.reader(PARTIES)("partyCount"):
        raise UnknownPartyError("no party has this number", params={"party": number})


def view(session: Session, number: int) -> PartyView:
    """A party with its keys and roles.

    :raises UnknownPartyError: none has this number
    """
    row = session.get(PartyRow, number)
    if row is None:
        raise UnknownPartyError("no party has this number", params={"party": number})
    return PartyView(
        row,
        session.get(ProfileRow, row.profile),
        session.exec(select(KeyRow).where(KeyRow.party == number).order_by(col(KeyRow.since))).all(),
        session.exec(
            select(TenureRow)
            .where(TenureRow.party == number)
            .order_by(col(TenureRow.role), col(TenureRow.starts))
        ).all(),
    )


def role_number(name: str) -> int:
    """A role's number by its name in lower case with hyphens.

    :raises UnknownRoleError: none
    """
    try:
        return int(Role[name.upper().replace("-", "_")])
    except KeyError as error:
        raise UnknownRoleError(f"no role is called {name}", params={"role": name}) from error


class UnknownRoleError(LandbridgeError):
    """No role has this name."""

    code: ClassVar[str] = "unknown-role"
