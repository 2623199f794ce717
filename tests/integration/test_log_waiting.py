"""Waiting for the log over HTTP: hundreds, some who hang up or do not read, and a gateway that stops."""

from __future__ import annotations

import json
import secrets
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.integration.live import Client, Gateway, Story

STREAM = {"accept": "text/event-stream"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Story]]:
    """A gateway with parties."""
    folder = tmp_path_factory.mktemp("waiting") / "gateway"
    folder.mkdir()
    gateway = Gateway(folder)
    operator = gateway.operator()
    with gateway:
        yield gateway, Story(operator, holders=1)


def _submit(client: Client) -> int:
    wish = {"type": "x", "digest": "0x" + secrets.token_hex(32)}
    return int(client.post("/v1/evidence", wish).json()["leaf"])


def _ask(client: Client, path: str, accept: str = "*/*") -> bytes:
    """A request, as bytes on the wire."""
    token = client.http.headers["authorization"]
    return f"GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: {token}\r\naccept: {accept}\r\n\r\n".encode()


@contextmanager
def _held(gateway: Gateway) -> Iterator[None]:
    """No head is anchored meanwhile: another process holds the database's lock."""
    database = sqlite3.connect(gateway.folder / "gateway.db", isolation_level=None, timeout=60)
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        database.execute("ROLLBACK")
        database.close()


def test_hundreds_wait_and_all_are_told(place: tuple[Gateway, Story]) -> None:
    gateway, story = place
    leaves = [_submit(story.carrier) for _ in range(3)]
    told: list[tuple[int, str]] = []
    lock = threading.Lock()

    def follow(leaf: int, stream: bool) -> None:
        headers = {"authorization": story.carrier.http.headers["authorization"]} | (STREAM if stream else {})
        answer = httpx.get(
            f"{gateway.url}/v1/evidence/{leaf}?wait=30", headers=headers, timeout=90, trust_env=False
        )
        with lock:
            told.append((answer.status_code, answer.text))

    with _held(gateway):
        waiting = [
            threading.Thread(target=follow, args=(leaf, bool(number % 2)))
            for number in range(100)
            for leaf in leaves
        ]
        for thread in waiting:
            thread.start()
        assert story.carrier.get(f"/v1/evidence/{leaves[0]}")["leaf"] == leaves[0]  # it serves others
    for thread in waiting:
        thread.join(90)
    assert len(told) == 300
    assert {status for status, _ in told} == {200}
    assert all('"final"' in text.replace(" ", "") or "anchored" in text for _, text in told)


def test_who_hangs_up_and_who_does_not_read_harm_nobody(place: tuple[Gateway, Story]) -> None:
    gateway, story = place
    open_: list[socket.socket] = []
    for number in range(60):
        connection = socket.create_connection(("127.0.0.1", gateway.port), timeout=60)
        connection.sendall(_ask(story.carrier, "/v1/log/stream?seconds=3600"))
        if number % 3 == 0:
            connection.close()  # at once
        else:
            open_.append(connection)
    for connection in open_[::2]:
        connection.recv(200)
        connection.close()  # in the middle
    silent = open_[1::2]  # these never read
    for _ in range(10):
        leaf = _submit(story.carrier)
    assert story.carrier.get(f"/v1/evidence/{leaf}", wait=30)["status"] != "accepted"
    for connection in silent:
        connection.close()
    log = gateway.log.read_text()
    assert '"unexpected"' not in log
    assert "Traceback" not in log
    assert gateway.parts()["log"] == ""


def test_a_request_cut_in_its_body_is_no_defect(place: tuple[Gateway, Story]) -> None:
    gateway, story = place
    token = story.carrier.http.headers["authorization"]
    for path in ("/v1/evidence", "/v1/log/verify", "/v1/documents"):
        connection = socket.create_connection(("127.0.0.1", gateway.port), timeout=60)
        connection.sendall(
            f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: {token}\r\n"
            f'content-type: application/json\r\ncontent-length: 1000\r\n\r\n{{"type":'.encode()
        )
        time.sleep(0.1)
        connection.close()
    assert story.carrier.get("/v1/log/head")
    assert '"unexpected"' not in gateway.log.read_text()


def test_the_stream_tells_the_newest_heads_at_once_and_those_that_come(place: tuple[Gateway, Story]) -> None:
    gateway, story = place
    leaf = _submit(story.carrier)
    assert story.carrier.get(f"/v1/evidence/{leaf}", wait=30)["status"] != "accepted"
    headers = {"authorization": story.carrier.http.headers["authorization"]}
    url, wanted, event = f"{gateway.url}/v1/log/stream", leaf + 1, ""
    told: dict[str, list[int]] = {"sealed": [], "anchored": []}
    with httpx.stream("GET", url, headers=headers, timeout=60, trust_env=False) as answer:
        assert answer.headers["cache-control"] == "no-store"
        for line in answer.iter_lines():
            event = line[7:] if line.startswith("event: ") else event
            if not line.startswith("data: "):
                continue
            told[event].append(json.loads(line[6:])["size"])
            if len(told["sealed"]) == len(told["anchored"]) == 1:  # what there was: now something new
                wanted = _submit(story.carrier) + 1
            if told["anchored"] and told["anchored"][-1] >= wanted > leaf + 1:
                break
    for sizes in told.values():
        assert sizes == sorted(sizes)
        assert len(sizes) >= 2
        assert sizes[0] >= leaf + 1


def test_a_gateway_that_stops_answers_those_who_wait(tmp_path: Path) -> None:
    """Nothing is anchored for an hour here; nobody waits that long for a gateway to stop."""
    folder = tmp_path / "gateway"
    folder.mkdir()
    gateway = Gateway(folder, log_window=3600)
    operator = gateway.operator()
    with gateway:
        story = Story(operator, holders=1)
        _submit(story.carrier)  # sealed at once; the next one waits
        gateway.until(lambda: story.carrier.http.get("/v1/log/head").status_code == 200, 60)
        leaf = _submit(story.carrier)
        polls = [socket.create_connection(("127.0.0.1", gateway.port), timeout=90) for _ in range(5)]
        for poll in polls:
            poll.sendall(_ask(story.carrier, f"/v1/evidence/{leaf}?wait=30"))
        streams = [socket.create_connection(("127.0.0.1", gateway.port), timeout=90) for _ in range(2)]
        streams[0].sendall(_ask(story.carrier, "/v1/log/stream?seconds=3600"))
        streams[1].sendall(_ask(story.carrier, f"/v1/evidence/{leaf}", accept="text/event-stream"))
        begun = [stream.recv(100_000) for stream in streams]  # they answer: those before them wait by now
        began = time.monotonic()
        gateway.stop()
        took = time.monotonic() - began
        for poll in polls:
            answer = _all(poll)
            assert answer.startswith(b"HTTP/1.1 200")
            assert b'"accepted"' in answer
        for first, stream in zip(begun, streams, strict=True):
            whole = first + _all(stream)
            assert whole.startswith(b"HTTP/1.1 200")
            assert whole.endswith(b"0\r\n\r\n"), "it was cut off"  # the last of its chunks
        assert "Cancel" not in gateway.log.read_text()
        assert took < 25, "it waited for those who wait"


def _all(connection: socket.socket) -> bytes:
    received = b""
    while portion := connection.recv(100_000):
        received += portion
    connection.close()
    return received
