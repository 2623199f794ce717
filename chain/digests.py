"""The digest of a JSON document, made so that one field can be shown alone and none can be guessed.

- A field is every scalar and every empty object or array; its name is its path: a canonical JSON array with
  strings for keys and integers for indices, so ["a",0] and ["a","0"] are two names.
- Each field has its own salt, HMAC-SHA-256 of its path under one random seed per document version: showing
  one salt tells nothing of another, and destroying the seed makes every field unguessable for good.
- The fields, sorted by the bytes of their paths, are the leaves of an RFC 9162 tree.
- The digest binds that tree's root, the number of fields and the name of the document's form.

>>> seed = new_seed()
>>> bill = {"number": "7", "goods": [{"mass": 100}]}
>>> digest = document_digest(bill, seed)
>>> [mass] = open_fields(bill, seed, [("goods", 0, "mass")])
>>> verify_field(mass, digest)
>>> mass.value
100
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar, NewType, TypeAlias, cast

from chain.canonical import MAX_INTEGER, CanonicalError, Json, JsonLike, canonical, pointer
from chain.errors import LandbridgeError
from chain.merkle import InclusionError, Tree, leaf_hash, root_of_inclusion

__all__ = [
    "JSON_FORM",
    "Digest",
    "DigestError",
    "FieldMissingError",
    "FieldProof",
    "FieldProofError",
    "Path",
    "Seed",
    "document_digest",
    "field_paths",
    "new_seed",
    "open_fields",
    "verify_field",
]

Digest = NewType("Digest", bytes)
"""32 bytes that stand for one document version."""
Seed = NewType("Seed", bytes)
"""32 random bytes, one per document version; whoever may read the whole document may hold it."""
Path: TypeAlias = tuple[str | int, ...]
"""A field's place: object keys and array indices, from the top."""

JSON_FORM = "application/json"

_DOCUMENT_TAG = b"landbridge/document/1\x00"
_FIELD_TAG = b"landbridge/field/1\x00"
_SALT_TAG = b"landbridge/salt/1\x00"
_SIZE = 32


class DigestError(LandbridgeError):
    """A seed, a form's name or a digest is malformed."""

    code: ClassVar[str] = "digest"


class FieldMissingError(DigestError):
    """The document has no field at this path (only scalars and empty containers are fields)."""

    code: ClassVar[str] = "digest-field-missing"


class FieldProofError(DigestError):
    """The proof does not show that a document with this digest holds this field."""

    code: ClassVar[str] = "digest-field-proof"


@dataclass(frozen=True)
class FieldProof:
    """One field shown alone: all that a verifier needs beside the digest.

    It tells the field's path, value and salt, how many fields the document has and which of them, in order,
    this is; of the others it tells nothing.
    """

    path: Path
    value: Json
    salt: bytes
    index: int
    size: int
    siblings: tuple[bytes, ...]
    form: str = JSON_FORM

    def to_json(self) -> dict[str, Json]:
        """Give the proof as JSON; bytes are in lower-case hexadecimal, which has one form only."""
        return {
            "form": self.form,
            "index": self.index,
            "path": list(self.path),
            "salt": self.salt.hex(),
            "siblings": [one.hex() for one in self.siblings],
            "size": self.size,
            "value": self.value,
        }

    @classmethod
    def from_json(cls, data: Json) -> FieldProof:
        """Read what `to_json` gave.

        :raises FieldProofError: it is not of that shape
        """
        if not isinstance(data, dict) or data.keys() != cls.__dataclass_fields__.keys():
            raise _malformed()
        path, siblings, form = data["path"], data["siblings"], data["form"]
        if not isinstance(path, list) or not isinstance(siblings, list) or not isinstance(form, str):
            raise _malformed()
        return cls(
            path=tuple(step if isinstance(step, str) else _whole(step) for step in path),
            value=data["value"],
            salt=_from_hex(data["salt"]),
            index=_whole(data["index"]),
            size=_whole(data["size"]),
            siblings=tuple(_from_hex(one) for one in siblings),
            form=form,
        )


def new_seed() -> Seed:
    """Draw the seed of one document version."""
    return Seed(secrets.token_bytes(_SIZE))


def document_digest(value: JsonLike, seed: Seed, *, form: str = JSON_FORM) -> Digest:
    """Give the digest of a document.

    :param value: a JSON value, such as `chain.canonical.parse` gives; an empty or scalar one has one field
    :param seed: the 32 bytes of this version alone; the digest of the same document under another seed
        cannot be linked to it
    :param form: the name and version of what the document is, bound into the digest
    :raises DigestError: the seed or the form's name is malformed
    :raises CanonicalError: the value is not JSON
    """
    tree = Tree(_leaf(field) for field in _salted_fields(value, seed))
    return _digest(form, len(tree), tree.root())


def field_paths(value: JsonLike) -> list[Path]:
    """Give the paths of all fields, in the document's own order."""
    return [path for path, _ in _walk(value)]


def open_fields(
    value: JsonLike, seed: Seed, paths: Iterable[Path], *, form: str = JSON_FORM
) -> list[FieldProof]:
    """Give a proof for each field named, in the order asked.

    :raises FieldMissingError: the document has no such field; params: ``pointer``
    :raises DigestError, CanonicalError: as `document_digest`
    """
    _encoded_form(form)
    fields = _salted_fields(value, seed)
    tree = Tree(_leaf(field) for field in fields)
    # By canonical bytes, since Python holds ("a", True), ("a", 1) and ("a", 1.0) for one key.
    places = {field.path_bytes: index for index, field in enumerate(fields)}
    proofs = []
    for path in paths:
        index = places.get(canonical(path))
        if index is None:
            where = pointer(path)
            raise FieldMissingError(
                f"The document has no field at {where or 'the top'}.", params={"pointer": where}
            )
        field, siblings = fields[index], tuple(tree.inclusion_proof(index))
        proofs.append(FieldProof(field.path, field.value, field.salt, index, len(fields), siblings, form))
    return proofs


def verify_field(proof: FieldProof, digest: Digest) -> None:
    """Check that the document with this digest holds this field with this value.

    It does not show that the field stands once: only who reads the whole document, and so computes the
    digest, sees that (see docs/decisions/0004).

    :raises FieldProofError: it does not, for whatever reason
    """
    if any(type(step) not in (str, int) for step in proof.path) or not 0 < proof.size <= MAX_INTEGER:
        raise _malformed()
    if isinstance(proof.value, dict | list) and proof.value:
        raise FieldProofError("The field's proof shows an object or an array, which is no field.")
    try:
        field = _Field(proof.path, canonical(proof.path), proof.value, canonical(proof.value), proof.salt)
        root = root_of_inclusion(_leaf(field), proof.index, proof.size, proof.siblings)
        found = _digest(proof.form, proof.size, root)
    except (CanonicalError, InclusionError, DigestError) as error:
        raise _malformed() from error
    if found != digest:
        raise FieldProofError("The field's proof does not lead to the digest.")


@dataclass(frozen=True, slots=True)
class _Field:
    path: Path
    path_bytes: bytes
    value: Json
    value_bytes: bytes
    salt: bytes


def _salted_fields(document: JsonLike, seed: Seed) -> list[_Field]:
    """Give all fields with their salts, in the order of the tree."""
    if len(seed) != _SIZE:
        raise DigestError(f"The seed of a document has {_SIZE} bytes.")
    fields = []
    for path, value in _walk(document):
        path_bytes = canonical(path)
        salt = hmac.digest(seed, _SALT_TAG + path_bytes, "sha256")
        fields.append(_Field(path, path_bytes, value, canonical(value), salt))
    return sorted(fields, key=lambda field: field.path_bytes)


def _walk(document: JsonLike) -> Iterator[tuple[Path, Json]]:
    """Give every field with its path, in the document's order, however deep it is."""
    waiting: list[tuple[Path, JsonLike]] = [((), document)]
    while waiting:
        path, node = waiting.pop()
        if isinstance(node, dict) and node:
            if not all(isinstance(key, str) for key in node):
                # A key 0 would have the name of an array's first place.
                raise CanonicalError("The value holds a key that is no string.")
            waiting += [((*path, key), child) for key, child in reversed(node.items())]
        elif isinstance(node, list | tuple) and node:
            waiting += [((*path, index), node[index]) for index in reversed(range(len(node)))]
        else:
            yield path, cast(Json, [] if node == () else node)


def _leaf(field: _Field) -> bytes:
    # All but the path and the value have fixed lengths, so no two fields have the same entry.
    lengths = len(field.path_bytes).to_bytes(4, "big") + len(field.value_bytes).to_bytes(4, "big")
    if len(field.salt) != _SIZE:
        raise DigestError(f"The salt of a field has {_SIZE} bytes.")
    return leaf_hash(_FIELD_TAG + lengths + field.salt + field.path_bytes + field.value_bytes)


def _digest(form: str, size: int, root: bytes) -> Digest:
    name = _encoded_form(form)
    return Digest(sha256(_DOCUMENT_TAG + name + size.to_bytes(8, "big") + root).digest())


def _encoded_form(form: str) -> bytes:
    if not 1 <= len(form) <= 255 or not form.isascii() or not form.isprintable():
        raise DigestError("The name of a document's form is 1 to 255 printable ASCII characters.")
    return bytes([len(form)]) + form.encode("ascii")


def _malformed() -> FieldProofError:
    return FieldProofError("The field's proof has not the shape of one.")


def _whole(data: Json) -> int:
    if type(data) is not int or not 0 <= data <= MAX_INTEGER:
        raise _malformed()
    return data


def _from_hex(data: Json) -> bytes:
    if not isinstance(data, str) or not re.fullmatch("(?:[0-9a-f]{2})*", data):
        raise _malformed()
    return bytes.fromhex(data)
