"""From bytes to a report: the text, the characters, the form, then the sense.

`check_bytes` takes anything from anyone and never raises for what it holds: whatever is wrong becomes a
finding. The steps are in order, and a later one runs only on what an earlier one let through:

- the bytes are one strict JSON text (`chain.canonical.parse`);
- no null, no invisible or direction-turning character, every text in normal form C;
- the value has the form of `form.RailBill`;
- the sense checks of `checks`.

>>> check_bytes(b'{"a": 1, "a": 2}').findings[0].code
'json-duplicate-key'
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from api.domains.bills.document.checks import check_sense
from api.domains.bills.document.findings import Finding, Path, Report, finding
from api.domains.bills.document.form import FORMAT, RailBill
from api.domains.bills.document.messages import MESSAGES, PATTERN_WORDS
from chain.canonical import Json, JsonError, parse

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_FINDINGS", "check_bytes", "check_value"]

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 16
MAX_FINDINGS: Final = 200

# Characters that a reader cannot see, or that change what he sees: controls, format characters (zero-width,
# bidirectional overrides), surrogates, private use, unassigned, line and paragraph separators; and those that
# are letters or marks by category and yet invisible (fillers, joiners, variation selectors).
_FORBIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_INVISIBLE: Final = frozenset(
    chr(point)
    for span in (
        range(0x034F, 0x0350),
        range(0x115F, 0x1161),
        range(0x17B4, 0x17B6),
        range(0x180B, 0x1810),
        range(0x2800, 0x2801),
        range(0x3164, 0x3165),
        range(0xFE00, 0xFE10),
        range(0xFFA0, 0xFFA1),
        range(0xE0100, 0xE01F0),
    )
    for point in span
)
# Rare ideographs are added to these planes every few years; this Python's tables may not know them yet.
_IDEOGRAPHIC_PLANES: Final = range(0x20000, 0x3FFFE)

_KINDS: Final = {
    "missing": "field-missing",
    "extra_forbidden": "field-unknown",
    "string_pattern_mismatch": "field-form",
    "string_too_short": "field-length",
    "string_too_long": "field-length",
    "too_short": "field-length",
    "too_long": "field-length",
    "literal_error": "field-choice",
    "greater_than_equal": "field-range",
    "less_than_equal": "field-range",
}
_WANTED: Final = {
    "string_type": ("text", "文本"),
    "int_type": ("a whole number", "整数"),
    "bool_type": ("true or false", "true 或 false"),
    "tuple_type": ("a list", "列表"),
    "model_type": ("an object", "对象"),
    "model_attributes_type": ("an object", "对象"),
    "dict_type": ("an object", "对象"),
}

_BOUNDS: Final = {
    "pattern": "",
    "expected": "",
    "ge": "≥ ",
    "le": "≤ ",
    "min_length": "≥ ",
    "max_length": "≤ ",
}


def check_bytes(data: bytes, *, today: date | None = None) -> Report:
    """Check a bill as it came; never raises for what the bytes hold.

    :param data: one JSON text
    :param today: the day of the check (UTC of this machine's clock, unless given)
    """
    try:
        value = parse(data, max_bytes=MAX_BYTES, max_depth=MAX_DEPTH)
    except JsonError as error:
        return Report((_json_finding(error),))
    return check_value(value, today=today)


def check_value(value: Json, *, today: date | None = None) -> Report:
    """Check a bill that was already read by `chain.canonical.parse`.

    :param today: the day of the check (UTC of this machine's clock, unless given)
    """
    if not isinstance(value, dict):
        return Report((finding("document-not-object", ()),), value=value)
    # A hostile text can have a hundred thousand things wrong with it; no more are worded than can be shown.
    found = list(islice(_check_characters(value), MAX_FINDINGS + 1))
    document: RailBill | None = None
    try:
        document = RailBill.model_validate(value)
    except ValidationError as error:
        seen = {one.path for one in found}
        details = error.errors(include_url=False, include_input=False)
        worded = map(_form_finding, islice(details, MAX_FINDINGS + 1))
        found += [one for one in worded if one.path not in seen]
    else:
        found += check_sense(document, today or datetime.now(UTC).date())
    return Report(_cut(found), document, value)


def _cut(found: list[Finding]) -> tuple[Finding, ...]:
    if len(found) <= MAX_FINDINGS:
        return tuple(found)
    # Errors first: what is cut must never be what stops the bill.
    found.sort(key=lambda one: one.severity)
    return (*found[:MAX_FINDINGS], finding("findings-cut", (), limit=MAX_FINDINGS))


def _json_finding(error: JsonError) -> Finding:
    code = error.code if error.code in MESSAGES else "json"
    made = finding(code, (), **error.params)
    pointer = str(error.params.get("pointer", ""))
    return Finding(made.code, made.severity, pointer, made.en, made.zh)


def _check_characters(value: dict[str, Json]) -> Iterator[Finding]:
    """Walk the value without recursion; give one finding for each place at most."""
    waiting: list[tuple[Path, Json]] = [((), value)]
    while waiting:
        path, node = waiting.pop()
        if node is None:
            yield finding("null-refused", path)
        elif isinstance(node, str):
            yield from _check_text(node, path)
        elif isinstance(node, dict):
            for key, child in node.items():
                yield from _check_text(key, (*path, key))
                waiting.append(((*path, key), child))
        elif isinstance(node, list):
            waiting += [((*path, place), child) for place, child in enumerate(node)]


def _check_text(text: str, path: Path) -> Iterator[Finding]:
    if text.isascii() and text.isprintable():
        return
    bad = next((c for c in text if _is_forbidden(c)), None)
    if bad is not None:
        yield finding("text-forbidden", path, character=f"U+{ord(bad):04X}")
    elif not unicodedata.is_normalized("NFC", text):
        yield finding("text-not-nfc", path)


def _is_forbidden(character: str) -> bool:
    category = unicodedata.category(character)
    if category == "Cn" and ord(character) in _IDEOGRAPHIC_PLANES and ord(character) & 0xFFFE != 0xFFFE:
        return False
    return category in _FORBIDDEN or character in _INVISIBLE


def _form_finding(error: ErrorDetails) -> Finding:
    kind, path = error["type"], tuple(error["loc"])
    context: Mapping[str, Any] = error.get("ctx", {})
    if kind in MESSAGES:
        return finding(kind, path, wanted=_WANTED["string_type"])
    if kind == "literal_error" and path == ("format",):
        return finding("format-unknown", path, known=FORMAT)
    code = _KINDS.get(kind, "field-type")
    wanted = _WANTED.get(kind, ("another kind", "其他类型")) if code == "field-type" else _wanted(context)
    return finding(code, path, wanted=wanted)


def _wanted(context: Mapping[str, Any]) -> str | tuple[str, str]:
    if "pattern" in context:
        return PATTERN_WORDS[str(context["pattern"])]
    return next((f"{sign}{context[key]}" for key, sign in _BOUNDS.items() if key in context), "")
