"""The chain's own JSON-RPC, open to all but for our contracts only.

Signed acts are taken from any sender, so that no gateway can withhold one; whoever wants to check an answer
can read the chain itself. It is no open node:

- a transaction carries one act to a contract of this registry, and only if the contract would take it now;
- a call goes to these contracts, with bounded gas and no other options;
- events are theirs, of a bounded stretch of blocks.

>>> door = Door(node, {"0x…"})  # doctest: +SKIP
>>> door.rpc("eth_sendRawTransaction", ["0x…"])  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import rlp
from rlp.exceptions import DecodingError

from chain.contracts import Artifact
from chain.hexform import data, parse_data, parse_quantity, quantity
from chain.intents import Address
from chain.node import Call, Node, NodeRefusedError

__all__ = ["CALL_GAS", "LOG_BLOCKS", "Door"]

CALL_GAS = 3_000_000
"""Gas that one call may use: fourteen acts' worth, so that no stranger can keep the chain busy for long."""

LOG_BLOCKS = 1000
"""Blocks whose events one request may ask for."""

_INVALID_PARAMS = -32602
_SINGLE = {Artifact.load("RailBills").selector(name) for name in ("execute", "executeJoint")}
_TO = {None: 3, 1: 4, 2: 5}  # place of `to` in a legacy, EIP-2930 and EIP-1559 transaction


class Door:
    """A node that serves our contracts and refuses everything else by name.

    :param node: who answers
    :param contracts: the addresses that calls and transactions may go to
    """

    def __init__(self, node: Node, contracts: Collection[Address]) -> None:
        self._node = node
        self._contracts = frozenset(contracts)

    def rpc(self, method: str, params: Sequence[Any]) -> Any:
        """See :meth:`chain.node.Node.rpc`."""
        return self._node.rpc(*self._narrowed(method, params))

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        """See :meth:`chain.node.Node.batch`; each call stands or falls alone."""
        answers: list[Any] = [None] * len(calls)
        allowed: list[tuple[int, Call]] = []
        for place, (method, params) in enumerate(calls):
            try:
                allowed.append((place, self._narrowed(method, params)))
            except NodeRefusedError as error:
                answers[place] = error
        for (place, _), answer in zip(allowed, self._node.batch([call for _, call in allowed]), strict=True):
            answers[place] = answer
        return answers

    def close(self) -> None:
        """The node is its owner's: nothing happens."""

    def _narrowed(self, method: str, params: Sequence[Any]) -> Call:
        if method == "eth_sendRawTransaction":
            self._require_act(params)
        elif method in ("eth_call", "eth_estimateGas"):
            message = params[0] if params and isinstance(params[0], dict) else {}
            self._require_ours(message.get("to"))
            plain = {name: message[name] for name in ("to", "from", "data", "input") if name in message}
            return method, [{**plain, "gas": quantity(_gas(message))}, *params[1:2]]
        elif method == "eth_getLogs":
            return method, [self._logs(params[0] if params and isinstance(params[0], dict) else {})]
        return method, params

    def _require_act(self, params: Sequence[Any]) -> None:
        to, gas, calldata = _opened(params)
        self._require_ours(to)
        if calldata[:4] not in _SINGLE or gas > CALL_GAS:
            raise NodeRefusedError("a transaction here carries one act", rpc_code=_INVALID_PARAMS)
        # What the contract refuses would be mined and kept for ever all the same, at the chain's cost.
        self._node.rpc("eth_call", [{"to": to, "data": data(calldata), "gas": quantity(CALL_GAS)}, "latest"])

    def _logs(self, wanted: dict[str, Any]) -> dict[str, Any]:
        try:
            head = parse_quantity(self._node.rpc("eth_blockNumber", []))
            last = _block(wanted.get("toBlock", "latest"), head)
            first = _block(wanted.get("fromBlock", "latest"), head)
        except ValueError as error:
            raise NodeRefusedError("no such block", rpc_code=_INVALID_PARAMS) from error
        if "blockHash" in wanted or not 0 <= last - first < LOG_BLOCKS:
            raise NodeRefusedError(f"ask for at most {LOG_BLOCKS} blocks", rpc_code=_INVALID_PARAMS)
        asked = wanted.get("address")
        for address in asked if isinstance(asked, list) else [asked] if asked else []:
            self._require_ours(address)
        narrowed = {"address": asked or sorted(self._contracts)}
        if "topics" in wanted:
            narrowed["topics"] = wanted["topics"]
        return {**narrowed, "fromBlock": quantity(first), "toBlock": quantity(last)}

    def _require_ours(self, to: object) -> None:
        if not isinstance(to, str) or to.lower() not in self._contracts:
            raise NodeRefusedError("only this registry's contracts are served here", rpc_code=_INVALID_PARAMS)


def _gas(message: dict[str, Any]) -> int:
    try:
        return min(parse_quantity(message["gas"]), CALL_GAS) if message.get("gas") else CALL_GAS
    except ValueError as error:
        raise NodeRefusedError("gas is no hex quantity", rpc_code=_INVALID_PARAMS) from error


def _block(which: Any, head: int) -> int:
    if which in ("latest", "pending", "safe", "finalized"):
        return head
    return 0 if which == "earliest" else parse_quantity(which)


def _opened(params: Sequence[Any]) -> tuple[str, int, bytes]:
    """A raw transaction's recipient, gas and calldata."""
    try:
        raw = parse_data(params[0])
        kind = raw[0] if raw and raw[0] < 0x80 else None
        body = rlp.decode(raw[1:] if kind is not None else raw)
        gas, to, calldata = body[_TO[kind] - 1], body[_TO[kind]], body[_TO[kind] + 2]
        return "0x" + to.hex(), int.from_bytes(gas, "big"), bytes(calldata)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, DecodingError) as error:
        raise NodeRefusedError("not a signed transaction", rpc_code=_INVALID_PARAMS) from error
