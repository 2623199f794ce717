"""The log: evidence from HTTP to its anchor, checking proofs, and what growth costs."""

from __future__ import annotations

import json
import resource
import secrets
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from rich.table import Table

from chain.db import open_engine, reading, writing
from chain.entries import EVIDENCE, evidence_entry
from chain.log import Log
from chain.merkle import Tree, leaf_hash, verify_inclusion
from chain.tables import create_tables
from tests.bench.house import House
from tests.bench.speed import Found, bare_server, load
from tests.integration.live import Client

_CLIENTS = 64


def run(console: Any, folder: Path, house: House, *, quick: bool) -> None:
    """Measure and print."""
    requests = 3_000 if quick else 20_000
    client, url = house.story.clients[1], house.gateway.url
    token = str(client.http.headers["authorization"])[7:]
    with bare_server(folder) as bare_url:
        wishes = [_wish() for _ in range(requests)]
        bare = load("bare FastAPI", bare_url, "/evidence", wishes, clients=_CLIENTS)
        with _Anchors(client) as anchors:
            taken = load(
                "evidence, durable", url, "/v1/evidence", wishes, clients=_CLIENTS, token=token, keep=True
            )
            waits, anchored = anchors.waits(taken)
        proof = _proof(client, json.loads(taken.answers[0])["leaf"])
        checks = [proof] * (requests // 2)
        bare_check = load("bare FastAPI", bare_url, "/inclusion", checks, clients=_CLIENTS)
        checked = load("checked", url, "/v1/log/verify", checks, clients=_CLIENTS, token=token, keep=True)
        assert all(json.loads(one)["result"] == "pass" for one in checked.answers)
    table = Table(
        title="Evidence over HTTP, full fsync, window 0.1 s, beside a bare route", title_justify="left"
    )
    for column in ("what", "a second", "of the bare route", "median", "p99"):
        table.add_column(column, justify="left" if column == "what" else "right")
    began = min(end - took for end, took in zip(taken.ends, taken.times, strict=True))
    whole = Found("evidence, anchored", _CLIENTS, requests / (anchored - began), waits)
    for row, beside in (
        (bare, bare),
        (taken, bare),
        (whole, bare),
        (bare_check, bare_check),
        (checked, bare_check),
    ):
        cut = statistics.quantiles(row.times, n=100)
        table.add_row(
            row.name,
            f"{row.rate:,.0f}",
            f"{row.rate / beside.rate:.2f}",
            f"{cut[49] * 1000:,.0f} ms",
            f"{cut[98] * 1000:,.0f} ms",
        )
    console.print(table)
    console.print("anchored: median and p99 are from the acceptance of each to its block being known here")
    _in_process(console, 10_000 if quick else 100_000)
    _growth(console, folder, [10**4, 10**5] if quick else [10**4, 10**5, 10**6, 10**7])


def _wish() -> dict[str, str]:
    return {"type": "delivery-record/1", "digest": "0x" + secrets.token_hex(32)}


class _Anchors:
    """Listens to the heads as a client does, and remembers when each anchor was told."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._told: list[tuple[int, float]] = []
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> _Anchors:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join(30)

    def _listen(self) -> None:
        headers = {"authorization": self._client.http.headers["authorization"]}
        address = f"{self._client.http.base_url}/v1/log/stream"
        event = ""
        with httpx.stream("GET", address, headers=headers, timeout=60, trust_env=False) as answer:
            for line in answer.iter_lines():
                if self._enough.is_set():
                    return
                event = line[7:] if line.startswith("event: ") else event
                if line.startswith("data: ") and event == "anchored":
                    self._told.append((json.loads(line[6:])["size"], time.time()))

    def waits(self, taken: Found) -> tuple[list[float], float]:
        """Seconds from each acceptance to its anchor, and when the last was anchored."""
        leaves = sorted(
            (json.loads(answer)["leaf"], end) for answer, end in zip(taken.answers, taken.ends, strict=True)
        )
        end = time.monotonic() + 60
        while not any(size > leaves[-1][0] for size, _ in self._told):
            assert time.monotonic() < end, "the last piece of evidence was not anchored in a minute"
            time.sleep(0.01)
        heads, waits = sorted(self._told), []
        place = 0
        for leaf, accepted in leaves:
            while heads[place][0] <= leaf:
                place += 1
            waits.append(max(0.0, heads[place][1] - accepted))
        return waits, heads[place][1]


def _proof(client: Client, leaf: int) -> dict[str, Any]:
    head = client.get("/v1/log/head")
    proof = client.get("/v1/log/inclusion", leaf=leaf, size=head["size"])
    return {name: proof[name] for name in ("leaf", "size", "leaf_hash", "path")}


def _in_process(console: Any, leaves: int) -> None:
    entries = [b"entry %d" % number for number in range(leaves)]
    hashes = [leaf_hash(entry) for entry in entries]
    build = _rate(lambda: Tree(hashes).root(), leaves)
    tree = Tree(hashes)
    root, step = tree.root(), max(1, leaves // 5000)
    asked = range(0, leaves, step)
    prove = _rate(lambda: [tree.inclusion_proof(index) for index in asked], len(asked))
    proofs = [(hashes[index], index, tree.inclusion_proof(index)) for index in asked]
    check = _rate(lambda: [verify_inclusion(h, i, leaves, p, root) for h, i, p in proofs], len(asked))
    table = Table(title=f"In process, {leaves:,} leaves", title_justify="left")
    for column in ("what", "a second"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for name, rate in (
        ("leaves built into a tree", build),
        ("proofs made", prove),
        ("proofs checked", check),
    ):
        table.add_row(name, f"{rate:,.0f}")
    console.print(table)


def _rate(work: Callable[[], object], count: int) -> float:
    best = 0.0
    for _ in range(3):
        began = time.perf_counter()
        work()
        best = max(best, count / (time.perf_counter() - began))
    return best


def _growth(console: Any, folder: Path, sizes: list[int]) -> None:
    """A log in a database of its own, appended to in windows of 4,096."""
    engine = open_engine(f"sqlite:///{folder / 'growth.db'}")
    create_tables(engine)
    log, size, table = Log(), 0, Table(title="Growth of a log, 4,096 leaves a window", title_justify="left")
    for column in ("leaves", "appended a second", "a proof", "consistency", "restart", "file", "memory"):
        table.add_column(column, justify="right")
    salt = bytes(32)
    for wanted in sizes:
        began, first = time.perf_counter(), size
        while size < wanted:
            count = min(4096, wanted - size)
            entries = [
                evidence_entry(1, "bench/1", number.to_bytes(32, "big"), salt)
                for number in range(size, size + count)
            ]
            with writing(engine) as session:
                log.append(session, EVIDENCE, entries)
                log.seal(session, now=0)
            size += count
        rate = (size - first) / (time.perf_counter() - began)
        asked = [secrets.randbelow(size) for _ in range(200)]
        with reading(engine) as session:
            began = time.perf_counter()
            for index in asked:
                log.inclusion(session, index, size)
            prove = (time.perf_counter() - began) / len(asked)
            began = time.perf_counter()
            for index in asked:
                log.consistency(session, index, size)
            grow = (time.perf_counter() - began) / len(asked)
        began = time.perf_counter()
        again = Log()
        with reading(engine) as session:
            path, root = again.inclusion(session, size // 2, size), again.root(session, size)
        verify_inclusion(
            leaf_hash(evidence_entry(1, "bench/1", (size // 2).to_bytes(32, "big"), salt)),
            size // 2,
            size,
            path,
            root,
        )
        restart = time.perf_counter() - began
        table.add_row(
            f"{size:,}",
            f"{rate:,.0f}",
            f"{prove * 1000:.2f} ms",
            f"{grow * 1000:.2f} ms",
            f"{restart * 1000:.0f} ms",
            f"{(folder / 'growth.db').stat().st_size >> 20:,} MiB",
            f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10:,} MiB",
        )
    console.print(table)
    console.print("restart: until a first proof is given and checked; memory: the most that this process had")
    engine.dispose()
