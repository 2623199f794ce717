"""Idempotency-Key: the same request again gets the same answer and does nothing twice."""

from __future__ import annotations

import secrets
import threading
import uuid

import pytest
from sqlmodel import func, select

from api.kernel import transaction
from api.kernel.tables import AnsweredRequest, DocumentRow, TokenRow
from chain.db import reading
from chain.tables import OutboxRow
from tests.integration.gateway import WAIT, problem


def _count(gateway, table):
    with reading(gateway.house.engine) as session:
        return session.exec(select(func.count()).select_from(table)).one()


def _key():
    return str(uuid.uuid4())


def _together(count, call):
    """Call at once from several threads; gives the answers."""
    answers, start = [], threading.Barrier(count)

    def run():
        start.wait()
        answers.append(call())

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(answers) == count
    return answers


def test_the_same_key_and_body_get_the_first_answer_and_do_nothing_more(gateway):
    key, body = _key(), {"document": gateway.document()}
    first = gateway.post("carrier", "/v1/documents", body, idempotency_key=key)
    assert first.status_code == 201
    assert "idempotency-replayed" not in first.headers
    with gateway.nothing_changes():
        again = gateway.post("carrier", "/v1/documents", body, idempotency_key=key)
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["idempotency-replayed"] == "true"


def test_without_a_key_each_request_is_a_new_one(gateway):
    body = {"document": gateway.document()}
    digests = {gateway.post("carrier", "/v1/documents", body).json()["digest"] for _ in range(2)}
    assert len(digests) == 2


@pytest.mark.parametrize("change", ["body", "path", "method"])
def test_the_same_key_with_another_request_is_refused(gateway, change):
    key, bill = _key(), gateway.quick_bill(holder="importer")
    body = {"room": "bills", "act": "Surrender", "subject": bill, "fields": {}}
    assert gateway.post("importer", "/v1/intents/prepare", body, idempotency_key=key).status_code == 200
    with gateway.nothing_changes():
        if change == "body":
            later = body | {"deadline": 2_000_000_000}
            other = gateway.post("importer", "/v1/intents/prepare", later, idempotency_key=key)
        elif change == "path":
            other = gateway.post("importer", "/v1/intents/sign", body, idempotency_key=key)
        else:
            other = gateway.delete("importer", "/v1/tokens/x", idempotency_key=key)
        problem(other, 422, "idempotency-key-reused")


def test_a_request_that_was_refused_is_tried_again(gateway):
    """A refusal did nothing, so nothing is remembered of it."""
    key, bill = _key(), "0x" + secrets.token_hex(32)
    body = {"room": "bills", "act": "Transfer", "subject": bill, "fields": {"to": gateway.party("bank")}}
    with gateway.nothing_changes():
        for _ in range(2):
            problem(gateway.post("importer", "/v1/intents/sign", body, idempotency_key=key), 404, "not-found")


def test_an_act_signed_once_whatever_the_client_repeats(gateway):
    bill = gateway.quick_bill(holder="importer")
    body = {"room": "bills", "act": "Surrender", "subject": bill, "fields": {}}
    key = _key()
    first = gateway.post("importer", "/v1/intents/sign", body, idempotency_key=key, prefer=WAIT)
    assert (first.status_code, first.json()["status"]) == (200, "done") or first.json()["status"] == "mined"
    with gateway.nothing_changes():
        again = gateway.post("importer", "/v1/intents/sign", body, idempotency_key=key, prefer=WAIT)
        plain = gateway.post("importer", "/v1/intents/sign", body, idempotency_key=key)
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert plain.json() == first.json()
    # Without the key it is another act, and one too many.
    problem(gateway.post("importer", "/v1/intents/sign", body), 409, "wrong-state")


def test_a_repeat_that_overtook_the_first_answer_gets_it_all_the_same(gateway, monkeypatch):
    """It began before the first was known, and found that the act cannot be done twice."""
    bill = gateway.quick_bill(holder="importer")
    body = {"room": "bills", "act": "Surrender", "subject": bill, "fields": {}}
    key, real = _key(), transaction._known
    first = gateway.post("importer", "/v1/intents/sign", body, idempotency_key=key, prefer=WAIT)
    asked = []

    def late(*arguments):
        asked.append(arguments)
        return None if len(asked) == 1 else real(*arguments)

    monkeypatch.setattr(transaction, "_known", late)
    with gateway.nothing_changes():
        again = gateway.post("importer", "/v1/intents/sign", body, idempotency_key=key)
    assert len(asked) == 2
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    asked.clear()
    problem(
        gateway.post("importer", "/v1/intents/sign", body | {"fields": {"x": 1}}, idempotency_key=key),
        422,
        "idempotency-key-reused",
    )


def test_many_at_once_with_one_key_are_one(gateway):
    bill = gateway.quick_bill(holder="importer")
    body = {"room": "bills", "act": "Surrender", "subject": bill, "fields": {}}
    gateway.settle()
    before, key = _count(gateway, OutboxRow), _key()
    answers = _together(6, lambda: gateway.post("importer", "/v1/intents/sign", body, idempotency_key=key))
    assert {answer.status_code for answer in answers} == {202}, [answer.text for answer in answers]
    assert len({answer.json()["id"] for answer in answers}) == 1
    gateway.settle()
    assert _count(gateway, OutboxRow) == before + 1
    assert gateway.sequence(bill) == 2


def test_many_documents_at_once_with_one_key_are_one(gateway):
    body, key = {"document": gateway.document()}, _key()
    before = _count(gateway, DocumentRow)
    answers = _together(3, lambda: gateway.post("carrier", "/v1/documents", body, idempotency_key=key))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["digest"] for answer in answers}) == 1
    assert _count(gateway, DocumentRow) == before + 1


def test_a_token_is_not_shown_again(gateway):
    """The first answer held a secret, and a secret is not kept to be replayed."""
    key, body = _key(), {"scopes": ["read"], "label": "once"}
    made = gateway.post("bank", "/v1/tokens", body, idempotency_key=key)
    assert made.status_code == 201
    before = _count(gateway, TokenRow)
    with gateway.nothing_changes():
        again = gateway.post("bank", "/v1/tokens", body, idempotency_key=key)
        problem(again, 409, "idempotency-not-replayable")
        assert made.json()["token"] not in again.text
        other = gateway.post("bank", "/v1/tokens", body | {"label": "other"}, idempotency_key=key)
        problem(other, 422, "idempotency-key-reused")
    assert _count(gateway, TokenRow) == before
    with reading(gateway.house.engine) as session:
        (row,) = session.exec(select(AnsweredRequest).where(AnsweredRequest.key == key))
        assert row.body == b""


def test_many_tokens_at_once_with_one_key_are_one(gateway):
    key, body = _key(), {"scopes": ["read"], "label": "at once"}
    before = _count(gateway, TokenRow)
    answers = _together(4, lambda: gateway.post("bank", "/v1/tokens", body, idempotency_key=key))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert _count(gateway, TokenRow) == before + 1


def test_a_key_is_its_tokens_own(gateway):
    """Another party's, and another token's, same key is another key."""
    key, body = _key(), {"document": gateway.document()}
    digests = set()
    for who in ("carrier", "rival", gateway.token("carrier", "write")):
        digests.add(gateway.post(who, "/v1/documents", body, idempotency_key=key).json()["digest"])
    assert len(digests) == 3


def test_a_replay_needs_the_scope_no_more_but_the_token_still(gateway):
    """The answer is kept under the token: a revoked one gets nothing."""
    headers = gateway.token("carrier", "write", "tokens")
    key, body = _key(), {"document": gateway.document()}
    assert gateway.post(headers, "/v1/documents", body, idempotency_key=key).status_code == 201
    identity = headers["authorization"].split("_")[1]
    assert gateway.delete(headers, f"/v1/tokens/{identity}").status_code == 200
    problem(gateway.post(headers, "/v1/documents", body, idempotency_key=key), 401, "unauthorized")


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "a\tb", "ü"])
def test_a_malformed_key_is_refused(gateway, key):
    with gateway.nothing_changes():
        headers = [(b"idempotency-key", key.encode("latin-1")), (b"content-type", b"application/json")]
        auth = [(n.encode(), v.encode()) for n, v in gateway.headers("bank").items()]
        answer = gateway.client.post(
            "/v1/tokens", content=b'{"scopes":["read"],"label":"x"}', headers=headers + auth
        )
        problem(answer, 400, "idempotency-key-malformed")


@pytest.mark.parametrize("key", ["x", "!" * 255, "~a.b_c-1/2="])
def test_keys_that_are_taken(gateway, key):
    key = (secrets.token_hex(4) + key)[:255]
    body = {"scopes": ["read"], "label": "x"}
    assert gateway.post("bank", "/v1/tokens", body, idempotency_key=key).status_code == 201


def test_deleting_again_with_the_same_key(gateway):
    made = gateway.post("bank", "/v1/tokens", {"scopes": ["read"], "label": "x"}).json()
    key = _key()
    answers = [gateway.delete("bank", f"/v1/tokens/{made['id']}", idempotency_key=key) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["idempotency-replayed"] == "true"
