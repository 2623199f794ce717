"""Strict JSON in, canonical bytes out: the one reading and the one writing that digests stand on.

`parse` takes bytes from anyone and gives a value that has exactly one meaning, or refuses by name: nothing
is repaired, rounded or silently dropped. `canonical` gives the RFC 8785 bytes of a value; two values have
the same bytes only if they are the same JSON.

>>> canonical(parse(b'{"b": [1, true], "a": "x"}'))
b'{"a":"x","b":[1,true]}'
>>> parse(b'{"a": 1, "a": 2}')
Traceback (most recent call last):
    ...
chain.canonical.JsonDuplicateKeyError: The key at /a stands twice in its object.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, NoReturn, TypeAlias, cast

import rfc8785

from chain.errors import LandbridgeError

__all__ = [
    "MAX_INTEGER",
    "CanonicalError",
    "Json",
    "JsonDuplicateKeyError",
    "JsonError",
    "JsonLike",
    "JsonNotUtf8Error",
    "JsonNumberError",
    "JsonSurrogateError",
    "JsonSyntaxError",
    "JsonTooDeepError",
    "JsonTooLargeError",
    "JsonTruncatedError",
    "canonical",
    "parse",
    "pointer",
]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""What `parse` gives."""
JsonLike: TypeAlias = "bool | int | float | str | Sequence[JsonLike] | Mapping[str, JsonLike] | None"
"""What `canonical` takes: lists or tuples, and dicts with string keys."""

MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader carries exactly (RFC 7493 §2.2)."""

_POINTER_SHOWN = 200


class JsonError(LandbridgeError):
    """Base of every refusal of a JSON text."""

    code: ClassVar[str] = "json"


class JsonTooLargeError(JsonError):
    """The text has more bytes than allowed; params: ``size``, ``limit``."""

    code: ClassVar[str] = "json-too-large"


class JsonTooDeepError(JsonError):
    """Objects and arrays are nested deeper than allowed; params: ``limit``."""

    code: ClassVar[str] = "json-too-deep"


class JsonNotUtf8Error(JsonError):
    """The bytes are not UTF-8, or begin with a byte order mark; params: ``position`` in bytes."""

    code: ClassVar[str] = "json-not-utf8"


class JsonTruncatedError(JsonError):
    """The text ends before its value does; params: ``position``, ``line``, ``column``."""

    code: ClassVar[str] = "json-truncated"


class JsonSyntaxError(JsonError):
    """The text is not JSON; params: ``position`` (in characters), ``line``, ``column``."""

    code: ClassVar[str] = "json-syntax"


class JsonDuplicateKeyError(JsonError):
    """A key stands twice in one object; params: ``pointer``."""

    code: ClassVar[str] = "json-duplicate-key"


class JsonNumberError(JsonError):
    """A number cannot be carried exactly; params: ``pointer``."""

    code: ClassVar[str] = "json-number"


class JsonSurrogateError(JsonError):
    """A string or key holds half of a surrogate pair, which no UTF-8 can carry; params: ``pointer``."""

    code: ClassVar[str] = "json-surrogate"


class CanonicalError(LandbridgeError):
    """A Python value has no RFC 8785 form (type, number, surrogate, nesting)."""

    code: ClassVar[str] = "json-not-canonical"


class _Refused:
    """Stands where a number was that cannot be carried, until the walk gives it its pointer."""

    def __init__(self, why: str) -> None:
        self.why = why


# A whole string, or one that the end of the text cuts (group 1), or a bracket.
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|(\\?\Z))|[\[\]{}]', re.DOTALL)
# What may be left over at the very end of a text that was cut within a number or a literal.
_CUT_TAIL = re.compile(r"(?:t|tr|tru|f|fa|fal|fals|n|nu|nul|-|\.|[eE][+-]?)?[ \t\n\r]*\Z")


def parse(
    data: bytes, *, max_bytes: int = 2_000_000, max_depth: int = 32, allow_floats: bool = False
) -> Json:
    """Read one JSON text (RFC 8259 within the limits of I-JSON, RFC 7493) and refuse everything doubtful.

    :param data: the whole text, UTF-8 without a byte order mark
    :param max_bytes: the longest text taken, in bytes
    :param max_depth: how many objects and arrays may stand inside one another; a scalar has depth 0
    :param allow_floats: take numbers with a fraction or an exponent as IEEE 754 doubles; without it every
        number is an integer within ±(2^53 − 1). An integer form beyond that is refused either way.
    :raises JsonTooLargeError, JsonTooDeepError, JsonNotUtf8Error, JsonTruncatedError, JsonSyntaxError,
        JsonDuplicateKeyError, JsonNumberError, JsonSurrogateError: each names one kind of refusal
    """
    if len(data) > max_bytes:
        raise JsonTooLargeError(
            f"The JSON text has {len(data)} bytes; at most {max_bytes} are taken.",
            params={"size": len(data), "limit": max_bytes},
        )
    text = _decode(data)
    # Where there are fewer brackets than levels, none of them needs to be looked at.
    deep = text.count("[") + text.count("{") > max_depth
    cut_string = _check_depth(text, max_depth) if deep else None
    # Objects with a doubled key, by identity; holding them keeps an identity from being given again.
    doubled: dict[int, tuple[object, str]] = {}
    refused: list[_Refused] = []

    def refuse(why: str) -> _Refused:
        refused.append(_Refused(why))
        return refused[-1]

    def as_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
        result = dict(pairs)
        if len(result) != len(pairs):
            times = Counter(key for key, _ in pairs)
            doubled[id(result)] = (result, next(key for key in result if times[key] > 1))
        return result

    def as_float(token: str) -> object:
        if not allow_floats:
            return refuse("has a fraction or an exponent; write an integer, or a decimal in a string")
        number = float(token)
        return number if math.isfinite(number) else refuse("is too large for a double")

    def as_integer(token: str) -> object:
        # The length comes first: int() of a text of a million digits takes minutes, or a bare ValueError.
        if len(token) > 17 or abs(number := int(token)) > MAX_INTEGER:
            return refuse("is an integer beyond ±(2^53 − 1)")
        return number

    try:
        value = json.loads(
            text,
            object_pairs_hook=as_object,
            parse_float=as_float,
            parse_int=as_integer,
            parse_constant=lambda token: refuse(f"is {token}, which JSON does not have"),
        )
    except json.JSONDecodeError as error:
        _refuse_syntax(text, error, cut_string if deep else _check_depth(text, max_depth))
    except RecursionError:
        _refuse_depth(max_depth)
    # UTF-8 cannot carry half of a surrogate pair, so only an escape can have brought one.
    if doubled or refused or "\\u" in text:
        _check_tree(value, doubled)
    return cast(Json, value)


def canonical(value: JsonLike) -> bytes:
    """Give the RFC 8785 (JCS) bytes of a value.

    Integers must lie within ±(2^53 − 1); a float that is a whole number has the bytes of that number.

    :raises CanonicalError: the value holds something that has no such form
    """
    try:
        return rfc8785.dumps(value)
    # Its causes are not repeated in the sentence, since they hold the value itself.
    except (rfc8785.IntegerDomainError, rfc8785.FloatDomainError) as error:
        raise CanonicalError("A number in the value has no exact form in JSON.") from error
    except ValueError as error:  # its own base error, half a surrogate pair in a key, digits without end
        raise CanonicalError("The value holds a type, a key or a text that JSON does not have.") from error
    except RecursionError as error:
        raise CanonicalError("The value is nested too deep.") from error


def pointer(path: Sequence[str | int]) -> str:
    """Give the JSON pointer (RFC 6901) of a path of object keys and array indices; "" is the whole.

    >>> pointer(["a/b", 0, "c"])
    '/a~1b/0/c'
    """
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _decode(data: bytes) -> str:
    if data.startswith(b"\xef\xbb\xbf"):
        raise JsonNotUtf8Error("The JSON text begins with a byte order mark.", params={"position": 0})
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise JsonNotUtf8Error(
            f"The JSON text is not UTF-8 at byte {error.start}.", params={"position": error.start}
        ) from error


def _check_depth(text: str, limit: int) -> int | None:
    """Refuse deep nesting before the recursive reader meets it; give where an unclosed string begins."""
    depth = 0
    for token in _TOKEN.finditer(text):
        first = text[token.start()]
        if first in "[{":
            depth += 1
            if depth > limit:
                _refuse_depth(limit)
        elif first in "]}":
            depth -= 1
        elif token.group(1) is not None:
            return token.start()
    return None


def _refuse_depth(limit: int) -> NoReturn:
    raise JsonTooDeepError(
        f"Objects and arrays are nested deeper than {limit}.", params={"limit": limit}
    ) from None


def _refuse_syntax(text: str, error: json.JSONDecodeError, cut_string: int | None) -> NoReturn:
    params: dict[str, str | int] = {"position": error.pos, "line": error.lineno, "column": error.colno}
    where = f"line {error.lineno}, column {error.colno}"
    in_cut_string = cut_string is not None and error.pos >= cut_string
    if in_cut_string or _CUT_TAIL.match(text, error.pos):
        raise JsonTruncatedError(f"The JSON text ends too early, after {where}.", params=params) from None
    raise JsonSyntaxError(f"The text is not JSON at {where}: {error.msg}.", params=params) from None


def _check_tree(root: object, doubled: dict[int, tuple[object, str]]) -> None:
    """Find the first place, in document order, that must be refused; without recursion."""
    path: list[str | int] = []
    _check_node(root, path, doubled)
    open_nodes: list[Iterator[tuple[str | int, object]]] = [_children(root)]
    while open_nodes:
        step, child = next(open_nodes[-1], (None, None))
        if step is None:
            open_nodes.pop()
            if path:
                path.pop()
            continue
        path.append(step)
        if isinstance(step, str):
            _check_string(step, path)
        _check_node(child, path, doubled)
        if isinstance(child, dict | list):
            open_nodes.append(_children(child))
        else:
            path.pop()


def _children(node: object) -> Iterator[tuple[str | int, object]]:
    if isinstance(node, dict):
        return iter(node.items())
    return iter(enumerate(node)) if isinstance(node, list) else iter(())


def _check_node(node: object, path: list[str | int], doubled: dict[int, tuple[object, str]]) -> None:
    if isinstance(node, str):
        _check_string(node, path)
    elif isinstance(node, _Refused):
        where = _shown(path)
        raise JsonNumberError(f"The number at {where or 'the top'} {node.why}.", params={"pointer": where})
    elif doubled and id(node) in doubled:
        where = _shown([*path, doubled[id(node)][1]])
        raise JsonDuplicateKeyError(
            f"The key at {where} stands twice in its object.", params={"pointer": where}
        )


def _check_string(text: str, path: list[str | int]) -> None:
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        where = _shown(path)
        raise JsonSurrogateError(
            f"The text at {where or 'the top'} holds half of a surrogate pair.", params={"pointer": where}
        )


def _shown(path: Sequence[str | int]) -> str:
    """Give a pointer that is safe to print: bounded, and encodable whatever the keys hold."""
    whole = pointer(path).encode("utf-8", "backslashreplace").decode("utf-8")
    return whole if len(whole) <= _POINTER_SHOWN else whole[:_POINTER_SHOWN] + "…"
