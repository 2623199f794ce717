"""Tokens: what they are made of, who they let in, and what the database keeps of them."""

from __future__ import annotations

import pytest
from sqlmodel import SQLModel

from api.kernel.approval.tables import PersonRow
from api.kernel.auth import (
    SCOPES,
    ForbiddenError,
    Principal,
    UnauthorizedError,
    UnknownScopeError,
    authenticate,
    issue,
)
from api.kernel.tables import TokenRow
from chain.db import open_engine, reading, writing

NOW = 1_800_000_000


@pytest.fixture
def session(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    SQLModel.metadata.create_all(engine, tables=[TokenRow.__table__, PersonRow.__table__])
    with writing(engine) as opened:
        yield opened
    engine.dispose()


def _kept(session, **changes):
    token, row = issue(
        **{"party": 3, "scopes": ("read", "write"), "label": "desk", "now": NOW, "lifetime": 60} | changes
    )
    session.add(row)
    session.flush()
    return token, row


def test_a_token_lets_its_party_in_with_its_scopes(session):
    token, row = _kept(session)
    assert authenticate(session, f"Bearer {token}", now=NOW + 59) == Principal(
        row.id, 3, frozenset({"read", "write"})
    )
    assert authenticate(session, f"bEARER   {token} ", now=NOW).party == 3


def test_it_ends_with_its_last_second(session):
    token, _ = _kept(session)
    with pytest.raises(UnauthorizedError):
        authenticate(session, f"Bearer {token}", now=NOW + 60)


def test_a_revoked_one_is_refused(session):
    token, row = _kept(session)
    row.revoked = NOW
    session.flush()
    with pytest.raises(UnauthorizedError):
        authenticate(session, f"Bearer {token}", now=NOW + 1)


def test_every_malformed_or_wrong_one_gets_the_same_answer(session):
    token, row = _kept(session)
    other, _ = _kept(session)
    secret = token.rsplit("_", 1)[1]
    wrong = [
        None,
        "",
        "Bearer",
        "Bearer ",
        token,
        f"Basic {token}",
        f"Bearer {token}x",
        f"Bearer {token[:-1]}",
        f"Bearer {token.upper()}",
        f"Bearer {token} {token}",
        f"Bearer lb_{row.id}_{'0' * 64}",
        f"Bearer lb_{'0' * 16}_{secret}",
        f"Bearer lb_{row.id}_{other.rsplit('_', 1)[1]}",
        f"Bearer lb_{row.id}_{row.digest}",
        f"Bearer lb_{row.id}_" + "\u0661" * 64,
        "Bearer " + "lb_" * 100_000,
    ]
    sentences = set()
    for header in wrong:
        with pytest.raises(UnauthorizedError) as refused:
            authenticate(session, header, now=NOW)
        sentences.add((refused.value.sentence, tuple(refused.value.params.items())))
    assert len(sentences) == 1


def test_the_database_holds_no_secret(tmp_path):
    path = tmp_path / "b.db"
    engine = open_engine(f"sqlite:///{path}")
    SQLModel.metadata.create_all(engine, tables=[TokenRow.__table__, PersonRow.__table__])
    with writing(engine) as session:
        token, _ = _kept(session)
    with reading(engine) as session:
        assert authenticate(session, f"Bearer {token}", now=NOW).party == 3
    secret = token.rsplit("_", 1)[1]
    assert len(bytes.fromhex(secret)) == 32
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert token.split("_")[1].encode() in kept
    assert secret.encode() not in kept
    assert bytes.fromhex(secret) not in kept
    engine.dispose()


@pytest.mark.parametrize(
    ("party", "scopes"),
    [
        (3, ()),
        (None, ()),
        (3, ("read", "operate")),
        (3, ("operate",)),
        (None, ("read",)),
        (None, ("operate", "read")),
        (3, ("read", "everything")),
    ],
)
def test_scopes_that_nobody_can_have(party, scopes):
    with pytest.raises(UnknownScopeError):
        issue(party=party, scopes=scopes, label="x", now=NOW, lifetime=60)


def test_what_a_principal_may():
    desk, operator = Principal("a", 3, frozenset({"read"})), Principal("b", None, frozenset({"operate"}))
    desk.needs("read")
    assert desk.acting() == 3
    for scope in SCOPES.keys() - {"read"}:
        with pytest.raises(ForbiddenError) as refused:
            desk.needs(scope)
        assert refused.value.params == {"scope": scope}
    with pytest.raises(ForbiddenError):
        operator.acting()


def test_no_two_tokens_are_alike():
    made = [issue(party=1, scopes=("read",), label="x", now=NOW, lifetime=1) for _ in range(50)]
    assert len({token for token, _ in made}) == len({row.id for _, row in made}) == 50
