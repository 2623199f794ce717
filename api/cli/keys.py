"""Keys that a party keeps itself: a signing key in a keystore v3 file, and a reader key beside it.

``key.json`` is the Web3 Secret Storage Definition, which wallets read; ``key.reader.json`` is this project's.
One password locks both.

>>> reader_path(Path("keys/bank.json"))
PosixPath('keys/bank.reader.json')
"""

from __future__ import annotations

import base64
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from api.cli.errors import CliError, ExitCode
from api.cli.files import read_bytes, read_json, write_new

if TYPE_CHECKING:
    from api.cli.run import Run
    from chain.signers import KeySigner
    from vault.keys import PrivateKey

__all__ = ["Keys", "make_keys", "reader_path"]

_READER: Final = "landbridge/reader-key/1"
_SCRYPT_WORK = 1 << 17  # a person's password is what stands before the key; half a second a try


def reader_path(key: Path) -> Path:
    """Where the reader key of a signing key lies."""
    return key.with_name(f"{key.stem}.reader.json")


class Keys:
    """A party's own keys, opened when they are first needed.

    :param key: the keystore v3 file
    :param reader: the reader key's file; beside the signing key, if not named
    """

    def __init__(
        self, run: Run, key: Path | None, *, reader: Path | None = None, password_file: Path | None = None
    ) -> None:
        self._run = run
        self._key = key
        self._reader = reader or (reader_path(key) if key else None)
        self._password_file = password_file
        self._password: str | None = None
        self._signer: KeySigner | None = None
        self._private: PrivateKey | None = None

    def signer(self) -> KeySigner:
        """The signing key.

        :raises CliError: no file is named
        :raises KeystoreError: it cannot be opened
        """
        from chain.signers import read_keystore

        if self._key is None:
            raise CliError("key-needed", ExitCode.USAGE)
        if self._signer is None:
            if not self._key.exists():
                raise CliError("file-missing", ExitCode.LOCAL, file=str(self._key))
            self._signer = read_keystore(self._key, self._secret(self._key))
        return self._signer

    def reader(self) -> PrivateKey:
        """The reader key.

        :raises CliError: no file is named, or it is no reader key
        :raises LockedKeyError: the password is another
        """
        from vault.keys import PrivateKey

        if self._reader is None:
            raise CliError("reader-key-needed", ExitCode.USAGE)
        if self._private is None:
            content = _reader_file(self._reader)
            try:
                locked = base64.b64decode(content["locked"], validate=True)
            except ValueError:
                raise _no_reader_key(self._reader) from None
            self._private = PrivateKey.unlock(locked, self._secret(self._reader))
        return self._private

    def reader_public(self) -> str:
        """The reader key's public half, hex; needs no password."""
        if self._reader is None:
            raise CliError("reader-key-needed", ExitCode.USAGE)
        return str(_reader_file(self._reader)["public"])

    def _secret(self, of: Path) -> str:
        if self._password is None:
            self._password = ask_password(self._run, self._password_file, of)
        return self._password


def ask_password(run: Run, file: Path | None, of: Path, *, twice: bool = False) -> str:
    """A password: the first line of a file, or typed.

    :raises CliError: there is neither a file nor somebody to ask
    """
    if file is not None:
        lines = read_bytes(file).decode("utf-8", "replace").splitlines()
        if not lines or not lines[0]:
            raise CliError("password-empty", ExitCode.LOCAL, file=str(file))
        return lines[0]
    if not sys.stdin.isatty():
        raise CliError("password-needed", ExitCode.USAGE, file=str(of))
    from getpass import getpass

    typed = getpass(run.text("ask-password", file=of.name) + " ")
    if not typed or (twice and getpass(run.text("ask-password-again") + " ") != typed):
        raise CliError("password-mismatch", ExitCode.USAGE)
    return typed


def make_keys(run: Run, out: Path, password_file: Path | None) -> dict[str, str]:
    """Make a signing key and a reader key, lock and store them.

    :return: the account, the reader key's public half, and the two files
    :raises CliError: a file of that name is there already
    """
    from eth_keyfile.keyfile import create_keyfile_json

    from chain.signers import KeySigner
    from vault.keys import PrivateKey

    beside = reader_path(out)
    for path in (out, beside):
        if path.exists():
            raise CliError("file-exists", ExitCode.LOCAL, file=str(path))
    password = ask_password(run, password_file, out, twice=True)
    secret, reader = secrets.token_bytes(32), PrivateKey.generate()
    content = create_keyfile_json(secret, password.encode(), kdf="scrypt", iterations=_SCRYPT_WORK)
    locked = base64.b64encode(reader.lock(password)).decode()
    write_new(out, content, private=True)
    write_new(beside, {"format": _READER, "public": reader.public.hex(), "locked": locked}, private=True)
    return {
        "address": KeySigner(secret).address,
        "reader_key": reader.public.hex(),
        "key_file": str(out),
        "reader_key_file": str(beside),
    }


def _reader_file(path: Path) -> dict[str, Any]:
    content = read_json(path)
    sound = (
        content.get("format") == _READER
        and isinstance(content.get("public"), str)
        and isinstance(content.get("locked"), str)
    )
    if not sound:
        raise _no_reader_key(path)
    return content


def _no_reader_key(path: Path) -> CliError:
    return CliError("file-format", ExitCode.LOCAL, file=str(path), wanted=_READER)
