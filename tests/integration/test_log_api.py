"""Evidence over HTTP: durable before the answer, anchored soon after, proven from what the answers say."""

from __future__ import annotations

import json
import secrets
import threading
import time
import uuid

import pytest
from sqlmodel import select

from api.kernel.tables import EvidenceRequest
from chain.canonical import parse
from chain.contracts import Artifact
from chain.db import reading
from chain.entries import ACT, DOCUMENT, act_entry
from chain.merkle import Tree, leaf_hash, verify_consistency, verify_inclusion
from chain.tables import LeafRow
from tests.integration.gateway import PATIENCE, WAIT, problem


def _digest() -> str:
    return "0x" + secrets.token_hex(32)


def _evidence(**changes):
    return {"type": "delivery-record/1", "digest": _digest()} | changes


def _path(answer) -> list[bytes]:
    return [bytes.fromhex(one[2:]) for one in answer["path"]]


def test_evidence_is_taken_anchored_and_proven(gateway):
    wish = _evidence()
    answer = gateway.post("carrier", "/v1/evidence", wish, prefer=WAIT)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["status"] in ("anchored", "final")
    entry, head = parse(told["entry"].encode()), told["head"]
    assert (entry["digest"], entry["type"], entry["party"]) == (
        wish["digest"],
        wish["type"],
        gateway.party("carrier"),
    )
    proof = gateway.get("carrier", f"/v1/log/inclusion?leaf={told['leaf']}&size={head['size']}").json()
    root = bytes.fromhex(head["root"][2:])
    verify_inclusion(leaf_hash(told["entry"].encode()), told["leaf"], head["size"], _path(proof), root)
    # and the chain says so, whatever the gateway says
    contract = gateway.house.deployment.contracts["AnchorLog"]
    receipt = gateway.house.chain.receipt(head["transaction"])
    assert receipt is not None
    assert (receipt.to if hasattr(receipt, "to") else contract) == contract
    said = {"leaf": told["leaf"], "size": head["size"], "entry": told["entry"], "path": proof["path"]}
    verdict = gateway.post("carrier", "/v1/log/verify", said).json()
    assert verdict == {"result": "pass", "block": head["block"], "transaction": head["transaction"]}


def test_verifying_over_http_says_fail_and_unknown(gateway):
    told = gateway.post("carrier", "/v1/evidence", _evidence(), prefer=WAIT).json()
    head = told["head"]
    proof = gateway.get("carrier", f"/v1/log/inclusion?leaf={told['leaf']}&size={head['size']}").json()
    good = {"leaf": told["leaf"], "size": head["size"], "leaf_hash": told["leaf_hash"], "path": proof["path"]}
    ask = lambda **changes: gateway.post("carrier", "/v1/log/verify", good | changes)  # noqa: E731
    assert ask().json()["result"] == "pass"
    assert ask(leaf_hash=_digest()).json()["result"] == "fail"
    assert ask(path=[*proof["path"], _digest()]).json()["result"] == "fail"
    assert ask(leaf=told["leaf"] + head["size"]).json()["result"] == "fail"
    assert ask(size=head["size"] + 1_000_000).json() == {"result": "unknown", "reason": "head-not-anchored"}
    problem(ask(path=["0x00"]), 422, "request-malformed")
    problem(ask(path=[_digest()] * 65), 422, "request-malformed")
    problem(ask(entry="x"), 422, "request-malformed")


def _good(gateway) -> dict[str, object]:
    """What passes: a leaf's hash with its way to an anchored head."""
    for _ in range(3):  # so that the way has a step
        gateway.post("carrier", "/v1/evidence", _evidence())
    told = gateway.post("carrier", "/v1/evidence", _evidence(), prefer=WAIT).json()
    size = told["head"]["size"]
    proof = gateway.get("carrier", f"/v1/log/inclusion?leaf={told['leaf']}&size={size}").json()
    return {"leaf": told["leaf"], "size": size, "leaf_hash": told["leaf_hash"], "path": proof["path"]}


@pytest.mark.parametrize("megabytes", [0.07, 1, 3.9, 4.1, 10])
@pytest.mark.parametrize("how", ["path", "entry", "spaces", "depth", "number"])
def test_proofs_of_many_megabytes_are_refused_by_name(gateway, megabytes, how):
    length = int(megabytes * 1_000_000)
    good = _good(gateway)
    text = json.dumps(good)
    raw = {
        "path": lambda: json.dumps(good | {"path": [_digest()] * (length // 70)}),
        "entry": lambda: json.dumps(good | {"entry": "x" * length}),
        "spaces": lambda: text + " " * length,
        "depth": lambda: text[:-1] + ', "path": ' + "[" * length,
        "number": lambda: text.replace(f'"size": {good["size"]}', '"size": ' + "9" * length),
    }[how]()
    with gateway.nothing_changes():
        answer = gateway.client.post(
            "/v1/log/verify",
            content=raw,
            headers=gateway.headers("carrier") | {"content-type": "application/json"},
        )
        code = "json-too-large" if len(raw) <= gateway.house.settings.max_body else "request-too-large"
        problem(answer, 413, code)


@pytest.mark.parametrize(
    "change",
    [
        {"size": 0},
        {"size": -1},
        {"size": 2**53},
        {"size": 1.5},
        {"size": "1"},
        {"size": True},
        {"size": None},
        {"leaf": -1},
        {"leaf": 2**53},
        {"leaf": 2**64},
        {"path": None},
        {"path": {}},
        {"path": ["0x" + "5a" * 31]},
        {"path": ["0x" + "5a" * 33]},
        {"path": ["0X" + "5a" * 32]},
        {"path": [["0x" + "5a" * 32]]},
        {"path": ["0x" + "5a" * 32] * 65},
        {"leaf_hash": "0x" + "5a" * 31},
        {"leaf_hash": None},
        {"entry": "x" * 4001, "leaf_hash": None},
        {"root": "0x" + "5a" * 32},
    ],
)
def test_a_proof_of_another_form_never_passes(gateway, change):
    good = _good(gateway)
    with gateway.nothing_changes():
        answer = gateway.post("carrier", "/v1/log/verify", good | change)
        if change == {"size": 0}:
            assert answer.json() == {"result": "unknown", "reason": "head-not-anchored"}
        elif any(isinstance(value, float) or value in (2**53, 2**64) for value in change.values()):
            problem(answer, 400, "json-number")
        else:
            problem(answer, 422, "request-malformed")


def test_proofs_of_other_logs_and_of_other_places_fail(gateway):
    good = _good(gateway)
    leaf, size, path = good["leaf"], good["size"], good["path"]
    other = Tree(leaf_hash(f"entry {n}".encode()) for n in range(size))
    of_another = [("0x" + one.hex()) for one in other.inclusion_proof(leaf)]
    with gateway.nothing_changes():
        assert gateway.post("carrier", "/v1/log/verify", good).json()["result"] == "pass"
        wrong = [
            {"path": of_another, "leaf_hash": "0x" + leaf_hash(f"entry {leaf}".encode()).hex()},
            {"path": of_another},
            {"path": path[:-1]},
            {"path": path[1:]},
            {"path": path[::-1] if path != path[::-1] else []},
            {"path": [*path, path[0]]},
            {"path": [path[0]] * 64},
            {"path": []},
            {"leaf": size},
            {"leaf": size + 1},
            {"leaf": leaf - 1},
            # A node's hash passes for no leaf, and an entry in another writing for none either.
            {"leaf_hash": path[0]},
            {"leaf_hash": None, "entry": "{}"},
        ]
        for changes in wrong:
            said = {name: value for name, value in (good | changes).items() if value is not None}
            told = gateway.post("carrier", "/v1/log/verify", said).json()
            assert told == {"result": "fail", "reason": "merkle-inclusion"}, changes


def test_a_key_stands_for_its_leaf_for_good(gateway):
    key, wish = str(uuid.uuid4()), _evidence()
    first = gateway.post("carrier", "/v1/evidence", wish, idempotency_key=key)
    assert first.status_code == 202
    with gateway.nothing_changes():
        again = gateway.post("carrier", "/v1/evidence", wish, idempotency_key=key)
    assert again.json()["leaf"] == first.json()["leaf"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    problem(
        gateway.post("carrier", "/v1/evidence", _evidence(), idempotency_key=key),
        422,
        "idempotency-key-reused",
    )
    other = gateway.post("importer", "/v1/evidence", wish, idempotency_key=key).json()
    assert other["leaf"] != first.json()["leaf"]  # another caller's key


def test_a_repeat_is_a_receipt_of_leaf_head_transaction_and_block(gateway):
    key, wish = str(uuid.uuid4()), _evidence()
    leaf = gateway.post("carrier", "/v1/evidence", wish, idempotency_key=key).json()["leaf"]
    gateway.settle()
    answer = gateway.post("carrier", "/v1/evidence", wish, idempotency_key=key)
    assert answer.status_code == 200
    receipt = answer.json()
    assert receipt == gateway.get("carrier", f"/v1/evidence/{leaf}").json()
    assert (receipt["leaf"], receipt["status"]) == (leaf, "final")
    # What it ties together, the chain says too.
    head = receipt["head"]
    found = gateway.house.chain.receipt(head["transaction"])
    assert (found.block_number, found.block_hash) == (head["block"], head["block_hash"])
    artifact = Artifact.load("AnchorLog")
    (event,) = [artifact.event(log.topics, log.data) for log in found.logs]
    assert (event.arguments["size"], "0x" + event.arguments["root"].hex()) == (head["size"], head["root"])
    proof = gateway.get("carrier", f"/v1/log/inclusion?leaf={leaf}&size={head['size']}").json()
    root = bytes.fromhex(head["root"][2:])
    verify_inclusion(leaf_hash(receipt["entry"].encode()), leaf, head["size"], _path(proof), root)


def test_many_at_once_share_commits_and_none_is_lost_or_doubled(gateway):
    keys = [str(uuid.uuid4()) for _ in range(20)]
    wishes = {key: _evidence() for key in keys}
    found: dict[str, set[int]] = {key: set() for key in keys}

    def send(key: str) -> None:
        for _ in range(3):
            answer = gateway.post("carrier", "/v1/evidence", wishes[key], idempotency_key=key)
            assert answer.status_code in (200, 202), answer.text  # a repeat may be anchored by now
            found[key].add(answer.json()["leaf"])

    threads = [threading.Thread(target=send, args=(key,)) for key in keys for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert all(len(leaves) == 1 for leaves in found.values())
    assert len({leaf for leaves in found.values() for leaf in leaves}) == 20
    with reading(gateway.house.engine) as session:
        entries = [json.loads(row.entry) for row in session.exec(select(LeafRow)) if row.kind == "evidence"]
    for wish in wishes.values():
        assert sum(entry["digest"] == wish["digest"] for entry in entries) == 1


def test_nobody_sees_another_ones_evidence(gateway):
    told = gateway.post("carrier", "/v1/evidence", _evidence(), prefer=WAIT).json()
    problem(gateway.get("importer", f"/v1/evidence/{told['leaf']}"), 404, "not-found")
    start = told["leaf"]
    mine = gateway.get("carrier", f"/v1/log/leaves?start={start}&limit=1").json()[0]
    theirs = gateway.get("importer", f"/v1/log/leaves?start={start}&limit=1").json()[0]
    assert (mine["entry"], "entry" in theirs) == (told["entry"], False)
    assert mine["leaf_hash"] == theirs["leaf_hash"]
    problem(gateway.get("carrier", "/v1/evidence/99999999"), 404, "log-leaf-missing")


def test_every_act_and_every_document_enters_once(gateway):
    made = gateway.full_bill()
    bill = made["bill"]
    gateway.done(gateway.sign("importer", "Surrender", bill))
    gateway.settle()
    house = gateway.house
    acts = house.rooms["bills"].acts_between
    assert acts is not None

    def missing() -> list[bytes]:
        with reading(house.engine) as session:
            there = {row.entry for row in session.exec(select(LeafRow).where(LeafRow.kind == ACT))}
            room = house.rooms["bills"]
            told = [
                act_entry(house.address(room), act.digest(house.domain(room)))
                for act in acts(session, 0, 10**9)
            ]
        assert len(told) == len(set(told)) >= 2
        return [one for one in told if one not in there] + [one for one in there if one not in told]

    end = time.monotonic() + PATIENCE
    while missing():
        assert time.monotonic() < end
        time.sleep(0.05)
    with reading(house.engine) as session:
        documents = [row.entry for row in session.exec(select(LeafRow).where(LeafRow.kind == DOCUMENT))]
    assert sum(bill.encode() in entry for entry in documents) == 1


def test_heads_only_grow_and_are_consistent(gateway):
    for _ in range(3):
        gateway.post("carrier", "/v1/evidence", _evidence(), prefer=WAIT)
    heads = gateway.get("importer", "/v1/log/heads?limit=1000").json()
    sizes = [head["size"] for head in heads]
    assert sizes == sorted(set(sizes))
    first, last = heads[0], heads[-1]
    proof = gateway.get("importer", f"/v1/log/consistency?from={first['size']}&size={last['size']}").json()
    roots = [bytes.fromhex(head["root"][2:]) for head in (first, last)]
    verify_consistency(first["size"], last["size"], _path(proof), *roots)
    newest = gateway.get("importer", "/v1/log/head").json()
    text = gateway.get("importer", "/v1/log/checkpoint").text.splitlines()
    assert text[:2] == [gateway.house.logbook.origin, str(newest["size"])]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/log/inclusion?leaf=0&size=99999999", 422, "merkle-range"),
        ("/v1/log/inclusion?leaf=5&size=5", 422, "merkle-range"),
        ("/v1/log/consistency?from=5&size=4", 422, "merkle-range"),
        ("/v1/log/leaves?limit=5000", 422, "request-malformed"),
        ("/v1/log/leaves?start=-1", 422, "request-malformed"),
        ("/v1/evidence/-1", 422, "request-malformed"),
        ("/v1/evidence/x", 422, "request-malformed"),
    ],
)
def test_what_the_log_never_had(gateway, path, status, code):
    for _ in range(6):
        gateway.post("carrier", "/v1/evidence", _evidence())
    problem(gateway.get("carrier", path), status, code)


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"type": "x"},
        {"type": "", "digest": "0x" + "5a" * 32},
        {"type": "X", "digest": "0x" + "5a" * 32},
        {"type": "x", "digest": "5a" * 32},
        {"type": "x", "digest": "0x" + "5A" * 32},
        {"type": "x", "digest": "0x" + "5a" * 32, "party": 1},
        [],
        7,
    ],
)
def test_evidence_of_another_form_is_refused_and_nothing_enters(gateway, wish):
    with gateway.nothing_changes():
        problem(gateway.post("carrier", "/v1/evidence", wish), 422, "request-malformed")


def test_events_tell_each_change_until_the_last(gateway):
    leaf = gateway.post("carrier", "/v1/evidence", _evidence()).json()["leaf"]
    headers = gateway.headers("carrier") | {"accept": "text/event-stream"}
    answer = gateway.client.get(f"/v1/evidence/{leaf}", headers=headers)
    events = [line[7:] for line in answer.text.splitlines() if line.startswith("event: ")]
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert events[-1] == "final"
    assert events == sorted(set(events), key=["accepted", "anchored", "final"].index)


def test_a_stream_ends_with_its_token(gateway, monkeypatch):
    monkeypatch.setattr("api.kernel.routes.log._KEEP_ALIVE_SECONDS", 0.1)
    made = gateway.post("carrier", "/v1/tokens", {"scopes": ["read"], "label": "brief"}).json()
    headers, told = {"authorization": f"Bearer {made['token']}"}, []

    def listen() -> None:
        told.append(gateway.client.get("/v1/log/stream?seconds=3600", headers=headers).text)

    listener = threading.Thread(target=listen)
    listener.start()
    time.sleep(0.3)
    assert listener.is_alive()
    gateway.delete("carrier", f"/v1/tokens/{made['id']}")
    listener.join(60)
    assert told[0].startswith("event: ")


def test_a_revoked_token_is_refused_at_once(gateway):
    made = gateway.post("carrier", "/v1/tokens", {"scopes": ["write"], "label": "brief"}).json()
    headers = {"authorization": f"Bearer {made['token']}"}
    assert gateway.client.post("/v1/evidence", json=_evidence(), headers=headers).status_code == 202
    gateway.delete("carrier", f"/v1/tokens/{made['id']}")
    problem(gateway.client.post("/v1/evidence", json=_evidence(), headers=headers), 401, "unauthorized")


def test_a_repeat_is_known_after_a_day(gateway):
    """The tie of key and leaf does not age."""
    key, wish = str(uuid.uuid4()), _evidence()
    leaf = gateway.post("carrier", "/v1/evidence", wish, idempotency_key=key).json()["leaf"]
    with reading(gateway.house.engine) as session:
        assert leaf in [row.leaf for row in session.exec(select(EvidenceRequest))]
    assert gateway.post("carrier", "/v1/evidence", wish, idempotency_key=key).json()["leaf"] == leaf


def test_a_stream_has_an_end_and_a_bound(gateway):
    gateway.post("carrier", "/v1/evidence", _evidence(), prefer=WAIT)
    told = gateway.get("importer", "/v1/log/stream?seconds=0")
    assert [line for line in told.text.splitlines() if line.startswith("event")] == [
        "event: sealed",
        "event: anchored",
    ]
    problem(gateway.get("importer", "/v1/log/stream?seconds=-1"), 422, "request-malformed")
    problem(gateway.get("importer", "/v1/log/stream?seconds=86401"), 422, "request-malformed")
