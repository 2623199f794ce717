"""Requests from their proposal to their end, but for the signing itself (:mod:`signing`).

What is signed off is fixed when it is proposed, sequence and deadline too: its digest is what people approve.
If another act comes first, the request ends with ``stale-sequence``; nothing is renewed unseen.

Everything that takes time is done before the first write, so that nobody waits with the database's lock.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sqlmodel import Session, col, select

from api.kernel import intents
from api.kernel.approval import evidence, rules
from api.kernel.approval.people import PersonNeededError, person_id, signatories
from api.kernel.approval.rules import Decision, Kind, Rule, Said, Status
from api.kernel.approval.tables import ApprovalRow, ApprovalRuleRow, PersonRow, SignOffRow
from api.kernel.party_acts import ADMINISTRATOR_ACTS
from api.kernel.tables import TokenRow
from chain.db import reading, writing
from chain.digests import Seed, document_digest
from chain.errors import LandbridgeError
from chain.intents import Act, Signature, act_from_message
from chain.log import Log

if TYPE_CHECKING:
    from api.kernel.auth import Principal
    from api.kernel.house import House
    from api.kernel.room import Room

__all__ = [
    "ApprovalMissingError",
    "RuleChangedError",
    "RuleMalformedError",
    "StaleError",
    "TooFewPeopleError",
    "act_of",
    "approve",
    "decline",
    "end",
    "find",
    "lift",
    "propose_act",
    "propose_rule",
    "propose_token",
    "rule_for",
    "rule_of",
    "said_of",
    "standing_status",
    "withdraw",
]

FEWEST: Final = 2
_OPEN = (Status.AWAITING, Status.APPROVED, Status.SIGNED)


class ApprovalMissingError(LandbridgeError):
    """The caller's party has no such request: one answer for another party's and for none."""

    code: ClassVar[str] = "not-found"


class StaleError(LandbridgeError):
    """Another act came first; the request has ended."""

    code: ClassVar[str] = "stale-sequence"


class RuleMalformedError(LandbridgeError):
    """A rule that names an act which no entrusted key of a party signs; params: ``act``."""

    code: ClassVar[str] = "approval-rule-malformed"


class RuleChangedError(LandbridgeError):
    """The party's rule changed since this was proposed."""

    code: ClassVar[str] = "approval-rule-changed"


class TooFewPeopleError(LandbridgeError):
    """Fewer people of the party can sign off than the rule asks for; params: ``people``, ``found``."""

    code: ClassVar[str] = "too-few-people"


# -- looking


def rule_of(session: Session, party: int) -> Rule | None:
    """A party's rule, if one stands."""
    row = session.get(ApprovalRuleRow, party)
    rule = None if row is None else Rule(row.version, tuple(json.loads(row.acts)), row.people, row.lifetime)
    return rule if rule is not None and rule.acts else None


def rule_for(house: House, party: int, room: str, act: str) -> Rule | None:
    """The rule under which an act falls."""
    with reading(house.engine) as session:
        rule = rule_of(session, party)
    return rule if rule is not None and rule.covers(room, act) else None


def find(session: Session, party: int, id: str) -> ApprovalRow:
    """A request of a party.

    :raises ApprovalMissingError: it has none of this id
    """
    row = session.get(ApprovalRow, id)
    if row is None or row.party != party:
        raise ApprovalMissingError("you have no such request")
    return row


def said_of(session: Session, id: str) -> list[SignOffRow]:
    """What was said to a request, in order."""
    return list(
        session.exec(select(SignOffRow).where(SignOffRow.approval == id).order_by(col(SignOffRow.id)))
    )


def standing_status(row: ApprovalRow, now: int) -> Status:
    """Where a request stands in this second, be it written down yet or not."""
    late = row.status == Status.AWAITING and row.expires < now
    return Status.EXPIRED if late else Status(row.status)


def act_of(house: House, row: ApprovalRow) -> tuple[Room, Act]:
    """The act of a request, with its room."""
    room = house.rooms[row.room]
    return room, act_from_message(room.acts, row.act, json.loads(row.content)["message"])


# -- proposing


def propose_act(
    session: Session,
    house: House,
    caller: Principal,
    room: Room,
    act: Act,
    rule: Rule,
    *,
    kind: Kind = Kind.ACT,
    cosignatures: Sequence[Signature] = (),
) -> ApprovalRow:
    """Ask for an act, or for the entrusted key's signature beside others, to be signed off.

    The same act again is the same request, as long as it has not ended in vain.

    :raises LandbridgeError: what can be known to be refused, by name
    """
    party, now = caller.acting(), int(time.time())
    digest = "0x" + act.digest(house.domain(room)).hex()
    with reading(house.engine) as look:
        known = look.exec(
            select(ApprovalRow).where(
                ApprovalRow.party == party,
                ApprovalRow.kind == kind,
                ApprovalRow.digest == digest,
                col(ApprovalRow.status).in_(_OPEN),
            )
        ).first()
    if known is not None and standing_status(known, now) != Status.EXPIRED:
        return known
    intents.entrusted(house, party)
    if act.deadline < now:
        raise intents.ExpiredError("the act's deadline has passed", params={"deadline": act.deadline})
    if intents.is_stale(house, room, act):
        raise StaleError("another act came first; prepare this one again")
    if kind == Kind.ACT and room.beside_signing is not None:
        room.beside_signing(house, act, party)  # what it would refuse later is refused now
    content = {
        "message": act.typed_data(house.domain(room))["message"],
        "cosignatures": ["0x" + one.rsv.hex() for one in cosignatures],
    }
    row = _row(party, kind, digest, content, rule.people, caller, now, expires=act.deadline)
    row.room, row.act = room.name, act.type.name
    return _propose(session, house.logbook.log, row, caller, now)


def propose_rule(
    session: Session, house: House, caller: Principal, acts: Sequence[str], people: int, lifetime: int
) -> ApprovalRow:
    """Ask for the party's rule to be changed; no acts lift it. As many people as either rule needs sign off.

    :raises RuleMalformedError: an act that no party's key signs
    :raises TooFewPeopleError: the party has not enough people who could
    """
    party, now = caller.acting(), int(time.time())
    known = {
        f"{room.name}/{act.name}"
        for room in house.rooms.values()
        for act in room.acts
        if act.name not in ADMINISTRATOR_ACTS
    }
    for name in acts:
        if name != rules.EVERYTHING and name not in known:
            raise RuleMalformedError(f"no party signs an act called {name}", params={"act": name})
    with reading(house.engine) as look:
        rule, version = rule_of(look, party), _version(look, party)
        found = len(signatories(look, party, now))
    needed = max(rule.people if rule else FEWEST, people if acts else FEWEST)
    if found < needed:
        raise TooFewPeopleError(
            "fewer people can sign off than the rule asks for", params={"people": needed, "found": found}
        )
    content = {
        "acts": sorted(set(acts)),
        "people": people,
        "lifetime": lifetime,
        "replaces": version,
    }
    expires = now + (rule.lifetime if rule else lifetime)
    digest = _document({"format": "landbridge/approval-rule/1", "party": party, **content})
    row = _row(party, Kind.RULE, digest, content, needed, caller, now, expires=expires)
    return _propose(session, house.logbook.log, row, caller, now)


def propose_token(
    session: Session, house: House, caller: Principal, token: TokenRow, name: str | None
) -> PersonRow | None:
    """Let a new token stand for a person: at once, or where a rule stands, once others have signed it off.

    :param name: what the party calls the person; kept nowhere
    :raises PersonNeededError: a token that may sign off needs a person, and a person a party
    """
    if name is None:
        if "approve" in token.scopes.split():
            raise PersonNeededError("a token that signs off stands for a person", params={"field": "person"})
        return None
    if token.party is None:
        raise PersonNeededError("a person belongs to a party", params={"field": "party"})
    now, party = int(time.time()), token.party
    person = PersonRow(token=token.id, party=party, person=person_id(house, party, name))
    with reading(house.engine) as look:
        rule = rule_of(look, party)
    if rule is not None:
        content = {
            "token": token.id,
            "person": person.person,
            "scopes": token.scopes.split(),
            "label": token.label,
            "expires": token.expires,
        }
        digest = _document({"format": "landbridge/person-token/1", "party": party, **content})
        row = _row(party, Kind.TOKEN, digest, content, rule.people, caller, now, expires=now + rule.lifetime)
        # The operator's proposal counts for nobody: his are no people of the party.
        person.approval = _propose(session, house.logbook.log, row, caller, now).id
    session.add(person)
    return person


def _new_id() -> str:
    """32 hexadecimal digits that begin with the time: in order, and guessed by nobody."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


def _document(content: dict[str, Any]) -> str:
    return "0x" + document_digest(content, Seed(bytes(32))).hex()  # unsalted: who approves computes it anew


def _row(
    party: int,
    kind: Kind,
    digest: str,
    content: dict[str, Any],
    people: int,
    caller: Principal,
    now: int,
    *,
    expires: int,
) -> ApprovalRow:
    return ApprovalRow(
        id=_new_id(),
        party=party,
        kind=kind,
        digest=digest,
        content=json.dumps(content, ensure_ascii=False, sort_keys=True),
        status=Status.AWAITING,
        people=people,
        token=caller.token,
        created=now,
        expires=expires,
    )


def _propose(session: Session, log: Log, row: ApprovalRow, caller: Principal, now: int) -> ApprovalRow:
    session.add(row)
    session.flush()
    evidence.record(session, log, row, Decision.PROPOSE, caller.person or "", caller.token, now)
    return row


# -- deciding


def approve(session: Session, house: House, caller: Principal, id: str, digest: str) -> ApprovalRow:
    """Sign off. With the last one, the key signs, or the rule or token is in force.

    :param digest: of what the person was shown
    :raises LandbridgeError: it may not be approved, by this person or any more; the code names why
    """
    now = int(time.time())
    row = _may(house, caller, id, digest, now)
    if row.kind in (Kind.ACT, Kind.COSIGNATURE):
        _end_if_stale(house, row, now)
    row, said = _locked(session, house, caller.acting(), id)
    person = rules.may_decide(standing_status(row, now), said, caller.person)
    evidence.record(session, house.logbook.log, row, Decision.APPROVE, person, caller.token, now)
    if len(rules.standing_behind([*said, Said(person, Decision.APPROVE)])) >= row.people:
        _complete(session, row, now)
    return row


def decline(session: Session, house: House, caller: Principal, id: str, digest: str) -> ApprovalRow:
    """End a request: one person's no is enough.

    :raises LandbridgeError: as :func:`approve`
    """
    now = int(time.time())
    _may(house, caller, id, digest, now)
    row, said = _locked(session, house, caller.acting(), id)
    person = rules.may_decide(standing_status(row, now), said, caller.person)
    evidence.record(session, house.logbook.log, row, Decision.DECLINE, person, caller.token, now)
    end(session, row, Status.DECLINED, now)
    return row


def withdraw(session: Session, house: House, caller: Principal, id: str) -> ApprovalRow:
    """Take a proposal back; its proposer alone may.

    :raises LandbridgeError: another's, or it has ended
    """
    now, party = int(time.time()), caller.acting()
    with reading(house.engine) as look:
        row, said = find(look, party, id), _said(look, id)
    rules.may_withdraw(standing_status(row, now), said, row.token, caller.token, caller.person)
    row, said = _locked(session, house, party, id)
    person = rules.may_withdraw(standing_status(row, now), said, row.token, caller.token, caller.person)
    evidence.record(session, house.logbook.log, row, Decision.WITHDRAW, person, caller.token, now)
    end(session, row, Status.WITHDRAWN, now)
    return row


def end(session: Session, row: ApprovalRow, status: Status, now: int, reason: str | None = None) -> None:
    """Bring a request to its end; a token that waited on it stays refused for ever."""
    row.status, row.ended, row.reason = status, now, reason
    session.add(row)


def lift(session: Session, log: Log, party: int, now: int) -> ApprovalRow | None:
    """Lift a party's rule past its people, where they are lost; the log keeps it.

    For whoever has the gateway's database, and so its keys, anyhow. Every request that waits is ended.

    :return: what the log tells of; nothing where no rule stands
    """
    rule = rule_of(session, party)
    if rule is None:
        return None
    content = {"acts": [], "people": rule.people, "lifetime": rule.lifetime, "replaces": rule.version}
    row = ApprovalRow(
        id=_new_id(),
        party=party,
        kind=Kind.RULE,
        digest=_document({"format": "landbridge/approval-rule/1", "party": party, **content}),
        content=json.dumps(content, sort_keys=True),
        status=Status.AWAITING,
        people=0,
        token="",
        created=now,
        expires=now,
    )
    session.add(row)
    session.flush()
    evidence.record(session, log, row, Decision.LIFT, "", "", now)
    _complete(session, row, now)
    return row


def _may(house: House, caller: Principal, id: str, digest: str, now: int) -> ApprovalRow:
    with reading(house.engine) as look:
        row = find(look, caller.acting(), id)
        rules.may_decide(standing_status(row, now), _said(look, id), caller.person)
    if digest != row.digest:
        raise rules.OtherDigestError("this is not the digest of what the request is for")
    return row


def _end_if_stale(house: House, row: ApprovalRow, now: int) -> None:
    room, act = act_of(house, row)
    if not intents.is_stale(house, room, act):
        return
    with writing(house.engine) as session:  # kept, although the answer is an error
        found = session.get_one(ApprovalRow, row.id, with_for_update=True)
        if found.status == Status.AWAITING:
            end(session, found, Status.REFUSED, now, StaleError.code)
    raise StaleError("another act came first; the request has ended")


def _said(session: Session, id: str) -> list[Said]:
    return [Said(one.person, one.decision) for one in said_of(session, id)]


def _locked(session: Session, house: House, party: int, id: str) -> tuple[ApprovalRow, list[Said]]:
    """The request, which nobody else changes until the transaction ends."""
    evidence.take_turn(session, house.logbook.log)
    row = session.get(ApprovalRow, id, with_for_update=True, populate_existing=True)
    if row is None or row.party != party:
        raise ApprovalMissingError("you have no such request")
    return row, _said(session, id)


def _complete(session: Session, row: ApprovalRow, now: int) -> None:
    match row.kind:
        case Kind.RULE:
            _apply_rule(session, row, now)
        case Kind.TOKEN:
            person = session.get_one(PersonRow, json.loads(row.content)["token"])
            person.approval = None
            session.add(person)
            end(session, row, Status.APPLIED, now)
        case _:
            row.status = Status.APPROVED
            session.add(row)


def _version(session: Session, party: int) -> int:
    row = session.get(ApprovalRuleRow, party)
    return row.version if row else 0


def _apply_rule(session: Session, row: ApprovalRow, now: int) -> None:
    content = json.loads(row.content)
    known = session.get(ApprovalRuleRow, row.party, with_for_update=True)
    if (known.version if known else 0) != content["replaces"]:
        end(session, row, Status.REFUSED, now, RuleChangedError.code)
        return
    rule = known or ApprovalRuleRow(party=row.party, version=0, acts="", people=0, lifetime=0, changed=0)
    rule.version = content["replaces"] + 1
    rule.acts, rule.people = json.dumps(content["acts"]), content["people"]
    rule.lifetime, rule.changed = content["lifetime"], now
    session.add(rule)
    # What was proposed under another rule must not be completed under it.
    waiting = session.exec(
        select(ApprovalRow)
        .where(
            ApprovalRow.party == row.party, ApprovalRow.status == Status.AWAITING, ApprovalRow.id != row.id
        )
        .with_for_update()
    )
    for other in waiting:
        end(session, other, Status.REFUSED, now, RuleChangedError.code)
    end(session, row, Status.APPLIED, now)
