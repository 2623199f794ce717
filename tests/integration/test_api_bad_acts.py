"""Acts signed wrongly, too late, twice, or by somebody else: each refused by its code, nothing is changed."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from typing import Any

import pytest

from api.kernel.party_acts import PARTY_ACTS, PARTY_DOMAIN
from chain.intents import Act, Domain, act_from_message, keccak
from chain.signers import KeySigner
from tests.integration.gateway import EVIDENCE, PATIENCE, WAIT, Gateway, problem
from vault.keys import PrivateKey

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
NOBODY = KeySigner(keccak(b"nobody of this registry"))
FAR = 2_000_000_000
ZERO = "0x" + "00" * 32


@dataclass
class Table:
    """A bill held by the owner and issued by the haulier, and one who has changed its key."""

    gateway: Gateway
    bill: str
    note: str
    named: str
    old: KeySigner
    new: KeySigner
    turned: str

    @property
    def owner(self) -> KeySigner:
        return self.gateway.members["owner"].signer

    @property
    def haulier(self) -> KeySigner:
        return self.gateway.members["haulier"].signer

    def number(self, who: str) -> int:
        return self.gateway.party(who)

    def act(self, name: str, bill: str | None = None, **fields: Any) -> Act:
        return self.gateway.act(name, bill or self.bill, **fields)

    def transfer(self, **more: Any) -> Act:
        return self.act("Transfer", **({"to": self.number("bank")} | more))

    def issue(self, **more: Any) -> Act:
        fields = {"note": "0x" + secrets.token_hex(32), "holder": self.number("owner"), "toOrder": True}
        return self.act("Issue", **({"bill": "0x" + secrets.token_hex(32), "sequence": 0} | fields | more))

    def body(self, act: Act, *signers: KeySigner, domain: Domain | None = None) -> dict[str, Any]:
        return self.gateway.submission(act, *signers, domain=domain)

    def raw(self, act: Act, *signatures: bytes) -> dict[str, Any]:
        body = self.gateway.submission_with(act)
        return body | {"signatures": ["0x" + one.hex() for one in signatures]}

    def rsv(self, act: Act, signer: KeySigner) -> bytes:
        return signer.sign(act.digest(self.gateway.domain())).rsv


@pytest.fixture(scope="module")
def table(gateway):
    bill = gateway.quick_bill()
    old, new = KeySigner(secrets.token_bytes(32)), KeySigner(secrets.token_bytes(32))
    reader = PrivateKey.generate()
    member = gateway.join("turner", gateway.admit_own("turner", old, reader), old, reader)
    turned = gateway.quick_bill(holder="turner")
    message = {"party": member.number, "sequence": 0, "deadline": FAR, "key": new.address, "custodial": False}
    rotate = act_from_message(PARTY_ACTS, "RotateKey", message)
    digest = rotate.digest(gateway.domain("parties"))
    body = {
        "room": "parties",
        "act": "RotateKey",
        "message": message,
        "signatures": ["0x" + signer.sign(digest).rsv.hex() for signer in (old, new)],
    }
    gateway.done(gateway.post("turner", "/v1/intents", body, prefer=WAIT))
    named = gateway.quick_bill(to_order=False)
    note = gateway.get("owner", f"/v1/bills/{bill}").json()["note"]
    made = Table(gateway, bill, note, named, old, new, turned)
    yield made
    del gateway.members["turner"]


def _high_s(rsv: bytes) -> bytes:
    s = ORDER - int.from_bytes(rsv[32:64], "big")
    return rsv[:32] + s.to_bytes(32, "big") + bytes([55 - rsv[64]])


# Each gives the body of a submission that is wrong in one way.
WRONG: dict[str, tuple[Any, int, str]] = {
    "the right signature of a wrong party": (lambda t: t.body(t.transfer(), t.haulier), 403, "wrong-party"),
    "a key that nobody has": (lambda t: t.body(t.transfer(), NOBODY), 403, "unknown-key"),
    "another chain": (
        lambda t: t.body(t.transfer(), t.owner, domain=replace(t.gateway.domain(), chain_id=1)),
        403,
        "unknown-key",
    ),
    "another contract": (
        lambda t: t.body(
            t.transfer(), t.owner, domain=replace(t.gateway.domain(), verifying_contract="0x" + "22" * 20)
        ),
        403,
        "unknown-key",
    ),
    "the registry's other contract": (
        lambda t: t.body(
            t.transfer(), t.owner, domain=replace(t.gateway.domain("parties"), name=PARTY_DOMAIN)
        ),
        403,
        "unknown-key",
    ),
    "another version of the domain": (
        lambda t: t.body(t.transfer(), t.owner, domain=replace(t.gateway.domain(), version="2")),
        403,
        "unknown-key",
    ),
    "another text": (
        lambda t: (
            t.body(t.transfer(), t.owner)
            | {"message": t.gateway.submission_with(t.transfer(to=t.number("rival")))["message"]}
        ),
        403,
        "unknown-key",
    ),
    "a deadline that has passed": (
        lambda t: t.body(t.transfer(deadline=int(time.time()) - 1), t.owner),
        409,
        "intent-expired",
    ),
    "a deadline at the beginning of time": (
        lambda t: t.body(t.transfer(deadline=0), t.owner),
        409,
        "intent-expired",
    ),
    "a sequence that is past": (lambda t: t.body(t.transfer(sequence=0), t.owner), 409, "stale-sequence"),
    "a sequence to come": (lambda t: t.body(t.transfer(sequence=2), t.owner), 409, "stale-sequence"),
    "the last sequence of all": (
        lambda t: t.body(t.transfer(sequence=2**32 - 1), t.owner),
        409,
        "stale-sequence",
    ),
    "a revoked key": (
        lambda t: t.body(t.act("Surrender", t.turned), t.old),
        403,
        "key-revoked",
    ),
    "a bill of another registry": (
        lambda t: t.body(t.act("Surrender", "0x" + "77" * 32, sequence=1), t.owner),
        404,
        "unknown-bill",
    ),
    "a signature with high s": (
        lambda t: t.raw(t.transfer(), _high_s(t.rsv(t.transfer(), t.owner))),
        422,
        "signature-malformed",
    ),
    "a compact signature with high s": (
        lambda t: t.raw(t.transfer(), b"\x11" * 32 + b"\x7f" + b"\xff" * 31),
        422,
        "signature-malformed",
    ),
    "a signature of zeros": (lambda t: t.raw(t.transfer(), bytes(65)), 422, "signature-malformed"),
    "an impossible r": (
        lambda t: t.raw(t.transfer(), b"\xff" * 32 + t.rsv(t.transfer(), t.owner)[32:]),
        422,
        "signature-malformed",
    ),
    "an impossible v": (
        lambda t: t.raw(t.transfer(), t.rsv(t.transfer(), t.owner)[:64] + b"\x1d"),
        422,
        "signature-malformed",
    ),
    "the other v": (
        lambda t: t.raw(
            act := t.transfer(deadline=FAR),
            t.rsv(act, t.owner)[:64] + bytes([55 - t.rsv(act, t.owner)[64]]),
        ),
        403,
        "unknown-key",
    ),
    "a short signature": (
        lambda t: t.raw(t.transfer(), t.rsv(t.transfer(), t.owner)[:63]),
        422,
        "request-malformed",
    ),
    "half a digit of signature": (
        lambda t: t.raw(t.transfer()) | {"signatures": ["0x" + "1" * 129]},
        422,
        "signature-malformed",
    ),
    "no signature": (lambda t: t.raw(t.transfer()), 422, "request-malformed"),
    "nine signatures": (lambda t: t.body(t.transfer(), *[t.owner] * 9), 422, "request-malformed"),
    "a cosigner too many": (lambda t: t.body(t.transfer(), t.owner, t.haulier), 409, "cosigners-mismatch"),
    "a void without the issuer": (
        lambda t: t.body(t.act("Void", reason=EVIDENCE), t.owner),
        409,
        "cosigners-mismatch",
    ),
    "a void without the holder": (
        lambda t: t.body(t.act("Void", reason=EVIDENCE), t.haulier),
        403,
        "wrong-party",
    ),
    "a void signed in the wrong order": (
        lambda t: t.body(t.act("Void", reason=EVIDENCE), t.haulier, t.owner),
        403,
        "wrong-party",
    ),
    "a void cosigned by the holder again": (
        lambda t: t.body(t.act("Void", reason=EVIDENCE), t.owner, t.owner),
        403,
        "wrong-party",
    ),
    "a void cosigned by a stranger": (
        lambda t: t.body(t.act("Void", reason=EVIDENCE), t.owner, NOBODY),
        403,
        "unknown-key",
    ),
    "a void cosigned twice": (
        lambda t: t.body(t.act("Void", reason=EVIDENCE), t.owner, t.haulier, t.haulier),
        409,
        "cosigners-mismatch",
    ),
    "a void without a reason": (
        lambda t: t.body(t.act("Void", reason=ZERO), t.owner, t.haulier),
        422,
        "zero-digest",
    ),
    "a transfer to nobody": (lambda t: t.body(t.transfer(to=0), t.owner), 404, "unknown-party"),
    "a transfer to one not admitted": (lambda t: t.body(t.transfer(to=999), t.owner), 404, "unknown-party"),
    "a transfer to oneself": (
        lambda t: t.body(t.transfer(to=t.number("owner")), t.owner),
        409,
        "already-holder",
    ),
    "a transfer of a bill to a named party": (
        lambda t: t.body(t.act("Transfer", t.named, to=t.number("bank")), t.owner),
        409,
        "not-to-order",
    ),
    "an offer that has ended": (
        lambda t: t.body(t.act("Offer", to=t.number("bank"), expiry=int(time.time()) - 5), t.owner),
        422,
        "bad-expiry",
    ),
    "an acceptance of no offer": (lambda t: t.body(t.act("AcceptOffer"), t.haulier), 409, "no-offer"),
    "a withdrawal of no offer": (lambda t: t.body(t.act("WithdrawOffer"), t.owner), 409, "no-offer"),
    "a delivery before surrender": (
        lambda t: t.body(t.act("Deliver", evidence=EVIDENCE), t.haulier),
        409,
        "wrong-state",
    ),
    "an answer to no surrender": (lambda t: t.body(t.act("AcceptSurrender"), t.haulier), 409, "wrong-state"),
    "an issue by one who is no carrier": (lambda t: t.body(t.issue(), t.owner), 403, "not-entitled"),
    "an issue for a note that has a bill": (
        lambda t: t.body(t.issue(note=t.note), t.haulier),
        409,
        "note-taken",
    ),
    "an issue of a bill that is there": (
        lambda t: t.body(t.issue(bill=t.bill), t.haulier),
        409,
        "bill-exists",
    ),
    "an issue without a note": (lambda t: t.body(t.issue(note=ZERO), t.haulier), 422, "zero-digest"),
    "an issue of nothing": (lambda t: t.body(t.issue(bill=ZERO), t.haulier), 422, "zero-digest"),
    "an issue to nobody": (lambda t: t.body(t.issue(holder=0), t.haulier), 404, "unknown-party"),
    "an act that is none": (
        lambda t: t.body(t.transfer(), t.owner) | {"act": "Steal"},
        422,
        "intent-malformed",
    ),
    "an act of another room": (
        lambda t: t.body(t.transfer(), t.owner) | {"act": "Admit"},
        422,
        "intent-malformed",
    ),
    "a room that is none": (lambda t: t.body(t.transfer(), t.owner) | {"room": "goods"}, 422, "unknown-act"),
    "the administrator's act": (
        lambda t: {
            "room": "parties",
            "act": "Suspend",
            "message": {
                "party": t.number("carrier"),
                "sequence": t.gateway.house.reader(t.gateway.house.rooms["parties"])("administratorSequence"),
                "deadline": FAR,
                "reason": EVIDENCE,
            },
            "signatures": ["0x" + t.rsv(t.transfer(), t.owner).hex()],
        },
        403,
        "wrong-party",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_act_is_refused_by_its_code_in_both_languages_and_changes_nothing(table, name):
    make, status, code = WRONG[name]
    gateway, body = table.gateway, make(table)
    words = [table.gateway.word(bill) for bill in (table.bill, table.named, table.turned)]
    with gateway.nothing_changes():
        english = problem(gateway.post("owner", "/v1/intents", body), status, code)
        chinese = problem(gateway.post("owner", "/v1/intents", body, accept_language="zh"), status, code)
    assert [table.gateway.word(bill) for bill in (table.bill, table.named, table.turned)] == words
    assert not any("\u4e00" <= c <= "\u9fff" for c in english["title"] + english["detail"] + english["next"])
    for member in ("title", "detail", "next"):
        assert any("\u4e00" <= c <= "\u9fff" for c in chinese[member])
    for signature in body["signatures"]:
        assert signature[2:40] not in str(english)


def test_every_refusal_of_the_bills_contract_is_provoked_here(table):
    """A refusal that a caller can meet and that no test provokes would be a code that may be wrong."""
    refusals = {one.code for one in table.gateway.house.rooms["bills"].refusals.values()}
    assert refusals - {code for _, _, code in WRONG.values()} == {"offer-expired"}  # below


def test_facts_of_a_refusal_are_named(table):
    gateway = table.gateway
    stale = problem(gateway.submit("owner", table.transfer(sequence=7), table.owner), 409, "stale-sequence")
    assert stale["params"] == {"bill": table.bill, "expected": 1, "given": 7}
    wrong = problem(gateway.submit("owner", table.transfer(), table.haulier), 403, "wrong-party")
    assert wrong["params"]["given"] == gateway.party("haulier")


# Used twice


def test_the_same_act_again_is_the_same_act(table):
    gateway = table.gateway
    bill = gateway.quick_bill()
    act = table.act("Surrender", bill)
    first = gateway.submit("owner", act, table.owner)
    again = gateway.submit("owner", act, table.owner)
    assert first.json()["id"] == again.json()["id"] == "0x" + act.digest(gateway.domain()).hex()
    gateway.done(again)
    gateway.settle()
    with gateway.nothing_changes():
        # Also from another party, in compact form, with the other spelling of v, and long after.
        late = gateway.submit("stranger", act, table.owner)
        assert late.json()["status"] == "done"
        signature = table.owner.sign(act.digest(gateway.domain()))
        for raw in (signature.r + signature.vs, signature.rsv[:64] + bytes([signature.rsv[64] - 27])):
            answer = gateway.post("owner", "/v1/intents", table.raw(act, raw))
            assert (answer.status_code, answer.json()["status"]) == (202, "done")
    assert gateway.sequence(bill) == 2
    history = gateway.get("owner", f"/v1/bills/{bill}/history").json()
    assert [one["act"] for one in history] == ["Issue", "Surrender"]


def test_an_act_that_took_effect_cannot_be_taken_over_by_another_signature(table):
    gateway = table.gateway
    bill = gateway.quick_bill()
    act = table.act("Surrender", bill)
    gateway.done(gateway.submit("owner", act, table.owner))
    with gateway.nothing_changes():
        problem(gateway.submit("haulier", act, table.haulier), 409, "outbox-act")
        problem(gateway.submit("haulier", act, NOBODY), 409, "outbox-act")


def test_an_old_act_never_executes_in_a_later_state(table):
    """The same words signed for an earlier moment, when the bill stands as it stood."""
    gateway = table.gateway
    bill = gateway.quick_bill()
    kept_back = table.act("Transfer", bill, to=gateway.party("bank"))
    gateway.done(gateway.submit("owner", table.act("Surrender", bill), table.owner))
    gateway.done(gateway.submit("owner", table.act("WithdrawSurrender", bill), table.owner))
    with gateway.nothing_changes():
        problem(gateway.submit("owner", kept_back, table.owner), 409, "stale-sequence")


# In a row


def test_acts_in_a_row_travel_before_the_first_is_mined(table):
    gateway = table.gateway
    bill = gateway.quick_bill()
    acts = [
        table.act("Surrender", bill, sequence=1),
        table.act("WithdrawSurrender", bill, sequence=2),
        table.act("Surrender", bill, sequence=3),
    ]
    gateway.house.relayer.stop()
    try:
        problem(gateway.submit("owner", acts[1], table.owner), 409, "stale-sequence")
        ids = [gateway.submit("owner", act, table.owner).json()["id"] for act in acts]
        problem(
            gateway.submit("owner", table.act("WithdrawSurrender", bill, sequence=5), table.owner),
            409,
            "stale-sequence",
        )
        body = {"room": "bills", "act": "WithdrawSurrender", "subject": bill}
        prepared = gateway.post("owner", "/v1/intents/prepare", body).json()
        assert prepared["typed_data"]["message"]["sequence"] == 4
        assert gateway.sequence(bill) == 1
    finally:
        gateway.house.relayer.start()
    gateway.settle()
    states = [gateway.get("owner", f"/v1/intents/{one}", wait=PATIENCE).json()["status"] for one in ids]
    assert states == ["done"] * 3
    assert gateway.sequence(bill) == 4


# Keys


def test_the_new_key_speaks_for_the_party_and_the_old_one_never_again(table):
    gateway = table.gateway
    party = gateway.get("owner", f"/v1/parties/{gateway.party('turner')}").json()
    known = {key["address"]: key["until"] for key in party["keys"]}
    assert known[table.old.address] is not None
    assert known[table.new.address] is None
    gateway.done(gateway.submit("turner", table.act("Surrender", table.turned), table.new))
    with gateway.nothing_changes():
        answer = gateway.submit("turner", table.act("WithdrawSurrender", table.turned), table.old)
        problem(answer, 403, "key-revoked")
    gateway.done(gateway.submit("turner", table.act("WithdrawSurrender", table.turned), table.new))


@pytest.mark.parametrize(
    ("act", "fields", "signers", "status", "code"),
    [
        ("RevokeKey", lambda t: {"key": t.new.address}, lambda t: [t.new], 409, "last-key"),
        ("RevokeKey", lambda t: {"key": t.old.address}, lambda t: [t.new], 403, "key-revoked"),
        ("RevokeKey", lambda t: {"key": t.owner.address}, lambda t: [t.new], 403, "wrong-party"),
        ("RevokeKey", lambda t: {"key": NOBODY.address}, lambda t: [t.new], 403, "unknown-key"),
        (
            "AddKey",
            lambda t: {"key": t.owner.address, "custodial": False},
            lambda t: [t.new, t.owner],
            409,
            "key-used",
        ),
        (
            "AddKey",
            lambda t: {"key": t.old.address, "custodial": False},
            lambda t: [t.new, t.old],
            409,
            "key-used",
        ),
        (
            "AddKey",
            lambda t: {"key": NOBODY.address, "custodial": False},
            lambda t: [t.new, t.owner],
            409,
            "cosigners-mismatch",
        ),
        (
            "AddKey",
            lambda t: {"key": NOBODY.address, "custodial": False},
            lambda t: [t.new],
            409,
            "cosigners-mismatch",
        ),
        (
            "AddKey",
            lambda t: {"key": NOBODY.address, "custodial": False},
            lambda t: [t.owner, NOBODY],
            403,
            "wrong-party",
        ),
        (
            "AddKey",
            lambda t: {"key": t.gateway.house.administrator.address, "custodial": False},
            lambda t: [t.new, t.gateway.house.administrator],
            409,
            "key-used",
        ),
    ],
)
def test_keys_that_cannot_be_changed_so(table, act, fields, signers, status, code):
    gateway, number = table.gateway, table.number("turner")
    parties = gateway.house.reader(gateway.house.rooms["parties"])
    message = {
        "party": number,
        "sequence": parties("party", number)["sequence"],
        "deadline": FAR,
        **fields(table),
    }
    digest = act_from_message(PARTY_ACTS, act, message).digest(gateway.domain("parties"))
    body = {
        "room": "parties",
        "act": act,
        "message": message,
        "signatures": ["0x" + signer.sign(digest).rsv.hex() for signer in signers(table)],
    }
    with gateway.nothing_changes():
        problem(gateway.post("turner", "/v1/intents", body), status, code)


# Two signers


def test_a_bill_is_voided_by_both_and_its_note_is_free_again(table):
    gateway = table.gateway
    bill = gateway.quick_bill()
    note = gateway.get("owner", f"/v1/bills/{bill}").json()["note"]
    act = table.act("Void", bill, reason=EVIDENCE)
    gateway.done(gateway.submit("owner", act, table.owner, table.haulier))
    assert gateway.get("owner", f"/v1/bills/{bill}").json()["state"] == "voided"
    again = table.issue(note=note)
    gateway.done(gateway.submit("haulier", again, table.haulier))
    with gateway.nothing_changes():
        problem(gateway.submit("haulier", table.issue(bill=bill), table.haulier), 409, "bill-exists")


def test_entrusted_keys_void_a_bill_together(gateway):
    made = gateway.full_bill()
    bill = made["bill"]
    body = {"room": "bills", "act": "Void", "subject": bill, "fields": {"reason": EVIDENCE}}
    prepared = gateway.post("importer", "/v1/intents/prepare", body).json()["typed_data"]
    submission = {
        "room": "bills",
        "act": "Void",
        "message": prepared["message"],
        "signatures": ["0x" + "11" * 65],
    }
    with gateway.nothing_changes():
        signature = gateway.post("carrier", "/v1/intents/cosign", submission).json()["signature"]
    wish = body | {
        "fields": {"reason": EVIDENCE, **{k: prepared["message"][k] for k in ("sequence", "deadline")}}
    }
    with gateway.nothing_changes():
        problem(gateway.post("importer", "/v1/intents/sign", wish), 409, "cosigners-mismatch")
    wish["cosignatures"] = [signature]
    gateway.done(gateway.post("importer", "/v1/intents/sign", wish, prefer=WAIT))
    assert gateway.get("importer", f"/v1/bills/{bill}").json()["state"] == "voided"


# Suspension, and roles that end


def test_a_suspended_carrier_issues_nothing_and_loses_nothing(gateway):
    carrier = gateway.members["haulier"].signer
    held = gateway.quick_bill(holder="haulier")
    path = f"/v1/parties/{gateway.party('haulier')}/suspension"
    gateway.done(gateway.post("operator", path, {"reason": EVIDENCE}))
    try:
        problem(gateway.post("operator", path, {"reason": EVIDENCE}), 409, "already-suspended")
        act = gateway.act(
            "Issue",
            "0x" + secrets.token_hex(32),
            sequence=0,
            note="0x" + secrets.token_hex(32),
            holder=gateway.party("owner"),
            toOrder=True,
        )
        with gateway.nothing_changes():
            problem(gateway.submit("haulier", act, carrier), 403, "not-entitled")
        moved = gateway.act("Transfer", held, to=gateway.party("owner"))
        gateway.done(gateway.submit("haulier", moved, carrier))
    finally:
        gateway.done(gateway.delete("operator", path))
    assert not gateway.get("owner", f"/v1/parties/{gateway.party('haulier')}").json()["suspended"]


# Clocks


def test_a_gateways_clock_that_goes_back_revives_no_act(table, monkeypatch):
    """The chain's time decides: what is past its deadline there is refused, whatever the clock here says."""
    gateway = table.gateway
    gateway.quick_bill()  # a block with the present time
    now = time.time()
    late = table.transfer(deadline=int(now) - 60)
    monkeypatch.setattr("api.kernel.intents.time.time", lambda: now - 86_400)
    with gateway.nothing_changes():
        problem(gateway.submit("owner", late, table.owner), 409, "intent-expired")
        # What the gateway itself prepares meanwhile is refused by the same name, not lost in silence.
        body = {"room": "bills", "act": "Surrender", "subject": table.bill}
        prepared = gateway.post("owner", "/v1/intents/prepare", body).json()["typed_data"]["message"]
        assert prepared["deadline"] < now
        act = table.act("Surrender", sequence=prepared["sequence"], deadline=prepared["deadline"])
        problem(gateway.submit("owner", act, table.owner), 409, "intent-expired")


def test_a_nodes_clock_that_goes_back_revives_no_act_and_no_offer(table, monkeypatch):
    gateway = table.gateway
    bill, node = gateway.quick_bill(holder="owner"), gateway.house.chain.node
    for seconds in (1, 5, 30):  # as short as this machine allows: an offer must be mined before it expires
        expiry = int(time.time()) + seconds
        offer = table.act("Offer", bill, to=gateway.party("haulier"), expiry=expiry)
        answer = gateway.submit("owner", offer, table.owner, prefer=WAIT)
        if (answer.json().get("code") or answer.json().get("reason")) != "bad-expiry":
            break
    gateway.done(answer)
    time.sleep(max(0.0, expiry + 1.1 - time.time()))
    accept = table.act("AcceptOffer", bill)
    with gateway.nothing_changes():
        problem(gateway.submit("haulier", accept, table.haulier), 409, "offer-expired")
    before = gateway.house.head().timestamp
    gateway.quick_bill()
    seen = gateway.house.head().timestamp
    assert seen > expiry >= before - 1
    monkeypatch.setattr(node, "_clock", lambda: expiry - 86_400)
    with gateway.nothing_changes():
        problem(gateway.submit("haulier", accept, table.haulier), 409, "offer-expired")
        late = table.transfer(deadline=seen - 1)
        monkeypatch.setattr("api.kernel.intents.time.time", lambda: expiry - 86_400)
        problem(gateway.submit("owner", late, table.owner), 409, "intent-expired")
        monkeypatch.undo()
        monkeypatch.setattr(node, "_clock", lambda: expiry - 86_400)
    gateway.done(gateway.submit("owner", table.act("WithdrawOffer", bill), table.owner))
    assert gateway.house.head().timestamp >= seen
