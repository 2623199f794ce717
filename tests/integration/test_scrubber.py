"""The scrubber in a whole gateway: rot and tampering are named in a pass; nothing wrong is given at use."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from chain.merkle import Tree
from tests.integration.gateway import PATIENCE, WAIT, Gateway, open_gateway, problem

SCRUBBER = "/v1/operations/scrubber"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway of its own, with a carrier and an importer. Each test repairs what it altered."""
    with open_gateway(tmp_path_factory.mktemp("scrubbed"), scrub_items=1 << 20) as opened:
        for name, admission in [(name, opened.admit_entrusted(name)) for name in ("carrier", "importer")]:
            opened.join(name, admission)
        opened.role("carrier", "carrier")
        yield opened


def whole_pass(place: Gateway) -> dict[str, Any]:
    """Begin a pass as the operator and wait for its end."""
    answer = place.post("operator", SCRUBBER)
    assert answer.status_code == 202, answer.text
    end = time.monotonic() + PATIENCE
    while True:
        told: dict[str, Any] = place.get("operator", SCRUBBER).json()
        if told["last"] is not None and told["last"]["number"] >= answer.json()["number"]:
            return told
        assert time.monotonic() < end, told
        time.sleep(0.05)


def found(told: dict[str, Any]) -> set[tuple[str, str]]:
    return {(one["code"], one["place"]) for one in told["findings"]}


def stored(place: Gateway) -> tuple[str, Path]:
    """A document, and the file of its ciphertext."""
    digest = place.store(place.document(), readers=("importer",))["digest"]
    blob = sql(place, "SELECT blob FROM documents WHERE digest = :digest", digest=digest).scalar_one()
    return digest, place.house.settings.data_dir / "blobs" / blob[:2] / blob


def evidence(place: Gateway) -> dict[str, Any]:
    """Evidence that is anchored."""
    body = {"type": "delivery-record/1", "digest": "0x" + secrets.token_hex(32)}
    told: dict[str, Any] = place.post("carrier", "/v1/evidence", body, prefer=WAIT).json()
    assert told["status"] in ("anchored", "final"), told
    return told


def sql(place: Gateway, statement: str, **values: Any) -> Any:
    """Past the gateway, in its database."""
    with place.house.engine.begin() as connection:
        answer = connection.execute(text(statement), values)
        return answer if not answer.returns_rows else answer.freeze()()


@contextmanager
def altered(place: Gateway, statement: str, undo: str, **values: Any) -> Iterator[None]:
    """A row changed by somebody with the database in hand, and put right in the end."""
    assert sql(place, statement, **values).rowcount == 1
    try:
        yield
    finally:
        assert sql(place, undo, **values).rowcount == 1


def is_well(place: Gateway) -> None:
    told = whole_pass(place)
    assert (found(told), told["health"]) == (set(), "ok")
    end = time.monotonic() + PATIENCE  # who waits after a failure looks again in its own time
    while (ready := place.get(None, "/ready")).json()["degraded"]:
        assert time.monotonic() < end, ready.text
        time.sleep(0.05)
    assert (ready.status_code, ready.json()["ready"]) == (200, True)


@pytest.mark.parametrize(
    ("damage", "code", "at_use"),
    [
        ("flip", "blob-altered", "blob-corrupt"),
        ("cut", "blob-truncated", "blob-corrupt"),
        ("gone", "blob-missing", "blob-missing"),
    ],
)
def test_a_ciphertext_that_rotted_is_named_and_never_opened(place, damage, code, at_use):
    (digest, file), (other, _) = stored(place), stored(place)
    whole, kept = file.read_bytes(), file.with_suffix(".kept")
    shutil.copy(file, kept)
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(
            whole[:-1] if damage == "cut" else whole[:100] + bytes([whole[100] ^ 1]) + whole[101:]
        )
    told = whole_pass(place)
    assert found(told) == {(code, f"blob {file.name}")}
    finding = told["findings"][0]
    assert finding["facts"]["document"] == digest
    assert (finding["severity"], finding["cleared"]) == ("error", None)
    assert told["open"] == {code: 1}
    # Readiness tells it; nobody is turned away for it.
    ready = place.get(None, "/ready")
    parts = {part["part"]: (part["ok"], part["code"]) for part in ready.json()["parts"]}
    assert (ready.status_code, ready.json()["ready"], ready.json()["degraded"]) == (200, True, True)
    assert parts.pop("scrubber") == (False, "storage-rot")
    assert all(ok for ok, _ in parts.values())
    for path in (f"/v1/documents/{digest}", f"/v1/documents/{digest}/sealed"):
        for language in ("en", "zh"):
            headers = place.headers("importer") | {"accept-language": language}
            body = problem(place.client.get(path, headers=headers), 500, at_use)
            assert str(place.house.settings.data_dir) not in str(body)
    # Other documents are untouched.
    assert place.get("importer", f"/v1/documents/{other}").status_code == 200
    families = {f.name: f for f in text_string_to_metric_families(place.get(None, "/metrics").text)}
    counts = {s.labels["code"]: s.value for s in families["landbridge_scrub_findings"].samples}
    assert counts == dict.fromkeys(counts, 0) | {code: 1}
    assert families["landbridge_scrub_progress_ratio"].samples[0].value == 1
    last = families["landbridge_scrub_last_pass_timestamp_seconds"].samples[0].value
    assert last == told["last"]["ended"] > 0
    file.unlink(missing_ok=True)
    kept.rename(file)
    is_well(place)
    assert place.get("importer", f"/v1/documents/{digest}").status_code == 200
    past = place.get("operator", SCRUBBER, cleared="true").json()
    assert past["open"] == {}
    (one,) = [one for one in past["findings"] if one["place"] == f"blob {file.name}"]
    assert one["cleared"] >= one["last_seen"] >= one["first_seen"]


def test_a_documents_row_that_leads_elsewhere_is_named_and_gives_nothing(place):
    (digest, file), (other, other_file) = stored(place), stored(place)
    with altered(
        place,
        "UPDATE documents SET blob = :other WHERE digest = :digest",
        "UPDATE documents SET blob = :own WHERE digest = :digest",
        digest=digest,
        other=other_file.name,
        own=file.name,
    ):
        for path in (f"/v1/documents/{digest}", f"/v1/documents/{digest}/sealed"):
            problem(place.get("importer", path), 500, "document-altered")
        assert place.get("importer", f"/v1/documents/{other}").status_code == 200
        assert found(whole_pass(place)) == {("document-row-altered", f"document {digest}")}
    is_well(place)


def test_another_document_sealed_under_this_ones_name_is_not_given_out(place):
    """Somebody who can write everywhere here, but not the document's digest, seals another to its reader."""
    from api.kernel.documents import _context
    from chain.canonical import canonical
    from vault.documents import seal_document
    from vault.keys import PublicKey, key_id

    digest, file = stored(place)
    house, importer = place.house, place.party("importer")
    opened = place.get("importer", f"/v1/documents/{digest}").json()
    opened["document"]["bill"]["number"] = "FORGED"
    body = canonical({"document": opened["document"], "seed": opened["seed"]})
    key = PublicKey(bytes.fromhex(place.get("operator", f"/v1/parties/{importer}").json()["reader_key"]))
    forged = seal_document(body, [key], _context(house, digest), house.blobs)
    wraps = "SELECT wrap FROM wraps WHERE document = :digest AND party = :party"
    own_wrap = sql(place, wraps, digest=digest, party=importer).scalar_one()
    change = "UPDATE wraps SET wrap = :wrap WHERE document = :digest AND party = :party"
    assert sql(place, change, wrap=forged.wraps[key_id(key)], digest=digest, party=importer).rowcount == 1
    leaf = f'"blob":"{file.name}"'
    entry = "UPDATE log_leaves SET entry = :new, hash = :hash WHERE entry = :old"
    row = "UPDATE documents SET blob = :blob WHERE digest = :digest"
    old = sql(place, "SELECT entry FROM log_leaves WHERE kind = 'document'").scalars().all()
    (old,) = [one for one in old if leaf.encode() in one]
    new = bytes(old).replace(file.name.encode(), forged.blob.encode())
    from chain.merkle import leaf_hash

    assert sql(place, entry, new=new, hash=leaf_hash(new), old=bytes(old)).rowcount == 1
    assert sql(place, row, blob=forged.blob, digest=digest).rowcount == 1
    try:
        problem(place.get("importer", f"/v1/documents/{digest}"), 500, "document-altered")
    finally:
        sql(place, entry, new=bytes(old), hash=leaf_hash(bytes(old)), old=new)
        sql(place, row, blob=file.name, digest=digest)
        sql(place, change, wrap=own_wrap, digest=digest, party=importer)
        house.blobs.delete(forged.blob)
    is_well(place)


def test_a_leaf_that_was_altered_is_named_and_proves_nothing(place):
    told = evidence(place)
    leaf = told["leaf"]
    own = sql(place, 'SELECT entry, hash FROM log_leaves WHERE "index" = :leaf', leaf=leaf).one()
    other = bytes(own.entry).replace(b"delivery-record/1", b"delivery-record/2")
    with altered(
        place,
        'UPDATE log_leaves SET entry = :other WHERE "index" = :leaf',
        'UPDATE log_leaves SET entry = :entry WHERE "index" = :leaf',
        other=other,
        entry=bytes(own.entry),
        leaf=leaf,
    ):
        for path in (
            f"/v1/evidence/{leaf}",
            f"/v1/evidence/{leaf}/bundle",
            f"/v1/log/inclusion?leaf={leaf}&size={told['head']['size']}",
        ):
            problem(place.get("carrier", path), 500, "log-altered")
        assert found(whole_pass(place)) == {("leaf-altered", f"leaf {leaf}")}
        # What is not concerned is proven as ever.
        assert place.get("carrier", f"/v1/evidence/{evidence(place)['leaf']}/bundle").status_code == 200
    assert place.get("carrier", f"/v1/evidence/{leaf}/bundle").status_code == 200
    is_well(place)


def test_a_leaf_altered_with_its_hash_proves_nothing(place):
    from chain.merkle import leaf_hash

    told = evidence(place)
    leaf = told["leaf"]
    own = sql(place, 'SELECT entry, hash FROM log_leaves WHERE "index" = :leaf', leaf=leaf).one()
    other = bytes(own.entry).replace(b"delivery-record/1", b"delivery-record/2")
    values = {"other": other, "hash": leaf_hash(other), "entry": bytes(own.entry), "old": bytes(own.hash)}
    with altered(
        place,
        'UPDATE log_leaves SET entry = :other, hash = :hash WHERE "index" = :leaf AND hash = :old',
        'UPDATE log_leaves SET entry = :entry, hash = :old WHERE "index" = :leaf AND hash = :hash',
        leaf=leaf,
        **values,
    ):
        problem(place.get("carrier", f"/v1/evidence/{leaf}/bundle"), 500, "log-altered")
        path = f"/v1/log/inclusion?leaf={leaf}&size={told['head']['size']}"
        problem(place.get("carrier", path), 500, "log-altered")
        assert found(whole_pass(place)) == {("leaf-altered", f"leaf {leaf}")}
    is_well(place)


def test_a_tile_that_was_altered_is_named_proves_nothing_and_is_not_sealed_over(place):
    told = evidence(place)
    size, leaf = told["head"]["size"], told["leaf"]
    hashes = bytes(sql(place, 'SELECT hashes FROM log_tiles WHERE level = 0 AND "index" = 0').scalar_one())
    assert (
        Tree([hashes[i : i + 32] for i in range(0, 32 * size, 32)]).root().hex() == told["head"]["root"][2:]
    )
    other = bytes([hashes[0] ^ 1]) + hashes[1:]
    sql(place, 'UPDATE log_tiles SET hashes = :other WHERE level = 0 AND "index" = 0', other=other)
    try:
        for path in (
            f"/v1/evidence/{leaf}/bundle",
            f"/v1/log/inclusion?leaf={leaf}&size={size}",
            f"/v1/log/inclusion?leaf=0&size={size - 1}",
            f"/v1/log/consistency?from={size - 1}&size={size}",
        ):
            problem(place.get("carrier", path), 500, "log-altered")
        # Evidence is taken; a head that could never be proven is not sealed, and so not anchored.
        body = {"type": "delivery-record/1", "digest": "0x" + secrets.token_hex(32)}
        waiting = place.post("carrier", "/v1/evidence", body)
        assert waiting.status_code == 202
        end = time.monotonic() + PATIENCE
        while (parts := {p["part"]: p["code"] for p in place.get(None, "/ready").json()["parts"]})[
            "log"
        ] != "log-altered":
            assert time.monotonic() < end, parts
            time.sleep(0.05)
        assert place.get(None, "/ready").status_code == 503
        problem(place.get("carrier", "/v1/log/head"), 500, "log-altered")
        assert place.get("carrier", "/v1/log/heads", after=size).json() == []
        assert found(whole_pass(place)) == {("tile-altered", "tile 0/0")}
    finally:
        now = bytes(sql(place, 'SELECT hashes FROM log_tiles WHERE level = 0 AND "index" = 0').scalar_one())
        repaired = hashes[:1] + now[1:]
        sql(place, 'UPDATE log_tiles SET hashes = :own WHERE level = 0 AND "index" = 0', own=repaired)
    answer = place.get("carrier", f"/v1/evidence/{waiting.json()['leaf']}", wait=PATIENCE)
    assert answer.json()["status"] in ("anchored", "final")
    place.settle()
    is_well(place)


def test_a_head_that_was_altered_is_named_and_no_bundle_leads_to_it(place):
    told = evidence(place)
    size, root = told["head"]["size"], bytes.fromhex(told["head"]["root"][2:])
    with altered(
        place,
        "UPDATE log_heads SET root = :other WHERE size = :size AND root = :own",
        "UPDATE log_heads SET root = :own WHERE size = :size AND root = :other",
        size=size,
        own=root,
        other=bytes(32),
    ):
        for path in (f"/v1/evidence/{told['leaf']}/bundle", "/v1/log/head", "/v1/log/checkpoint"):
            problem(place.get("carrier", path), 500, "log-altered")
        assert found(whole_pass(place)) == {("head-altered", f"head {size}")}
    is_well(place)


@pytest.mark.parametrize("root", [b"", b"\x00", bytes(33)])
def test_a_head_whose_root_is_none_is_named(place, root):
    told = evidence(place)
    size, own = told["head"]["size"], bytes.fromhex(told["head"]["root"][2:])
    with altered(
        place,
        "UPDATE log_heads SET root = :other WHERE size = :size AND root = :own",
        "UPDATE log_heads SET root = :own WHERE size = :size AND root = :other",
        size=size,
        own=own,
        other=root,
    ):
        for path in (f"/v1/evidence/{told['leaf']}", "/v1/log/head", f"/v1/log/heads?after={size - 1}"):
            problem(place.get("carrier", path), 500, "log-altered")
        assert found(whole_pass(place)) == {("head-altered", f"head {size}")}
    is_well(place)


def test_a_bill_gets_no_bundle_from_an_altered_leaf(place):
    made = place.full_bill()
    place.settle()
    bill = made["bill"]
    assert place.post("importer", f"/v1/bills/{bill}/bundle", {}).status_code == 200
    statement = 'SELECT "index", hash FROM log_leaves WHERE kind = \'act\' ORDER BY "index" DESC LIMIT 1'
    leaf = sql(place, statement).one()
    tile = bytes(sql(place, 'SELECT hashes FROM log_tiles WHERE level = 0 AND "index" = 0').scalar_one())
    at = 32 * leaf.index
    other = tile[:at] + bytes(32) + tile[at + 32 :]
    change = 'UPDATE log_tiles SET hashes = :hashes WHERE level = 0 AND "index" = 0'
    sql(place, change, hashes=other)
    try:
        problem(place.post("importer", f"/v1/bills/{bill}/bundle", {}), 500, "log-altered")
        assert found(whole_pass(place)) == {("tile-altered", "tile 0/0")}
    finally:
        sql(place, change, hashes=tile)
    assert place.post("importer", f"/v1/bills/{bill}/bundle", {}).status_code == 200
    is_well(place)


def test_only_the_operator_may(place):
    for call in (place.get, place.post):
        problem(call(None, SCRUBBER), 401, "unauthorized")
        problem(call("carrier", SCRUBBER), 403, "forbidden")
        problem(call(place.token("carrier", "read", "write", "sign", "tokens"), SCRUBBER), 403, "forbidden")


def test_its_answer_is_bounded_and_odd_questions_are_refused(place):
    assert place.get("operator", SCRUBBER, limit=0).json()["findings"] == []
    for name, value in (("limit", 1001), ("limit", -1), ("start", -1), ("start", "x"), ("cleared", "x")):
        problem(place.get("operator", SCRUBBER, **{name: value}), 422, "request-malformed")


def test_a_repeat_with_the_same_key_begins_no_further_pass(place):
    key = secrets.token_hex(8)
    first = place.post("operator", SCRUBBER, idempotency_key=key).json()
    again = place.post("operator", SCRUBBER, idempotency_key=key)
    assert (again.json(), again.headers["idempotency-replayed"]) == (first, "true")
