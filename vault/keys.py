"""Readers' keys, and a document's key wrapped to one reader (HPKE, RFC 9180, base mode).

- A reader has an X25519 key pair; its key id is a digest of the public half.
- A wrap: version (1 byte) | suite (1 byte) | HPKE's encapsulated key (32) | ciphertext and tag (48), under
  DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM. Its ``info`` binds suite, reader and context.
- A wrap names neither reader nor document, and says nothing of who made it.
- A private key at rest is locked by a passphrase: Argon2id (3 passes, 64 MiB, 4 lanes) and AES-256-GCM.

>>> from vault.sealed import new_document_key
>>> reader, key = PrivateKey.generate(), new_document_key()
>>> wrapped = wrap(key, reader.public, {"document": "ab"})
>>> unwrap(wrapped, reader, {"document": "ab"}) == key
True
"""

from __future__ import annotations

import secrets
import threading
import unicodedata
from hashlib import sha256
from typing import ClassVar, NewType

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from vault.context import Context, context_bytes
from vault.errors import VaultError
from vault.sealed import DocumentKey

__all__ = [
    "KeyId",
    "LockedKeyError",
    "PrivateKey",
    "PublicKey",
    "ReaderKeyError",
    "WrapError",
    "WrapFormatError",
    "WrapRefusedError",
    "WrapVersionError",
    "key_id",
    "unwrap",
    "wrap",
]

PublicKey = NewType("PublicKey", bytes)
"""An X25519 public key, 32 bytes (RFC 7748 §5)."""
KeyId = NewType("KeyId", str)
"""The name of a reader's key: 64 lower-case hexadecimal digits."""

FORMAT = "landbridge/wrap/1"
_VERSION = 1
_SUITE_X25519 = 1
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_KEY = 32
_TAG = 16
_WRAP = 2 + 32 + _KEY + _TAG

_LOCKED_MAGIC = b"lblk\x01"
_SALT = 16
_NONCE = 12
# OpenSSL deals its threads out to derivations that run at once: some then fail, others wait for ever.
_STRETCHING = threading.Lock()
_LOCKED_HEAD = len(_LOCKED_MAGIC) + _SALT + _NONCE + _KEY


class ReaderKeyError(VaultError):
    """A reader's key is not one that can be wrapped to (length, or a point of small order)."""

    code: ClassVar[str] = "reader-key"


class LockedKeyError(VaultError):
    """A locked private key does not open: another passphrase, or altered."""

    code: ClassVar[str] = "reader-key-locked"


class WrapError(VaultError):
    """Base of what a wrap is refused for."""

    code: ClassVar[str] = "wrap"


class WrapFormatError(WrapError):
    """The bytes are no wrap; params: ``length``."""

    code: ClassVar[str] = "wrap-format"


class WrapVersionError(WrapError):
    """The wrap is of a version or suite that this software does not know; params: ``version``, ``suite``."""

    code: ClassVar[str] = "wrap-version"


class WrapRefusedError(WrapError):
    """The wrap is for another reader or another context, or was altered: which, nobody can tell."""

    code: ClassVar[str] = "wrap-refused"


class PrivateKey:
    """A reader's private key; it shows its secret to nobody."""

    def __init__(self, key: X25519PrivateKey) -> None:
        self._key = key
        self.public = PublicKey(key.public_key().public_bytes_raw())
        self.id = key_id(self.public)

    def __repr__(self) -> str:
        return f"PrivateKey(id={self.id!r})"

    @classmethod
    def generate(cls) -> PrivateKey:
        """Draw a new key."""
        return cls(X25519PrivateKey.generate())

    def lock(self, passphrase: str) -> bytes:
        """Give the key encrypted under a passphrase, 113 bytes, to be kept at rest."""
        salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(_NONCE)
        head = _LOCKED_MAGIC + salt + nonce + self.public
        return head + AESGCM(_stretch(passphrase, salt)).encrypt(nonce, self._key.private_bytes_raw(), head)

    @classmethod
    def unlock(cls, locked: bytes, passphrase: str) -> PrivateKey:
        """Open what `lock` gave.

        :raises LockedKeyError: the passphrase is another, or the bytes were altered
        """
        if len(locked) != _LOCKED_HEAD + _KEY + _TAG or not locked.startswith(_LOCKED_MAGIC):
            raise LockedKeyError("The bytes are no locked key of a known version.")
        head, sealed = locked[:_LOCKED_HEAD], locked[_LOCKED_HEAD:]
        salt, nonce = head[5 : 5 + _SALT], head[5 + _SALT : 5 + _SALT + _NONCE]
        try:
            raw = AESGCM(_stretch(passphrase, salt)).decrypt(nonce, sealed, head)
        except InvalidTag:
            raise LockedKeyError("The locked key does not open: another passphrase, or altered.") from None
        return cls(X25519PrivateKey.from_private_bytes(raw))


def key_id(public: PublicKey) -> KeyId:
    """Give the name of a reader's key.

    :raises ReaderKeyError: it has not 32 bytes
    """
    if len(public) != _KEY:
        raise ReaderKeyError(f"A reader's public key has {_KEY} bytes.")
    return KeyId(sha256(b"landbridge/reader-key/1\x00" + public).hexdigest())


def wrap(document_key: DocumentKey, reader: PublicKey, context: Context) -> bytes:
    """Wrap a document's key so that this reader alone can take it out, and in this context alone.

    :return: 82 bytes
    :raises ReaderKeyError: the public key is none that can be wrapped to
    :raises WrapFormatError: the document's key has not 32 bytes
    :raises ContextError: the context has no canonical form
    """
    if len(document_key) != _KEY:
        raise WrapFormatError("The key of a document has 32 bytes.", params={"length": len(document_key)})
    info = _info(key_id(reader), context)
    try:
        sealed = _SUITE.encrypt(document_key, X25519PublicKey.from_public_bytes(reader), info=info)
    except ValueError:
        raise ReaderKeyError("The reader's public key is a point of small order.") from None
    return bytes([_VERSION, _SUITE_X25519]) + sealed


def unwrap(wrapped: bytes, reader: PrivateKey, context: Context) -> DocumentKey:
    """Take a document's key out of a wrap.

    :raises WrapFormatError, WrapVersionError, WrapRefusedError: it does not open
    :raises ContextError: the context has no canonical form
    """
    if len(wrapped) != _WRAP:
        raise WrapFormatError(f"A wrap has {_WRAP} bytes.", params={"length": len(wrapped)})
    version, suite = wrapped[0], wrapped[1]
    if (version, suite) != (_VERSION, _SUITE_X25519):
        raise WrapVersionError(
            f"The wrap has version {version} and suite {suite}, which are not known here.",
            params={"version": version, "suite": suite},
        )
    try:
        return DocumentKey(_SUITE.decrypt(wrapped[2:], reader._key, info=_info(reader.id, context)))
    except (InvalidTag, ValueError):
        raise WrapRefusedError("The wrap is for another reader or context, or was altered.") from None


def _info(reader: KeyId, context: Context) -> bytes:
    return context_bytes(FORMAT, context, suite="hpke-x25519-sha256-aes256gcm", reader=reader)


def _stretch(passphrase: str, salt: bytes) -> bytes:
    if not passphrase:
        raise LockedKeyError("A passphrase is not empty.")
    secret = unicodedata.normalize("NFC", passphrase).encode("utf-8")
    # RFC 9106 §4, its second recommended choice.
    stretch = Argon2id(salt=salt, length=_KEY, iterations=3, lanes=4, memory_cost=64 * 1024)
    with _STRETCHING:
        return stretch.derive(secret)
