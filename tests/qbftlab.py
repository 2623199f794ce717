"""A QBFT chain to test against: a real node's blocks, their headers sealed anew by the test's own validators.

Besu cannot be installed here. What a QBFT chain has beyond any other is in its headers alone: so a node's
blocks keep their state, transactions and receipts, and :class:`QbftFront` gives each a header that names and
is signed by validators whose keys the test has. Block hashes are QBFT's, from the second block on.

>>> with QbftFront(anvil.url, [(0, keys)]) as front:  # doctest: +SKIP
...     node = open_node(front.url, chain_id=20777)
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import coincurve
import httpx
import rlp

from chain.intents import Address, address_of, keccak
from chain.qbft import MIX_HASH, ExtraData, Header, parse_header
from chain.reencode import encode_header

__all__ = ["FIRST", "SECOND", "QbftFront", "ValidatorKey", "seal", "sealed_like"]


class ValidatorKey:
    """A validator's key, made from a name."""

    def __init__(self, name: str) -> None:
        self._key = coincurve.PrivateKey(keccak(f"landbridge test validator: {name}".encode()))
        self.address: Address = address_of(self._key.public_key.format(compressed=False))

    def sign(self, digest: bytes) -> bytes:
        """65 bytes r ‖ s ‖ v, v 0 or 1."""
        return self._key.sign_recoverable(digest, hasher=None)


FIRST = [ValidatorKey(f"first {number}") for number in range(4)]
SECOND = [*FIRST[1:], ValidatorKey("second 1"), ValidatorKey("second 2")]


def seal(header: Header, signers: Sequence[ValidatorKey]) -> Header:
    """The header with these seals in place of its own."""
    seals = tuple(one.sign(header.sealed_hash) for one in signers)
    return _with_extra(header, replace(header.extra, seals=seals))


def sealed_like(
    raw: bytes,
    validators: Sequence[ValidatorKey],
    signers: Sequence[ValidatorKey] | None = None,
    *,
    parent: str | None = None,
    round_: int = 0,
) -> Header:
    """Any chain's header made QBFT's.

    :param raw: its RLP
    :param signers: who signs; else all validators
    :param parent: hash of the block before; else as it stands there
    """
    fields: list[Any] = list(rlp.decode(raw))
    extra = ExtraData(bytes(32), tuple(sorted(one.address for one in validators)), (), round_, ())
    fields[0] = fields[0] if parent is None else bytes.fromhex(parent[2:])
    fields[7], fields[12], fields[13] = b"\x01", extra.encoded(), MIX_HASH
    return seal(parse_header(rlp.encode(fields)), validators if signers is None else signers)


def _with_extra(header: Header, extra: ExtraData) -> Header:
    fields = list(header.fields)
    fields[12] = extra.encoded()
    return parse_header(rlp.encode(fields))


class QbftFront:
    """A JSON-RPC server in front of a node, whose blocks it seals.

    :param behind: the node's address
    :param eras: who validates from which block on, ascending
    :ivar refused: methods that it does not know
    :ivar told_wrong: per method, an answer that it gives instead of the node's
    :ivar untold: members that it leaves out of blocks and receipts
    """

    def __init__(self, behind: str, eras: Sequence[tuple[int, Sequence[ValidatorKey]]]) -> None:
        self._client = httpx.Client(base_url=behind, timeout=60, trust_env=False)
        self.eras = list(eras)
        self.refused: set[str] = set()
        self.told_wrong: dict[str, Any] = {}
        self.untold: set[str] = set()
        self._headers: list[Header | str] = []
        self._numbers: dict[str, int] = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> QbftFront:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._client.close()

    def header(self, number: int) -> Header:
        """A block's sealed header; the first block has none."""
        found = self._header(number)
        assert isinstance(found, Header)
        return found

    def answer(self, method: str, params: list[Any]) -> dict[str, Any]:
        """A call's answer: ``result`` or ``error``."""
        if method in self.refused:
            return {"error": {"code": -32601, "message": f"the method {method} does not exist"}}
        if method in self.told_wrong:
            return {"result": self.told_wrong[method]}
        if method == "eth_getBlockByHash" and params[0] in self._numbers:
            method, params = "eth_getBlockByNumber", [hex(self._numbers[params[0]]), params[1]]
        answer = self._ask(method, params)
        result = answer.get("result")
        if method.startswith("eth_getBlockBy") and isinstance(result, dict):
            answer["result"] = self._short(self._block(result))
        elif method == "eth_getLogs" and isinstance(result, list):
            answer["result"] = [self._placed(one) for one in result]
        elif method in ("eth_getTransactionReceipt", "eth_getTransactionByHash") and result:
            answer["result"] = self._short(self._placed(result))
        return answer

    def _short(self, told: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in told.items() if name not in self.untold}

    def _ask(self, method: str, params: list[Any]) -> dict[str, Any]:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer: dict[str, Any] = self._client.post("", json=body).json()
        return {name: answer[name] for name in ("result", "error") if name in answer}

    def _header(self, number: int) -> Header | str:
        with self._lock:
            while len(self._headers) <= number:
                place = len(self._headers)
                told = self._ask("eth_getBlockByNumber", [hex(place), False])["result"]
                if place == 0:
                    self._headers.append(told["hash"])
                    continue
                before = self._headers[-1]
                parent = before.hash if isinstance(before, Header) else before
                _, validators = [era for era in self.eras if era[0] <= place][-1]
                made = sealed_like(encode_header(told), validators, parent=parent)
                self._headers.append(made)
                self._numbers[made.hash] = place
            return self._headers[number]

    def _hash(self, number: int) -> str:
        found = self._header(number)
        return found.hash if isinstance(found, Header) else found

    def _block(self, told: dict[str, Any]) -> dict[str, Any]:
        number = int(told["number"], 16)
        header = self._header(number)
        if isinstance(header, Header):
            told |= {
                "hash": header.hash,
                "parentHash": "0x" + header.fields[0].hex(),
                "difficulty": "0x1",
                "extraData": "0x" + header.fields[12].hex(),
                "mixHash": "0x" + header.mix_hash.hex(),
            }
        told["transactions"] = [
            self._placed(one) if isinstance(one, dict) else one for one in told["transactions"]
        ]
        return told

    def _placed(self, told: dict[str, Any]) -> dict[str, Any]:
        """A transaction, receipt or log, with its block's new hash."""
        if told.get("blockNumber") is not None:
            told["blockHash"] = self._hash(int(told["blockNumber"], 16))
        told |= {"logs": [self._placed(one) for one in told["logs"]]} if "logs" in told else {}
        return told

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16  # an answer goes out in one piece: else each waits for an acknowledgement
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
                each = asked if isinstance(asked, list) else [asked]
                told = [
                    {"jsonrpc": "2.0", "id": one["id"], **front.answer(one["method"], one["params"])}
                    for one in each
                ]
                body = json.dumps(told if isinstance(asked, list) else told[0]).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
