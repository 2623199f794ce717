"""A folder of readers' private keys, each locked by a passphrase, each in one file named by its key id.

>>> store = Keystore(Path("/srv/landbridge/keys"))  # doctest: +SKIP
>>> name = store.add(PrivateKey.generate(), "a long passphrase")  # doctest: +SKIP
>>> store.open(name, "a long passphrase").id == name  # doctest: +SKIP
True
>>> store.destroy(name)  # doctest: +SKIP
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from vault.errors import VaultError
from vault.files import make_folder, unlink, write_once
from vault.keys import KeyId, LockedKeyError, PrivateKey

__all__ = ["KeyMissingError", "Keystore", "KeystoreError"]

_KEY_ID = re.compile(r"[0-9a-f]{64}")
_SUFFIX = ".key"


class KeystoreError(VaultError):
    """The folder cannot be read or written."""

    code: ClassVar[str] = "keystore-storage"


class KeyMissingError(VaultError):
    """There is no key of this name; params: ``key``."""

    code: ClassVar[str] = "keystore-missing"


class Keystore:
    """The keys of one folder; several processes may use it at once.

    :raises KeystoreError: the folder can neither be found nor made
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            make_folder(folder)
        except OSError as error:
            raise KeystoreError("The folder of keys cannot be made.") from error

    def add(self, key: PrivateKey, passphrase: str) -> KeyId:
        """Lock a key and keep it durably.

        :raises KeystoreError: it cannot be written, or a key of its name is there already
        """
        locked = key.lock(passphrase)
        try:
            write_once(self._path(key.id), locked, aside=self._folder)
        except OSError as error:
            raise KeystoreError("The key cannot be written, or is there already.") from error
        return key.id

    def open(self, name: KeyId, passphrase: str) -> PrivateKey:
        """Unlock a key.

        :raises KeyMissingError: there is none of this name
        :raises LockedKeyError: the passphrase is another, or the file was altered or is another key's
        :raises KeystoreError: the file cannot be read
        """
        try:
            locked = self._path(name).read_bytes()
        except FileNotFoundError:
            raise _missing(name) from None
        except OSError as error:
            raise KeystoreError("The key cannot be read.") from error
        key = PrivateKey.unlock(locked, passphrase)
        if key.id != name:
            raise LockedKeyError("The file holds another key than its name says.")
        return key

    def destroy(self, name: KeyId) -> None:
        """Overwrite a key's file and take it away: what was wrapped to this key alone opens nowhere.

        Copies that the disk or a backup keeps stay locked by the passphrase.

        :raises KeyMissingError: there is none of this name
        :raises KeystoreError: it cannot be taken away
        """
        path = self._path(name)
        try:
            with path.open("r+b") as file:
                file.write(bytes(path.stat().st_size))
                file.flush()
                os.fsync(file.fileno())
            unlink(path)
        except FileNotFoundError:
            raise _missing(name) from None
        except OSError as error:
            raise KeystoreError("The key cannot be destroyed.") from error

    def ids(self) -> Iterator[KeyId]:
        """Give the names of all keys, in order."""
        try:
            names = sorted(path.stem for path in self._folder.glob("*" + _SUFFIX))
        except OSError as error:
            raise KeystoreError("The folder of keys cannot be read.") from error
        return (KeyId(name) for name in names if _KEY_ID.fullmatch(name))

    def _path(self, name: KeyId) -> Path:
        if not _KEY_ID.fullmatch(name):
            raise KeyMissingError("A key's name has 64 hexadecimal digits.", params={"key": name[:80]})
        return self._folder / (name + _SUFFIX)


def _missing(name: KeyId) -> KeyMissingError:
    return KeyMissingError("There is no key of this name.", params={"key": name})
