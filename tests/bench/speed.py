"""How fast: acts from HTTP to mined, and verdicts, beside a route that does nothing in the same run."""

from __future__ import annotations

import json
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.table import Table

from chain import outbox
from chain.db import reading
from tests.bench import limits
from tests.bench.house import Desk, House, own_desk
from tests.integration.live import ROOT
from tests.ports import free_port


@dataclass
class Found:
    """One row: requests a second, and the seconds that each took."""

    name: str
    clients: int
    rate: float
    times: Sequence[float]
    answers: Sequence[str] = ()
    ends: Sequence[float] = ()


def load(
    name: str,
    url: str,
    path: str,
    bodies: Sequence[Any],
    *,
    clients: int,
    token: str = "",
    wait: bool = False,
    keep: bool = False,
) -> Found:
    """Send bodies from a process of its own, each client one after the other.

    :param keep: give the answers, too, and when each came
    """
    port = httpx.URL(url).port
    heads = [
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {token}\r\n"
        f"content-type: application/json\r\nidempotency-key: {secrets.token_hex(16)}"
        + ("\r\nprefer: wait=30" if wait else "")
        for _ in bodies
    ]
    plan = {
        "port": port,
        "clients": min(clients, len(bodies)),
        "heads": heads,
        "bodies": list(bodies),
        "keep": keep,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load"],
        input=json.dumps(plan),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr[-2000:]}")
    answer = json.loads(done.stdout)
    last = json.loads(answer["last"])
    if wait and last["status"] not in ("mined", "done"):
        raise SystemExit(f"{name}: {last}")
    kept = (answer["answers"], answer["ends"]) if keep else ()
    return Found(name, clients, answer["rate"], answer["times"], *kept)


@contextmanager
def bare_server(folder: Path) -> Iterator[str]:
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.bare", str(port), str(folder / "bare.db")], cwd=ROOT
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                httpx.get(url, trust_env=False)
                break
            except httpx.HTTPError:
                time.sleep(0.05)
        yield url
    finally:
        server.terminate()
        server.wait(10)


def run(console: Any, folder: Path, embedded_on: House, anvil_on: House | None, *, quick: bool) -> None:
    """Measure and print."""
    few, many, bare_many = (32, 192, 3000) if quick else (100, 960, 12_000)
    desk = own_desk(embedded_on)
    one, some, most, unasked = ([desk.issue(desk.number) for _ in range(n)] for n in (few, few, many, many))
    transfers = [desk.transfer(issue, 2) for issue in most]
    found = [
        acts("issue, mined", embedded_on, desk, one, clients=1),
        acts("issue, mined", embedded_on, desk, some, clients=8),
        acts("issue, mined", embedded_on, desk, most, clients=64),
        acts("transfer, mined", embedded_on, desk, transfers, clients=64),
        acts("issue, taken (202)", embedded_on, desk, unasked, clients=64, wait=False),
    ]
    _drained(embedded_on)
    verdicts = _verdicts(embedded_on, 8 if quick else 40)
    if anvil_on is not None:
        other = own_desk(anvil_on)
        issues = [other.issue(other.number) for _ in range(many // 2)]
        found.append(acts("issue, mined by anvil", anvil_on, other, issues, clients=64))
    with bare_server(folder) as url:
        body = one[0]
        found.append(load("bare FastAPI + a durable row", url, "/row", [body] * (bare_many // 6), clients=64))
        bare = load("bare FastAPI", url, "/bare", [body] * bare_many, clients=64)
        found.append(bare)
    alone = limits.node(folder, transactions=few, batches=4 if quick else 12)
    _print(console, "Acts, HTTP to mined, beside a route that does nothing", found, bare)
    _print(console, "Verdicts (POST /v1/bills/verify)", verdicts, bare)
    table = Table(title="The embedded node alone: no act can go faster there", title_justify="left")
    for column in ("issues", "a second", "the gateway's share"):
        table.add_column(column, justify="left" if column == "issues" else "right")
    fastest = max(row.rate for row in found if row.name == "issue, mined")
    for name, rate in alone.items():
        table.add_row(name, f"{rate:,.0f}", f"{fastest / rate:.2f}")
    console.print(table)


def acts(
    name: str, house: House, desk: Desk, bodies: Sequence[Any], *, clients: int, wait: bool = True
) -> Found:
    """Submit signed acts."""
    token = str(desk.client.http.headers["authorization"])[7:]
    return load(name, house.gateway.url, "/v1/intents", bodies, clients=clients, token=token, wait=wait)


def _drained(house: House) -> None:
    """Wait until what was taken without waiting is decided, so that it slows nothing else."""
    engine = house.gateway.engine()
    left = 1
    while left:
        time.sleep(0.05)
        with reading(engine) as session:
            counts = outbox.counts(session)
        left = sum(counts[status] for status in outbox.UNSETTLED)
    engine.dispose()


def _verdicts(house: House, count: int) -> list[Found]:
    """Verdicts on one bill of three acts: from its document with the seed, and from its id alone."""
    clients, url, path = house.story.clients, house.gateway.url, "/v1/bills/verify"
    bill = house.story.issued()
    clients[2].act("Transfer", bill, to=3)
    clients[3].act("Transfer", bill, to=4)
    token = str(clients[4].http.headers["authorization"])[7:]
    claim = clients[4].claim(bill)
    return [
        load("document with seed", url, path, [claim] * count, clients=1, token=token),
        load("document with seed", url, path, [claim] * count, clients=8, token=token),
        load("bill's id", url, path, [{"bill": bill}] * count, clients=8, token=token),
    ]


def _print(console: Any, title: str, rows: Sequence[Found], bare: Found) -> None:
    table = Table(title=title, title_justify="left")
    table.add_column("what")
    for column in ("clients", "requests", "a second", "median", "p99", "ratio to bare"):
        table.add_column(column, justify="right")
    for row in rows:
        cut = statistics.quantiles(row.times, n=100)
        table.add_row(
            row.name,
            str(row.clients),
            f"{len(row.times):,}",
            f"{row.rate:,.1f}" if row.rate < 100 else f"{row.rate:,.0f}",
            f"{cut[49] * 1000:,.1f} ms",
            f"{cut[98] * 1000:,.1f} ms",
            f"1/{bare.rate / row.rate:,.0f}" if row is not bare else "1",
        )
    console.print(table)
