"""Keys in a hardware token (PKCS#11): made there, used there, never outside.

Each session runs in a process of its own (:mod:`chain.hsm_worker`): PKCS#11 modules are not safe for threads,
may hang, and lose their handles when a token is pulled out. A session that fails is ended with its process,
and the next use begins a new one; a call that finds its session lost tries once on a new one by itself.

- A signature that leaves was checked against the key's account, whatever the token says.
- A PIN that was refused is not tried again until its file changes: tokens lock after a few wrong ones.

>>> uri = parse_uri("pkcs11:token=bank?module-path=/usr/lib/hsm.so&pin-source=/run/pin")  # doctest: +SKIP
>>> hsm = Hsm(uri)                                                                       # doctest: +SKIP
>>> hsm.signer(hsm.new_key("signing")).sign(digest)                                      # doctest: +SKIP
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from chain.hsm_uri import HsmUri
from chain.intents import Act, Address, BadSignatureError, Domain, Signature, address_of, recover
from chain.signers import SignerError, UntrueSignatureError

__all__ = [
    "Hsm",
    "HsmAmbiguousError",
    "HsmHungError",
    "HsmKey",
    "HsmKeyMissingError",
    "HsmKeyUnfitError",
    "HsmLostError",
    "HsmModuleError",
    "HsmPinError",
    "HsmPinFileError",
    "HsmSigner",
    "HsmTokenMissingError",
]

_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_WORKER = Path(__file__).with_name("hsm_worker.py")
_OWN = "LANDBRIDGE_"
_ANSWER = 1 << 20
_LEAVE_SECONDS = 2.0


class HsmModuleError(SignerError):
    """The token's module cannot be loaded, is not named, or the package for it is not installed."""

    code: ClassVar[str] = "hsm-module"


class HsmTokenMissingError(SignerError):
    """No such token is there: pulled out, or its box does not answer."""

    code: ClassVar[str] = "hsm-token-missing"


class HsmAmbiguousError(SignerError):
    """More than one token, or key, is what was named."""

    code: ClassVar[str] = "hsm-token-ambiguous"


class HsmPinError(SignerError):
    """The token refuses the PIN."""

    code: ClassVar[str] = "hsm-pin"


class HsmPinFileError(SignerError):
    """No file of the PIN is named, it cannot be read, or it is empty."""

    code: ClassVar[str] = "hsm-pin-file"


class HsmKeyMissingError(SignerError):
    """The token has no such key."""

    code: ClassVar[str] = "hsm-key-missing"


class HsmKeyUnfitError(SignerError):
    """A key that does not sign here: it can leave the token, or does not say; or its account is not known."""

    code: ClassVar[str] = "hsm-key-unfit"


class HsmLostError(SignerError):
    """The session was lost in the middle; params: ``reason``, the module's own name for it."""

    code: ClassVar[str] = "hsm-lost"


class HsmHungError(SignerError):
    """The token did not answer in time."""

    code: ClassVar[str] = "hsm-hung"


_SENTENCES: dict[type[SignerError], str] = {
    HsmModuleError: "the token's module cannot be used",
    HsmTokenMissingError: "the token is not there",
    HsmAmbiguousError: "more than one token or key is what was named",
    HsmPinError: "the token refuses the PIN",
    HsmPinFileError: "the PIN's file cannot be used",
    HsmKeyMissingError: "the token has no such key",
    HsmLostError: "the session with the token was lost",
}
_BY_CODE = {kind.code: kind for kind in _SENTENCES}
_OF_A_SESSION = (HsmLostError, HsmTokenMissingError, HsmKeyMissingError)
"""What a session says that outlived its token; a new one knows better."""


@dataclass(frozen=True, slots=True)
class HsmKey:
    """A secp256k1 key in a token.

    :ivar id: CKA_ID
    :ivar fit: whether it may sign here: the token says that it never leaves it
    """

    id: bytes
    label: str
    address: Address
    fit: bool


class Hsm:
    """One token.

    :param uri: which; its module and the PIN's file must be named
    :param timeout: seconds in which the token answers
    :param sessions: how many signatures are made at once
    """

    def __init__(self, uri: HsmUri, *, timeout: float = 10, sessions: int = 2) -> None:
        if uri.module is None:
            raise HsmModuleError("no module is named: module-path=PATH", params={"reason": "not named"})
        if uri.pin_file is None:
            raise HsmPinFileError("no PIN is named: pin-source=file:PATH", params={"reason": "not named"})
        self.uri = replace(uri, object=None, id=None)
        self._wanted = {
            "module": str(uri.module),
            "pin_file": str(uri.pin_file),
            "token": {
                name: value
                for name in ("token", "serial", "manufacturer", "model")
                if (value := getattr(uri, name)) is not None
            },
        }
        self._pin_file = uri.pin_file
        self._timeout = timeout
        self._turns = threading.BoundedSemaphore(sessions)
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        weakref.finalize(self, _end_all, self._idle)  # nobody's sessions end, at the latest with this process
        self._refused_pin: tuple[int, ...] | None = None

    def list_keys(self) -> list[HsmKey]:
        """The token's keys that could sign, by label.

        :raises SignerError: the token cannot be used
        """
        # On a new session: one that outlived its token may show an empty one.
        return self._read(self._call({"do": "keys"}, anew=True))

    def new_key(self, label: str) -> HsmKey:
        """Make a key that never leaves the token.

        :raises HsmAmbiguousError: a key is called so already
        :raises SignerError: the token cannot be used, or does not make such keys
        """
        if any(key.label == label for key in self.list_keys()):
            raise HsmAmbiguousError("a key of this token is called so already", params={"label": label[:80]})
        identity = secrets.token_bytes(16)
        request = {"do": "new", "label": label, "id": identity.hex()}
        found = self._read(self._call(request, anew=True, making=True))
        made = next((key for key in found if key.id == identity), None)
        if made is None or not made.fit:
            raise HsmKeyUnfitError("the token made a key that can leave it", params={"reason": "extractable"})
        return made

    def find(
        self, *, address: str | None = None, label: str | None = None, id: bytes | None = None
    ) -> HsmKey:
        """The one key of this account, label or id; without any, the one key that there is.

        :raises HsmKeyMissingError: there is none
        :raises HsmAmbiguousError: there are several
        :raises SignerError: the token cannot be used
        """
        found = [
            key
            for key in self.list_keys()
            if (address is None or key.address == address.lower())
            and (label is None or key.label == label)
            and (id is None or key.id == id)
        ]
        if len(found) > 1:
            raise HsmAmbiguousError("several keys of the token fit: name one", params={"found": len(found)})
        if not found:
            raise HsmKeyMissingError(_SENTENCES[HsmKeyMissingError])
        return found[0]

    def signer(self, key: HsmKey) -> HsmSigner:
        """The signer of a key.

        :raises HsmKeyUnfitError: the key can leave the token, or the token does not say
        """
        if not key.fit:
            raise HsmKeyUnfitError(
                "this key can leave the token, so it does not sign", params={"reason": "extractable"}
            )
        return HsmSigner(self, key)

    def close(self) -> None:
        """End all sessions that are not in use; a later use begins new ones."""
        for worker in self._taken():
            worker.end()

    def _drop(self) -> None:
        for worker in self._taken():
            worker.kill()

    def _taken(self) -> list[_Worker]:
        with self._lock:
            idle = list(self._idle)
            self._idle.clear()
        return idle

    def raw_signature(self, id: bytes, digest: bytes) -> bytes:
        """What the token gives for 32 bytes; checked by nobody yet."""
        answer = self._call({"do": "sign", "id": id.hex(), "digest": digest.hex()})
        return bytes.fromhex(answer["signature"])

    def _read(self, answer: dict[str, Any]) -> list[HsmKey]:
        found = []
        for key in answer["keys"]:
            address = _account(bytes.fromhex(key["point"]))
            if address is not None:
                fit = key["extractable"] is False and key["sensitive"] is True
                found.append(HsmKey(bytes.fromhex(key["id"]), key["label"], address, fit))
        return sorted(found, key=lambda key: (key.label, key.id))

    def _call(self, request: dict[str, Any], *, anew: bool = False, making: bool = False) -> dict[str, Any]:
        """One request, on a session at hand or a new one.

        :param anew: on a new one in any case
        :param making: on one that may write, and is not kept
        """
        with self._turn() as until:
            worker = None if anew else self._take()
            if worker is not None:
                try:
                    return self._ask(worker, request, until)
                except _OF_A_SESSION:
                    self._drop()  # the other sessions are as old
            fresh = self._open(until, making=making)
            return self._ask(fresh, request, until, keep=not making)

    @contextmanager
    def _turn(self) -> Iterator[float]:
        until = time.monotonic() + self._timeout
        if not self._turns.acquire(timeout=self._timeout):
            raise HsmHungError("the token is busy", params={"seconds": int(self._timeout)})
        try:
            yield until
        finally:
            self._turns.release()

    def _take(self) -> _Worker | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _ask(
        self, worker: _Worker, request: dict[str, Any], until: float, *, keep: bool = True
    ) -> dict[str, Any]:
        try:
            answer = worker.ask(request, until)
        except BaseException:
            worker.kill()
            raise
        if "error" in answer:
            worker.kill()
            raise _named(answer)
        if keep:
            with self._lock:
                self._idle.append(worker)
        else:
            worker.end()
        return answer

    def _open(self, until: float, *, making: bool) -> _Worker:
        state = self._pin_state()
        if self._refused_pin is not None and self._refused_pin == state:
            raise HsmPinError(
                "the token refused this PIN; it is not tried again until its file changes",
                params={"reason": "PinIncorrect"},
            )
        worker = _Worker()
        try:
            answer = worker.ask(self._wanted | {"rw": making}, until)
        except BaseException:
            worker.kill()
            raise
        if "error" in answer:
            worker.kill()
            error = _named(answer)
            self._refused_pin = state if isinstance(error, HsmPinError) else None
            raise error
        self._refused_pin = None
        return worker

    def _pin_state(self) -> tuple[int, ...] | None:
        try:
            found = self._pin_file.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns


class HsmSigner:
    """The signer of a key in a token. Made by :meth:`Hsm.signer`."""

    def __init__(self, hsm: Hsm, key: HsmKey) -> None:
        self._hsm = hsm
        self._id = key.id
        self.address = key.address

    def sign(self, digest: bytes) -> Signature:
        raw = self._hsm.raw_signature(self._id, digest)
        return _true_signature(raw, digest, self.address)

    def sign_act(self, act: Act, domain: Domain) -> Signature:
        return self.sign(act.digest(domain))

    def __repr__(self) -> str:
        return f"HsmSigner({self.address})"


class _Worker:
    """A process with one session, and what it said last."""

    def __init__(self) -> None:
        # Isolated: nothing of the folder it is started in is loaded. Secrets of ours are not its business.
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
        self._process = subprocess.Popen(  # noqa: S603 - this project's own program
            [sys.executable, "-I", str(_WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            bufsize=0,
        )
        self._read = b""

    def ask(self, request: dict[str, Any], until: float) -> dict[str, Any]:
        """Send a request and wait for its answer.

        :param until: on the monotonic clock
        :raises HsmHungError: none came in time
        :raises HsmLostError: the process has ended
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise HsmLostError(_SENTENCES[HsmLostError], params={"reason": "ended"})
        try:
            stdin.write(json.dumps(request).encode() + b"\n")
            while b"\n" not in self._read:
                ready, _, _ = select.select([stdout], [], [], max(0.0, until - time.monotonic()))
                if not ready:
                    raise HsmHungError("the token does not answer", params={"reason": "time"})
                more = os.read(stdout.fileno(), 1 << 16)
                self._read += more
                if not more or len(self._read) > _ANSWER:
                    raise HsmLostError(_SENTENCES[HsmLostError], params={"reason": "its process ended"})
        except OSError as error:
            raise HsmLostError(_SENTENCES[HsmLostError], params={"reason": "its process ended"}) from error
        line, _, self._read = self._read.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> None:
        """Let the process log out and end."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_LEAVE_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End the process, wherever it is."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)


def _end_all(workers: list[_Worker]) -> None:
    for worker in workers:
        worker.end()


def _named(answer: dict[str, Any]) -> SignerError:
    kind = _BY_CODE.get(str(answer["error"]), HsmLostError)
    return kind(_SENTENCES[kind], params={"reason": str(answer.get("reason", ""))[:80]})


def _account(point: bytes) -> Address | None:
    """The account of CKA_EC_POINT: an OCTET STRING around the uncompressed point, or the point bare."""
    bare = point[2:] if point[:2] == b"\x04\x41" else point
    if len(bare) != 65 or bare[0] != 4:
        return None
    return address_of(bare)


def _true_signature(raw: bytes, digest: bytes, address: Address) -> Signature:
    """The low-s signature with its recovery bit, if the token's answer is this account's over the digest."""
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    if len(raw) == 64 and 0 < r < _ORDER and 0 < s < _ORDER:
        s = min(s, _ORDER - s)  # half of a token's signatures are high-s, which Ethereum refuses (EIP-2)
        for v in (27, 28):  # a token does not tell which of the two keys is its own
            signature = Signature.from_rsv(raw[:32] + s.to_bytes(32, "big") + bytes([v]))
            with contextlib.suppress(BadSignatureError):
                if recover(digest, signature) == address:
                    return signature
    raise UntrueSignatureError(
        "what the token gave is not this key's signature", params={"why": "another-key"}
    )
