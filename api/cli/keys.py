"""Keys that a party keeps itself: a signing key, and a reader key beside it.

The signing key is a keystore v3 file (``key.json``, the Web3 Secret Storage Definition, which wallets read),
a key in a token (``pkcs11:…``), or one behind a signing service (a file that describes it).
``key.reader.json`` is this project's; one password locks both files.

>>> reader_path(Path("keys/bank.json"))
PosixPath('keys/bank.reader.json')
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from api.cli.errors import CliError, ExitCode
from api.cli.files import read_bytes, read_json, write_new

if TYPE_CHECKING:
    from api.cli.run import Run
    from chain.hsm import Hsm
    from chain.hsm_uri import HsmUri
    from chain.signers import ActSigner, Signer
    from vault.keys import PrivateKey

__all__ = ["Keys", "make_keys", "make_reader", "open_token", "reader_path"]

_READER: Final = "landbridge/reader-key/1"
_TOKEN_SECONDS = 30.0
_SCRYPT_WORK = 1 << 17  # a person's password is what stands before the key; half a second a try


def reader_path(key: Path) -> Path:
    """Where the reader key of a signing key lies."""
    return key.with_name(f"{key.stem}.reader.json")


class Keys:
    """A party's own keys, opened when they are first needed.

    :param key: the keystore v3 file, ``pkcs11:…``, or a file that describes a signing service
    :param reader: the reader key's file; beside the signing key's, if not named
    """

    def __init__(
        self,
        run: Run,
        key: str | Path | None,
        *,
        reader: Path | None = None,
        password_file: Path | None = None,
    ) -> None:
        self._run = run
        self._key = str(key) if key is not None else None
        beside = reader_path(Path(self._key)) if self._key and not _in_token(self._key) else None
        self._reader = reader or beside
        self._password_file = password_file
        self._password: str | None = None
        self._signer: ActSigner | None = None
        self._private: PrivateKey | None = None

    def signer(self) -> ActSigner:
        """The signing key.

        :raises CliError: no key is named, or its file is not there
        :raises KeystoreError: it cannot be opened
        :raises SignerError: its token or service cannot be used
        """
        if self._key is None:
            raise CliError("key-needed", ExitCode.USAGE)
        if self._signer is None:
            self._signer = self._open(self._key)
        return self._signer

    def sender(self) -> Signer:
        """The signing key, where it can sign transactions too.

        :raises CliError: it lies behind a signing service, which is shown acts alone
        """
        from chain.remote import RemoteSigner

        signer = self.signer()
        if isinstance(signer, RemoteSigner):
            raise CliError("sender-remote", ExitCode.USAGE)
        return cast("Signer", signer)

    def _open(self, key: str) -> ActSigner:
        from chain.remote import FORM, RemoteSigner, read_place
        from chain.signers import read_keystore

        if _in_token(key):
            hsm, uri = open_token(key)
            return hsm.signer(hsm.find(label=uri.object, id=uri.id))
        path = Path(key)
        if not path.exists():
            raise CliError("file-missing", ExitCode.LOCAL, file=key)
        if f'"{FORM}"'.encode() in read_bytes(path):
            return RemoteSigner(read_place(read_json(path), beside=path.parent))
        return read_keystore(path, self._secret(path))

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


def open_token(key: str) -> tuple[Hsm, HsmUri]:
    """The token that an address names. Module and PIN may come from the environment instead.

    :raises HsmUriError: the address is malformed
    :raises SignerError: no module or PIN is named
    """
    from dataclasses import replace

    from chain.hsm import Hsm
    from chain.hsm_uri import parse_uri

    uri = parse_uri(key)
    module, pin_file = (os.environ.get(f"LANDBRIDGE_HSM_{name}") for name in ("MODULE", "PIN_FILE"))
    whole = replace(
        uri,
        module=uri.module or (Path(module) if module else None),
        pin_file=uri.pin_file or (Path(pin_file) if pin_file else None),
    )
    return Hsm(whole, timeout=_TOKEN_SECONDS), uri


def _in_token(key: str) -> bool:
    return key.startswith("pkcs11:")


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
    write_new(out, content, private=True)
    _write_reader(beside, reader, password)
    return {
        "address": KeySigner(secret).address,
        "reader_key": reader.public.hex(),
        "key_file": str(out),
        "reader_key_file": str(beside),
    }


def make_reader(run: Run, out: Path, password_file: Path | None) -> str:
    """Make a reader key alone, for a party whose signing key lies elsewhere; its public half in hex.

    :raises CliError: a file of that name is there already
    """
    from vault.keys import PrivateKey

    if out.exists():
        raise CliError("file-exists", ExitCode.LOCAL, file=str(out))
    password, reader = ask_password(run, password_file, out, twice=True), PrivateKey.generate()
    _write_reader(out, reader, password)
    return reader.public.hex()


def _write_reader(path: Path, reader: PrivateKey, password: str) -> None:
    locked = base64.b64encode(reader.lock(password)).decode()
    write_new(path, {"format": _READER, "public": reader.public.hex(), "locked": locked}, private=True)


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
