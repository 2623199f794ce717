"""The scrubber where it runs: in a process killed amid a pass, from the command line, on PostgreSQL."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.clilab import cli
from tests.integration.gateway import Gateway as InProcess
from tests.integration.gateway import open_gateway
from tests.integration.live import Client, Gateway, Story
from tests.integration.test_relayer_postgresql import server  # noqa: F401 - a fixture
from tests.integration.test_scrubber import SCRUBBER, evidence, found, sql, stored, whole_pass

DOCUMENTS, KILLS = 10, 2


@pytest.mark.slow
def test_killed_amid_a_pass_it_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "gateway"
    folder.mkdir()
    # So slow that every document is a step of its own.
    gateway = Gateway(folder, scrub_interval=0, scrub_bytes=20_000)
    operator = gateway.operator()
    with gateway:
        story = Story(operator)
        digests = [story.stored()[0] for _ in range(DOCUMENTS)]
        blob = _blob(gateway, digests[4])
        file = folder / "blobs" / blob[:2] / blob
        whole = file.read_bytes()
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        number = operator.post(SCRUBBER, None).json()["number"]
        before: dict[str, Any] = {}
        kills = 0
        while not before or before["last"] is None:
            now = gateway.until(lambda seen=before: _moved(operator, seen), 60)
            assert now["number"] == number
            # Never back, and nothing twice: the place is kept together with what was seen.
            for kind, count in before.get("checked", {}).items():
                assert now["checked"][kind] >= count
            before = now
            if now["last"] is None and kills < KILLS:
                gateway.kill()
                gateway.start()
                kills += 1
        assert kills == KILLS
        assert before["checked"]["documents"] == DOCUMENTS
        assert found(before) == {("blob-altered", f"blob {blob}")}

        gateway.kill()
        gateway.settings |= {"scrub_bytes": "100000000", "scrub_items": "100000"}
        gateway.start()
        _by_the_command_line(gateway, operator, tmp_path, file, whole)


def _moved(operator: Client, before: dict[str, Any]) -> dict[str, Any] | None:
    now: dict[str, Any] = operator.get(SCRUBBER)
    keys = ("phase", "checked", "last", "progress")
    return now if any(now[key] != before.get(key) for key in keys) and now["checked"] else None


def _blob(gateway: Gateway, digest: str) -> str:
    engine = gateway.engine()
    with engine.begin() as connection:
        statement = text("SELECT blob FROM documents WHERE digest = :digest")
        blob = str(connection.execute(statement, {"digest": digest}).scalar_one())
    engine.dispose()
    return blob


def _by_the_command_line(gateway: Gateway, operator: Client, folder: Path, file: Path, whole: bytes) -> None:
    token = folder / "operator.token"
    token.write_text(operator.http.headers["authorization"].removeprefix("Bearer "))
    common = ("--gateway", gateway.url, "--token-file", token)
    told = cli("node", "scrub", "--now", "--wait", "--json", *common)
    assert told.code == 1, told.err
    answer = told.json()
    assert found(answer) == {("blob-altered", f"blob {file.name}")}
    assert answer["health"] == "storage-rot"
    shown = cli("node", "scrub", "--lang", "zh", *common)
    assert (shown.code, "存储的密文被改动" in shown.out, file.name in shown.out) == (1, True, True)
    status = cli("node", "status", *common)
    assert (status.code, "storage-rot" in status.out) == (1, True)

    file.write_bytes(whole)
    well = cli("node", "scrub", "--now", "--wait", *common)
    assert (well.code, "Nothing stored was found" in well.out) == (0, True), well.out
    past = cli("node", "scrub", "--cleared", "--json", *common).json()["findings"]
    assert [(one["code"], one["cleared"] is not None) for one in past] == [("blob-altered", True)]
    assert cli("node", "status", *common).code == 0
    # A ciphertext of nobody is told and is no error; it must lie there for an hour, so an hour goes by.
    from vault.blobs import BlobStore

    BlobStore.open(str(gateway.folder / "blobs")).put(b"of nobody")
    gateway.turn_clock(2 * 3600)
    told = cli("node", "scrub", "--now", "--wait", "--json", *common)
    assert told.code == 0, told.out
    assert [one["code"] for one in told.json()["findings"]] == ["blob-orphan"]
    refused = cli("node", "scrub", "--gateway", gateway.url, "--json")
    assert refused.code == 3


@pytest.fixture(scope="module")
def place(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:  # noqa: F811
    """A gateway on a PostgreSQL of its own, with a carrier, an importer, documents and evidence."""
    folder = tmp_path_factory.mktemp("postgresql")
    with open_gateway(folder, database_url=server, scrub_items=1 << 20) as opened:
        for name, admission in [(name, opened.admit_entrusted(name)) for name in ("carrier", "importer")]:
            opened.join(name, admission)
        opened.role("carrier", "carrier")
        for _ in range(3):
            stored(opened)
            evidence(opened)
        opened.settle()
        yield opened


@pytest.mark.parametrize(
    ("table", "column", "where", "codes"),
    [
        ("documents", "blob", "digest = (SELECT min(digest) FROM documents)", {"document-row-altered"}),
        ("documents", "size", "digest = (SELECT min(digest) FROM documents)", {"document-row-altered"}),
        ("log_leaves", "entry", '"index" = 1', {"leaf-altered"}),
        ("log_leaves", "hash", '"index" = 1', {"leaf-altered"}),
        ("log_leaves", "kind", '"index" = 1', {"leaf-altered"}),
        ("log_tiles", "hashes", 'level = 0 AND "index" = 0', {"tile-altered"}),
        ("log_heads", "root", "size = (SELECT min(size) FROM log_heads)", {"head-altered"}),
        ("log_heads", "block_number", "size = (SELECT min(size) FROM log_heads)", {"head-altered"}),
        ("log_size", "size", "id = 1", {"log-size-altered"}),
    ],
)
def test_a_row_of_each_table_altered_on_postgresql(place, table, column, where, codes):
    assert found(whole_pass(place)) == set()
    own = sql(place, f"SELECT {column} FROM {table} WHERE {where}").scalar_one()  # noqa: S608
    if isinstance(own, int):
        other: Any = own + 1
    elif isinstance(own, str):
        other = "evidence" if own == "document" else "0" * len(own)
    else:
        other = bytes([bytes(own)[0] ^ 1]) + bytes(own)[1:]
    change = f"UPDATE {table} SET {column} = :value WHERE {where}"  # noqa: S608
    assert sql(place, change, value=other).rowcount == 1
    try:
        told = whole_pass(place)
    finally:
        assert sql(place, change, value=own).rowcount == 1
    assert {code for code, _ in found(told)} == codes
    assert len(told["findings"]) == 1, told["findings"]
    assert found(whole_pass(place)) == set()


def test_two_gateways_on_one_database_share_a_pass(place, tmp_path):
    """Both work at it; what is found is found once, and each step is kept once."""
    from api.kernel.scrub.worker import Scrubber

    house = place.house
    others = [
        Scrubber(house.engine, house.blobs, interval=0, bytes_a_second=1 << 30, items=1, poll=0.01)
        for _ in range(3)
    ]
    for other in others:
        other.start()
    try:
        told = whole_pass(place)
        assert found(told) == set()
        count = sql(place, "SELECT count(*) FROM documents").scalar_one()
        assert told["checked"]["documents"] == count
    finally:
        for other in others:
            other.stop()


def test_a_log_that_grows_while_it_is_looked_over_is_not_blamed(place):
    """Statements of one look are of different moments on PostgreSQL."""
    import threading

    enough = threading.Event()

    def grow() -> None:
        while not enough.is_set():
            body = {"type": "delivery-record/1", "digest": "0x" + secrets.token_hex(32)}
            assert place.post("carrier", "/v1/evidence", body).status_code == 202

    writers = [threading.Thread(target=grow) for _ in range(4)]
    for writer in writers:
        writer.start()
    try:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            assert found(whole_pass(place)) == set()
    finally:
        enough.set()
        for writer in writers:
            writer.join(60)
