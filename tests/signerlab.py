"""A signing service as a process of its own: HTTPS, mutual TLS, a bearer token, and every way to misbehave.

It signs with an independent implementation of EIP-712. Run as a program it serves; what it does is read from
its folder at each request:

    python tests/signerlab.py FOLDER PORT

>>> with SigningService(tmp_path) as service:                         # doctest: +SKIP
...     service.behave("hang")
...     RemoteSigner(service.place(timeout=1)).sign_act(act, domain)
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from eth_account import Account

ROOT = Path(__file__).parents[1]
TOKEN = "a-bearer-token-of-tests"
SECRET = bytes(31) + b"\x07"
OTHER = bytes(31) + b"\x08"
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


class SigningService:
    """The service's process, on a port of its own over all its lives.

    :param secret: its key
    :ivar account: whose signatures it gives
    """

    def __init__(self, folder: Path, secret: bytes = SECRET) -> None:
        self.folder = folder
        self.account = str(Account.from_key(secret).address).lower()
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = int(s.getsockname()[1])
        self.url = f"https://127.0.0.1:{self.port}"
        self._secret = secret
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> SigningService:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "secret").write_text(self._secret.hex())
        (self.folder / "token").write_text(TOKEN + "\n")
        self.behave("sign")
        authority = _certificate("authority")
        for name, made in (
            ("ca", authority),
            ("server", _certificate("server", authority)),
            ("client", _certificate("client", authority)),
            ("stranger", _certificate("stranger")),
        ):
            _write(self.folder, name, *made)
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(self.folder), str(self.port)], cwd=ROOT, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + 60
        while time.monotonic() < end:
            assert self._process.poll() is None, "the signing service ended at its start"
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("the signing service does not start")

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(60)
            self._process = None

    def behave(self, how: str) -> None:
        """What it does from the next request on."""
        new = self.folder / "how.new"
        new.write_text(how)
        new.replace(self.folder / "how")

    def description(self, **changes: Any) -> dict[str, Any]:
        """How it is described to those who use it; a member of ``None`` is left out."""
        whole = {
            "format": "landbridge/remote-signer/1",
            "url": self.url,
            "account": self.account,
            "timeout": 60,
            "ca_file": str(self.folder / "ca.pem"),
            "certificate_file": str(self.folder / "client.pem"),
            "certificate_key_file": str(self.folder / "client.key"),
            "token_file": str(self.folder / "token"),
        } | changes
        return {name: value for name, value in whole.items() if value is not None}

    def asked(self) -> list[dict[str, Any]]:
        """Every request that came: its body, and what of its headers matters."""
        log = self.folder / "asked"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


Made = tuple[ec.EllipticCurvePrivateKey, x509.Certificate]


def _certificate(name: str, authority: Made | None = None) -> Made:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    issuer = authority[1].subject if authority else subject
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
    )
    signed_by = authority[0] if authority else key
    extensions = (
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
        x509.AuthorityKeyIdentifier.from_issuer_public_key(signed_by.public_key()),
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    if authority is None:
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        builder = builder.add_extension(usage, critical=True)
    return key, builder.sign(signed_by, hashes.SHA256())


def _write(folder: Path, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


class _Handler(BaseHTTPRequestHandler):
    folder: Path
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        told = {"body": body.decode(), "authorization": self.headers.get("authorization"), "path": self.path}
        with (self.folder / "asked").open("a") as log:
            log.write(json.dumps(told) + "\n")
        how = (self.folder / "how").read_text()
        if self.headers.get("authorization") != f"Bearer {TOKEN}":
            how = "401"
        request = json.loads(body)
        match how:
            case "hang":
                time.sleep(600)
            case "drip":
                self._begin(200, 1000)
                for _ in range(1000):
                    self.wfile.write(b" ")
                    self.wfile.flush()
                    time.sleep(0.1)
            case "break off":
                self._begin(200, 1000)
                self.wfile.write(b"{")
                os._exit(1)
            case "no answer":
                os._exit(1)
            case "huge":
                self._begin(200, 1 << 30)
                while True:
                    self.wfile.write(bytes(1 << 16))
            case "not json":
                self._say(200, b"<html>")
            case "another protocol":
                self._say(200, b'["0x00"]')
            case "error":
                answer = {"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32001, "message": "no"}}
                self._say(400, json.dumps(answer).encode())
            case "redirect":
                self.send_response(307)
                self.send_header("location", f"https://127.0.0.1:{self.server.server_address[1]}/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()
            case _ if how.isdecimal():
                self._say(int(how), b"")
            case _:
                self._result(request, self._signature(how, request["params"]))

    def _signature(self, how: str, params: list[str]) -> Any:
        account, typed = params
        secret = OTHER if how == "another key" else bytes.fromhex((self.folder / "secret").read_text())
        assert account == str(Account.from_key(secret).address).lower() or how == "another key"
        whole = json.loads(typed)
        if how == "another act":
            whole["message"]["deadline"] += 1
        signed = bytes(Account.sign_typed_data(secret, full_message=whole).signature)
        match how:
            case "malleable":
                s = _ORDER - int.from_bytes(signed[32:64], "big")
                signed = signed[:32] + s.to_bytes(32, "big") + bytes([27 + 28 - signed[64]])
            case "low v":
                signed = signed[:64] + bytes([signed[64] - 27])
            case "wrong v":
                signed = signed[:64] + b"\x25"
            case "short":
                signed = signed[:64]
            case "zero":
                signed = bytes(64) + b"\x1b"
            case "number":
                return 5
            case "no hex":
                return "0x" + "zz" * 65
        return "0x" + signed.hex()

    def _result(self, request: Any, result: Any) -> None:
        self._say(200, json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}).encode())

    def _begin(self, status: int, length: int) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(length))
        self.end_headers()

    def _say(self, status: int, body: bytes) -> None:
        self._begin(status, len(body))
        self.wfile.write(body)


def main() -> None:
    """Serve until killed."""
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    _Handler.folder = folder
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


if __name__ == "__main__":
    main()
