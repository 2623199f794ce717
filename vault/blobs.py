"""A store of ciphertexts, each under the SHA-256 of its bytes: a folder, memory, or an S3-compatible bucket.

- A name never gets other bytes; putting the same bytes again is no error.
- What `put` has acknowledged is durable; what it has not is not visible, not even in part.
- What is read is hashed again: bytes that are not those of the name are refused.

>>> blobs = BlobStore.open("memory:")
>>> name = blobs.put(b"ciphertext")
>>> blobs.get(name)
b'ciphertext'
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, ClassVar, NamedTuple, NewType
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, MemoryStore, ObjectStore, S3Store

from vault.errors import VaultError
from vault.files import ASIDE_SUFFIX, make_folder, sync_folder, unlink, write_aside

__all__ = [
    "BlobCorruptError",
    "BlobError",
    "BlobId",
    "BlobMissingError",
    "BlobStorageError",
    "BlobStore",
    "Examined",
    "Listed",
]

BlobId = NewType("BlobId", str)
"""SHA-256 of the bytes, 64 lower-case hexadecimal digits."""

_BLOB_ID = re.compile(r"[0-9a-f]{64}")
_PIECE = 1024 * 1024
_HEAD = 64
_ASIDE = "incoming"
_STALE_SECONDS = 24 * 3600


class BlobError(VaultError):
    """Base of what the store refuses; params: ``blob`` where one is concerned."""

    code: ClassVar[str] = "blob"


class BlobMissingError(BlobError):
    """The store has no such blob."""

    code: ClassVar[str] = "blob-missing"


class BlobCorruptError(BlobError):
    """The stored bytes are not those that the name stands for."""

    code: ClassVar[str] = "blob-corrupt"


class BlobStorageError(BlobError):
    """The storage behind cannot be used: full, unreachable, forbidden, or wrongly configured."""

    code: ClassVar[str] = "blob-storage"


class Examined(NamedTuple):
    """What was found under a blob's name.

    :ivar right: whether the bytes are those of the name
    :ivar length: how many there are
    :ivar head: the first of them, 64 at most
    """

    right: bool
    length: int
    head: bytes


class Listed(NamedTuple):
    """A blob as the storage lists it: unread, so not known to be right. Its time is Unix time in seconds."""

    blob: BlobId
    written: float


class BlobStore:
    """Open one with `BlobStore.open`; threads and processes may share it."""

    def __init__(self, store: ObjectStore, folder: Path | None = None) -> None:
        self._store = store
        self._folder = folder

    @classmethod
    def open(cls, url: str, options: Mapping[str, str] | None = None) -> BlobStore:
        """Open the store that a URL names, and make its folder if it is one.

        :param url: ``memory:``, ``file:///folder``, a folder's path, or ``s3://bucket/prefix``
        :param options: for S3: ``endpoint``, ``region``, ``access_key_id``, ``secret_access_key`` and the
            like, by obstore's names
        :raises BlobStorageError: the URL names no such store, or it cannot be opened
        """
        parts = urlsplit(url)
        with _storage_errors():
            if parts.scheme == "memory":
                return cls(MemoryStore())
            if parts.scheme == "s3" and parts.netloc:
                plain = (options or {}).get("endpoint", "").startswith("http://")
                config: Any = dict(options or {})
                return cls(
                    S3Store(
                        parts.netloc,
                        prefix=parts.path.strip("/") or None,
                        config=config,
                        client_options={"allow_http": plain, "connect_timeout": "5 seconds"},
                        # Left alone it retries for three minutes, longer than any caller waits.
                        retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=15)},
                    )
                )
            if parts.scheme in ("", "file") and not parts.netloc and parts.path:
                folder = Path(unquote(parts.path) if parts.scheme else url).absolute()
                make_folder(folder / _ASIDE)
                _sweep(folder / _ASIDE)
                return cls(LocalStore(folder), folder)
        raise BlobStorageError("The URL of a blob store begins with memory:, file: or s3:, or is a path.")

    def put(self, data: bytes | Iterable[bytes]) -> BlobId:
        """Keep bytes, whole or in pieces, and give their name once they are durable.

        :raises BlobStorageError: they could not be kept, and are not visible
        :raises BlobCorruptError: other bytes stand under their name; delete those first
        """
        with _storage_errors():
            if self._folder:
                return self._put_in_folder(self._folder, (data,) if isinstance(data, bytes) else data)
            if isinstance(data, bytes):
                return self._put_remote(data, BlobId(sha256(data).hexdigest()))
            with tempfile.SpooledTemporaryFile(max_size=8 * _PIECE) as spool:
                digest = sha256()
                for piece in data:
                    digest.update(piece)
                    spool.write(piece)
                spool.seek(0)
                return self._put_remote(spool, BlobId(digest.hexdigest()))

    def get(self, blob: BlobId) -> bytes:
        """Give a blob's bytes.

        :raises BlobMissingError, BlobCorruptError, BlobStorageError: it cannot be given
        """
        return b"".join(self.stream(blob))

    def stream(self, blob: BlobId) -> Iterator[bytes]:
        """Give a blob's bytes in pieces; the last piece is given only once the whole is known to be right.

        :raises BlobMissingError, BlobCorruptError, BlobStorageError: it cannot be given
        """
        digest, held = sha256(), b""
        with _storage_errors(blob):
            for piece in obstore.get(self._store, _path(blob)).stream(min_chunk_size=_PIECE):
                if held:
                    yield held
                held = bytes(piece)
                digest.update(held)
        if digest.hexdigest() != blob:
            raise BlobCorruptError("The stored bytes are not those of the name.", params={"blob": blob})
        if held:
            yield held

    def examine(self, blob: BlobId) -> Examined:
        """Read a blob whole and tell what is there, right or not; nothing of it is kept.

        :raises BlobMissingError: there is none
        :raises BlobStorageError: it cannot be read
        """
        digest, length, head = sha256(), 0, b""
        with _storage_errors(blob):
            for piece in obstore.get(self._store, _path(blob)).stream(min_chunk_size=_PIECE):
                content = bytes(piece)
                digest.update(content)
                length += len(content)
                head = (head + content[:_HEAD])[:_HEAD] if len(head) < _HEAD else head
        return Examined(digest.hexdigest() == blob, length, head)

    def probe(self) -> None:
        """See whether the storage answers at all, so that one blob's trouble is told from that of all.

        :raises BlobStorageError: it does not, or its folder was taken away
        """
        if self._folder is not None and not (self._folder / _ASIDE).is_dir():
            raise BlobStorageError("The storage of blobs has lost its folder.")
        with suppress(BlobMissingError), _storage_errors("0" * 64):
            obstore.head(self._store, _path(BlobId("0" * 64)))

    def delete(self, blob: BlobId) -> None:
        """Take a blob away, durably; one that is not there is no error.

        :raises BlobStorageError: it could not be taken away
        """
        path = _path(blob)
        with _storage_errors(blob), suppress(FileNotFoundError):
            if self._folder:
                unlink(self._folder / path)
            else:
                obstore.delete(self._store, path)

    def ids(self) -> Iterator[BlobId]:
        """Give the names of all blobs, in no order.

        :raises BlobStorageError: the storage cannot be read
        """
        for listed in self._list(None):
            yield listed.blob

    def listed(self, beginning: str) -> Iterator[Listed]:
        """Give the blobs whose names begin with these two digits, in no order.

        :raises BlobStorageError: the storage cannot be read
        """
        return self._list(beginning)

    def _list(self, prefix: str | None) -> Iterator[Listed]:
        with _storage_errors():
            for page in obstore.list(self._store, prefix):
                for entry in page:
                    name = entry["path"].rpartition("/")[2]
                    if _BLOB_ID.fullmatch(name):
                        yield Listed(BlobId(name), entry["last_modified"].timestamp())

    def _put_in_folder(self, folder: Path, pieces: Iterable[bytes]) -> BlobId:
        # obstore's own put to a folder syncs nothing, so a crash could leave a name with no bytes.
        digest = sha256()
        with write_aside(folder / _ASIDE) as (file, keep):
            for piece in pieces:
                digest.update(piece)
                file.write(piece)
            blob = BlobId(digest.hexdigest())
            name = folder / _path(blob)
            make_folder(name.parent)
            try:
                keep(name)
            except FileExistsError:
                try:
                    self._check(blob)
                except BlobMissingError as error:
                    raise BlobStorageError(
                        "Something else stands under the blob's name, or it was taken away meanwhile.",
                        params={"blob": blob},
                    ) from error
                sync_folder(name.parent)
        return blob

    def _put_remote(self, data: bytes | IO[bytes], blob: BlobId) -> BlobId:
        try:
            self._check(blob)
        except BlobMissingError:
            # Not "create": some S3 servers know no If-None-Match, and the name allows only these bytes.
            obstore.put(self._store, _path(blob), data)
        return blob

    def _check(self, blob: BlobId) -> None:
        for _ in self.stream(blob):
            pass


def _path(blob: BlobId) -> str:
    if not _BLOB_ID.fullmatch(blob):
        raise BlobMissingError("A blob's name has 64 hexadecimal digits.", params={"blob": blob[:80]})
    return f"{blob[:2]}/{blob}"


@contextmanager
def _storage_errors(blob: str | None = None) -> Iterator[None]:
    """Name what the storage raises; its own words may hold paths and addresses, so they stay in the cause."""
    params = {"blob": blob} if blob else {}
    try:
        yield
    except FileNotFoundError as error:
        if blob:
            raise BlobMissingError("The store has no such blob.", params=params) from error
        raise BlobStorageError("The storage of blobs has lost its folder or bucket.") from error
    except (OSError, ValueError, BaseError) as error:
        raise BlobStorageError("The storage of blobs cannot be used.", params=params) from error


def _sweep(folder: Path) -> None:
    """Take away what a killed process left half-written; a day is longer than any writing takes."""
    for path in folder.glob("*" + ASIDE_SUFFIX):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                path.unlink()
