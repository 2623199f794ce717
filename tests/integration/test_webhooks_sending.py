"""Sending over real HTTP to receivers that hang, fail, lie, turn away, loop, or are not who they say."""

from __future__ import annotations

import asyncio
import datetime
import itertools
import logging
import socket
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from api.kernel.webhooks import post as post_module
from api.kernel.webhooks.addresses import Addresses
from api.kernel.webhooks.post import Post
from api.kernel.webhooks.service import Webhooks
from api.kernel.webhooks.signing import new_secret, sign
from api.kernel.webhooks.tables import Paused
from api.settings import Settings, SettingsError
from chain.db import writing
from tests.webhooklab import (
    Receiver,
    database,
    deliveries,
    make_sender,
    raw_receiver,
    sending,
    subscribe,
    tell,
    until,
    webhook_row,
)

HOME = Addresses(development=True)
SECRET = new_secret()


def once(url, *, addresses=HOME, ca_file=None, body=b'{"a":1}'):
    """One attempt."""

    async def attempt():
        async with Post(addresses, ca_file=ca_file).to(url) as line:
            return await line.send([SECRET], "evt_1", body)

    return asyncio.run(attempt())


def take(connection):
    """Read a request to its end: who closes with words unread breaks the connection off."""
    read = b""
    while not read.endswith((b'{"a":1}', b"xx")):
        more = connection.recv(65536)
        if not more:
            return
        read = read[-100:] + more


@pytest.fixture
def engine(tmp_path):
    opened = database(f"sqlite:///{tmp_path / 'hooks.db'}")
    yield opened
    opened.dispose()


@pytest.fixture
def hurry(monkeypatch):
    """Little patience, so that a test of a receiver that hangs need not wait long."""
    for name, seconds in (("_STATUS_SECONDS", 0.8), ("_STEP_SECONDS", 0.5), ("_CONNECT_SECONDS", 0.5)):
        monkeypatch.setattr(post_module, name, seconds)
    monkeypatch.setattr(post_module, "_REST_SECONDS", 0.3)


# One attempt


def test_what_is_sent():
    body = '{"名":"x"}'.encode()
    with Receiver() as receiver:
        outcome = once(receiver.url + "?a=b%20c", body=body)
        (got,) = receiver.got
    assert (outcome.code, outcome.status, outcome.answer) == ("delivered", 204, "")
    assert (got.path, got.body) == ("/in?a=b%20c", body)
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert got.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert got.headers["user-agent"] == "Landbridge-Webhooks/1"
    assert abs(int(got.headers["webhook-timestamp"]) - time.time()) < 60
    assert "cookie" not in got.headers
    assert "authorization" not in got.headers
    receiver.check(SECRET)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_a_status_of_success_is_success_whatever_is_said(status):
    answer = (status, {}, b"" if status == 204 else b"\x00\xff<html>garbage")
    with Receiver(lambda got: answer) as receiver:
        outcome = once(receiver.url)
    assert (outcome.code, outcome.status, outcome.answer) == ("delivered", status, "")


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_no_redirect_is_followed(status):
    with Receiver() as other, Receiver(lambda got: (status, {"location": other.url}, b"")) as receiver:
        outcome = once(receiver.url)
        assert (outcome.code, outcome.status) == ("http-status", status)
        assert len(receiver.got) == 1
        assert other.got == []


@pytest.mark.parametrize(
    ("status", "headers", "code", "asked"),
    [
        (400, {}, "http-status", None),
        (404, {"retry-after": "60"}, "http-status", None),
        (410, {}, "gone", None),
        (429, {"Retry-After": "120"}, "http-status", 120),
        (500, {}, "http-status", None),
        (503, {"retry-after": "7"}, "http-status", 7),
        (503, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, "http-status", None),
        (503, {"retry-after": "9" * 400}, "http-status", None),
        (503, {"retry-after": "-5"}, "http-status", None),
    ],
)
def test_other_statuses(status, headers, code, asked):
    with Receiver(lambda got: (status, headers, b"because\nof \x1b[31mthis")) as receiver:
        outcome = once(receiver.url)
    assert (outcome.code, outcome.status, outcome.retry_after) == (code, status, asked)
    assert outcome.answer == "because of  [31mthis"


def test_a_huge_answer_is_not_read_and_not_kept():
    sent = []

    def talk(connection):
        take(connection)
        connection.sendall(b"HTTP/1.1 500 No\r\ncontent-length: 1000000000\r\n\r\n")
        for _ in range(10_000):
            connection.sendall(b"x" * 100_000)
            sent.append(100_000)

    with raw_receiver(talk) as url:
        outcome = once(url)
    assert (outcome.code, outcome.status, outcome.answer) == ("http-status", 500, "x" * 300)
    assert sum(sent) < 50_000_000


def test_endless_headers_are_cut():
    def talk(connection):
        take(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for number in range(1_000_000):
            connection.sendall(b"x-%d: %s\r\n" % (number, b"y" * 100))

    with raw_receiver(talk) as url:
        assert once(url).code in ("not-http", "connect-failed")


@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"hello\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-le",
    ],
)
def test_what_does_not_speak_http(words):
    def talk(connection):
        take(connection)
        connection.sendall(words)

    with raw_receiver(talk) as url:
        assert once(url).code == "not-http"


def test_who_breaks_off_is_not_believed():
    def talk(connection):
        connection.recv(10)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    with raw_receiver(talk) as url:
        assert once(url, body=b"x" * 10_000_000).code == "connect-failed"


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    outcome = once(f"http://127.0.0.1:{port}/")
    assert (outcome.code, outcome.status) == ("connect-failed", None)
    assert once("http://no-such-name.invalid/").code == "dns-failed"


def _hang_at_once(connection):
    take(connection)
    time.sleep(30)


def _hang_unread(connection):
    time.sleep(30)


def _drip(connection):
    take(connection)
    for byte in itertools.cycle(b"HTTP/1.1 100 Continue\r\n\r\n"):
        connection.sendall(bytes([byte]))
        time.sleep(0.1)


@pytest.mark.parametrize("talk", [_hang_at_once, _hang_unread, _drip])
def test_who_hangs_is_not_waited_for(hurry, talk):
    """Not even one that says a byte now and then."""
    with raw_receiver(talk) as url:
        outcome = once(url, body=b"x" * (20_000_000 if talk is _hang_unread else 10))
    assert outcome.code == "timeout"
    assert (outcome.milliseconds or 0) >= 400


def test_a_body_that_never_ends_after_a_success_is_a_success(hurry):
    def talk(connection):
        take(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")
        time.sleep(30)

    with raw_receiver(talk) as url:
        assert once(url).code == "delivered"


# Where it goes


def test_a_name_is_looked_up_once_and_the_address_judged_is_the_one_used():
    """A name server that gives another answer each time wins nothing."""
    asked = []

    async def resolve(host, port):
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    with Receiver() as receiver:
        rebinding = Addresses(development=True, resolve=resolve)
        outcome = once(f"http://bank.example:{receiver.port}/in", addresses=rebinding)
        (got,) = receiver.got
    assert outcome.code == "delivered"
    assert asked == ["bank.example"]
    assert got.headers["host"] == f"bank.example:{receiver.port}"


@pytest.mark.parametrize("found", [["10.0.0.1"], ["169.254.169.254"], ["127.0.0.1", "192.168.0.1"]])
def test_a_name_that_leads_inside_is_not_connected_to(found):
    async def resolve(host, port):
        return found

    with Receiver() as receiver:
        inside = Addresses(development=True, resolve=resolve)
        outcome = once(f"http://bank.example:{receiver.port}/in", addresses=inside)
        assert receiver.got == []
    assert (outcome.code, outcome.status) == ("address-forbidden", None)


def test_this_machine_is_forbidden_outside_development():
    with Receiver() as receiver:
        strict = Addresses(development=False)
        assert once(f"https://localhost:{receiver.port}/", addresses=strict).code == "address-forbidden"
        # One that was taken while it was allowed.
        assert once(receiver.url, addresses=strict).code == "address-forbidden"
        assert receiver.got == []


def test_the_second_address_is_tried_where_the_first_does_not_answer():
    async def resolve(host, port):
        return ["127.0.0.2", "127.0.0.1"]

    with Receiver() as receiver:
        outcome = once(
            f"http://bank.example:{receiver.port}/", addresses=Addresses(development=True, resolve=resolve)
        )
    assert outcome.code == "delivered"


# TLS


def _certificate(folder, host, days=1):
    """A certificate of its own making for a host, good for so many days, and the context that serves it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=2))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / f"{host}.pem"
    pem.write_bytes(
        built.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return pem, context


def test_a_receiver_whose_certificate_is_trusted_and_of_its_name(tmp_path):
    pem, context = _certificate(tmp_path, "localhost")
    asked = []
    context.sni_callback = lambda socket, name, context: asked.append(name)
    with Receiver(tls=context) as receiver:
        assert once(receiver.url, ca_file=pem).code == "delivered"
        receiver.check(SECRET)
    assert asked == ["localhost"]


def test_a_receiver_that_is_not_who_it_says(tmp_path):
    pem, context = _certificate(tmp_path, "other.example")
    with Receiver(tls=context) as receiver:
        assert once(receiver.url, ca_file=pem).code == "tls-failed"  # another name's
        assert once(receiver.url).code == "tls-failed"  # nobody's that is known
        assert receiver.got == []
    pem, context = _certificate(tmp_path, "localhost", days=-1)
    with Receiver(tls=context) as receiver:
        assert once(receiver.url, ca_file=pem).code == "tls-failed"  # too old
    with Receiver() as plain:
        assert once(f"https://localhost:{plain.port}/").code == "tls-failed"  # not TLS at all


# The sender


def test_events_come_in_order_each_once_and_signed(engine):
    secret = new_secret()
    with Receiver() as receiver, sending(engine) as sender:
        webhook = subscribe(engine, receiver.url, secret=secret)
        ids = tell(engine, 100)
        sender.wake()
        receiver.wait(100)
        until(lambda: {row.status for row in deliveries(engine, webhook)} == {"delivered"})
        assert receiver.ids == ids
        receiver.check(secret)
        assert [got.event["id"] for got in receiver.got] == ids
        assert sender.outcomes == {"delivered": 100}
        assert sender.health.ok


def test_failures_then_success(engine):
    failures = itertools.count()

    def answer(got):
        return 500 if next(failures) < 2 else 204

    with Receiver(answer) as receiver, sending(engine) as sender:
        webhook = subscribe(engine, receiver.url)
        (id_,) = tell(engine)
        (row,) = until(
            lambda: [row for row in deliveries(engine, webhook) if row.status == "delivered"] or None
        )
        assert receiver.ids == [id_] * 3
        assert len({got.body for got in receiver.got}) == 1
        assert (row.attempts, row.outcome, row.http_status) == (3, "delivered", 204)
        assert sender.outcomes == {"http-status": 2, "delivered": 1}


def test_a_dead_letter(engine):
    with Receiver(lambda got: (500, {}, b"no")) as receiver, sending(engine, backoff=(1,)):
        webhook = subscribe(engine, receiver.url)
        tell(engine)
        (row,) = until(lambda: [row for row in deliveries(engine, webhook) if row.status == "dead"] or None)
        assert (row.attempts, row.outcome, row.answer) == (2, "http-status", "no")
        assert len(receiver.got) == 2


def test_gone_pauses(engine):
    with Receiver(lambda got: 410) as receiver, sending(engine):
        webhook = subscribe(engine, receiver.url)
        tell(engine, 3)
        until(lambda: webhook_row(engine, webhook).paused == Paused.GONE)
        other = subscribe(engine, receiver.url + "/2")
        tell(engine)
        until(lambda: webhook_row(engine, other).paused == Paused.GONE)
        assert sum(got.path == "/in" for got in receiver.got) == 1
        assert {row.status for row in deliveries(engine, webhook)} == {"waiting"}


def test_receivers_that_hang_hold_up_nobody_else(engine):
    """Twenty that never answer, and one that does: it gets all, while they still hang."""
    let_go = threading.Event()

    def hang(got):
        let_go.wait(60)
        return 204

    with Receiver(hang) as hanging, Receiver() as well, sending(engine):
        for number in range(20):
            subscribe(engine, f"{hanging.url}/{number}", party=2)
        subscribe(engine, well.url)
        ids = tell(engine, 200, parties=(1, 2))
        well.wait(200)
        assert well.ids == ids
        # Each of the others has one request and no more, unanswered.
        assert len({got.path for got in hanging.got}) == len(hanging.got)
        assert not let_go.is_set()
        let_go.set()


def test_rotation_signs_with_both_secrets(engine):
    from tests.webhooklab import BOX

    old, new = new_secret(), new_secret()
    with Receiver() as receiver, sending(engine) as sender:
        webhook = subscribe(engine, receiver.url, secret=old)
        with writing(engine) as session:
            row = session.get_one(type(webhook_row(engine, webhook)), webhook)
            row.previous, row.previous_until = row.secret, int(time.time()) + 1000
            row.secret = BOX.seal(new, webhook)
            session.add(row)
        tell(engine)
        sender.wake()
        (got,) = receiver.wait(1)
        receiver.check(old)
        receiver.check(new)
        signed = sign([new, old], got.id, int(got.headers["webhook-timestamp"]), got.body)
        assert got.headers["webhook-signature"] == signed


def test_a_secret_that_does_not_open_is_a_defect_and_no_end(engine):
    with Receiver() as receiver, sending(engine) as sender:
        broken = subscribe(engine, receiver.url, previous=b"x" * 40, previous_until=1 << 40)
        subscribe(engine, receiver.url, party=1)
        tell(engine)
        receiver.wait(1)
        (row,) = until(lambda: [row for row in deliveries(engine, broken) if row.attempts] or None)
        assert (row.status, row.outcome) == ("waiting", "internal")
        assert sender.health.ok


def test_stopped_in_the_middle_it_begins_again_where_it_was(engine):
    """What is being sent is broken off; it is sent again at the next start, without waiting for a claim."""
    first = threading.Event()

    def answer(got):
        if not first.is_set():
            first.set()
            time.sleep(20)
        return 204

    with Receiver(answer) as receiver:
        webhook = subscribe(engine, receiver.url)
        ids = tell(engine, 3)
        sender = make_sender(engine)
        sender.start()
        assert first.wait(60)
        sender.stop()
        assert webhook_row(engine, webhook).claim == ""
        assert {row.status for row in deliveries(engine, webhook)} == {"waiting"}
        with sending(engine):
            until(lambda: {row.status for row in deliveries(engine, webhook)} == {"delivered"})
        assert receiver.ids == [ids[0], *ids]


def test_nothing_of_a_party_stands_in_the_log(engine, caplog):
    caplog.set_level(logging.DEBUG, logger="api.kernel.webhooks")
    with Receiver(lambda got: (500, {}, b"secret answer")) as receiver, sending(engine, backoff=(1,)):
        webhook = subscribe(engine, receiver.url + "?key=hidden")
        tell(engine)
        until(lambda: [row for row in deliveries(engine, webhook) if row.status == "dead"])
    assert webhook in caplog.text
    assert "http-status 500" in caplog.text
    for hidden in ("127.0.0.1", "hidden", "secret answer", "whsec_", "0707"):
        assert hidden not in caplog.text


def test_certificates_that_cannot_be_read_are_named_at_the_start(tmp_path):
    (tmp_path / "no.pem").write_text("nothing")
    for name in ("no.pem", "missing.pem"):
        settings = Settings(data_dir=tmp_path, webhook_ca_file=tmp_path / name)
        with pytest.raises(SettingsError) as refused:
            Webhooks(None, {}, settings, key=bytes(32))
        assert refused.value.params == {"setting": "LANDBRIDGE_WEBHOOK_CA_FILE"}


def test_networks_that_are_none_are_named_at_the_start():
    with pytest.raises(ValidationError, match="webhook_networks"):
        Settings(webhook_networks="10.0.0.0/8,home")
