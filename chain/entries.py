"""What the log's leaves say: one canonical JSON text each (docs/log.md).

An entry identifies no person and can be guessed by nobody: what it holds is salted, of ciphertext, or public
on the chain already.

>>> act_entry("0x" + "ab" * 20, bytes(32))[:70]
b'{"contract":"0xabababababababababababababababababababab","digest":"0x0'
"""

from __future__ import annotations

import re
from typing import ClassVar, Final, NamedTuple

from chain.errors import LandbridgeError

__all__ = [
    "ACT",
    "DOCUMENT",
    "EVIDENCE",
    "Entry",
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
_HEX32: Final = "0x[0-9a-f]{64}"
_ENTRY: Final = re.compile(
    f'{{(?:"contract":"(?P<contract>0x[0-9a-f]{{40}})","digest":"{_HEX32}","entry":"{_FORM}","kind":"{ACT}"'
    f'|"blob":"{_BLOB.pattern}","digest":"{_HEX32}","entry":"{_FORM}","kind":"{DOCUMENT}"'
    f'|"digest":"{_HEX32}","entry":"{_FORM}","kind":"{EVIDENCE}","party":(?P<party>0|[1-9][0-9]{{0,9}})'
    f',"salt":"{_HEX32}","type":"{_TYPE.pattern}")}}'
)


class EntryError(LandbridgeError):
    """Something that the log does not take: a digest, a salt or a name of another form."""

    code: ClassVar[str] = "log-entry"


class Entry(NamedTuple):
    """What an entry is.

    :ivar contract: whose act it is; only of acts
    :ivar party: whose evidence it is; only of evidence
    """

    kind: str
    contract: str | None
    party: int | None


def read_entry(entry: bytes) -> Entry:
    """Read an entry, strictly: to the byte one of those that are made here.

    :raises EntryError: it is none

    >>> read_entry(act_entry("0x" + "ab" * 20, bytes(32))).kind
    'act'
    """
    match = _ENTRY.fullmatch(entry.decode("ascii", "replace"))
    if match is None:
        raise EntryError("this is no entry of a log")
    contract, party = match["contract"], match["party"]
    if party is not None:
        return Entry(EVIDENCE, None, int(party))
    return Entry(DOCUMENT if contract is None else ACT, contract, None)


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


def _hex(value: bytes) -> str:
    if len(value) != 32:
        raise EntryError("a digest and a salt have 32 bytes")
    return "0x" + value.hex()
