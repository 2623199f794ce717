"""A contract's variables read from its storage slots, by the layout that its compiler published.

Which slot a variable has follows from the source (Solidity documentation, "Layout of State Variables in
Storage"); the artefacts carry it as ``storageLayout``. So a slot that is proved can be read like an answer.

>>> parties = Storage(Artifact.load("Parties").layout, slots)  # doctest: +SKIP
>>> parties.read("_keys", key)                                 # doctest: +SKIP
{'party': 3, 'since': 1760000000, 'until': 0, 'custodial': False}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from chain.errors import LandbridgeError
from chain.intents import keccak

__all__ = ["LayoutError", "Reader", "Storage"]

Reader = Callable[[bytes], int]
"""What a slot (32 bytes) holds."""


class LayoutError(LandbridgeError):
    """A variable, or a kind of variable, that the layout does not have or this reader does not know."""

    code: ClassVar[str] = "storage-layout"


@dataclass(frozen=True, slots=True)
class _Place:
    slot: int
    type: str
    offset: int = 0


class Storage:
    """One contract's storage.

    :param layout: the compiler's ``storageLayout``
    :param reader: gives what a slot holds
    """

    def __init__(self, layout: Mapping[str, Any], reader: Reader) -> None:
        self._variables = {item["label"]: item for item in layout["storage"]}
        self._types: Mapping[str, Mapping[str, Any]] = layout["types"] or {}
        self._reader = reader

    def read(self, variable: str, *keys: Any) -> Any:
        """A variable's value: a number, a truth value, bytes or an address; of a struct a dictionary.

        A value of a type of the contract's own is the number in its slot, whatever it stands for.

        :param keys: of a mapping's entry, from the outside in; of an array's, its index
        :raises LayoutError: there is no such variable
        """
        place = self._place(variable, keys)
        kind = self._kind(place.type)
        if "members" in kind:
            return {one["label"]: self._value(place.slot + int(one["slot"]), one) for one in kind["members"]}
        return self._value(place.slot, {"offset": place.offset, "type": place.type})

    def length(self, variable: str, *keys: Any) -> int:
        """How many entries an array has.

        :raises LayoutError: there is no such array
        """
        place = self._place(variable, keys)
        if self._kind(place.type)["encoding"] != "dynamic_array":
            raise LayoutError(f"{variable} is no array", params={"variable": variable})
        return self._reader(_word(place.slot))

    def _place(self, variable: str, keys: tuple[Any, ...]) -> _Place:
        found = self._variables.get(variable)
        if found is None:
            raise LayoutError(f"no variable is called {variable}", params={"variable": variable})
        place = _Place(int(found["slot"]), found["type"], int(found["offset"]))
        for key in keys:
            kind = self._kind(place.type)
            if kind["encoding"] == "mapping":
                hashed = keccak(_key(key) + _word(place.slot))
                place = _Place(int.from_bytes(hashed, "big"), kind["value"])
            elif kind["encoding"] == "dynamic_array":
                base = self._kind(kind["base"])
                if "members" not in base and int(base["numberOfBytes"]) <= 16:
                    raise LayoutError("several entries in one slot are not read here")
                size = -(-int(base["numberOfBytes"]) // 32)
                first = int.from_bytes(keccak(_word(place.slot)), "big")
                place = _Place((first + int(key) * size) % (1 << 256), kind["base"])
            else:
                raise LayoutError(f"{variable} has no such entry", params={"variable": variable})
        return place

    def _kind(self, type_: str) -> Mapping[str, Any]:
        return self._types[type_]

    def _value(self, slot: int, member: Mapping[str, Any]) -> Any:
        kind = self._kind(member["type"])
        if kind["encoding"] != "inplace" or "members" in kind:
            raise LayoutError("this kind of variable is not read here", params={"type": member["type"]})
        size = int(kind["numberOfBytes"])
        raw = self._reader(_word(slot % (1 << 256))) >> 8 * int(member["offset"]) & (1 << 8 * size) - 1
        label = str(kind["label"])
        if label == "bool":
            return raw != 0
        if label.startswith("bytes"):
            return raw.to_bytes(size, "big")
        return f"0x{raw:040x}" if label == "address" else raw


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _key(key: Any) -> bytes:
    """A mapping's key as it is hashed: numbers and addresses on the right of a word, bytes32 as they are."""
    if isinstance(key, bytes):
        return key.ljust(32, b"\0")
    return _word(int(key, 16) if isinstance(key, str) else int(key))
