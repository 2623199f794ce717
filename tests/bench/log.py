"""The log: evidence from HTTP to its anchor, checking proofs, gas, and what growth costs."""

from __future__ import annotations

import json
import secrets
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from pymerkle import InmemoryTree
from pymerkle import verify_inclusion as pymerkle_verify
from rich.table import Table

from chain.merkle import Tree, leaf_hash, verify_inclusion
from tests.bench.house import House
from tests.bench.speed import Found, bare_server, load
from tests.integration.live import ROOT, Client

_MANY, _FEW, _CHECKERS = 256, 4, 64


def run(console: Any, folder: Path, house: House, *, quick: bool) -> None:
    """Measure and print."""
    _over_http(console, folder, house, requests=3_000 if quick else 10_000, rounds=3 if quick else 7)
    _gas(console)
    _in_process(console, 10_000 if quick else 100_000)
    _growth(console, folder, [10**4, 10**5] if quick else [10**4, 10**5, 10**6, 10**7])


# Over HTTP


def _over_http(console: Any, folder: Path, house: House, *, requests: int, rounds: int) -> None:
    client, url = house.story.clients[1], house.gateway.url
    token = str(client.http.headers["authorization"])[7:]
    rows: dict[str, list[tuple[Found, Found]]] = {}

    def keep(row: Found, bare: Found) -> Found:
        rows.setdefault(f"{row.name}|{row.clients}", []).append((row, bare))
        return row

    with bare_server(folder) as bare_url:
        for _ in range(rounds):  # one beside the other, so that both meet the same machine
            wishes = [_wish() for _ in range(requests)]
            bare = load("bare FastAPI, evidence", bare_url, "/evidence", wishes, clients=_MANY)
            keep(bare, bare)
            for count, clients in ((requests, _MANY), (requests // 10, _FEW)):
                beside = bare if clients == _MANY else None
                taken, anchored = _evidence(client, url, token, wishes[:count], clients)
                if beside is None:
                    beside = load("bare", bare_url, "/evidence", wishes[:count], clients=clients)
                keep(taken, beside)
                keep(anchored, beside)
            checks = _proofs(client, json.loads(taken.answers[0])["leaf"], 200)
            checks = (checks * (requests // len(checks) + 1))[:requests]
            bare = load("bare FastAPI, inclusion", bare_url, "/inclusion", checks, clients=_CHECKERS)
            keep(bare, bare)
            checked = load(
                "proof checked", url, "/v1/log/verify", checks, clients=_CHECKERS, token=token, keep=True
            )
            assert all(json.loads(one)["result"] == "pass" for one in checked.answers)
            keep(checked, bare)
    table = _table(
        f"Over HTTP, full fsync, window 0.1 s: medians of {rounds} rounds of {requests:,}",
        ("what", "clients", "a second", "of the bare route", "(least to most)", "median", "p99"),
    )
    for pairs in rows.values():
        ratios = sorted(row.rate / bare.rate for row, bare in pairs)
        cuts = [statistics.quantiles(row.times, n=100) for row, _ in pairs]
        table.add_row(
            pairs[0][0].name,
            str(pairs[0][0].clients),
            f"{statistics.median(row.rate for row, _ in pairs):,.0f}",
            f"{statistics.median(ratios):.2f}",
            f"{ratios[0]:.2f} to {ratios[-1]:.2f}",
            f"{statistics.median(cut[49] for cut in cuts) * 1000:,.0f} ms",
            f"{statistics.median(cut[98] for cut in cuts) * 1000:,.0f} ms",
        )
    console.print(table)
    console.print(
        "evidence, anchored: rate from the first request to the last anchor; median and p99 from the\n"
        "acceptance of each to its mined block being told here, the wait for its window included"
    )


def _evidence(
    client: Client, url: str, token: str, wishes: list[dict[str, str]], clients: int
) -> tuple[Found, Found]:
    with _anchors(client) as told:
        taken = load(
            "evidence, durable", url, "/v1/evidence", wishes, clients=clients, token=token, keep=True
        )
        waits, last = _waits(told, taken)
    began = min(end - took for end, took in zip(taken.ends, taken.times, strict=True))
    return taken, Found("evidence, anchored", clients, len(wishes) / (last - began), waits)


def _wish() -> dict[str, str]:
    return {"type": "delivery-record/1", "digest": "0x" + secrets.token_hex(32)}


@contextmanager
def _anchors(client: Client) -> Any:
    """Listens to the heads as a client does: when each anchor was told."""
    told: list[tuple[int, float]] = []
    enough, listening = threading.Event(), threading.Event()

    def listen() -> None:
        headers = {"authorization": client.http.headers["authorization"]}
        address, event = f"{client.http.base_url}/v1/log/stream", ""
        with httpx.stream("GET", address, headers=headers, timeout=60, trust_env=False) as answer:
            for line in answer.iter_lines():
                listening.set()
                if enough.is_set():
                    return
                event = line[7:] if line.startswith("event: ") else event
                if line.startswith("data: ") and event == "anchored":
                    told.append((json.loads(line[6:])["size"], time.time()))

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    assert listening.wait(60)
    try:
        yield told
    finally:
        enough.set()
        thread.join(30)


def _waits(told: list[tuple[int, float]], taken: Found) -> tuple[list[float], float]:
    """Seconds from each acceptance to its anchor, and when the last was anchored."""
    leaves = sorted(
        (json.loads(answer)["leaf"], end) for answer, end in zip(taken.answers, taken.ends, strict=True)
    )
    end = time.monotonic() + 60
    while not any(size > leaves[-1][0] for size, _ in told):
        assert time.monotonic() < end, "the last piece of evidence was not anchored in a minute"
        time.sleep(0.01)
    heads, waits, place = sorted(told), list[float](), 0
    for leaf, accepted in leaves:
        while heads[place][0] <= leaf:
            place += 1
        waits.append(max(0.0, heads[place][1] - accepted))
    return waits, heads[place][1]


def _proofs(client: Client, first: int, count: int) -> list[dict[str, Any]]:
    size = client.get("/v1/log/head")["size"]
    proofs = [client.get("/v1/log/inclusion", leaf=(first + n) % size, size=size) for n in range(count)]
    return [{name: proof[name] for name in ("leaf", "size", "leaf_hash", "path")} for proof in proofs]


# Gas


def _gas(console: Any) -> None:
    figures = json.loads((ROOT / "tests" / "contracts" / "gas" / "log.json").read_text())
    table = _table("Gas of a head (tests/contracts/gas/log.json)", ("what", "gas", "at most"))
    for name, most in (("next head", "34,000"), ("repeated head", "27,000"), ("first head", "")):
        table.add_row(name, f"{int(figures[name]):,}", most)
    console.print(table)


# In process


def _in_process(console: Any, leaves: int) -> None:
    entries = [b"entry %d" % number for number in range(leaves)]
    hashes = [leaf_hash(entry) for entry in entries]
    tree = Tree(hashes)
    root, asked = tree.root(), range(0, leaves, max(1, leaves // 2000))
    theirs = InmemoryTree.init_from_entries(entries, algorithm="sha256")
    assert theirs.get_state() == root
    proofs = [(hashes[i], i, tree.inclusion_proof(i)) for i in asked]
    their_proofs = [(theirs.get_leaf(i + 1), theirs.prove_inclusion(i + 1)) for i in asked]
    rates = {
        "leaves built into a tree": (
            lambda: Tree([leaf_hash(entry) for entry in entries]).root(),
            lambda: InmemoryTree.init_from_entries(entries, algorithm="sha256").get_state(),
            leaves,
        ),
        "inclusion proofs made": (
            lambda: [tree.inclusion_proof(i) for i in asked],
            lambda: [theirs.prove_inclusion(i + 1) for i in asked],
            len(asked),
        ),
        "inclusion proofs checked": (
            lambda: [verify_inclusion(h, i, leaves, path, root) for h, i, path in proofs],
            lambda: [pymerkle_verify(base, root, proof) for base, proof in their_proofs],
            len(asked),
        ),
    }
    table = _table(
        f"In process, {leaves:,} leaves, beside pymerkle (the same root; it keeps its tree in memory too)",
        ("what", "a second", "pymerkle", "ratio"),
    )
    for name, (ours, other, count) in rates.items():
        mine, other_rate = _rate(ours, count), _rate(other, count)
        table.add_row(name, f"{mine:,.0f}", f"{other_rate:,.0f}", f"{mine / other_rate:.1f}")
    console.print(table)


def _rate(work: Callable[[], object], count: int) -> float:
    best = 0.0
    for _ in range(3):
        began = time.perf_counter()
        work()
        best = max(best, count / (time.perf_counter() - began))
    return best


# Growth


def _growth(console: Any, folder: Path, sizes: list[int]) -> None:
    """A log in a database and a process of its own, appended to in windows of 4,096."""
    table = _table(
        "Growth of a log, 4,096 leaves a window",
        (
            "leaves",
            "appended a second",
            "a proof",
            "its hashes",
            "its reads",
            "consistency",
            "audited a second",
            "memory",
            "(+ audit)",
            "restart",
            "file",
        ),
    )
    grown = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.growth", "grow", str(folder), *map(str, sizes)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert grown.stdout is not None
    for line in grown.stdout:
        row = json.loads(line)
        again = subprocess.run(
            [sys.executable, "-m", "tests.bench.growth", "restart", str(folder), str(row["size"])],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        table.add_row(
            f"{row['size']:,}",
            f"{row['appended']:,.0f}",
            f"{row['prove'] * 1000:.2f} ms",
            str(row["path"]),
            f"{row['queries']:.1f}",
            f"{row['consistency'] * 1000:.2f} ms",
            f"{row['audited']:,.0f}",
            f"{row['resident'] >> 20:,} MiB",
            f"{row['audit_memory'] >> 20:,} MiB",
            f"{json.loads(again.stdout)['seconds'] * 1000:.0f} ms",
            f"{row['file'] >> 20:,} MiB",
        )
    if grown.wait():
        raise SystemExit("the log did not grow")
    console.print(table)
    console.print(
        "appended: with a head each window, full fsync; restart: a new process, from opening the database\n"
        "to a first proof that is checked; audited: from the database through JSON to the auditor's ledger"
    )


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="left" if column == "what" else "right")
    return table
