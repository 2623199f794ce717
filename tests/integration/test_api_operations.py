"""Health, readiness and metrics: the part that is down is named, and nothing of any party is shown."""

from __future__ import annotations

import time
from collections import namedtuple
from contextlib import contextmanager

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event, text

from api.kernel.routes import operations
from chain.client import Chain
from chain.db import reading
from chain.node import NodeDownError, NodeHungError, NodeRefusedError, NodeStorageError
from tests.chainlab import SwitchedNode
from tests.integration.gateway import EVIDENCE, PATIENCE, problem

PARTS = [
    *("database", "storage", "node", "relayer", "indexer", "log", "scrubber", "signatory", "webhooks"),
]


@contextmanager
def switched(gateway):
    """The gateway's node behind a switch, for requests and for its workers."""
    house = gateway.house
    chain, switch = house.chain, SwitchedNode(house.chain.node)
    workers = (house.relayer, house.indexer, house.logbook.workers[-1])
    owners = [(house, "chain"), *((worker, "_chain") for worker in workers)]
    owners += [(worker._identity, "_chain") for worker in workers]
    before = [getattr(owner, name) for owner, name in owners]
    for owner, name in owners:
        setattr(owner, name, Chain(switch))
    try:
        yield switch
    finally:
        for (owner, name), old in zip(owners, before, strict=True):
            setattr(owner, name, old)
        assert house.chain is chain


def _ready(gateway):
    answer = gateway.get(None, "/ready")
    body = answer.json()
    assert [part["part"] for part in body["parts"]] == PARTS
    well = {part["part"]: part["code"] for part in body["parts"] if part["ok"]}
    ill = {part["part"]: part["code"] for part in body["parts"] if not part["ok"]}
    assert answer.status_code == (503 if ill else 200)
    assert body["ready"] == (not ill)
    assert body["degraded"] == bool(ill)
    assert set(well.values()) <= {"", "ok"}
    return ill


def _until(gateway, expected):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = _ready(gateway)
        if found == expected:
            return
        gateway.house.relayer.wake()
        gateway.house.indexer.wake()
        gateway.house.logbook.workers[-1].wake()
        time.sleep(0.05)
    assert found == expected


def test_alive_and_ready(gateway):
    assert gateway.get(None, "/health").json() == {"status": "alive"}
    _until(gateway, {})


def test_a_node_that_is_down_is_named_and_what_needs_it_refused_by_name(gateway, full_bill):
    bill = gateway.quick_bill()
    act = gateway.act("Surrender", bill)
    with switched(gateway) as switch:
        switch.fail["eth_chainId"] = switch.fail["eth_blockNumber"] = NodeDownError(
            "the node cannot be reached"
        )
        for method in ("eth_call", "eth_getBlockByNumber"):
            switch.fail[method] = NodeDownError("the node cannot be reached")
        _until(gateway, dict.fromkeys(("node", "relayer", "indexer", "log"), "node-down"))
        assert gateway.get(None, "/health").status_code == 200
        answer = gateway.get(None, "/v1/registry")
        problem(answer, 503, "node-down")
        assert answer.headers["retry-after"] == "5"
        problem(gateway.submit("owner", act, gateway.members["owner"].signer), 503, "node-down")
        problem(gateway.sign("importer", "Surrender", full_bill["bill"]), 503, "node-down")
        # What needs no chain is answered; a verdict says what it could not ask.
        assert gateway.get("importer", "/v1/bills").status_code == 200
        assert gateway.get("importer", f"/v1/bills/{full_bill['bill']}/history").status_code == 200
        body = {"document": full_bill["document"], "seed": full_bill["seed"]}
        verdict = gateway.post("bank", "/v1/bills/verify", body).json()
        assert verdict["verdict"] == "fail"
        assert "issued" in verdict["reasons"]
    _until(gateway, {})
    gateway.done(gateway.submit("owner", act, gateway.members["owner"].signer))


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NodeHungError("no answer"), 503, "node-hung"),
        (NodeStorageError("full"), 507, "node-storage"),
        (NodeRefusedError("something at /home/somebody/chain.db"), 502, "node-refused"),
    ],
)
def test_every_way_of_a_node_to_fail_has_its_name(gateway, error, status, code):
    with switched(gateway) as switch:
        switch.fail["eth_blockNumber"] = error
        assert _ready(gateway)["node"] == code
        problem(gateway.get(None, "/v1/registry"), status, code)


def test_another_chain_is_named(gateway):
    with switched(gateway) as switch:
        switch.override["eth_chainId"] = "0x1"
        _until(gateway, dict.fromkeys(("relayer", "indexer", "log"), "node-wrong-chain"))
    _until(gateway, {})


def test_storage_that_is_nearly_full_is_named_before_a_write_fails(gateway, monkeypatch):
    usage = namedtuple("usage", "total used free")
    seen = []

    def nearly(path):
        seen.append(path)
        return usage(1 << 40, 1 << 40, operations._LEAST_FREE - 1)

    monkeypatch.setattr(operations.shutil, "disk_usage", nearly)
    assert _ready(gateway) == {"storage": "storage-full"}
    assert seen == [gateway.house.settings.data_dir]
    monkeypatch.setattr(operations.shutil, "disk_usage", lambda path: usage(1, 1, operations._LEAST_FREE))
    assert _ready(gateway) == {}

    def gone(path):
        raise FileNotFoundError(path)

    monkeypatch.setattr(operations.shutil, "disk_usage", gone)
    assert _ready(gateway) == {"storage": "storage-full"}


def test_a_full_database_refuses_writes_by_name_and_keeps_what_it_has(gateway):
    """SQLite's own limit on pages stands in for a disk that is full."""
    gateway.settle()
    engine = gateway.house.engine
    with reading(engine) as session:
        pages = session.connection().execute(text("PRAGMA page_count")).scalar_one()

    def limit(connection, record, proxy):
        connection.execute(f"PRAGMA max_page_count = {pages}")

    def unlimit(connection, record, proxy):
        connection.execute("PRAGMA max_page_count = 4294967294")

    event.listen(engine, "checkout", limit)
    try:
        body = {"scopes": ["read"], "label": "x" * 190}
        while (answer := gateway.post("bank", "/v1/tokens", body)).status_code == 201:
            pass
        problem(answer, 507, "storage-full")
        with gateway.nothing_changes():
            told = problem(gateway.post("bank", "/v1/tokens", body), 507, "storage-full")
        assert "sqlite" not in str(told).lower()
        assert str(gateway.house.settings.data_dir) not in str(told)
        assert gateway.get("bank", "/v1/tokens").status_code == 200
    finally:
        event.remove(engine, "checkout", limit)
        event.listen(engine, "checkout", unlimit)
        gateway.get("bank", "/v1/tokens")
        engine.dispose()
        event.remove(engine, "checkout", unlimit)
    assert gateway.post("bank", "/v1/tokens", {"scopes": ["read"], "label": "x"}).status_code == 201


def test_a_database_that_is_locked_is_not_said_to_be_full(gateway, monkeypatch):
    import sqlite3

    from sqlalchemy.exc import OperationalError

    def locked(*arguments, **options):
        raise OperationalError(
            "INSERT INTO secrets VALUES ('x')", {}, sqlite3.OperationalError("database is locked")
        )

    monkeypatch.setattr("api.kernel.routes.tokens.auth.issue", locked)
    with gateway.nothing_changes():
        answer = gateway.post("bank", "/v1/tokens", {"scopes": ["read"], "label": "x"})
        body = problem(answer, 503, "database")
        assert answer.headers["retry-after"] == "5"
        assert "INSERT" not in str(body)


def test_metrics_count_and_show_nobody(gateway, full_bill):
    gateway.get("importer", f"/v1/bills/{full_bill['bill']}")
    gateway.client.request("BREW", "/v1/bills/coffee/" + "x" * 100)
    gateway.client.request("PROPFIND", "/health")
    answer = gateway.get(None, "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    requests = families["landbridge_http_requests"]
    routes = {sample.labels["route"] for sample in requests.samples}
    assert "/v1/bills/{bill}" in routes
    assert routes <= set(gateway.app.openapi()["paths"]) | {"none", "/rpc", "/openapi.json", "/docs"}
    methods = {sample.labels["method"] for sample in requests.samples}
    assert methods <= {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"}
    parts = {s.labels["part"]: s.value for s in families["landbridge_part_ok"].samples}
    assert list(parts) == PARTS
    assert families["landbridge_indexed_block"].samples[0].value == gateway.house.indexer.height
    assert sum(s.value for s in families["landbridge_outbox_acts"].samples) > 0
    for secret in (full_bill["bill"], "coffee", gateway.headers("bank")["authorization"].split("_")[1]):
        assert secret not in answer.text


def test_metrics_say_which_part_is_down(gateway):
    with switched(gateway) as switch:
        switch.fail["eth_blockNumber"] = NodeDownError("the node cannot be reached")
        families = {f.name: f for f in text_string_to_metric_families(gateway.get(None, "/metrics").text)}
    assert {s.labels["part"]: s.value for s in families["landbridge_part_ok"].samples}["node"] == 0


def test_what_a_signer_must_know(gateway):
    about = gateway.get(None, "/v1/registry").json()
    assert about["chain_id"] == gateway.house.chain_id
    assert about["bills"] == gateway.domain().verifying_contract
    assert about["parties"] == gateway.domain("parties").verifying_contract
    assert about["head"] == gateway.house.chain.block_number()
    assert about["embedded"] is True


def test_nothing_of_a_caller_stays_in_a_header_of_the_answer(gateway):
    answer = gateway.get("importer", "/v1/bills", state="issued")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-frame-options"] == "DENY"
    assert len(answer.headers["x-request-id"]) == 16
    assert EVIDENCE not in str(answer.headers)
