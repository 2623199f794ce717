"""A document's body under its own key: Cobblestone-256 behind a small header, bound to a context.

- The format: ``lbsd`` | version (1 byte) | suite (1 byte) | length of the content (8 bytes, big endian) |
  Cobblestone-256 (C2SP chunked-encryption: salt, key commitment, chunks of 16 KiB under AES-256-GCM).
- The header's facts and the context enter the cipher's own context, so nothing of them can be exchanged.
- One ciphertext opens under one key and one context only (the cipher commits to both).
- The length is not hidden.

>>> key = new_document_key()
>>> sealed = seal(b"content", key, {"document": "ab", "version": 1})
>>> open_sealed(sealed, key, {"document": "ab", "version": 1})
b'content'
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, NewType

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag

from vault.context import Context, context_bytes
from vault.errors import VaultError

__all__ = [
    "HEADER_BYTES",
    "DocumentKey",
    "SealedError",
    "SealedFormatError",
    "SealedKeyError",
    "SealedTamperedError",
    "SealedTruncatedError",
    "SealedVersionError",
    "content_length",
    "new_document_key",
    "open_sealed",
    "open_stream",
    "seal",
    "seal_stream",
    "sealed_length",
]

DocumentKey = NewType("DocumentKey", bytes)
"""32 random bytes; one per document version."""

FORMAT = "landbridge/sealed/1"
_MAGIC = b"lbsd"
_VERSION = 1
_SUITE_COBBLESTONE_256 = 1
HEADER_BYTES = len(_MAGIC) + 2 + 8
"""Bytes that tell a sealed body from other files and say how long its content is."""
# Of Cobblestone-256: salt and commitment first, then chunks of which the last is never full.
_START = 24 + 32
_CHUNK = 16 * 1024
_TAG = 16
_KEY = 32
_PIECE = 1024 * 1024


class SealedError(VaultError):
    """Base of what a sealed body is refused for."""

    code: ClassVar[str] = "sealed"


class SealedFormatError(SealedError):
    """The bytes are no sealed body."""

    code: ClassVar[str] = "sealed-format"


class SealedVersionError(SealedError):
    """The body is of a version or suite that this software does not know; params: ``version``, ``suite``."""

    code: ClassVar[str] = "sealed-version"


class SealedKeyError(SealedError):
    """The key or the context is not that of the body, or the body's first bytes were altered."""

    code: ClassVar[str] = "sealed-wrong-key"


class SealedTamperedError(SealedError):
    """The body was altered after it was sealed."""

    code: ClassVar[str] = "sealed-tampered"


class SealedTruncatedError(SealedError):
    """The body ends too early; params: ``expected``, ``length``, both in bytes."""

    code: ClassVar[str] = "sealed-truncated"


def new_document_key() -> DocumentKey:
    """Draw the key of one document version."""
    return DocumentKey(Cobblestone256Encryptor.generate_key())


def seal(data: bytes, key: DocumentKey, context: Context) -> bytes:
    """Seal a whole body.

    :raises SealedKeyError: the key has not 32 bytes
    :raises ContextError: the context has no canonical form
    """
    return b"".join(seal_stream(_pieces(data), len(data), key, context))


def seal_stream(chunks: Iterable[bytes], length: int, key: DocumentKey, context: Context) -> Iterator[bytes]:
    """Seal a body piece by piece.

    :param chunks: the content, in pieces of any size
    :param length: how many bytes they hold together
    :raises SealedError: they hold more or fewer; what was given out until then opens nowhere
    """
    encryptor = Cobblestone256Encryptor(_checked(key), _bound(context, length))
    yield _MAGIC + bytes([_VERSION, _SUITE_COBBLESTONE_256]) + length.to_bytes(8, "big")
    left = length
    for chunk in chunks:
        left -= len(chunk)
        yield encryptor.update(chunk)
    if left:
        raise SealedError("The content is not as long as was said before it was sealed.")
    yield encryptor.finalize()


def open_sealed(sealed: bytes, key: DocumentKey, context: Context) -> bytes:
    """Open a whole body.

    :raises SealedFormatError, SealedVersionError, SealedKeyError, SealedTamperedError, SealedTruncatedError:
        it does not open; nothing of it is given out
    """
    return b"".join(open_stream(_pieces(sealed), key, context))


def open_stream(chunks: Iterable[bytes], key: DocumentKey, context: Context) -> Iterator[bytes]:
    """Open a body piece by piece; each piece given out is authentic and in its place.

    Only the end shows that the body is whole: act on nothing before the iterator is exhausted.

    :raises SealedError: as `open_sealed`, at the piece where it shows
    """
    rest = iter(chunks)
    head, body = _take(rest, HEADER_BYTES)
    length = _read_header(head)
    expected = sealed_length(length)
    decryptor = Cobblestone256Decryptor(_checked(key), _bound(context, length))
    start, body = _take(rest, _START, body)
    received = len(head) + len(start)
    try:
        # The salt and the commitment alone: what they refuse is the key or the context.
        decryptor.update(start)
    except InvalidTag:
        raise SealedKeyError("The key or the context is not that of the sealed body.") from None
    try:
        while body is not None:
            received += len(body)
            if opened := decryptor.update(body):
                yield opened
            body = next(rest, None)
        _check_whole(received, expected)
        yield decryptor.finalize()
    except InvalidTag:
        raise SealedTamperedError("The sealed body was altered.") from None


def sealed_length(content: int) -> int:
    """How many bytes a content of so many bytes has when it is sealed."""
    return HEADER_BYTES + _START + content + _TAG * (content // _CHUNK + 1)


def content_length(head: bytes) -> int:
    """How long the content of a sealed body is, by its first bytes alone, which no key is needed for.

    Believe it only where the whole is known to be right.

    :raises SealedFormatError, SealedVersionError, SealedTruncatedError: these are not the first bytes of one
    """
    return _read_header(head[:HEADER_BYTES])


def _pieces(data: bytes) -> Iterator[bytes]:
    # Pieces of this size stay in the processor's cache; a large body would be copied whole at each step.
    return (data[at : at + _PIECE] for at in range(0, len(data), _PIECE))


def _read_header(head: bytes) -> int:
    if head[: len(_MAGIC)] != _MAGIC[: len(head)] or not head:
        raise SealedFormatError("The bytes are no sealed body.")
    _check_whole(len(head), HEADER_BYTES)
    version, suite = head[4], head[5]
    if (version, suite) != (_VERSION, _SUITE_COBBLESTONE_256):
        raise SealedVersionError(
            f"The sealed body has version {version} and suite {suite}, which are not known here.",
            params={"version": version, "suite": suite},
        )
    return int.from_bytes(head[6:], "big")


def _check_whole(received: int, expected: int) -> None:
    if received < expected:
        raise SealedTruncatedError(
            "The sealed body ends too early.", params={"expected": expected, "length": received}
        )


def _take(chunks: Iterator[bytes], count: int, first: bytes | None = b"") -> tuple[bytes, bytes | None]:
    """Give the first ``count`` bytes and what came with them; fewer if the chunks end."""
    taken = first or b""
    while len(taken) < count:
        more = next(chunks, None)
        if more is None:
            return taken, None
        taken += more
    return taken[:count], taken[count:]


def _bound(context: Context, length: int) -> bytes:
    return context_bytes(FORMAT, context, suite="cobblestone-256", length=str(length))


def _checked(key: DocumentKey) -> bytes:
    if len(key) != _KEY:
        raise SealedKeyError(f"The key of a document has {_KEY} bytes.")
    return key
