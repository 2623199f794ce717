"""The files that commands read and write.

- a bill file: a bill's document with its seed, so that anyone can verify it (``landbridge/bill-file/1``)
- an act file: an act's typed data, with the signatures made so far (``landbridge/act/1``)
- an opening: a text or a file's digest with its salt, which shows what a digest on the chain stands for
  (``landbridge/opening/1``)
- a token file: a token alone on a line, or a JSON object of tokens by name, read as ``FILE#NAME``

Files that hold a secret are made with mode 0600; no file is overwritten unless that is its purpose.

>>> read_token("/run/secrets/token")  # doctest: +SKIP
'lb_…'
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from api.cli.errors import CliError, ExitCode

__all__ = [
    "ACT",
    "BILL_FILE",
    "OPENING",
    "read_act",
    "read_bill_file",
    "read_bytes",
    "read_json",
    "read_token",
    "replace_private",
    "write_new",
]

BILL_FILE: Final = "landbridge/bill-file/1"
ACT: Final = "landbridge/act/1"
OPENING: Final = "landbridge/opening/1"
_LARGEST = 8_000_000


def read_bytes(path: str | Path, *, at_most: int | None = None, largest: int = _LARGEST) -> bytes:
    """A file's bytes, or those of standard input for ``-``.

    :param at_most: read no further; without it, a file of absurd size is refused
    :param largest: the size beyond which it is absurd
    :raises CliError: it is not there, cannot be read, or is absurdly large
    """
    if str(path) == "-":
        data = sys.stdin.buffer.read(at_most or largest + 1)
    else:
        try:
            with Path(path).open("rb") as file:
                data = file.read(at_most or largest + 1)
        except FileNotFoundError:
            raise CliError("file-missing", ExitCode.LOCAL, file=str(path)) from None
        except OSError as error:
            raise CliError(
                "file", ExitCode.LOCAL, file=str(path), cause=error.strerror or type(error).__name__
            ) from None
    if len(data) > largest:
        raise CliError("file-too-large", ExitCode.LOCAL, file=str(path), limit=largest)
    return data


def read_json(path: str | Path) -> dict[str, Any]:
    """A file that holds one JSON object, strictly read.

    :raises CliError: it is not there, or is no such file
    """
    from chain.canonical import JsonError, parse

    data = read_bytes(path)
    try:
        value: Any = parse(data, max_bytes=_LARGEST, max_depth=64)
    except JsonError as error:
        raise CliError("file-not-json", ExitCode.LOCAL, file=str(path), cause=error.code) from None
    if not isinstance(value, dict):
        raise CliError("file-not-json", ExitCode.LOCAL, file=str(path), cause="json-not-object")
    return value


def read_bill_file(path: str | Path) -> dict[str, Any]:
    """A bill file's members: bill (its id, if it names one), document, seed.

    :raises CliError: it is no bill file
    """
    value = read_json(path)
    sound = (
        value.get("format") == BILL_FILE
        and isinstance(value.get("document"), dict)
        and isinstance(value.get("seed"), str)
        and isinstance(value.get("bill", ""), str)
    )
    if not sound:
        raise CliError("file-format", ExitCode.LOCAL, file=str(path), wanted=BILL_FILE)
    return value


def read_act(path: str | Path) -> dict[str, Any]:
    """An act file's members: typed_data, signatures. Bare typed data, as wallets take it, is taken too.

    :raises CliError: it is no act file
    """
    value = read_json(path)
    if "primaryType" in value and "domain" in value:
        value = {"format": ACT, "typed_data": value}
    typed, signatures = value.get("typed_data"), value.get("signatures", [])
    sound = (
        isinstance(typed, dict)
        and isinstance(typed.get("message"), dict)
        and isinstance(typed.get("domain"), dict)
        and isinstance(typed.get("primaryType"), str)
        and isinstance(signatures, list)
        and all(isinstance(one, str) for one in signatures)
    )
    if not sound:
        raise CliError("file-format", ExitCode.LOCAL, file=str(path), wanted=ACT)
    return value | {"signatures": signatures}


def read_token(name: str) -> str:
    """The token in a file: alone on a line, or under a name in a JSON object for ``FILE#NAME``.

    :raises CliError: there is none
    """
    path, _, member = name.partition("#")
    if not member:
        token = read_bytes(path).decode("utf-8", "replace").strip()
        if not token.startswith("lb_"):
            raise CliError("token-file", ExitCode.LOCAL, file=path)
        return token
    found = read_json(path).get("tokens", {}).get(member)
    if not isinstance(found, dict) or not isinstance(found.get("token"), str):
        raise CliError("token-name", ExitCode.LOCAL, file=path, name=member)
    return str(found["token"])


def write_new(path: Path, content: str | bytes | Mapping[str, Any], *, private: bool = False) -> None:
    """Write a new file, whole and durable.

    :param content: text, bytes, or a JSON object
    :param private: for the owner alone
    :raises CliError: the name is taken, or the file cannot be written
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o644)
    except FileExistsError:
        raise CliError("file-exists", ExitCode.LOCAL, file=str(path)) from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(_bytes(content))
        file.flush()
        os.fsync(file.fileno())


def replace_private(path: Path, content: str | bytes | Mapping[str, Any]) -> None:
    """Write a file for the owner alone in place of the one there, whole or not at all."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(_bytes(content))
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def _bytes(content: str | bytes | Mapping[str, Any]) -> bytes:
    if isinstance(content, Mapping):
        content = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    return content.encode() if isinstance(content, str) else content
