"""Keys behind a signing service elsewhere, asked over HTTPS: ``eth_signTypedData``, as Web3Signer answers it.

The service is sent the whole act as EIP-712 typed data, so it can show it, and judge it by rules of its own,
before it signs; with a bare hash it could do neither. JSON-RPC 2.0: ``params`` are the account and the typed
data as JSON text, the result is 65 bytes r‖s‖v in hex.

- The answer is believed only if it is the named account's low-s signature over this very act.
- A request that broke off is sent again to the byte, until the time is over: whichever arrives, and however
  often the service signs, it is the same act, and one signature is used.
- The bearer token and the client's certificate come from files and are read anew for each try, so that they
  can be changed while the gateway runs.

>>> signer = RemoteSigner(RemotePlace("https://signer.bank.example", Address("0x…")))  # doctest: +SKIP
>>> signer.sign_act(act, domain)                                                      # doctest: +SKIP
"""

from __future__ import annotations

import ipaddress
import json
import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import httpx

from chain.errors import LandbridgeError
from chain.intents import Act, Address, BadSignatureError, Domain, Signature
from chain.signers import SignerError, UntrueSignatureError, checked

__all__ = [
    "FORM",
    "RemotePlace",
    "RemoteSettingsError",
    "RemoteSigner",
    "SignerAnswerError",
    "SignerDownError",
    "SignerHungError",
    "SignerRefusedError",
    "SignerUnauthorizedError",
    "read_place",
]

FORM = "landbridge/remote-signer/1"
_ANSWER = 1 << 16
_PAUSE = 0.2
_ACCOUNT = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)
_METHOD = "eth_signTypedData"
_FILES = ("ca_file", "certificate_file", "certificate_key_file", "token_file")
_KNOWN = frozenset({"format", "url", "account", "timeout", *_FILES})


class RemoteSettingsError(LandbridgeError):
    """A description of a remote signer that cannot be used; params: ``field``."""

    code: ClassVar[str] = "signer-settings"


class SignerDownError(SignerError):
    """The signing service cannot be reached, broke off, or says that it cannot work now."""

    code: ClassVar[str] = "signer-down"


class SignerHungError(SignerError):
    """The signing service did not answer in time."""

    code: ClassVar[str] = "signer-hung"


class SignerUnauthorizedError(SignerError):
    """The signing service does not take this caller: certificate or bearer token."""

    code: ClassVar[str] = "signer-unauthorized"


class SignerRefusedError(SignerError):
    """The signing service answers that it does not sign this; params: ``rpc_code`` or ``status``."""

    code: ClassVar[str] = "signer-refused"


class SignerAnswerError(SignerError):
    """What came from the signing service is no answer of its protocol."""

    code: ClassVar[str] = "signer-answer"


@dataclass(frozen=True, slots=True)
class RemotePlace:
    """Where a key is asked for.

    :ivar url: https; http only to this machine itself
    :ivar account: whose signature is wanted
    :ivar timeout: seconds in which a signature must have come, all tries together
    :ivar ca_file: who vouches for the service, PEM; the system's own list without it
    :ivar certificate_file: with its key, who we are (mutual TLS), PEM
    :ivar token_file: its first line is sent as ``Authorization: Bearer``
    """

    url: str
    account: Address
    timeout: float = 10.0
    ca_file: Path | None = None
    certificate_file: Path | None = None
    certificate_key_file: Path | None = None
    token_file: Path | None = None

    def __post_init__(self) -> None:
        if not _is_safe(self.url):
            raise RemoteSettingsError(
                "a signing service is addressed as https://…; http only on this machine",
                params={"field": "url"},
            )
        if (self.certificate_file is None) != (self.certificate_key_file is None):
            raise RemoteSettingsError(
                "a certificate goes with its key", params={"field": "certificate_key_file"}
            )


class RemoteSigner:
    """The signer of one account behind a service. Safe for threads; it holds nothing open."""

    def __init__(self, place: RemotePlace) -> None:
        self._place = place
        self.address = place.account

    def sign_act(self, act: Act, domain: Domain) -> Signature:
        digest = act.digest(domain)
        typed = json.dumps(act.typed_data(domain), ensure_ascii=False, separators=(",", ":"))
        request = {"jsonrpc": "2.0", "id": 1, "method": _METHOD, "params": [self.address, typed]}
        answer = self._answer(json.dumps(request).encode())
        return checked(_signature(_result(answer)), digest, self.address)

    def _answer(self, body: bytes) -> bytes:
        until, down = time.monotonic() + self._place.timeout, None
        with self._client() as client:
            while True:
                try:
                    return self._try(client, body, until)
                except (httpx.TimeoutException, TimeoutError) as error:
                    raise (down or self._hung()) from error  # too late to try is not hung
                except (SignerDownError, httpx.TransportError) as error:
                    if _is_about_tls(error):
                        raise SignerDownError(
                            "the signing service and this gateway do not trust each other",
                            params={"reason": "tls"},
                        ) from error
                    down = SignerDownError(
                        "the signing service cannot be reached", params={"reason": type(error).__name__}
                    )
                    if time.monotonic() + _PAUSE >= until:
                        raise down from error
                    time.sleep(_PAUSE)

    def _try(self, client: httpx.Client, body: bytes, until: float) -> bytes:
        left = max(until - time.monotonic(), 0.001)
        with client.stream("POST", self._place.url, content=body, timeout=left) as response:
            read = b""
            for part in response.iter_raw():
                read += part
                if len(read) > _ANSWER:
                    raise SignerAnswerError("the signing service says too much")
                if time.monotonic() > until:  # the client's own limit is for each part
                    raise self._hung()
        status = response.status_code
        if status in (401, 403, 407):
            raise SignerUnauthorizedError(
                "the signing service does not take this caller", params={"status": status}
            )
        if status in (502, 503, 504):
            raise SignerDownError("the signing service cannot work now", params={"status": status})
        if not 200 <= status < 300 and not read.lstrip().startswith(b"{"):
            raise SignerRefusedError("the signing service refuses", params={"status": status})
        return read

    def _client(self) -> httpx.Client:
        place = self._place
        headers = {"content-type": "application/json", "accept": "application/json"}
        if place.token_file is not None:
            headers["authorization"] = f"Bearer {_token(place.token_file)}"
        context: ssl.SSLContext | bool = True
        if place.ca_file is not None or place.certificate_file is not None:
            try:
                context = ssl.create_default_context(cafile=place.ca_file)
                if place.certificate_file is not None:
                    context.load_cert_chain(place.certificate_file, place.certificate_key_file)
            except OSError as error:  # of which TLS errors are a kind
                raise RemoteSettingsError(
                    "a certificate's file cannot be used", params={"field": "certificate_file"}
                ) from error
        # No proxy of the environment stands between a bank and its signer, and no redirection is followed.
        return httpx.Client(verify=context, headers=headers, trust_env=False, follow_redirects=False)

    def _hung(self) -> SignerHungError:
        return SignerHungError(
            "the signing service does not answer", params={"seconds": int(self._place.timeout)}
        )

    def __repr__(self) -> str:
        return f"RemoteSigner({self.address})"


def read_place(content: Mapping[str, Any], *, beside: Path) -> RemotePlace:
    """A remote signer from its description, ``landbridge/remote-signer/1`` (docs/signers.md).

    :param beside: the folder from which its files are named
    :raises RemoteSettingsError: a member is missing, unknown, or of another form
    """
    for name in content.keys() - _KNOWN:
        raise RemoteSettingsError(f"the member {name[:80]} is not known", params={"field": name[:80]})
    url, account, timeout = content.get("url"), content.get("account"), content.get("timeout", 10)
    if content.get("format", FORM) != FORM or not isinstance(url, str):
        raise RemoteSettingsError(
            f"a remote signer is described as {FORM} with its url", params={"field": "url"}
        )
    if not isinstance(account, str) or not _ACCOUNT.fullmatch(account):
        raise RemoteSettingsError("name the account that signs", params={"field": "account"})
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= 300:
        raise RemoteSettingsError("a time-out is more than 0 and at most 300 s", params={"field": "timeout"})
    files: dict[str, Path] = {}
    for name in _FILES:
        value = content.get(name)
        if value is not None:
            if not isinstance(value, str) or not value:
                raise RemoteSettingsError("a file is named by its path", params={"field": name})
            files[name] = beside / value
    return RemotePlace(url, Address(account.lower()), float(timeout), **files)


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.username is not None or parts.password is not None:
            return False  # a secret in an address would be shown with it
        if parts.scheme == "https":
            return bool(host)
        return parts.scheme == "http" and (host == "localhost" or ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return False


def _is_about_tls(error: BaseException | None) -> bool:
    """Whether certificates are what stands between; trying again does not mend that."""
    while error is not None:
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _token(path: Path) -> str:
    try:
        token = path.read_text().partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError):
        token = ""
    if not token or not token.isascii() or not token.isprintable():
        raise RemoteSettingsError("the token's file cannot be used", params={"field": "token_file"})
    return token


def _result(raw: bytes) -> str:
    try:
        answer = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise SignerAnswerError("the signing service sent no JSON") from error
    if not isinstance(answer, dict) or answer.get("id") not in (1, None):
        raise SignerAnswerError("the signing service sent no answer of JSON-RPC")
    failure = answer.get("error")
    if failure is not None:
        code = failure.get("code") if isinstance(failure, dict) else None
        raise SignerRefusedError(
            "the signing service does not sign this",
            params={"rpc_code": code if isinstance(code, int) else "none"},
        )
    result = answer.get("result")
    if not isinstance(result, str):
        raise SignerAnswerError("the signing service sent no signature")
    return result


def _signature(text: str) -> Signature:
    try:
        raw = bytes.fromhex(text.removeprefix("0x"))
        if len(raw) != 65 or raw[64] not in (0, 1, 27, 28):
            raise ValueError("65 bytes, with a recovery bit")
    except ValueError as error:
        raise SignerAnswerError("the signing service sent no signature") from error
    try:
        return Signature.from_rsv(raw)
    except BadSignatureError as error:
        raise UntrueSignatureError(
            "the signing service sent a signature in a form that can be changed", params={"why": "malleable"}
        ) from error
