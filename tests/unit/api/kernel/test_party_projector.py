"""The parties' tables say what the registry says, and forget what a fork takes back."""

from __future__ import annotations

import time

import pytest
from sqlmodel import Session, select

from api.kernel.party_acts import Role
from api.kernel.party_projector import PartyProjector
from api.kernel.tables import KeyRow, PartyRow, TenureRow
from chain.db import reading
from chain.intents import keccak
from chain.signers import KeySigner
from tests.unit.api.lab import REASON

TABLES = (PartyRow, KeyRow, TenureRow)


def _rows(session):
    session.expire_all()
    found = [[sorted(row.model_dump().items()) for row in session.exec(select(table))] for table in TABLES]
    return [sorted(rows) for rows in found]


@pytest.fixture(scope="module")
def told(lab):
    """A party with an eventful life, and the tables after each act, by block."""
    name = "eventful"
    lab.admit(name)
    now, keys = int(time.time()), [KeySigner(keccak(f"eventful {n}".encode())) for n in range(3)]
    first = lab.keys[name]
    lives = [
        lambda: lab.role(name, Role.BANK),
        lambda: lab.role(name, Role.CARRIER, starts=now + 50_000, ends=now + 60_000),
        lambda: lab.role(name, Role.CARRIER, starts=now + 70_000, ends=now + 80_000),
        lambda: lab.role(name, Role.CARRIER, starts=now + 90_000),
        lambda: lab.role(name, Role.FORWARDER, ends=now + 5_000),
        lambda: lab.administrate("Suspend", name, reason=REASON),
        lambda: lab.party_act("AddKey", name, first, keys[0], key=keys[0].address, custodial=True),
        # Ends the second span early, and takes the third back, which has not begun by then.
        lambda: lab.administrate("EndRole", name, role=Role.CARRIER, at=now + 75_000),
        lambda: lab.party_act("RotateKey", name, keys[0], keys[1], key=keys[1].address, custodial=False),
        lambda: lab.administrate("Reinstate", name),
        lambda: lab.party_act("RevokeKey", name, keys[1], key=first.address),
        lambda: lab.administrate("EndRole", name, role=Role.BANK, at=0),
        # Takes both spans back that are left.
        lambda: lab.administrate("EndRole", name, role=Role.CARRIER, at=now + 40_000),
        lambda: lab.role(name, Role.CARRIER, starts=now + 45_000),
        lambda: lab.role(name, Role.BANK, starts=now + 45_000),
    ]
    heights = {}
    for act in lives:
        act()
        with reading(lab.house.engine) as session:
            heights[lab.house.indexer.height] = _rows(session)
        _compare(lab, name, [first, *keys])
    return heights


def _compare(lab, name, signers):
    number = lab.numbers[name]
    with reading(lab.house.engine) as session:
        party = session.get(PartyRow, number)
        found = lab.read("party", number, room="parties")
        assert (party.admitted, party.suspended) == (found["admitted"], found["suspended"])
        assert (party.profile, party.rulebook) == (
            "0x" + found["profile"].hex(),
            "0x" + found["rulebook"].hex(),
        )
        for role in Role:
            spans = [
                (one["from"], one["until"] or None)
                for one in lab.read("tenures", number, role, room="parties")
            ]
            rows = session.exec(
                select(TenureRow)
                .where(TenureRow.party == number, TenureRow.role == role)
                .order_by(TenureRow.starts)
            )
            assert [(row.starts, row.ends) for row in rows] == spans, role
        for signer in signers:
            key, row = lab.read("keyOf", signer.address, room="parties"), session.get(KeyRow, signer.address)
            if key["since"] == 0:
                assert row is None
            else:
                assert (row.party, row.since, row.until or 0, row.custodial) == (
                    key["party"],
                    key["since"],
                    key["until"],
                    key["custodial"],
                )


def test_the_tables_say_what_the_registry_says(told):
    """Compared after each act, above."""
    assert len(told) == 15


def test_a_rollback_leaves_what_was_there_then(lab, told):
    with Session(lab.house.engine) as session:
        for height in sorted(told, reverse=True):
            PartyProjector().rollback(session, height)
            assert _rows(session) == told[height], height
        PartyProjector().rollback(session, 0)
        assert _rows(session) == [[], [], []]
        session.rollback()
