"""Whose is it: no party sees another's bills, documents or history; who parted with a bill sees it as then.

A thing that is not the caller's and a thing that does not exist get one and the same answer.
"""

from __future__ import annotations

import base64
import secrets
import threading

import pytest
from sqlmodel import select

from api.kernel.tables import WrapRow
from chain.canonical import parse
from chain.db import reading
from chain.digests import Seed, document_digest
from chain.intents import keccak
from chain.signers import KeySigner
from tests.integration.gateway import EVIDENCE, WAIT, problem
from vault.blobs import BlobStore
from vault.documents import SealedDocument, open_document
from vault.keys import PrivateKey, unwrap, wrap

NOWHERE = "0x" + "0b" * 32


def _context(gateway, bill):
    return {"chain": gateway.house.chain_id, "document": bill, "registry": gateway.house.registry}


@pytest.fixture(scope="module")
def travelled(gateway):
    """From the carrier to the importer, to the bank, offered to the stranger and declined, surrendered."""
    made = gateway.full_bill()
    bill = made["bill"]
    seen = {}
    gateway.done(gateway.sign("importer", "Transfer", bill, to=gateway.party("bank")))
    seen["held"] = gateway.get("bank", f"/v1/bills/{bill}").json()
    expiry = 2_000_000_000
    gateway.done(gateway.sign("bank", "Offer", bill, to=gateway.party("stranger"), expiry=expiry))
    seen["offered"] = gateway.get("stranger", f"/v1/bills/{bill}").json()
    gateway.done(gateway.sign("stranger", "DeclineOffer", bill))
    gateway.done(gateway.sign("bank", "Surrender", bill))
    gateway.settle()
    return made | {"seen": seen}


def _paths(bill):
    return [
        f"/v1/bills/{bill}",
        f"/v1/bills/{bill}/history",
        f"/v1/documents/{bill}",
        f"/v1/documents/{bill}/sealed",
    ]


def test_a_stranger_sees_nothing_and_cannot_tell_it_from_nothing(gateway, full_bill):
    bill = full_bill["bill"]
    to = gateway.party("bank")
    for who in ("stranger", "rival", "haulier", "owner"):
        for path, nowhere in zip(_paths(bill), _paths(NOWHERE), strict=True):
            found = problem(gateway.get(who, path), 404, "not-found")
            assert found == problem(gateway.get(who, nowhere), 404, "not-found")
        assert bill not in str(gateway.get(who, "/v1/bills").json())
        answers = [gateway.post(who, "/v1/bills/verify", {"bill": one}) for one in (bill, NOWHERE)]
        assert problem(answers[0], 404, "not-found") == problem(answers[1], 404, "not-found")
    with gateway.nothing_changes():
        for one in (bill, NOWHERE):
            problem(gateway.sign("stranger", "Transfer", one, to=to), 404, "not-found")
            answer = gateway.post("stranger", f"/v1/documents/{one}/readers", {"party": to})
            problem(answer, 404, "not-found")


def test_the_parties_of_a_bill_see_it(gateway, full_bill):
    bill = full_bill["bill"]
    for who in ("carrier", "importer"):
        for path in _paths(bill):
            assert gateway.get(who, path).status_code == 200
        assert bill in [one["bill"] for one in gateway.get(who, "/v1/bills", limit=200).json()]
    found = gateway.get("importer", f"/v1/bills/{bill}").json()
    assert found["current"]
    assert found["live"]
    assert found["open_acts"] == ["Transfer", "Offer", "Surrender", "Void"]
    assert gateway.get("carrier", f"/v1/bills/{bill}").json()["open_acts"] == ["Void"]


def test_who_parted_with_a_bill_sees_it_as_it_was_then(gateway, travelled):
    bill = travelled["bill"]
    for who, sequence, holder, state in (
        ("importer", 2, "bank", "issued"),
        ("stranger", 4, "bank", "issued"),
        ("bank", 5, "bank", "surrendered"),
        ("carrier", 5, "bank", "surrendered"),
    ):
        current = who in ("bank", "carrier")
        found = gateway.get(who, f"/v1/bills/{bill}").json()
        assert (found["sequence"], found["holder"], found["state"], found["current"]) == (
            sequence,
            gateway.party(holder),
            state,
            current,
        ), who
        assert bool(found["open_acts"]) == current
        assert found["offeree"] is None
        history = gateway.get(who, f"/v1/bills/{bill}/history").json()
        assert [act["sequence"] for act in history] == list(range(1, sequence + 1))
        (listed,) = [one for one in gateway.get(who, "/v1/bills", limit=200).json() if one["bill"] == bill]
        assert listed == found
    acts = [act["act"] for act in gateway.get("bank", f"/v1/bills/{bill}/history").json()]
    assert acts == ["Issue", "Transfer", "Offer", "DeclineOffer", "Surrender"]


def test_the_one_it_is_offered_to_sees_it_while_it_is(gateway, travelled):
    offered = travelled["seen"]["offered"]
    assert offered["current"]
    assert offered["offeree"] == gateway.party("stranger")
    assert offered["open_acts"] == ["AcceptOffer", "DeclineOffer"]
    held = travelled["seen"]["held"]
    assert (held["holder"], held["current"]) == (gateway.party("bank"), True)


def test_a_list_is_cut_and_filtered_within_what_one_may_see(gateway, travelled):
    of_importer = gateway.get("importer", "/v1/bills", limit=200).json()
    assert of_importer == sorted(of_importer, key=lambda one: one["bill"])
    first = gateway.get("importer", "/v1/bills", limit=1).json()
    assert first == of_importer[:1]
    assert gateway.get("importer", "/v1/bills", limit=200, after=first[0]["bill"]).json() == of_importer[1:]
    surrendered = gateway.get("importer", "/v1/bills", state="surrendered", limit=200).json()
    assert travelled["bill"] not in [one["bill"] for one in surrendered]
    surrendered = gateway.get("bank", "/v1/bills", state="surrendered", limit=200).json()
    assert travelled["bill"] in [one["bill"] for one in surrendered]


# Documents


def test_a_document_opens_for_its_readers_and_is_the_one_that_was_issued(gateway, full_bill):
    for who in ("carrier", "importer"):
        opened = gateway.get(who, f"/v1/documents/{full_bill['bill']}").json()
        digest = document_digest(opened["document"], Seed(bytes.fromhex(opened["seed"])))
        assert "0x" + digest.hex() == full_bill["bill"]


def test_what_is_kept_is_ciphertext(gateway, full_bill):
    """Neither the database nor the blobs hold a name, a number or the seed of the document."""
    document = full_bill["document"]
    clear = [
        document["note"]["number"],
        full_bill["seed"],
        "Demo Importer F",
        "示范承运人甲",
        document["consignment"]["containers"][0]["number"],
    ]
    marks = [one.encode() for one in clear] + [bytes.fromhex(full_bill["seed"])]
    for file in gateway.house.settings.data_dir.rglob("*"):
        content = file.read_bytes() if file.is_file() else b""
        for mark in marks:
            assert mark not in content, file.name


def test_a_reader_shows_a_document_to_another(gateway):
    bill = gateway.full_bill()["bill"]
    path, to = f"/v1/documents/{bill}", gateway.party("bank")
    problem(gateway.get("bank", path), 404, "not-found")
    assert gateway.post("importer", path + "/readers", {"party": to}).status_code == 204
    assert gateway.get("bank", path).json() == gateway.get("importer", path).json()
    # Reading the paper is not holding the bill.
    problem(gateway.get("bank", f"/v1/bills/{bill}"), 404, "not-found")
    # Who was shown it can pass it on; showing it twice is no error.
    assert gateway.post("bank", path + "/readers", {"party": gateway.party("rival")}).status_code == 204
    with gateway.nothing_changes():
        assert gateway.post("bank", path + "/readers", {"party": to}).status_code == 204


def test_showing_it_many_times_at_once_is_showing_it_once(gateway):
    bill = gateway.full_bill()["bill"]
    path, to = f"/v1/documents/{bill}/readers", gateway.party("bank")
    answers = []

    def show():
        answers.append(gateway.post("importer", path, {"party": to}).status_code)

    threads = [threading.Thread(target=show) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [204] * 6
    with reading(gateway.house.engine) as session:
        rows = session.exec(select(WrapRow).where(WrapRow.document == bill, WrapRow.party == to)).all()
    assert len(rows) == 1


def test_a_bill_is_shown_to_whoever_is_to_have_it(gateway):
    """An entrusted key that gives a bill lets the taker read it; one that gives it in vain shows nothing."""
    bill = gateway.full_bill()["bill"]
    path = f"/v1/documents/{bill}"
    with gateway.nothing_changes():
        problem(gateway.sign("carrier", "Transfer", bill, to=gateway.party("bank")), 403, "wrong-party")
    problem(gateway.get("bank", path), 404, "not-found")
    gateway.done(gateway.sign("importer", "Transfer", bill, to=gateway.party("bank")))
    assert gateway.get("bank", path).status_code == 200


def test_a_party_that_keeps_its_reader_key_takes_documents_sealed(gateway, full_bill):
    bill = full_bill["bill"]
    path, owner = f"/v1/documents/{bill}", gateway.members["owner"]
    assert gateway.post("importer", path + "/readers", {"party": owner.number}).status_code == 204
    problem(gateway.get("owner", path), 409, "reader-key-unknown")
    taken = gateway.get("owner", path + "/sealed").json()
    blobs = BlobStore.open("memory:")
    blob = blobs.put(base64.b64decode(taken["ciphertext"]))
    sealed = SealedDocument(blob, {owner.reader.id: bytes.fromhex(taken["wrap"])})
    opened = parse(open_document(sealed, owner.reader, _context(gateway, bill), blobs))
    assert opened == {"document": full_bill["document"], "seed": full_bill["seed"]}
    # It passes the document on with a wrap that it makes itself; the gateway never sees its key.
    problem(
        gateway.post("owner", path + "/readers", {"party": gateway.party("rival")}), 409, "reader-key-unknown"
    )
    key = unwrap(bytes.fromhex(taken["wrap"]), owner.reader, _context(gateway, bill))
    profile = gateway.get("owner", f"/v1/parties/{gateway.party('rival')}").json()
    made = wrap(key, bytes.fromhex(profile["reader_key"]), _context(gateway, bill))
    body = {"party": gateway.party("rival"), "wrap": made.hex()}
    assert gateway.post("owner", path + "/readers", body).status_code == 204
    assert gateway.get("rival", path).json()["document"] == full_bill["document"]


@pytest.mark.parametrize(
    ("made", "status", "code"),
    [
        (lambda key, other, context: secrets.token_bytes(82), 422, "wrap-version"),
        (lambda key, other, context: b"\x01\x01" + secrets.token_bytes(80), 409, "wrap-refused"),
        (lambda key, other, context: wrap(secrets.token_bytes(32), key, context), 409, "wrap-refused"),
        (lambda key, other, context: wrap(secrets.token_bytes(32), other, context), 409, "wrap-refused"),
        (
            lambda key, other, context: wrap(secrets.token_bytes(32), key, {"document": "other"}),
            409,
            "wrap-refused",
        ),
    ],
)
def test_a_wrap_that_opens_nothing_is_refused(gateway, full_bill, made, status, code):
    """It would stand in the place of a good one, and the bill's next holder could not read its paper."""
    bill, to = full_bill["bill"], gateway.party("stranger")
    profile = gateway.get("carrier", f"/v1/parties/{to}").json()
    other = PrivateKey.generate().public
    wrapped = made(bytes.fromhex(profile["reader_key"]), other, _context(gateway, bill))
    with gateway.nothing_changes():
        body = {"party": to, "wrap": wrapped.hex()}
        problem(gateway.post("importer", f"/v1/documents/{bill}/readers", body), status, code)


@pytest.mark.parametrize(
    "wrapped", ["", "0x", "abc", "ab", "zz" * 82, "AB" * 82, "ab" * 83, 5, "ab" * 81 + "a"]
)
def test_a_malformed_wrap_is_refused(gateway, full_bill, wrapped):
    with gateway.nothing_changes():
        body = {"party": gateway.party("stranger"), "wrap": wrapped}
        answer = gateway.post("importer", f"/v1/documents/{full_bill['bill']}/readers", body)
        assert problem(answer, 422, "request-malformed")["findings"][0]["path"] == "/wrap"


def test_nothing_is_shown_to_a_party_that_does_not_exist(gateway, full_bill):
    with gateway.nothing_changes():
        for body in ({"party": 4_000_000_000}, {"party": 999, "wrap": "ab" * 82}):
            answer = gateway.post("importer", f"/v1/documents/{full_bill['bill']}/readers", body)
            problem(answer, 409, "reader-key-unknown")


def test_a_document_is_kept_for_its_author_and_named_readers(gateway):
    kept = gateway.store(gateway.document(), readers=("bank", "importer"))
    for who, status in (
        ("carrier", 200),
        ("bank", 200),
        ("importer", 200),
        ("stranger", 404),
        ("rival", 404),
    ):
        assert gateway.get(who, f"/v1/documents/{kept['digest']}").status_code == status
    # It is no bill yet.
    problem(gateway.get("carrier", f"/v1/bills/{kept['digest']}"), 404, "not-found")
    body = {"document": gateway.document(), "readers": [4_000_000_000]}
    with gateway.nothing_changes():
        problem(gateway.post("carrier", "/v1/documents", body), 409, "reader-key-unknown")


def test_a_document_of_which_the_store_lost_the_body(gateway):
    """Told by name, and nothing of where it lay."""
    kept = gateway.store(gateway.document())
    with reading(gateway.house.engine) as session:
        from api.kernel.tables import DocumentRow

        blob = session.get(DocumentRow, kept["digest"]).blob
    (file,) = [one for one in gateway.house.settings.data_dir.rglob(blob) if one.is_file()]
    whole = file.read_bytes()
    file.chmod(0o600)
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    altered = problem(gateway.get("carrier", f"/v1/documents/{kept['digest']}"), 500, "blob-corrupt")
    file.unlink()
    missing = problem(gateway.get("carrier", f"/v1/documents/{kept['digest']}"), 500, "blob-missing")
    assert str(file.parent) not in str(altered) + str(missing)


# Acts


def test_an_act_that_nobody_knows(gateway):
    problem(gateway.get("carrier", f"/v1/intents/{NOWHERE}"), 404, "not-found")
    problem(gateway.get("operator", f"/v1/intents/{NOWHERE}"), 404, "not-found")


def test_an_entrusted_key_signs_for_its_own_party_alone(gateway, full_bill):
    bill = full_bill["bill"]
    with gateway.nothing_changes():
        for who, act, fields in (
            ("carrier", "Surrender", {}),
            ("importer", "AcceptSurrender", {}),
            ("carrier", "Void", {"reason": EVIDENCE}),
        ):
            answer = gateway.sign(who, act, bill, **fields)
            assert answer.json()["code"] in ("wrong-party", "wrong-state"), answer.text


def test_a_key_that_is_here_but_not_marked_as_entrusted_signs_nothing(gateway):
    """No gateway can sign unseen: the mark on the chain decides, not the file."""
    signer, reader = gateway.house.keystore.create(), PrivateKey.generate()
    gateway.join("unmarked", gateway.admit_own("unmarked", signer, reader), signer, reader)
    try:
        bill = gateway.quick_bill(holder="unmarked")
        with gateway.nothing_changes():
            problem(gateway.sign("unmarked", "Surrender", bill), 409, "not-custodial")
        gateway.done(gateway.submit("unmarked", gateway.act("Surrender", bill), signer))
    finally:
        del gateway.members["unmarked"]


def test_a_party_that_took_its_key_home_is_signed_for_no_more(gateway):
    gateway.join("leaver", gateway.admit_entrusted("leaver"))
    try:
        bill, number, new = (
            gateway.quick_bill(holder="leaver"),
            gateway.party("leaver"),
            KeySigner(keccak(b"home")),
        )
        fields = {"key": new.address, "custodial": False}
        wish = {"room": "parties", "act": "RotateKey", "subject": number, "fields": fields}
        prepared = gateway.post("leaver", "/v1/intents/prepare", wish).json()
        message = prepared["typed_data"]["message"]
        wish["fields"] = fields | {name: message[name] for name in ("sequence", "deadline")}
        wish["cosignatures"] = ["0x" + new.sign(bytes.fromhex(prepared["digest"][2:])).rsv.hex()]
        gateway.done(gateway.post("leaver", "/v1/intents/sign", wish, prefer=WAIT))
        with gateway.nothing_changes():
            problem(gateway.sign("leaver", "Surrender", bill), 409, "not-custodial")
        gateway.done(gateway.submit("leaver", gateway.act("Surrender", bill), new))
    finally:
        del gateway.members["leaver"]


def test_a_party_that_keeps_its_keys_is_never_signed_for(gateway):
    bill = gateway.quick_bill()
    with gateway.nothing_changes():
        problem(gateway.sign("owner", "Surrender", bill), 409, "not-custodial")
        body = {
            "room": "bills",
            "act": "Surrender",
            "message": {"bill": bill, "sequence": 1, "deadline": 2_000_000_000},
        }
        body["signatures"] = ["0x" + "11" * 64 + "1b"]
        problem(gateway.post("owner", "/v1/intents/cosign", body), 409, "not-custodial")
