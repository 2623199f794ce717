"""A connection to a chain: any portable JSON-RPC node, or the embedded one. Nothing above knows which.

Only the subset that every node speaks is used (no feeHistory, getProof, debug). What a node answers is
believed in nothing: a wrong shape is a refusal with a name, never a crash.

>>> node = open_node("embedded:.landbridge/chain.db", chain_id=20777)  # doctest: +SKIP
>>> node = open_node("http://127.0.0.1:8545", chain_id=20777)
>>> node.rpc("eth_chainId", [])  # doctest: +SKIP
'0x5129'
>>> node.close()
"""

from __future__ import annotations

import ipaddress
import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, NoReturn, Protocol

import httpx

from chain.errors import LandbridgeError
from chain.hexform import parse_data, parse_quantity

__all__ = [
    "Call",
    "HttpNode",
    "Node",
    "NodeBusyError",
    "NodeDownError",
    "NodeError",
    "NodeHungError",
    "NodeRefusedError",
    "NodeStorageError",
    "RefusalReason",
    "WrongChainError",
    "open_node",
]

Call = tuple[str, Sequence[Any]]
"""A method and its parameters."""

RefusalReason = Literal[
    "already-known",
    "nonce-too-low",
    "nonce-too-high",
    "underpriced",
    "insufficient-funds",
    "reverted",
    "other",
]

_REASONS: tuple[tuple[RefusalReason, tuple[str, ...]], ...] = (
    ("already-known", ("already known", "already imported", "known transaction", "already exist")),
    ("nonce-too-low", ("nonce too low", "nonce is too low")),
    ("nonce-too-high", ("nonce too high", "nonce too distant", "nonce is too distant", "nonce gap")),
    ("underpriced", ("underpriced", "gas price below", "less than block base fee", "gas price too low")),
    ("insufficient-funds", ("insufficient funds", "exceeds account balance", "insufficient balance")),
    ("reverted", ("execution reverted", "revert")),
)
_BATCH = 1000  # geth and Besu refuse more in one request


class NodeError(LandbridgeError):
    """Anything that a node may do to us."""

    code: ClassVar[str] = "node"


class NodeDownError(NodeError):
    """No connection, or it broke: whether the request arrived is not known."""

    code: ClassVar[str] = "node-down"


class NodeStorageError(NodeDownError):
    """The embedded node's file is full, damaged or out of reach."""

    code: ClassVar[str] = "node-storage"


class NodeHungError(NodeError):
    """No answer within the time allowed: whether the request took effect is not known."""

    code: ClassVar[str] = "node-hung"


class NodeBusyError(NodeError):
    """Another process has the embedded node's file open."""

    code: ClassVar[str] = "node-busy"


class WrongChainError(NodeError):
    """The node serves another chain than the one expected."""

    code: ClassVar[str] = "node-wrong-chain"

    def __init__(self, *, expected: int, found: int) -> None:
        super().__init__(
            f"the node serves chain {found}; chain {expected} was expected",
            params={"expected": str(expected), "found": str(found)},
        )


class NodeRefusedError(NodeError):
    """The node answered with an error, or with something that is no answer.

    :param message: the node's own words
    :param rpc_code: the JSON-RPC error code; 0 where the answer was malformed
    :param data: what the node added: for a revert, its data in hex
    """

    code: ClassVar[str] = "node-refused"

    def __init__(self, message: str, *, rpc_code: int = 0, data: Any = None) -> None:
        shown = "".join(c if c.isprintable() else "?" for c in message[:300])
        super().__init__(f"the node refused: {shown}", params={"message": shown, "rpc_code": rpc_code})
        self.message = message
        self.rpc_code = rpc_code
        self.data = data

    @property
    def reason(self) -> RefusalReason:
        """The refusal in one word, the same whichever node spoke (geth, anvil, Besu, embedded)."""
        if self.rpc_code == 3:
            return "reverted"
        words = self.message.lower()
        return next((reason for reason, marks in _REASONS if any(m in words for m in marks)), "other")

    @property
    def revert_data(self) -> bytes | None:
        """What the contract gave as its reason; ``None`` where the node passed nothing on."""
        try:
            return parse_data(self.data)
        except ValueError:
            return None


class Node(Protocol):
    """What answers JSON-RPC. Safe for use from several threads."""

    def rpc(self, method: str, params: Sequence[Any]) -> Any:
        """One call.

        :return: the result as JSON
        :raises NodeRefusedError: the node answered with an error
        :raises NodeDownError: no connection
        :raises NodeHungError: no answer in time
        :raises WrongChainError: it is not the chain expected
        """
        ...

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        """Many calls at once: per call its result, or the :class:`NodeRefusedError` it met (not raised).

        Raw transactions that stand next to each other in a batch go into one block where the node decides
        what a block holds (the embedded one does).

        :raises NodeDownError: as for :meth:`rpc`; some of the calls may have taken effect
        :raises NodeHungError: likewise
        :raises WrongChainError: it is not the chain expected
        """
        ...

    def close(self) -> None:
        """Let go of connections and files."""
        ...


class HttpNode:
    """A node over HTTP, with connections kept alive.

    The chain's id is asked on every new connection, so a node that is replaced by one of another chain is
    found out at the next call. The node may be down when this is made.

    :param url: http or https
    :param timeout: seconds that one request may take from first to last byte
    :param expected_chain_id: the chain that the caller means; ``None`` takes any
    :param max_bytes: an answer longer than this is refused
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 10.0,
        expected_chain_id: int | None,
        max_bytes: int = 64 << 20,
    ) -> None:
        self._url = url
        self._timeout = timeout
        self._expected = expected_chain_id
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._connections = 1  # made so far, and broken ones
        self._checked = 0  # the same, when the chain's id was last found right
        self._client = httpx.Client(
            timeout=timeout,
            headers={"content-type": "application/json", "accept-encoding": "identity"},
            # a proxy of the environment never stands between this machine and itself
            trust_env=not _is_loopback(url),
        )

    def rpc(self, method: str, params: Sequence[Any]) -> Any:
        """See :class:`Node`."""
        self._check_chain()
        answer = self._post({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})
        self._check_chain()
        return _result(answer, 1)

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        """See :class:`Node`."""
        results: list[Any] = []
        for start in range(0, len(calls), _BATCH):
            results += self._batch(calls[start : start + _BATCH])
        return results

    def close(self) -> None:
        """See :class:`Node`."""
        self._client.close()

    def _batch(self, calls: Sequence[Call]) -> list[Any]:
        self._check_chain()
        answer = self._post(
            [
                {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}
                for number, (method, params) in enumerate(calls, 1)
            ]
        )
        self._check_chain()
        if not isinstance(answer, list):
            _result(answer, None)  # an error for the whole batch says why
            _refuse_malformed()
        by_id = {item["id"]: item for item in answer if isinstance(item, dict) and _is_id(item.get("id"))}
        results: list[Any] = []
        for number in range(1, len(calls) + 1):
            try:
                results.append(_result(by_id.get(number), number))
            except NodeRefusedError as error:
                results.append(error)
        return results

    def _check_chain(self) -> None:
        # Asked before anything is sent, and again where a connection was made anew underneath: behind it is
        # the same node or another one, and only its answer tells.
        if self._expected is None:
            return
        with self._lock:
            connections = self._connections
            if self._checked == connections:
                return
        # Asked without the lock: those who ask a node that hangs must not wait for one another.
        answer = self._post({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}, watch=False)
        try:
            found = parse_quantity(_result(answer, 1))
        except ValueError:
            _refuse_malformed()
        if found != self._expected:
            raise WrongChainError(expected=self._expected, found=found)
        with self._lock:
            self._checked = max(self._checked, connections)

    def _count_connection(self) -> None:
        with self._lock:
            self._connections += 1

    def _trace(self, event: str, _info: object) -> None:
        if event == "connection.connect_tcp.complete":
            self._count_connection()

    def _post(self, body: object, *, watch: bool = True) -> Any:
        deadline = time.monotonic() + self._timeout
        received = bytearray()
        try:
            with self._client.stream(
                "POST",
                self._url,
                content=json.dumps(body, allow_nan=False).encode(),
                extensions={"trace": self._trace} if watch else {},
            ) as response:
                for portion in response.iter_raw():  # never unpacked: a small answer stays small
                    received += portion
                    if len(received) > self._max_bytes:
                        raise NodeRefusedError(f"answer longer than {self._max_bytes} bytes")
                    if time.monotonic() > deadline:
                        raise httpx.ReadTimeout("the answer drips")
                status = response.status_code
        except (httpx.ReadTimeout, httpx.WriteTimeout, httpx.PoolTimeout) as error:
            self._count_connection()
            raise NodeHungError(
                f"the node gave no answer in {self._timeout:g} seconds",
                params={"seconds": f"{self._timeout:g}"},
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, RuntimeError) as error:
            self._count_connection()
            raise NodeDownError(
                "the node cannot be reached", params={"cause": type(error).__name__}
            ) from error
        try:
            answer = json.loads(received.decode("utf-8"), parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            answer = None
        # some nodes send JSON-RPC errors with a status of their own
        speaks = isinstance(answer, list) or (isinstance(answer, dict) and "jsonrpc" in answer)
        if status != 200 and not speaks:
            if status in (502, 503, 504):
                raise NodeDownError("the node is not there behind its proxy", params={"status": status})
            raise NodeRefusedError(f"HTTP status {status}")
        return answer


def open_node(address: str | Path, *, chain_id: int, timeout: float = 10.0) -> Node:
    """The node that an address names.

    :param address: ``http://…`` or ``https://…``; ``embedded:PATH``, or a path, for the embedded node's file
    :param chain_id: the chain that the caller means
    :param timeout: seconds for one request to a node over HTTP
    :raises NodeError: the address names no node; or the embedded node's file cannot be used
    """
    if isinstance(address, str) and address.startswith(("http://", "https://")):
        return HttpNode(address, timeout=timeout, expected_chain_id=chain_id)
    if isinstance(address, Path) or address.startswith("embedded:"):
        # py-evm takes a second to import: only those who run it pay
        from chain.embedded import EmbeddedNode

        return EmbeddedNode(Path(str(address).removeprefix("embedded:")), chain_id)
    raise NodeError("a node's address begins with http://, https:// or embedded:")


def _is_loopback(url: str) -> bool:
    try:
        host = httpx.URL(url).host
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except (ValueError, httpx.InvalidURL):
        return False


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


def _refuse_malformed() -> NoReturn:
    raise NodeRefusedError("malformed answer") from None


def _result(answer: object, number: int | None) -> Any:
    """The result in a JSON-RPC answer; its error is raised (JSON-RPC 2.0 §5)."""
    if not isinstance(answer, dict):
        _refuse_malformed()
    error = answer.get("error")
    if error is not None:
        if not isinstance(error, dict) or not isinstance(error.get("message"), str):
            _refuse_malformed()
        rpc_code = error.get("code")
        if not isinstance(rpc_code, int):
            rpc_code = 0
        raise NodeRefusedError(error["message"], rpc_code=rpc_code, data=error.get("data"))
    if "result" not in answer or answer.get("id") != number:
        _refuse_malformed()
    return answer["result"]
