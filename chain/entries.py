"""What the log's leaves say: one canonical JSON text each (docs/log.md).

An entry identifies no person and can be guessed by nobody: what it holds is salted, of ciphertext, or public
on the chain already.

>>> act_entry("0x" + "ab" * 20, bytes(32))[:70]
b'{"contract":"0xabababababababababababababababababababab","digest":"0x0'
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

from chain.canonical import JsonError, parse
from chain.errors import LandbridgeError

__all__ = [
    "ACT",
    "DOCUMENT",
    "EVIDENCE",
    "EntryError",
    "act_entry",
    "document_entry",
    "evidence_entry",
    "read_entry",
]

ACT: Final = "act"
DOCUMENT: Final = "document"
EVIDENCE: Final = "evidence"

_FORM: Final = "landbridge/entry/1"
_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9./+-]{0,99}")
_BLOB: Final = re.compile(r"[0-9a-z:./-]{1,200}")


class EntryError(LandbridgeError):
    """Something that the log does not take: a digest, a salt or a name of another form."""

    code: ClassVar[str] = "log-entry"


def act_entry(contract: str, digest: bytes) -> bytes:
    """The entry of an act that took effect.

    :param contract: the address in lower case
    :param digest: EIP-712, 32 bytes
    """
    return f'{{"contract":"{contract}","digest":"{_hex(digest)}","entry":"{_FORM}","kind":"{ACT}"}}'.encode()


def document_entry(digest: bytes, blob: str) -> bytes:
    """The entry of a document version.

    :param digest: the document's, 32 bytes
    :param blob: the name of its ciphertext, which is its hash
    :raises EntryError: a name of another form
    """
    if not _BLOB.fullmatch(blob):
        raise EntryError("this is no name of a ciphertext")
    return f'{{"blob":"{blob}","digest":"{_hex(digest)}","entry":"{_FORM}","kind":"{DOCUMENT}"}}'.encode()


def evidence_entry(party: int, type_: str, digest: bytes, salt: bytes) -> bytes:
    """The entry of a party's evidence.

    :param type_: what the digest is of, such as ``delivery-record/1``
    :param digest: 32 bytes, of the caller's own making
    :param salt: 32 random bytes: without them nobody finds the digest from the leaf
    :raises EntryError: a type, digest or salt of another form
    """
    if not _TYPE.fullmatch(type_):
        raise EntryError("a type is 1 to 100 of a-z, 0-9 and ./+-, and begins with a letter or a digit")
    return (
        f'{{"digest":"{_hex(digest)}","entry":"{_FORM}","kind":"{EVIDENCE}","party":{party:d},'
        f'"salt":"{_hex(salt)}","type":"{type_}"}}'
    ).encode()


def read_entry(entry: bytes) -> dict[str, Any]:
    """What an entry says.

    :raises EntryError: it is none
    """
    try:
        content: Any = parse(entry)
    except JsonError:
        raise EntryError("this is no entry of the log") from None
    if not isinstance(content, dict) or content.get("entry") != _FORM or "kind" not in content:
        raise EntryError("this is no entry of the log")
    return content


def _hex(value: bytes) -> str:
    if len(value) != 32:
        raise EntryError("a digest and a salt have 32 bytes")
    return "0x" + value.hex()
