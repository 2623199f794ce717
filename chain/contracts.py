"""Compiled contracts and the base of their wrappers: encode a call, decode an answer, name an error.

Artefacts (ABI and bytecode) ship in the package, so that users need no compiler; CI compiles the sources
anew and compares.

>>> parties = Artifact.load("Parties")
>>> parties.encode("partyCount").hex()[:8] == parties.selector("partyCount").hex()
True
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any, ClassVar

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError
from eth_utils.abi import (
    collapse_if_tuple,
    event_abi_to_log_topic,
    function_abi_to_4byte_selector,
)

from chain.errors import LandbridgeError
from chain.intents import Signature, Wire, keccak

__all__ = [
    "AnswerError",
    "Artifact",
    "ContractError",
    "Event",
    "Reverted",
    "decode_intents",
    "encode_batch",
    "encode_intents",
]


class ContractError(LandbridgeError):
    """A call that cannot be encoded for this contract."""

    code: ClassVar[str] = "contract-call"


class AnswerError(LandbridgeError):
    """An answer from the chain that is not this contract's: no code there, or another contract."""

    code: ClassVar[str] = "contract-answer"


@dataclass(frozen=True, slots=True)
class Reverted:
    """Why a contract refused: its custom error's name and arguments, by name."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """A decoded log: the event's name and arguments, by name."""

    name: str
    arguments: Mapping[str, Any]


def _types(inputs: Sequence[Mapping[str, Any]]) -> list[str]:
    return [collapse_if_tuple(item) for item in inputs]  # type: ignore[arg-type]


def _encode(name: str, inputs: Sequence[Mapping[str, Any]], arguments: Sequence[Any]) -> bytes:
    try:
        for item, value in zip(inputs, arguments, strict=True):
            _check_widths(item, value)
        return encode(_types(inputs), arguments)
    except (EncodingError, ValueError, TypeError) as error:
        raise ContractError(f"the arguments of {name} do not fit", params={"function": name}) from error


def _check_widths(item: Mapping[str, Any], value: Any) -> None:
    """Refuse bytes that are too short, which the encoder would fill up with zeros."""
    kind = item["type"]
    if kind.endswith("]"):
        for member in value:
            _check_widths({**item, "type": kind[: kind.rindex("[")]}, member)
    elif kind == "tuple":
        for component, member in zip(item["components"], value, strict=True):
            _check_widths(component, member)
    elif kind.startswith("bytes") and kind != "bytes" and len(value) != int(kind[5:]):
        raise ValueError(f"{len(value)} bytes where {kind} belongs")


def _signature(item: Mapping[str, Any]) -> str:
    return f"{item['name']}({','.join(_types(item['inputs']))})"


class Artifact:
    """One compiled contract.

    :param name: the contract's name
    :param abi: its ABI as the compiler gives it
    :param bytecode: its creation code
    :param deployed_bytecode: the code that stands on the chain, with zeros where immutables will be
    :param layout: where its variables lie in storage, as the compiler says (chain/storage.py)
    """

    def __init__(
        self,
        name: str,
        abi: Sequence[Mapping[str, Any]],
        bytecode: bytes,
        deployed_bytecode: bytes = b"",
        layout: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.abi = abi
        self.bytecode = bytecode
        self.deployed_bytecode = deployed_bytecode
        self.layout: Mapping[str, Any] = layout or {"storage": [], "types": {}}

    @staticmethod
    @cache
    def load(name: str) -> Artifact:
        """The shipped artefact of a contract.

        :raises ContractError: none has this name
        """
        path = resources.files("chain") / "artifacts" / f"{name}.json"
        try:
            content = json.loads(path.read_text())
        except FileNotFoundError as error:
            raise ContractError(f"no contract is called {name}", params={"contract": name}) from error
        creation, deployed = (
            bytes.fromhex(content[key].removeprefix("0x")) for key in ("bytecode", "deployedBytecode")
        )
        return Artifact(name, content["abi"], creation, deployed, content.get("storageLayout"))

    @cached_property
    def _functions(self) -> dict[str, Mapping[str, Any]]:
        return {item["name"]: item for item in self.abi if item["type"] == "function"}

    @cached_property
    def _errors(self) -> dict[bytes, Mapping[str, Any]]:
        errors = [item for item in self.abi if item["type"] == "error"]
        return {keccak(_signature(item).encode())[:4]: item for item in errors}

    @cached_property
    def _events(self) -> dict[bytes, Mapping[str, Any]]:
        events = [item for item in self.abi if item["type"] == "event"]
        return {event_abi_to_log_topic(item): item for item in events}  # type: ignore[arg-type]

    def selector(self, function: str) -> bytes:
        """The function's four bytes."""
        return function_abi_to_4byte_selector(self._function(function))  # type: ignore[arg-type]

    def topic(self, event: str) -> str:
        """The event's first topic, hex with 0x."""
        for topic, item in self._events.items():
            if item["name"] == event:
                return "0x" + topic.hex()
        raise ContractError(f"{self.name} has no event {event}", params={"event": event})

    def _function(self, name: str) -> Mapping[str, Any]:
        try:
            return self._functions[name]
        except KeyError as error:
            raise ContractError(f"{self.name} has no function {name}", params={"function": name}) from error

    def creation(self, *arguments: Any) -> bytes:
        """Creation code with the constructor's arguments.

        :raises ContractError: arguments that do not fit
        """
        inputs = next((item["inputs"] for item in self.abi if item["type"] == "constructor"), ())
        return self.bytecode + _encode("constructor", inputs, arguments)

    def encode(self, function: str, *arguments: Any) -> bytes:
        """Calldata of a call.

        :raises ContractError: no such function, or arguments that do not fit
        """
        return self.selector(function) + _encode(function, self._function(function)["inputs"], arguments)

    def decode(self, function: str, answer: bytes) -> Any:
        """A call's answer: one value, or a tuple; structs come as dictionaries by member name.

        :raises AnswerError: the bytes are not this function's answer
        """
        outputs = self._function(function)["outputs"]
        try:
            values = decode(_types(outputs), answer)
        except DecodingError as error:
            raise AnswerError(
                f"the chain's answer to {function} is not that of {self.name}", params={"function": function}
            ) from error
        named = tuple(_named(value, item) for value, item in zip(values, outputs, strict=True))
        return named[0] if len(named) == 1 else named

    def reverted(self, data: bytes) -> Reverted:
        """Name the error in revert data; ``Unknown`` with the raw bytes where it is not one of ours."""
        item = self._errors.get(data[:4])
        if item is not None:
            try:
                values = decode(_types(item["inputs"]), data[4:])
            except DecodingError:
                return Reverted("Unknown", {"data": data})
            names = [i["name"] for i in item["inputs"]]
            return Reverted(item["name"], dict(zip(names, values, strict=True)))
        return Reverted("OutOfGas" if not data else "Unknown", {"data": data})

    def event(self, topics: Sequence[bytes], data: bytes) -> Event | None:
        """Decode a log; ``None`` where it is no event of this contract.

        :raises AnswerError: the event's topic with data that does not fit it
        """
        item = self._events.get(topics[0]) if topics else None
        if item is None:
            return None
        indexed = [i for i in item["inputs"] if i["indexed"]]
        plain = [i for i in item["inputs"] if not i["indexed"]]
        try:
            values = {
                i["name"]: decode([t], topic)[0]
                for i, t, topic in zip(indexed, _types(indexed), topics[1:], strict=True)
            }
            values |= zip((i["name"] for i in plain), decode(_types(plain), data), strict=True)
        except (DecodingError, ValueError) as error:
            raise AnswerError(
                f"a log of {item['name']} does not fit it", params={"event": item["name"]}
            ) from error
        return Event(item["name"], values)


def _named(value: Any, item: Mapping[str, Any]) -> Any:
    if item["type"] == "tuple":
        return {c["name"]: _named(v, c) for v, c in zip(value, item["components"], strict=True)}
    if item["type"].startswith("tuple["):
        inner = {**item, "type": item["type"].replace("[]", "", 1)}
        return [_named(v, inner) for v in value]
    return value


def encode_intents(artifact: Artifact, intents: Sequence[tuple[Wire, Sequence[Signature]]]) -> bytes:
    """Calldata that executes intents: one alone by ``execute`` or ``executeJoint``, more by ``executeBatch``.

    :param intents: each with its further signatures
    """
    if len(intents) == 1:
        wire, cosignatures = intents[0]
        if not cosignatures:
            return artifact.encode("execute", wire)
        return artifact.encode("executeJoint", wire, [(s.r, s.vs) for s in cosignatures])
    return encode_batch(artifact, intents)


def encode_batch(artifact: Artifact, intents: Sequence[tuple[Wire, Sequence[Signature]]]) -> bytes:
    """Calldata of ``executeBatch``, which never fails as a whole for one act's sake."""
    cosignatures = [(s.r, s.vs) for _, signatures in intents for s in signatures]
    return artifact.encode("executeBatch", [wire for wire, _ in intents], cosignatures)


def decode_intents(artifact: Artifact, calldata: bytes) -> list[tuple[Wire, list[Signature]]] | None:
    """The intents in a transaction's calldata; ``None`` where it is no direct call that executes any.

    Cosignatures of a batch are dealt out in order, as the contract does.
    """
    selector, body = calldata[:4], calldata[4:]
    shapes = {artifact.selector(name): name for name in ("execute", "executeJoint", "executeBatch")}
    name = shapes.get(selector)
    if name is None:
        return None
    try:
        values = decode(_types(artifact._function(name)["inputs"]), body)
    except DecodingError:
        return None
    wires: Sequence[Wire] = values[0] if name == "executeBatch" else [values[0]]
    signatures = [Signature(r, vs) for r, vs in (values[1] if len(values) > 1 else ())]
    result: list[tuple[Wire, list[Signature]]] = []
    for wire in wires:
        count = wire[1] >> 8 & 0x7F
        result.append((wire, signatures[:count]))
        signatures = signatures[count:]
    return result
