"""The strict reader refuses each doubtful text by its own code; the writer gives RFC 8785's bytes."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chain.canonical import CanonicalError, JsonError, canonical, parse, pointer
from chain.errors import LandbridgeError

VECTORS = Path(os.environ.get("LANDBRIDGE_VECTORS", Path(__file__).parents[4] / "shared" / "data"))
INTEGERS = st.integers(-(2**53) + 1, 2**53 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = st.none() | st.booleans() | INTEGERS | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4)
)


def refused(data: bytes, **options: Any) -> LandbridgeError:
    with pytest.raises(LandbridgeError) as caught:
        parse(data, **options)
    return caught.value


@pytest.mark.parametrize("name", ["arrays", "french", "structures", "unicode", "values", "weird"])
def test_the_standards_own_vectors_have_their_bytes(name: str) -> None:
    folder = VECTORS / "vault" / "jcs"
    if not folder.is_dir():
        pytest.skip("the outside vectors are not here: set LANDBRIDGE_VECTORS to their folder")
    given_text = (folder / "input" / f"{name}.json").read_bytes()
    wanted = (folder / "output" / f"{name}.json").read_bytes()
    assert canonical(parse(given_text, allow_floats=True)) == wanted


@pytest.mark.parametrize("name", ["arrays", "french", "structures", "unicode"])
def test_the_second_set_of_vectors_has_its_bytes(name: str) -> None:
    file = VECTORS / "trade" / "jcs" / f"{name}_case.json"
    if not file.is_file():
        pytest.skip("the outside vectors are not here: set LANDBRIDGE_VECTORS to their folder")
    case = json.loads(file.read_bytes())
    written = canonical(parse(case["input_text"].encode(), allow_floats=True))
    assert written == bytes.fromhex("".join(case["output_hex"]))
    assert written.decode() == case["output_text"]


@pytest.mark.parametrize(
    ("data", "code", "params"),
    [
        (b"", "json-truncated", {"position": 0}),
        (b'{"a": 1', "json-truncated", {"position": 7, "line": 1, "column": 8}),
        (b'{"a": "x', "json-truncated", {}),
        (b'{"a": "x\\', "json-truncated", {}),
        (b'["\\u12', "json-truncated", {}),
        (b"[tru", "json-truncated", {}),
        (b"[1e+", "json-truncated", {}),
        (b'{"a": 1}}', "json-syntax", {"position": 8, "line": 1, "column": 9}),
        (b"[1,,2]", "json-syntax", {}),
        (b"[1,,2", "json-syntax", {}),
        (b'[1,,"a', "json-syntax", {}),
        (b"{'a': 1}", "json-syntax", {}),
        (b"[1,]", "json-syntax", {}),
        (b"[01]", "json-syntax", {}),
        (b"[+1]", "json-syntax", {}),
        (b"[0x1]", "json-syntax", {}),
        (b'["\x01"]', "json-syntax", {}),
        (b'["\\x"]', "json-syntax", {}),
        (b"// c\n1", "json-syntax", {}),
        ("[\u0661]".encode(), "json-syntax", {}),
        ("\u00a01".encode(), "json-syntax", {}),
        (b'\xef\xbb\xbf{"a": 1}', "json-not-utf8", {"position": 0}),
        (b'{"a": "\xff"}', "json-not-utf8", {"position": 7}),
        (b'["\xed\xa0\x80"]', "json-not-utf8", {"position": 2}),
        (b'["\xc0\xaf"]', "json-not-utf8", {"position": 2}),
        ('{"a": 1}'.encode("utf-16"), "json-not-utf8", {}),
        (b'{"x": [{"a": 1, "b": 2, "a": 1}]}', "json-duplicate-key", {"pointer": "/x/0/a"}),
        (b'{"a": 1, "\\u0061": 2}', "json-duplicate-key", {"pointer": "/a"}),
        (b'{"o": {"a": 1, "a": 2}, "o": {}}', "json-duplicate-key", {"pointer": "/o"}),
        (b'{"a/b~": 1, "a/b~": 1}', "json-duplicate-key", {"pointer": "/a~1b~0"}),
        (b"[NaN]", "json-number", {"pointer": "/0"}),
        (b'{"a": Infinity}', "json-number", {"pointer": "/a"}),
        (b'{"a": -Infinity}', "json-number", {"pointer": "/a"}),
        (b'{"m": [0, 9007199254740992]}', "json-number", {"pointer": "/m/1"}),
        (b"9007199254740993", "json-number", {"pointer": ""}),
        (b"-9007199254740992", "json-number", {"pointer": ""}),
        (b"[" + b"9" * 100_000 + b"]", "json-number", {"pointer": "/0"}),
        (b"[1.0]", "json-number", {"pointer": "/0"}),
        (b"[1e2]", "json-number", {"pointer": "/0"}),
        (b"[-0.0]", "json-number", {"pointer": "/0"}),
        (b'["\\ud800"]', "json-surrogate", {"pointer": "/0"}),
        (b'["\\udc00\\ud800"]', "json-surrogate", {"pointer": "/0"}),
        (b'{"\\ud83d": 1}', "json-surrogate", {"pointer": "/\\ud83d"}),
    ],
)
def test_each_doubtful_text_is_refused_by_name(data: bytes, code: str, params: dict[str, object]) -> None:
    error = refused(data)
    assert error.code == code
    assert params.items() <= error.params.items()
    str(error).encode("utf-8")


def test_size_is_bounded_before_anything_is_read() -> None:
    assert parse(b'"ab"', max_bytes=4) == "ab"
    error = refused(b'"abc"', max_bytes=4)
    assert (error.code, error.params) == ("json-too-large", {"size": 5, "limit": 4})


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_depth_is_bounded_without_a_crash(opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    assert parse(opening * 4 + b"1" + closing * 4, max_depth=4) is not None
    error = refused(opening * 5 + b"1" + closing * 5, max_depth=4)
    assert (error.code, error.params) == ("json-too-deep", {"limit": 4})
    assert refused(opening * 300_000).code == "json-too-deep"
    # A caller that asks for more than the interpreter can hold gets the same answer, not a RecursionError.
    assert refused(opening * 300_000, max_depth=10**9).code == "json-too-deep"


def test_depth_counts_no_bracket_inside_a_string() -> None:
    assert parse(b'["[[[[", "\\"[[[["]', max_depth=1) == ["[[[[", '"[[[[']
    assert parse(b"[[],[],[]]", max_depth=2) == [[], [], []]
    assert parse(b"1", max_depth=0) == 1


def test_floats_are_taken_only_when_asked_for() -> None:
    assert parse(b"[4.50, 2e-3, -0]", allow_floats=True) == [4.5, 0.002, 0]
    assert refused(b"[1e400]", allow_floats=True).code == "json-number"
    assert refused(b"[NaN]", allow_floats=True).code == "json-number"
    assert refused(b"[9007199254740993]", allow_floats=True).code == "json-number"


def test_a_pointer_shown_in_an_error_is_bounded() -> None:
    key = b'"' + b"k" * 100_000 + b'"'
    error = refused(b"{" + key + b": 1, " + key + b": 2}")
    assert len(str(error)) < 300


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert parse(b'"\\ud83d\\ude02"') == "\U0001f602"
    assert canonical("\U0001f602") == b'"\xf0\x9f\x98\x82"'


@given(VALUES)
def test_what_is_written_reads_back_the_same(value: Any) -> None:
    written = canonical(value)
    assert parse(written, max_depth=100) == value
    assert canonical(parse(written, max_depth=100)) == written
    assert canonical(parse(json.dumps(value, indent=1).encode(), max_depth=100)) == written


@given(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4), st.data())
def test_every_cut_is_truncated_by_name(value: Any, data: st.DataObject) -> None:
    whole = json.dumps(value, indent=1).encode()  # ASCII, so that no cut falls inside a character
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert refused(whole[:cut], max_depth=100, allow_floats=True).code == "json-truncated"


@given(st.binary(max_size=60))
@example(b"-")
@example(b'"\\')
def test_any_bytes_give_a_value_or_a_named_error(data: bytes) -> None:
    with contextlib.suppress(JsonError):
        canonical(parse(data, allow_floats=True))


@given(st.text(alphabet='{}[]",:\\u0dD8e1.-+ tfn', max_size=40))
def test_near_json_gives_a_value_or_a_named_error(text: str) -> None:
    with contextlib.suppress(JsonError):
        canonical(parse(text.encode(), allow_floats=True))


@pytest.mark.parametrize(
    "value",
    [
        2**53,
        -(2**53),
        10**5000,
        float("nan"),
        float("inf"),
        b"bytes",
        {1: 2},
        {"a": object()},
        {"a", "b"},
        "\ud800",
        {"\ud800": 1},
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_without_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(CanonicalError) as caught:
        canonical(value)
    assert caught.value.code == "json-not-canonical"


def test_a_value_that_holds_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(CanonicalError):
        canonical(loop)


def test_keys_are_ordered_by_utf16_units() -> None:
    # U+FB33 comes after U+1F602 in UTF-16, although it comes before it among code points.
    assert list(parse(canonical({"\ufb33": 1, "\U0001f602": 2}))) == ["\U0001f602", "\ufb33"]  # type: ignore[arg-type]


@given(st.lists(st.text(max_size=4) | st.integers(0, 9), max_size=5))
def test_a_pointer_keeps_its_steps_apart(path: list[str | int]) -> None:
    shown = pointer(path)
    steps = [step.replace("~1", "/").replace("~0", "~") for step in shown.split("/")[1:]]
    assert steps == [str(step) for step in path]
