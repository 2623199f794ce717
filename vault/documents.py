"""A document at rest: its body sealed under a fresh key, the key wrapped to each reader, and their erasure.

- Nobody opens the body but who holds the private key of one of its wraps.
- Adding a reader needs a reader; it touches neither the body nor the other wraps.
- Erasure forgets the wraps and the body. With the wraps gone no copy of the body opens, wherever it is kept;
  a copy of a wrap opens as long as its reader's key exists, so destroy the rows that held them.

>>> blobs, reader = BlobStore.open("memory:"), PrivateKey.generate()
>>> sealed = seal_document(b"content", [reader.public], {"document": "ab"}, blobs)
>>> open_document(sealed, reader, {"document": "ab"}, blobs)
b'content'
>>> erase_document(sealed, blobs).wraps
{}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from vault.blobs import BlobId, BlobStore
from vault.context import Context
from vault.errors import VaultError
from vault.keys import KeyId, PrivateKey, PublicKey, key_id, unwrap, wrap
from vault.sealed import DocumentKey, new_document_key, open_stream, seal

__all__ = [
    "NotAReaderError",
    "SealedDocument",
    "add_reader",
    "erase_document",
    "open_document",
    "remove_reader",
    "seal_document",
]


class NotAReaderError(VaultError):
    """The document has no wrap for this key; params: ``key``."""

    code: ClassVar[str] = "not-a-reader"


@dataclass(frozen=True)
class SealedDocument:
    """What is kept of a sealed document: where its body is, and its key wrapped to each reader."""

    blob: BlobId
    wraps: Mapping[KeyId, bytes] = field(default_factory=dict)


def seal_document(
    data: bytes, readers: Iterable[PublicKey], context: Context, blobs: BlobStore
) -> SealedDocument:
    """Seal a body under a fresh key for these readers; the body is durable when this returns.

    :raises NotAReaderError: there is no reader, so that nobody could ever open it
    :raises ReaderKeyError, ContextError, BlobError: as `wrap`, `seal` and `BlobStore.put`
    """
    key = new_document_key()
    wraps = {key_id(reader): wrap(key, reader, context) for reader in readers}
    if not wraps:
        raise NotAReaderError("A document is sealed to one reader at least.")
    return SealedDocument(blobs.put(seal(data, key, context)), wraps)


def open_document(sealed: SealedDocument, reader: PrivateKey, context: Context, blobs: BlobStore) -> bytes:
    """Open a body as one of its readers.

    :raises NotAReaderError, WrapError, SealedError, BlobError: it does not open; nothing is given out
    """
    key = _key(sealed, reader, context)
    return b"".join(open_stream(blobs.stream(sealed.blob), key, context))


def add_reader(
    sealed: SealedDocument, reader: PrivateKey, new_reader: PublicKey, context: Context
) -> SealedDocument:
    """Let one reader give the key to another.

    :raises NotAReaderError, WrapError, ReaderKeyError: as `open_document` and `wrap`
    """
    added = wrap(_key(sealed, reader, context), new_reader, context)
    return replace(sealed, wraps={**sealed.wraps, key_id(new_reader): added})


def remove_reader(sealed: SealedDocument, reader: KeyId) -> SealedDocument:
    """Forget one reader's wrap. A reader who kept the key or the content keeps it.

    :raises NotAReaderError: there is no such wrap
    """
    if reader not in sealed.wraps:
        raise _not_a_reader(reader)
    return replace(sealed, wraps={name: one for name, one in sealed.wraps.items() if name != reader})


def erase_document(sealed: SealedDocument, blobs: BlobStore) -> SealedDocument:
    """Take the body away and give the record without wraps; keep that one and destroy the other.

    :raises BlobStorageError: the body could not be taken away; then nothing is erased
    """
    blobs.delete(sealed.blob)
    return replace(sealed, wraps={})


def _key(sealed: SealedDocument, reader: PrivateKey, context: Context) -> DocumentKey:
    if reader.id not in sealed.wraps:
        raise _not_a_reader(reader.id)
    return unwrap(sealed.wraps[reader.id], reader, context)


def _not_a_reader(name: KeyId) -> NotAReaderError:
    return NotAReaderError("The document has no wrap for this key.", params={"key": name})
