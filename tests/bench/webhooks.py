"""Webhooks: events a second from the queue to a receiver on this machine, beside a client that only posts."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.table import Table
from sqlmodel import func, select

from api.kernel.webhooks.addresses import Addresses
from api.kernel.webhooks.post import Post
from api.kernel.webhooks.tables import DeliveryRow
from chain.db import reading
from tests.integration.live import ROOT, free_port
from tests.webhooklab import database, sending, subscribe, tell

_BODY_LIKE = b'{"data":"' + b"x" * 900 + b'"}'


def run(console: Any, folder: Path, *, quick: bool) -> None:
    """Measure and print."""
    count = 1_000 if quick else 5_000
    with _sink() as url:
        table = Table(
            title=f"{count:,} deliveries to a receiver on this machine, SQLite, full fsync",
            title_justify="left",
        )
        for column in ("what", "a second", "of the bare client", "of a processor"):
            table.add_column(column, justify="left" if column == "what" else "right")
        alone, many = (_bare(url, count, clients) for clients in (1, 50))
        _row(table, "a client that only posts, one connection", alone, alone)
        _row(table, "the same, fifty connections", many, many)
        for webhooks, hanging, beside in ((1, 0, alone), (10, 0, many), (50, 0, many), (10, 50, many)):
            found = _delivered(folder, url, count // webhooks, webhooks, hanging)
            name = f"delivered to {webhooks} webhook{'s' if webhooks > 1 else ''}"
            name += f", {hanging} others hanging" if hanging else ""
            _row(table, name, found, beside)
    console.print(table)
    console.print(
        "delivered: given out, claimed, signed, sent, and the outcome written down; of a processor: "
        "deliveries a second of the sender's processor time, which other work on the machine changes little"
    )


def _row(table: Table, name: str, found: tuple[float, float], beside: tuple[float, float]) -> None:
    rate, of_processor = found
    table.add_row(name, f"{rate:,.0f}", f"{rate / beside[0]:.2f}", f"{of_processor:,.0f}")


@contextmanager
def _sink() -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.sink", str(port)], cwd=ROOT)
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _bare(url: str, count: int, clients: int) -> tuple[float, float]:
    async def post_all() -> tuple[float, float]:
        post = Post(Addresses(development=True))
        began, spent = time.perf_counter(), time.process_time()

        async def one() -> None:
            async with post.to(f"{url}/bare") as line:
                for _ in range(count // clients):
                    assert (await line.send((), "evt", _BODY_LIKE)).delivered

        await asyncio.gather(*(one() for _ in range(clients)))
        rates = count / (time.perf_counter() - began), count / (time.process_time() - spent)
        return rates

    return asyncio.run(post_all())


def _delivered(folder: Path, url: str, events: int, webhooks: int, hanging: int) -> tuple[float, float]:
    engine = database(f"sqlite:///{folder / f'hooks-{webhooks}-{hanging}.db'}")
    for number in range(webhooks):
        subscribe(engine, f"{url}/{number}", party=1)
    for number in range(hanging):
        subscribe(engine, f"{url}/hang/{number}", party=2)
    tell(engine, 1, parties=(2,))
    tell(engine, events, parties=(1,))
    wanted = events * webhooks
    statement = select(func.count()).where(DeliveryRow.status == "delivered")
    began, spent = time.perf_counter(), time.process_time()
    with sending(engine):
        while True:
            with reading(engine) as session:
                if session.exec(statement).one() >= wanted:
                    break
            time.sleep(0.02)
        rates = wanted / (time.perf_counter() - began), wanted / (time.process_time() - spent)
    engine.dispose()
    return rates
