"""Addresses of keys in tokens: PKCS#11 URIs (RFC 7512), as far as signing keys need them.

Taken are token, serial, manufacturer, model, object, id and type, and module-path and pin-source behind them.
What is not known is refused and not passed over: a part that were ignored could name another key. A PIN never
stands in an address (``pin-value``), for it would be seen in the list of processes and in histories.

>>> uri = parse_uri("pkcs11:token=bank;object=signing?module-path=/usr/lib/hsm.so&pin-source=file:/run/pin")
>>> uri.token, uri.object, str(uri.pin_file)
('bank', 'signing', '/run/pin')
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote_from_bytes, unquote_to_bytes

from chain.errors import LandbridgeError

__all__ = ["SCHEME", "HsmUri", "HsmUriError", "parse_uri"]

SCHEME = "pkcs11:"

_PATH = frozenset({"token", "serial", "manufacturer", "model", "object", "id", "type"})
_QUERY = frozenset({"module-path", "pin-source"})
_LONGEST = 4000
# RFC 7512, section 2.3: what may stand in a value, percent-encoded or as it is.
_VALUE = re.compile(r"(?:[A-Za-z0-9\-._~:\[\]@!$'()*+,=&/?|]|%[0-9A-Fa-f]{2})*")


class HsmUriError(LandbridgeError):
    """An address that is no PKCS#11 URI, or names what is not taken; params: ``part``."""

    code: ClassVar[str] = "hsm-uri"


@dataclass(frozen=True, slots=True)
class HsmUri:
    """Which token, which key in it, through which module, with whose PIN. Nothing named means any.

    :ivar id: CKA_ID, bytes
    :ivar pin_file: its first line is the PIN
    """

    token: str | None = None
    serial: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    object: str | None = None
    id: bytes | None = None
    module: Path | None = None
    pin_file: Path | None = None

    def __str__(self) -> str:
        """The address without module and PIN: it may be shown and kept."""
        parts = {
            "token": self.token,
            "serial": self.serial,
            "manufacturer": self.manufacturer,
            "model": self.model,
            "object": self.object,
        }
        shown = [f"{name}={quote_from_bytes(value.encode())}" for name, value in parts.items() if value]
        if self.id is not None:
            shown.append("id=" + "".join(f"%{byte:02x}" for byte in self.id))
        return SCHEME + ";".join(shown)


def parse_uri(text: str) -> HsmUri:
    """An address from its text.

    :raises HsmUriError: it is malformed, names a part twice, or one that is not taken
    """
    if not text.startswith(SCHEME) or len(text) > _LONGEST:
        raise HsmUriError(
            "a key in a token is addressed as pkcs11:token=…;object=…", params={"part": "scheme"}
        )
    path, _, query = text.removeprefix(SCHEME).partition("?")
    found = _parts(path, ";", _PATH) | _parts(query, "&", _QUERY)
    if found.get("type", b"private") != b"private":
        raise HsmUriError("what signs is a private key", params={"part": "type"})
    texts = {name: _text(name, value) for name, value in found.items() if name != "id"}
    source = texts.get("pin-source")
    return HsmUri(
        token=texts.get("token"),
        serial=texts.get("serial"),
        manufacturer=texts.get("manufacturer"),
        model=texts.get("model"),
        object=texts.get("object"),
        id=found.get("id"),
        module=Path(texts["module-path"]) if "module-path" in texts else None,
        pin_file=_file(source) if source is not None else None,
    )


def _parts(text: str, between: str, known: frozenset[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for part in text.split(between) if text else ():
        name, given, value = part.partition("=")
        if name == "pin-value":
            raise HsmUriError("a PIN stands in a file: pin-source=file:PATH", params={"part": "pin-value"})
        if name not in known or not given:
            raise HsmUriError("this part of the address is not known", params={"part": name[:80]})
        if name in found:
            raise HsmUriError("a part of the address stands twice", params={"part": name})
        if not value or not _VALUE.fullmatch(value):
            raise HsmUriError("a part of the address is malformed", params={"part": name})
        found[name] = unquote_to_bytes(value)
    return found


def _text(name: str, value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = "\0"
    if not text.isprintable():
        raise HsmUriError("a part of the address is no text", params={"part": name})
    return text


def _file(source: str) -> Path:
    """A PIN's file; a command (``|…``), which the RFC allows, is not run."""
    path = source.removeprefix("file:")
    if path.startswith("//"):
        path = "/" + path[2:].partition("/")[2]  # an authority, empty or localhost
    if not path.startswith("/") or path.endswith("/"):
        raise HsmUriError("the PIN's file is named by its whole path", params={"part": "pin-source"})
    return Path(path)
