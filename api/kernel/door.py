"""The chain's own JSON-RPC, open to all but for our contracts only.

Signed acts are taken from any sender, so that no gateway can withhold one; whoever wants to check an answer
can read the chain itself. It is no open node: calls and transactions go to this registry's contracts alone,
a call may use a bounded amount of gas, and nothing is deployed or paid through it.

>>> door = Door(node, {"0x…"})  # doctest: +SKIP
>>> door.rpc("eth_sendRawTransaction", ["0x…"])  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import rlp
from rlp.exceptions import DecodingError

from chain.hexform import parse_data, parse_quantity, quantity
from chain.intents import Address
from chain.node import Call, Node, NodeRefusedError

__all__ = ["CALL_GAS", "Door"]

CALL_GAS = 3_000_000
"""Gas that one call may use: fourteen acts' worth, so that no stranger can keep the chain busy for long."""

_INVALID_PARAMS = -32602
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
            self._require_ours(_recipient(params))
        elif method in ("eth_call", "eth_estimateGas"):
            message = params[0] if params and isinstance(params[0], dict) else {}
            self._require_ours(message.get("to"))
            return method, [{**message, "gas": quantity(_gas(message))}, *params[1:]]
        return method, params

    def _require_ours(self, to: object) -> None:
        if not isinstance(to, str) or to.lower() not in self._contracts:
            raise NodeRefusedError("only this registry's contracts are served here", rpc_code=_INVALID_PARAMS)


def _gas(message: dict[str, Any]) -> int:
    try:
        return min(parse_quantity(message["gas"]), CALL_GAS) if message.get("gas") else CALL_GAS
    except ValueError as error:
        raise NodeRefusedError("gas is no hex quantity", rpc_code=_INVALID_PARAMS) from error


def _recipient(params: Sequence[Any]) -> str | None:
    try:
        raw = parse_data(params[0])
        kind = raw[0] if raw and raw[0] < 0x80 else None
        body = rlp.decode(raw[1:] if kind is not None else raw)
        to = body[_TO[kind]]
    except (ValueError, IndexError, KeyError, TypeError, DecodingError) as error:
        raise NodeRefusedError("not a signed transaction", rpc_code=_INVALID_PARAMS) from error
    return "0x" + to.hex() if isinstance(to, bytes) else None
