"""Document digests: no two documents share one, no field can be guessed, no altered proof passes."""

from __future__ import annotations

import hmac
import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path as File
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chain.canonical import CanonicalError, JsonError, canonical, parse
from chain.digests import (
    Digest,
    DigestError,
    FieldMissingError,
    FieldProof,
    FieldProofError,
    Seed,
    document_digest,
    field_paths,
    new_seed,
    open_fields,
    verify_field,
)

VECTORS = json.loads((File(__file__).parents[2] / "vectors" / "digests.json").read_bytes())
SEED = Seed(bytes(range(32)))
BILL: dict[str, Any] = {
    "number": "CQ-7",
    "goods": [{"mass": 100, "marks": ["A", "B"]}, {"mass": 0, "marks": []}],
    "sealed": True,
    "note": None,
}
# Small alphabets make collisions of shape likely, which is what these tests look for.
KEYS = st.sampled_from(["", "0", "1", "a", "b", "é", '"', '","'])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-1, 2)
    | st.sampled_from(["", "0", "1", "true", "null", "[]", "{}", '"'])
)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


# A second, plain implementation, from docs/decisions/0004 and not from the code.


def plain_fields(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    if isinstance(node, dict) and node:
        return [field for key in node for field in plain_fields(node[key], (*path, key))]
    if isinstance(node, list) and node:
        return [field for index, one in enumerate(node) for field in plain_fields(one, (*path, index))]
    return [(path, node)]


def plain_text(node: Any) -> bytes:
    return json.dumps(node, ensure_ascii=False, separators=(",", ":")).encode()


def plain_leaves(document: Any, seed: bytes) -> list[tuple[bytes, bytes, bytes]]:
    rows = []
    for path, value in plain_fields(document):
        name, text = plain_text(list(path)), plain_text(value)
        salt = hmac.new(seed, b"landbridge/salt/1\0" + name, sha256).digest()
        lengths = len(name).to_bytes(4, "big") + len(text).to_bytes(4, "big")
        entry = b"landbridge/field/1\0" + lengths + salt + name + text
        rows.append((name, salt, sha256(b"\0" + entry).digest()))
    return sorted(rows)


def plain_root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\1" + plain_root(leaves[:k]) + plain_root(leaves[k:])).digest()


def plain_digest(document: Any, seed: bytes, form: str) -> bytes:
    leaves = [leaf for _, _, leaf in plain_leaves(document, seed)]
    head = b"landbridge/document/1\0" + bytes([len(form)]) + form.encode()
    return sha256(head + len(leaves).to_bytes(8, "big") + plain_root(leaves)).digest()


@pytest.mark.parametrize("case", VECTORS["documents"], ids=lambda case: str(case["name"]))
def test_the_vectors_hold(case: dict[str, Any]) -> None:
    document, seed, form = parse(case["text"].encode()), Seed(bytes.fromhex(case["seed"])), case["form"]
    digest = document_digest(document, seed, form=form)
    assert digest.hex() == case["digest"] == plain_digest(document, seed, form).hex()
    rows = plain_leaves(document, seed)
    assert [[name.decode(), salt.hex(), leaf.hex()] for name, salt, leaf in rows] == [
        [row["path"], row["salt"], row["leaf"]] for row in case["fields"]
    ]
    assert plain_root([leaf for _, _, leaf in rows]).hex() == case["root"]
    for data in case["proofs"]:
        proof = FieldProof.from_json(data)
        verify_field(proof, digest)
        assert [proof] == open_fields(document, seed, [proof.path], form=form)


@pytest.mark.parametrize("case", VECTORS["refused_proofs"], ids=lambda case: str(case["name"]))
def test_the_vectors_that_must_be_refused_are(case: dict[str, Any]) -> None:
    with pytest.raises(FieldProofError):
        verify_field(FieldProof.from_json(case["proof"]), Digest(bytes.fromhex(case["digest"])))


@given(DOCUMENTS, st.binary(min_size=32, max_size=32))
def test_the_digest_is_that_of_the_plain_implementation(document: Any, seed: bytes) -> None:
    assert document_digest(document, Seed(seed), form="f/1") == plain_digest(document, seed, "f/1")


@settings(max_examples=1000)
@given(DOCUMENTS, DOCUMENTS)
def test_two_documents_share_no_digest(one: Any, other: Any) -> None:
    assume(canonical(one) != canonical(other))
    assert document_digest(one, SEED) != document_digest(other, SEED)


def test_values_of_different_types_share_no_digest() -> None:
    scalars = [1, "1", True, "true", None, "null", "", 0, False, {}, [], "{}", "[]", -1, 1.5, "1.5"]
    documents: list[Any] = [
        *scalars,
        *({"a": one} for one in scalars),
        *([one] for one in scalars),
        *({"a": [one]} for one in scalars),
        *({"a": {"0": one}} for one in scalars),
        *({"a": {"": one}} for one in scalars),
        *({"a": one, "b": None} for one in scalars),
        *([one, None] for one in scalars),
        {"a": 1, "b": 2},
        {"a": 2, "b": 1},
        [1, 2],
        [2, 1],
        {"a": {"b": 1}},
        {"a.b": 1},
        {"a/b": 1},
        {'a","b': 1},
        {"A": 1},
        {"a": "\u00c5"},
        {"a": "A\u030a"},
    ]
    digests = {document_digest(document, SEED) for document in documents}
    assert len(digests) == len(documents)


@given(DOCUMENTS, st.randoms(use_true_random=False))
def test_the_order_of_keys_changes_nothing(document: Any, random: Any) -> None:
    def shuffled(node: Any) -> Any:
        if isinstance(node, dict):
            keys = list(node)
            random.shuffle(keys)
            return {key: shuffled(node[key]) for key in keys}
        return [shuffled(one) for one in node] if isinstance(node, list) else node

    assert document_digest(shuffled(document), SEED) == document_digest(document, SEED)


def test_seed_and_form_are_bound() -> None:
    digest = document_digest(BILL, SEED, form="bill/1")
    assert document_digest(BILL, SEED, form="bill/2") != digest
    assert document_digest(BILL, SEED) != digest
    for bit in range(256):
        other = (int.from_bytes(SEED, "big") ^ 1 << bit).to_bytes(32, "big")
        assert document_digest(BILL, Seed(other), form="bill/1") != digest
    assert new_seed() != new_seed()
    assert len(new_seed()) == 32


@given(DOCUMENTS)
def test_every_field_can_be_shown_alone(document: Any) -> None:
    digest = document_digest(document, SEED)
    paths = field_paths(document)
    proofs = open_fields(document, SEED, paths)
    assert [(proof.path, proof.value) for proof in proofs] == plain_fields(document)
    for proof in proofs:
        verify_field(proof, digest)
        carried = FieldProof.from_json(parse(canonical(proof.to_json())))
        assert carried == proof
        verify_field(carried, digest)


@pytest.mark.parametrize(
    "path",
    [(), ("goods",), ("goods", "0", "mass"), ("goods", 2, "mass"), ("absent",), ("sealed", 0), (True,)],
)
def test_what_is_no_field_is_not_opened(path: tuple[Any, ...]) -> None:
    with pytest.raises(FieldMissingError) as caught:
        open_fields(BILL, SEED, [path])
    assert caught.value.code == "digest-field-missing"


def bits_flipped(data: bytes) -> list[bytes]:
    number = int.from_bytes(data, "big")
    return [(number ^ 1 << bit).to_bytes(len(data), "big") for bit in range(8 * len(data))]


def test_every_single_bit_of_a_proof_counts() -> None:
    digest = document_digest(BILL, SEED)
    [proof] = open_fields(BILL, SEED, [("goods", 0, "mass")])
    altered = [replace(proof, salt=salt) for salt in bits_flipped(proof.salt)]
    values: list[Any] = [101, "100", None, True, 100.5, [], {}, ""]
    altered += [replace(proof, value=value) for value in values]
    altered += [
        replace(proof, path=path)
        for path in (("goods", 1, "mass"), ("goods", "0", "mass"), ("goods", 0), (), ("goods", 0, "Mass"))
    ]
    altered += [replace(proof, index=index) for index in range(-2, 12) if index != proof.index]
    altered += [replace(proof, size=size) for size in range(-2, 20) if size != proof.size]
    altered += [replace(proof, form="application/jsoN")]
    for place, sibling in enumerate(proof.siblings):
        for other in bits_flipped(sibling):
            siblings = (*proof.siblings[:place], other, *proof.siblings[place + 1 :])
            altered.append(replace(proof, siblings=siblings))
    for lie in altered:
        with pytest.raises(FieldProofError):
            verify_field(lie, digest)
    for other in bits_flipped(digest):
        with pytest.raises(FieldProofError):
            verify_field(proof, Digest(other))
    verify_field(proof, digest)


def test_every_single_bit_of_a_written_proof_counts() -> None:
    digest = document_digest(BILL, SEED)
    [proof] = open_fields(BILL, SEED, [("number",)])
    for data in bits_flipped(canonical(proof.to_json())):
        with pytest.raises((FieldProofError, JsonError)):
            verify_field(FieldProof.from_json(parse(data)), digest)


@given(DOCUMENTS)
def test_any_json_in_place_of_a_proof_is_refused(document: Any) -> None:
    with pytest.raises(FieldProofError):
        FieldProof.from_json(document)
    [proof] = open_fields("x", SEED, [()])
    for key, value in proof.to_json().items():
        changed = {**proof.to_json(), key: document}
        if canonical(document) != canonical(value):
            with pytest.raises(FieldProofError):
                verify_field(FieldProof.from_json(changed), document_digest("x", SEED))


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": (True,)},
        {"path": (1.0,)},
        {"path": (2**60,)},
        {"value": float("nan")},
        {"value": 2**60},
        {"value": {"a": 1}},
        {"value": [1]},
        {"salt": b""},
        {"salt": bytes(33)},
        {"siblings": (b"short",)},
        {"siblings": (bytes(32),) * 80},
        {"size": 2**80},
        {"size": 2**80, "siblings": (bytes(32),) * 80},
        {"form": ""},
        {"form": "é"},
        {"form": "f" * 256},
    ],
    ids=str,
)
def test_a_malformed_proof_is_refused_by_name(wrong: dict[str, Any]) -> None:
    [proof] = open_fields({"a": 1}, SEED, [("a",)])
    with pytest.raises(FieldProofError) as caught:
        verify_field(replace(proof, **wrong), document_digest({"a": 1}, SEED))
    assert caught.value.code == "digest-field-proof"


@pytest.mark.parametrize(
    ("path", "value", "salt"),
    [
        (("a",), {"b": 1}, bytes(32)),
        (("a",), [1], bytes(32)),
        ((True,), 1, bytes(32)),
        ((1.5,), 1, bytes(32)),
        (("a",), 1, bytes(31)),
        (("a",), 1, bytes(33)),
    ],
)
def test_what_no_document_holds_is_refused_although_it_leads_to_the_digest(
    path: Any, value: Any, salt: bytes
) -> None:
    name, text = plain_text(list(path)), plain_text(value)
    lengths = len(name).to_bytes(4, "big") + len(text).to_bytes(4, "big")
    leaf = sha256(b"\0landbridge/field/1\0" + lengths + salt + name + text).digest()
    head = b"landbridge/document/1\0\x03f/1" + (1).to_bytes(8, "big")
    digest = Digest(sha256(head + leaf).digest())
    with pytest.raises(FieldProofError):
        verify_field(FieldProof(path, value, salt, 0, 1, (), "f/1"), digest)


def test_a_digest_made_by_hand_is_that_of_the_field_made_by_hand() -> None:
    """The same construction as above with a field that a document can hold, so the refusals are earned."""
    salt, name = hmac.digest(SEED, b'landbridge/salt/1\0["a"]', "sha256"), b'["a"]'
    lengths = len(name).to_bytes(4, "big") + (1).to_bytes(4, "big")
    leaf = sha256(b"\0landbridge/field/1\0" + lengths + salt + name + b"1").digest()
    digest = Digest(sha256(b"landbridge/document/1\0\x03f/1" + (1).to_bytes(8, "big") + leaf).digest())
    assert digest == document_digest({"a": 1}, SEED, form="f/1")
    verify_field(FieldProof(("a",), 1, salt, 0, 1, (), "f/1"), digest)


def test_a_field_of_few_values_cannot_be_found_beside_one_that_is_shown() -> None:
    """From all that a shown field tells, nobody finds a neighbour of which only 1,000 values are possible."""
    document: dict[str, Any] = {"amount": 417, "name": "x"}
    digest = document_digest(document, SEED)
    [shown] = open_fields(document, SEED, [("name",)])
    [neighbour] = shown.siblings
    path = plain_text(["amount"])
    for salt in (
        shown.salt,
        bytes(32),
        digest,
        hmac.digest(shown.salt, b"landbridge/salt/1\0" + path, "sha256"),
        hmac.digest(digest, b"landbridge/salt/1\0" + path, "sha256"),
    ):
        for amount in range(1000):
            text = plain_text(amount)
            lengths = len(path).to_bytes(4, "big") + len(text).to_bytes(4, "big")
            entry = b"landbridge/field/1\0" + lengths + salt + path + text
            assert sha256(b"\0" + entry).digest() != neighbour
    # With the salt it is found at once, so the search above is the right one.
    [opened] = open_fields(document, SEED, [("amount",)])
    entry = b"landbridge/field/1\0" + len(path).to_bytes(4, "big") + (3).to_bytes(4, "big")
    assert sha256(b"\0" + entry + opened.salt + path + b"417").digest() == neighbour


def test_salts_differ_by_field_and_by_version() -> None:
    paths = field_paths(BILL)
    salts = [proof.salt for seed in (SEED, new_seed()) for proof in open_fields(BILL, seed, paths)]
    assert len(set(salts)) == 2 * len(paths)


def test_what_has_no_digest_is_refused_by_name() -> None:
    for seed in (b"", bytes(31), bytes(33)):
        with pytest.raises(DigestError):
            document_digest(BILL, Seed(seed))
    for form in ("", "é", "a\n", "f" * 256):
        with pytest.raises(DigestError):
            document_digest(BILL, SEED, form=form)
        with pytest.raises(DigestError):
            open_fields(BILL, SEED, [], form=form)
    bad: list[Any] = [{0: 1}, {"a": b""}, [2**53], {"a": float("nan")}, "\ud800", {"\ud800": 1}, {1, 2}]
    for document in bad:
        with pytest.raises(CanonicalError):
            document_digest(document, SEED)


def test_depth_is_no_danger() -> None:
    deep: Any = 1
    for _ in range(3000):
        deep = [deep]
    [path] = field_paths(deep)
    [proof] = open_fields(deep, SEED, [path])
    verify_field(proof, document_digest(deep, SEED))


def test_a_whole_number_has_one_digest_however_it_is_held() -> None:
    assert document_digest({"a": 1.0, "b": ()}, SEED) == document_digest({"a": 1, "b": []}, SEED)
