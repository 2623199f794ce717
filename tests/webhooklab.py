"""What tests of webhooks share: a database with subscriptions and events, and receivers on this machine.

>>> with Receiver() as receiver:                                            # doctest: +SKIP
...     webhook = subscribe(engine, receiver.url)
...     tell(engine, 10)
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlmodel import SQLModel, func, select

import api.registry  # noqa: F401 - its tables
from api.kernel.webhooks.addresses import Addresses
from api.kernel.webhooks.envelope import envelope
from api.kernel.webhooks.post import Post
from api.kernel.webhooks.sender import Sender
from api.kernel.webhooks.signing import SecretBox, new_secret, verify
from api.kernel.webhooks.tables import AudienceRow, DeliveryRow, WebhookEventRow, WebhookRow
from chain.db import open_engine, reading, writing
from chain.tables import BlockRow, ChainRow

BOX = SecretBox(bytes(32))
SOURCE = "landbridge/20777/0x" + "22" * 20


def database(url: str) -> Engine:
    """A database with all tables, and a chain of one block."""
    engine = open_engine(url)
    SQLModel.metadata.create_all(engine)
    with writing(engine) as session:
        if session.get(ChainRow, 1) is None:
            session.add(ChainRow(id=1, chain_id=20777, genesis_hash="0x", first_seen=0))
    block(engine, 0)
    return engine


def block(engine: Engine, number: int) -> None:
    """Let the chain have grown to a block."""
    with writing(engine) as session:
        session.merge(BlockRow(number=number, hash=f"0x{number:064x}", parent="", time=number))


def subscribe(
    engine: Engine, url: str, *, party: int = 1, types: str = "*", secret: str | None = None, **more: Any
) -> str:
    """A webhook; gives its id."""
    with writing(engine) as session:
        count = session.exec(select(func.count()).select_from(WebhookRow)).one()
        identity = f"wh_{count:016x}"
        sealed = BOX.seal(secret or new_secret(), identity)
        row = WebhookRow(
            id=identity, party=party, url=url, types=types, description="", secret=sealed, created=0, **more
        )
        session.add(row)
    return identity


def tell(
    engine: Engine,
    count: int = 1,
    *,
    parties: tuple[int, ...] = (1,),
    type_: str = "landbridge.bills.transfer",
    at_block: int = 0,
    time_: int = 0,
) -> list[str]:
    """Events as the recorder would leave them; gives their ids."""
    made = []
    with writing(engine) as session:
        first = session.exec(select(func.coalesce(func.max(WebhookEventRow.number), 0))).one() + 1
        for number in range(first, first + count):
            id_ = f"evt_{number:032x}"
            body = envelope(
                id_=id_,
                source=SOURCE,
                type_=type_,
                subject="0x" + "07" * 32,
                time=time_,
                data={"n": number, "chain": {"id": 20777, "block": at_block}},
            )
            row = WebhookEventRow(
                id=id_, type=type_, subject="0x" + "07" * 32, body=body, time=time_, block=at_block
            )
            session.add(row)
            session.flush()
            session.add_all([AudienceRow(event=row.number, party=party) for party in parties])
            made.append(id_)
    return made


def deliveries(engine: Engine, webhook: str) -> list[DeliveryRow]:
    """A webhook's deliveries, in the order of their events."""
    with reading(engine) as session:
        statement = select(DeliveryRow).where(DeliveryRow.webhook == webhook).order_by(DeliveryRow.event)
        return list(session.exec(statement))


def webhook_row(engine: Engine, webhook: str) -> WebhookRow:
    """A webhook as it stands."""
    with reading(engine) as session:
        return session.get_one(WebhookRow, webhook)


def make_sender(
    engine: Engine, *, addresses: Addresses | None = None, ca_file: Path | None = None, **more: Any
) -> Sender:
    """A sender that may reach this machine; its second attempt comes after a second."""
    there = addresses or Addresses(development=True)
    settings = {"confirmations": 1, "backoff": (1, 1, 1), "poll": 0.05} | more
    return Sender(engine, Post(there, ca_file=ca_file), BOX.open, **settings)


@contextlib.contextmanager
def sending(engine: Engine, **more: Any) -> Iterator[Sender]:
    """A sender at work."""
    sender = make_sender(engine, **more)
    sender.start()
    try:
        yield sender
    finally:
        sender.stop()


def until(question: Callable[[], Any], seconds: float = 60) -> Any:
    """Ask again and again until the answer is true; give it."""
    end = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.02)


@dataclass(frozen=True)
class Got:
    """A request that a receiver got."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """The message's id."""
        return self.headers["webhook-id"]

    @property
    def event(self) -> Any:
        """The CloudEvent."""
        return json.loads(self.body)


class Receiver:
    """An HTTP server on this machine that remembers what it got.

    :param answer: makes the status, and headers and a body if there are any, of the answer to a request
    :param tls: serve HTTPS
    """

    def __init__(
        self,
        answer: Callable[[Got], Any] = lambda got: 204,
        *,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        self.got: list[Got] = []
        self.at_work: Counter[str] = Counter()
        self.most_at_once: Counter[str] = Counter()
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers.get("content-length", "0"))
                body = self.rfile.read(length)
                if len(body) < length:
                    return  # the sender ended in the middle
                got = Got(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                with outer._lock:
                    outer.got.append(got)
                    outer.at_work[got.id] += 1
                    outer.most_at_once[got.id] = max(outer.most_at_once[got.id], outer.at_work[got.id])
                try:
                    found = answer(got)
                finally:
                    with outer._lock:
                        outer.at_work[got.id] -= 1
                status, headers, body = found if isinstance(found, tuple) else (found, {}, b"")
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "content-length" not in {name.lower() for name in headers}:
                    self.send_header("content-length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://{'localhost' if tls else '127.0.0.1'}:{self.port}/in"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def ids(self) -> list[str]:
        """The ids of what came, in order."""
        with self._lock:
            return [got.id for got in self.got]

    def wait(self, count: int, seconds: float = 60) -> list[Got]:
        """Wait for so many requests."""
        until(lambda: len(self.got) >= count, seconds)
        return list(self.got)

    def check(self, secret: str) -> None:
        """Every request is signed with a secret."""
        for got in self.got:
            assert verify(secret, got.headers, got.body, now=time.time()) == got.id


@contextlib.contextmanager
def raw_receiver(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does with each connection whatever it likes; gives its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopping = threading.Event()

    def one(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            talk(connection)

    def serve() -> None:
        while not stopping.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        stopping.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
