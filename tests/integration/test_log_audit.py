"""``landbridge log audit`` against a gateway as a process of its own, over HTTP and its JSON-RPC door.

An honest log passes. Then its database is changed behind it, or a liar stands between it and the auditor:
each change is named. An audit that is broken off, however, comes to the same as one that was not.
"""

from __future__ import annotations

import csv
import itertools
import json
import os
import secrets
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from chain.db import open_engine, writing
from chain.entries import ACT, EVIDENCE, act_entry, evidence_entry
from chain.log import Log
from chain.merkle import leaf_hash
from chain.tables import create_tables
from tests.clilab import ROOT, Result, clean, cli
from tests.integration.live import Gateway, Story

Row = tuple[int, str, bytes, bytes]


@dataclass
class Place:
    """A gateway with a log, and an auditor who is a party there and sees nobody's evidence but its own."""

    gateway: Gateway
    story: Story
    folder: Path
    trust: Path
    token: Path
    _names: Iterator[int] = field(default_factory=lambda: iter(range(1 << 30)))

    def new(self, kind: str) -> Path:
        """A name for a new file."""
        return self.folder / f"{kind}-{next(self._names)}"

    def command(self, *further: object, gateway: str = "", rpc: str = "") -> list[str]:
        """The audit's arguments."""
        node = ("--rpc", rpc or f"{self.gateway.url}/rpc", "--trust", self.trust)
        there = ("--gateway", gateway or self.gateway.url, "--token-file", self.token)
        return [str(one) for one in ("log", "audit", *node, *there, "--grace", 0, *further)]

    def run(self, *further: object, **where: str) -> Result:
        """Audit, whatever comes of it."""
        return cli(*self.command(*further, "--json", **where))

    def report(self, *further: object, code: int, **where: str) -> dict[str, Any]:
        """Audit, to a verdict."""
        found = self.run(*further, **where)
        assert found.code == code, (found.code, found.out, found.err)
        return dict(found.json())

    def findings(self, *further: object, **where: str) -> list[tuple[str, int | None]]:
        """What an audit that fails names."""
        report = self.report(*further, code=1, **where)
        assert report["verdict"] == "fail"
        return [(one["code"], one["leaf"]) for one in report["findings"]]

    def settle(self) -> int:
        """Wait until every act is in the log, and every leaf under an anchored head; give their number."""

        def settled() -> int:
            with self.database() as database:
                size = int(database.execute("SELECT size FROM log_size").fetchone()[0])
                anchored = database.execute(
                    "SELECT max(size) FROM log_heads WHERE block_number IS NOT NULL"
                ).fetchone()[0]
                acts = database.execute("SELECT count(*) FROM bill_events").fetchone()[0]
                there = database.execute("SELECT count(*) FROM log_leaves WHERE kind = 'act'").fetchone()[0]
                until = database.execute("SELECT acts_until FROM log_size").fetchone()[0]
            return size if size == anchored and (there >= acts or until > 1 << 30) else 0

        return int(self.gateway.until(settled, 60))

    @contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        """The gateway's database, beside it."""
        database = sqlite3.connect(self.gateway.folder / "gateway.db", isolation_level=None, timeout=30)
        try:
            yield database
        finally:
            database.close()

    def rows(self) -> list[Row]:
        """The leaves as they are stored."""
        with self.database() as database:
            return database.execute(
                'SELECT "index", kind, hash, entry FROM log_leaves ORDER BY "index"'
            ).fetchall()

    @contextmanager
    def altered(self, change: Callable[[list[Row]], list[Row]]) -> Iterator[None]:
        """The leaves as somebody wrote them, for a while."""
        before = self.rows()
        self._write(change(before))
        try:
            yield
        finally:
            self._write(before)

    def _write(self, rows: list[Row]) -> None:
        with self.database() as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("DELETE FROM log_leaves")
            database.executemany("INSERT INTO log_leaves VALUES (?, ?, ?, ?)", rows)
            database.execute("COMMIT")

    def append(self, kind: str, entries: list[bytes]) -> int:
        """Leaves that enter the log past the gateway, which seals and anchors them in good faith."""
        engine = open_engine(f"sqlite:///{self.gateway.folder / 'gateway.db'}")
        with writing(engine) as session:
            first = Log().append(session, kind, entries)
        engine.dispose()
        return first


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A gateway on its own chain, whose log holds acts, documents and evidence of two parties."""
    folder = tmp_path_factory.mktemp("audit")
    gateway = Gateway(folder / "gateway")
    gateway.folder.mkdir()
    operator = gateway.operator()
    with gateway:
        story = Story(operator, holders=2)
        made = _make(gateway, story, folder)
        for holder in (2, 3):
            bill = story.issued(holder)
            story.clients[holder].act("Surrender", bill)
            _submit(story, 1, 2)
        made.settle()
        yield made


def _make(gateway: Gateway, story: Story, folder: Path) -> Place:
    trust, token = folder / "trust.json", folder / "auditor.token"
    trust.write_bytes(httpx.get(f"{gateway.url}/v1/trust", trust_env=False).content)
    token.write_text(str(story.clients[3].http.headers["authorization"]).removeprefix("Bearer "))
    return Place(gateway, story, folder, trust, token)


def _submit(story: Story, party: int, count: int) -> None:
    for _ in range(count):
        wish = {"type": "delivery-record/1", "digest": "0x" + secrets.token_hex(32)}
        answer = story.clients[party].post("/v1/evidence", wish, wait=20)
        assert answer.status_code in (200, 202), answer.text


def _evidence(number: int) -> bytes:
    return evidence_entry(1, "bulk/1", number.to_bytes(32, "big"), bytes(32))


def _first(rows: list[Row], kind: str) -> int:
    return next(index for index, found, _, _ in rows if found == kind)


def _with(rows: list[Row], index: int, kind: str, entry: bytes) -> list[Row]:
    """The rows with another leaf in one's place, its hash fitting."""
    return [(i, kind, leaf_hash(entry), entry) if i == index else (i, *rest) for i, *rest in rows]  # type: ignore[misc]


def test_an_honest_log_passes(place: Place) -> None:
    out, table = place.new("report"), place.new("table")
    report = place.report("--out", out, "--csv", table, code=0)
    rows = place.rows()
    assert (report["verdict"], report["findings"], report["pending"]) == ("pass", [], 0)
    assert report["leaves"] == len(rows) == report["head"]["size"]
    assert report["acts"] == sum(kind == ACT for _, kind, _, _ in rows) == 4
    assert json.loads(out.read_text()) == report
    assert table.read_text() == "code,leaf,block,transaction,detail\n"
    for lang, words in (("en", "agrees with the chain"), ("zh", "日志与链一致")):
        shown = cli(*place.command("--lang", lang))
        assert (shown.code, words in shown.out) == (0, True), shown
    # What is there already is not overwritten, and that is said before the work.
    assert place.run("--out", out).json()["error"]["code"] == "file-exists"
    # The head of this report is remembered by the next audit.
    assert place.report("--remembered", out, code=0)["leaves"] >= report["leaves"]


def _dropped(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row[0] != _first(rows, EVIDENCE)]


def _altered(rows: list[Row]) -> list[Row]:
    return _with(rows, _first(rows, EVIDENCE), EVIDENCE, _evidence(7))


def _altered_shown(rows: list[Row]) -> list[Row]:
    place = _first(rows, "document")
    return [(i, k, h, e.replace(b"landbridge", b"Landbridge") if i == place else e) for i, k, h, e in rows]


def _swapped(rows: list[Row]) -> list[Row]:
    a, b = _first(rows, ACT), _first(rows, EVIDENCE)
    place = {a: b, b: a}
    return sorted((place.get(row[0], row[0]), *row[1:]) for row in rows)  # type: ignore[misc]


def _act_of_nobody(rows: list[Row]) -> list[Row]:
    contract = json.loads(rows[_first(rows, ACT)][3])["contract"]
    return _with(rows, _first(rows, EVIDENCE), ACT, act_entry(contract, bytes(32)))


def _hidden(rows: list[Row]) -> list[Row]:
    place = _first(rows, ACT)
    return [(i, EVIDENCE if i == place else k, h, e) for i, k, h, e in rows]


def _replaced(rows: list[Row]) -> list[Row]:
    return _with(rows, _first(rows, ACT), EVIDENCE, _evidence(8))


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        (_dropped, ["leaf-out-of-order", "leaves-missing"]),
        (lambda rows: rows[:-1], ["leaves-missing"]),
        (_altered, ["head-differs"]),
        (_altered_shown, ["entry-altered"]),
        (_swapped, ["head-differs"]),
        (_act_of_nobody, ["act-extra", "head-differs"]),
        (_hidden, ["act-hidden"]),
        (_replaced, ["act-missing", "head-differs"]),
    ],
)
def test_what_was_done_to_the_database_is_named(place: Place, change: Any, codes: list[str]) -> None:
    rows = place.rows()
    with place.altered(change):
        report = place.report(code=1)
    assert sorted(one["code"] for one in report["findings"]) == codes
    touched = min((set(change(rows)) ^ set(rows)), key=lambda row: row[0])[0]
    for one in report["findings"]:
        if (
            one["code"] == "head-differs"
        ):  # the leaf lies between the head that agrees and the first that does not
            told = dict(part.split("=") for part in one["detail"].split())
            assert int(told["agrees"]) <= touched < int(told["size"])
        elif one["leaf"] is not None and one["code"] != "leaves-missing":
            assert one["leaf"] == touched
    assert place.report(code=0)["findings"] == []


def test_a_table_of_findings_and_words_in_both_languages(place: Place) -> None:
    table = place.new("table")
    with place.altered(_swapped):
        place.run("--csv", table)
        shown = cli(*place.command("--lang", "zh"))
    with table.open() as file:
        (found,) = csv.DictReader(file)
    assert (found["code"], found["transaction"][:2]) == ("head-differs", "0x")
    assert (shown.code, "日志与链不一致" in shown.out, "head-differs" in shown.out) == (1, True, True)


def test_a_log_written_anew_with_its_tiles_and_heads_is_told_by_the_chain(
    place: Place, tmp_path: Path
) -> None:
    """Whoever has the database can make it agree with itself; it cannot make the chain agree with it."""
    rows, log = _replaced(place.rows()), Log()
    anew = open_engine(f"sqlite:///{tmp_path / 'anew.db'}")
    create_tables(anew)
    with place.database() as database:
        sizes = [row[0] for row in database.execute("SELECT size FROM log_heads ORDER BY size")]
    heads = []
    with writing(anew) as session:
        for first, size in itertools.pairwise([0, *sizes]):
            for _, kind, _, entry in rows[first:size]:
                log.append(session, kind, [entry])
            heads.append((log.root(session, size), size))
        tiles = session.connection().exec_driver_sql("SELECT * FROM log_tiles").fetchall()
    anew.dispose()
    place.gateway.stop()
    kept = {path: path.read_bytes() for path in place.gateway.folder.glob("gateway.db*")}
    place._write(rows)
    with place.database() as database:
        database.execute("DELETE FROM log_tiles")
        database.executemany("INSERT INTO log_tiles VALUES (?, ?, ?)", map(tuple, tiles))
        database.executemany("UPDATE log_heads SET root = ? WHERE size = ?", heads)
    place.gateway.start()
    try:
        head = place.story.clients[3].get("/v1/log/head")
        proof = place.story.clients[3].get("/v1/log/inclusion", leaf=0, size=head["size"])
        assert proof["root"] == head["root"]  # the gateway agrees with itself
        found = place.findings()
    finally:
        place.gateway.stop()
        for path in place.gateway.folder.glob("gateway.db*"):
            path.unlink()
        for path, content in kept.items():
            path.write_bytes(content)
        place.gateway.start()
    assert sorted(code for code, _ in found) == ["act-missing", "head-differs"]
    assert place.report(code=0)["findings"] == []


# A liar between the gateway and the auditor


@contextmanager
def liar(place: Place, lie: Callable[[str, int, bytes], tuple[int, bytes]]) -> Iterator[str]:
    """Passes requests on, and gives what ``lie`` makes of each path, status and answer."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = {name: self.headers[name] for name in ("authorization", "accept-language")}
            answer = httpx.get(
                f"{place.gateway.url}{self.path}", headers=headers, timeout=60, trust_env=False
            )
            status, body = lie(self.path, answer.status_code, answer.content)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """The auditor hangs up on a liar: nothing to tell."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join(60)
        server.server_close()


@pytest.mark.parametrize(
    ("answer", "code", "named"),
    [
        (lambda _: (200, b"[]"), 1, "leaves-missing"),
        (lambda _: (200, b"{}"), 1, "answer-malformed"),
        (lambda _: (200, b'[{"leaf":0}]'), 1, "answer-malformed"),
        (lambda _: (200, b'[{"leaf":0,"leaf_hash":7,"kind":[],"entry":{}}]'), 1, "answer-malformed"),
        (lambda _: (200, b'"' + b"x" * 100_000 + b'"'), 1, "answer-malformed"),
        (lambda page: (200, json.dumps(page[::-1]).encode()), 1, "leaf-out-of-order"),
        (lambda page: (200, json.dumps(page * 2).encode()), 1, "answer-malformed"),
        (lambda page: (200, json.dumps(page[1:]).encode()), 1, "leaf-out-of-order"),
        (lambda _: (404, b'{"code":"not-found","status":404}'), 1, "leaves-refused"),
        (lambda _: (500, b'{"code":"=1+1","status":500,"findings":[7],"params":[]}'), 1, "leaves-refused"),
        (lambda _: (200, b"null"), 4, "no-gateway"),
        (lambda _: (200, b"[" * 200_000), 4, "no-gateway"),
        (lambda _: (200, b"<html>"), 4, "no-gateway"),
        (lambda _: (502, b"<html>"), 4, "no-gateway"),
        (lambda _: (200, b"9" * 10_000), 4, "no-gateway"),
        (lambda _: (200, b"[" + b" " * (65 << 20) + b"]"), 4, "no-gateway"),
        (lambda _: (401, b'{"code":"unauthorized","status":401}'), 3, "unauthorized"),
        (lambda _: (503, b'{"code":"database","status":503}'), 4, "database"),
    ],
)
def test_no_answer_of_a_gateway_is_believed_or_a_defect(
    place: Place, answer: Callable[[Any], tuple[int, bytes]], code: int, named: str
) -> None:
    def lie(path: str, status: int, body: bytes) -> tuple[int, bytes]:
        return answer(json.loads(body)) if path.startswith("/v1/log/leaves") else (status, body)

    with liar(place, lie) as url:
        found = place.run(gateway=url)
        shown = cli(*place.command(gateway=url))
    assert (found.code, shown.code) == (code, code), found
    assert "Traceback" not in found.err + shown.err
    if code == 1:
        told = [one["code"] for one in found.json()["findings"]]
        assert named in told
        assert "leaves-missing" in told
        assert found.json()["unmatched"] == found.json()["acts"]
        assert "1+1" not in found.out + shown.out
    else:
        assert found.json()["error"]["code"] == named


def test_short_pages_do_no_harm(place: Place) -> None:
    def lie(path: str, status: int, body: bytes) -> tuple[int, bytes]:
        return status, json.dumps(json.loads(body)[:2]).encode() if "leaves" in path else body

    with liar(place, lie) as url:
        assert place.report(gateway=url, code=0)["findings"] == []


def test_the_log_grows_meanwhile(place: Place) -> None:
    """What came after the chain was read is the next audit's, and accuses nobody."""

    def lie(path: str, status: int, body: bytes) -> tuple[int, bytes]:
        if "leaves" in path:
            _submit(place.story, 2, 1)
        return status, body

    place.settle()
    with liar(place, lie) as url:
        first = place.report(gateway=url, code=0)
    place.settle()
    assert place.report(code=0)["leaves"] > first["leaves"]


# Without the gateway's good will


def test_without_a_gateway_the_chain_and_earlier_progress_still_tell(place: Place) -> None:
    place.settle()
    progress, out = place.new("progress"), place.new("report")
    place.report("--progress", progress, "--out", out, code=0)
    # All that is anchored was read before: nothing is asked of anyone but the node.
    alone = place.report(
        "--without-gateway", "--progress", progress, "--remembered", out, gateway="http://127.0.0.1:9", code=0
    )
    assert (alone["verdict"], alone["unmatched"]) == ("pass", 0)
    nothing = place.report("--without-gateway", code=1)
    assert [one["code"] for one in nothing["findings"]] == ["leaves-missing"]
    assert (nothing["leaves"], nothing["unmatched"]) == (0, nothing["acts"])
    down = place.run(gateway="http://127.0.0.1:9")
    assert (down.code, down.json()["error"]["code"]) == (4, "gateway-unreachable")


# What is remembered, and whose


def test_what_is_remembered_must_be_of_this_log(place: Place) -> None:
    out = place.new("report")
    content = place.report("--out", out, code=0)

    def remembered(**changes: Any) -> Path:
        path = place.new("remembered")
        path.write_text(json.dumps(content | changes))
        return path

    differs = remembered(head=content["head"] | {"root": "0x" + "5a" * 32})
    assert [code for code, _ in place.findings("--remembered", differs)] == ["head-differs"]
    ahead = remembered(head=content["head"] | {"size": content["head"]["size"] + 1000})
    assert [code for code, _ in place.findings("--remembered", ahead)] == ["leaves-missing"]
    for bad, code in (
        ({"audit": "landbridge/audit/2"}, "audit-file"),
        ({"head": 7}, "audit-file"),
        ({"head": {"size": "1", "root": content["head"]["root"]}}, "audit-file"),
        ({"head": {"size": 0, "root": content["head"]["root"]}}, "audit-file"),
        ({"head": {"size": 1, "root": "0x"}}, "audit-file"),
        ({"log": "landbridge/1/0x"}, "audit-other"),
        ({"genesis": "0x" + "00" * 32}, "audit-other"),
    ):
        found = place.run("--remembered", remembered(**bad))
        assert (found.code, found.json()["error"]["code"]) == (5, code)


def test_the_chain_must_be_the_one_that_is_trusted(place: Place) -> None:
    content = json.loads(place.trust.read_text())

    def with_chain(**changes: Any) -> Result:
        path = place.new("trust")
        path.write_text(json.dumps(content | {"chain": content["chain"] | changes}))
        return place.run("--trust", path, "--progress", progress)

    progress = place.new("progress")
    place.report("--progress", progress, code=0)
    contracts = content["chain"]["contracts"]
    lacking = {name: address for name, address in contracts.items() if name != "RailBills"}
    moved = contracts | {"AnchorLog": contracts["Parties"]}
    for changes, exit_code, code in (
        ({"genesis": "0x" + "00" * 32}, 5, "audit-other-log"),
        ({"id": 7}, 5, "audit-other-log"),
        ({"contracts": lacking}, 5, "audit-trust"),
        ({"contracts": {}}, 5, "audit-trust"),
    ):
        found = with_chain(**changes)
        assert (found.code, found.json()["error"]["code"]) == (exit_code, code), changes
    progress = place.new("progress")
    for changes in ({"genesis": "0x" + "00" * 32}, {"contracts": moved}):
        progress = place.new("progress")
        found = with_chain(**changes)
        assert (found.code, found.json()["error"]["code"]) == (3, "audit-chain"), changes
    old = place.new("trust")
    old.write_text(json.dumps(content | {"max_age": 0}))
    time.sleep(1.1)  # the newest block is a second old at least
    assert [code for code, _ in place.findings("--trust", old)] == ["chain-stale"]


# Broken off


BULK = 20_000


@pytest.fixture(scope="module")
def bulk(place: Place) -> Place:
    """The same with so many leaves that an audit takes several pages."""
    place.append(EVIDENCE, [_evidence(number) for number in range(BULK)])
    place.settle()
    return place


def _same(report: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in report.items() if name != "time"}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_broken_off_in_the_middle_it_goes_on_and_comes_to_the_same(bulk: Place, how: signal.Signals) -> None:
    progress, asked, reached = bulk.new("progress"), list[str](), threading.Event()

    def slow(path: str, status: int, body: bytes) -> tuple[int, bytes]:
        if "leaves" in path:
            asked.append(path)
            if len(asked) == 3:  # two pages are noted by now
                reached.set()
                time.sleep(3600)
        return status, body

    with liar(bulk, slow) as url:
        auditor = subprocess.Popen(
            [sys.executable, "-m", "api.cli.main", *bulk.command("--progress", progress, gateway=url)],
            env=clean(os.environ),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert reached.wait(60)
        auditor.send_signal(how)
        code = auditor.wait(60)
        assert auditor.stdout is not None
        said = auditor.stdout.read().decode()
        auditor.stdout.close()
    assert "Traceback" not in said
    assert code == (130 if how is signal.SIGINT else -signal.SIGKILL), said

    pages: list[str] = []

    def counted(path: str, status: int, body: bytes) -> tuple[int, bytes]:
        pages.extend([path] if "leaves" in path else [])
        return status, body

    with liar(bulk, counted) as url:
        resumed = bulk.report("--progress", progress, gateway=url, code=0)
    assert "start=8192" in pages[0]
    assert _same(resumed) == _same(bulk.report(code=0))
    assert resumed["leaves"] > BULK


def test_what_was_found_before_the_break_is_told_after_it(bulk: Place) -> None:
    progress = bulk.new("progress")

    def spoil(path: str, status: int, body: bytes) -> tuple[int, bytes]:
        if "start=0&" in path:
            leaves = json.loads(body)
            next(leaf for leaf in leaves if leaf["kind"] == ACT).pop("entry")
            return status, json.dumps(leaves).encode()
        return (503, b'{"code":"database","status":503}') if "leaves" in path else (status, body)

    with liar(bulk, spoil) as url:
        assert bulk.run("--progress", progress, gateway=url).code == 4
    assert [code for code, _ in bulk.findings("--progress", progress)] == ["act-hidden"]


# Acts that never were, and acts that are kept out: these change the log for good, so they come last


def test_an_act_that_never_was_is_named_though_it_is_anchored(place: Place) -> None:
    contract = json.loads(next(entry for _, kind, _, entry in place.rows() if kind == ACT))["contract"]
    place.settle()
    leaf = place.append(ACT, [act_entry(contract, b"\x07" * 32)])
    place.settle()
    assert place.findings() == [("act-extra", leaf)]


def test_an_act_that_is_kept_out_of_the_log_is_missing(place: Place) -> None:
    with place.database() as database:
        database.execute("UPDATE log_size SET acts_until = 1 << 40")
    place.gateway.stop()
    place.gateway.start()
    bill = place.story.issued(2)
    mined = place.story.clients[2].act("Surrender", bill)
    place.settle()
    report = place.report(code=1)
    missing = [one for one in report["findings"] if one["code"] == "act-missing"]
    assert len(missing) == 2
    assert missing[1]["detail"] == f"digest={mined['id']}"
    assert (missing[1]["block"], missing[1]["transaction"]) == (mined["block"], mined["transaction"])
    # A moment ago it may have been on its way; some time later nobody believes that.
    young = cli(*place.command("--grace", 600, "--json")).json()
    assert (young["pending"], [one["code"] for one in young["findings"]]) == (2, ["act-extra"])
