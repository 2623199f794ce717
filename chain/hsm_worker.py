"""The process that holds one session with a PKCS#11 token. It is run by :mod:`chain.hsm`, never imported.

A module of a token is foreign code: it may hang, crash, lose its handles when the token is pulled out, and is
not safe for threads. In a process of its own it can be ended and begun anew, and takes nobody with it.

It reads one JSON request a line and answers each with one line. The first is what to open. The PIN is read
here, from its file, and is neither sent nor told. It ends with its standard input, or with its parent.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from typing import Any

_CURVE = bytes.fromhex("06052b8104000a")  # DER of 1.3.132.0.10: secp256k1
_ABOUT_PIN = frozenset(
    {"PinIncorrect", "PinInvalid", "PinLenRange", "PinLocked", "PinExpired", "UserPinNotInitialized"}
)
_NO_TOKEN = frozenset({"NoSuchToken", "TokenNotPresent", "TokenNotRecognised", "SlotIDInvalid"})


class _Refusal(Exception):
    """An answer that names what is wrong."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code)
        self.code, self.reason = code, reason


class _Session:
    """One session, logged in."""

    def __init__(self, wanted: dict[str, Any]) -> None:
        try:
            import pkcs11
        except ImportError:
            raise _Refusal("hsm-module", "python-pkcs11 is not installed") from None
        self.p11 = pkcs11
        pin = _pin(wanted["pin_file"])
        try:
            module = pkcs11.lib(wanted["module"])
        except pkcs11.PKCS11Error as error:
            # The binding's own error: no such library. A module that loads and finds no box says why.
            no_library = type(error) is pkcs11.PKCS11Error
            code = "hsm-module" if no_library else "hsm-token-missing"
            raise _Refusal(code, "not a module" if no_library else type(error).__name__) from None
        self._session = self._open(module, wanted["token"], pin, rw=bool(wanted["rw"]))
        self._private: dict[bytes, Any] = {}

    def _open(self, module: Any, wanted: dict[str, str], pin: str, *, rw: bool) -> Any:
        names = {"token": "label", "serial": "serial", "manufacturer": "manufacturer_id", "model": "model"}
        try:
            found = [
                token
                for token in module.get_tokens()
                if all(_plain(getattr(token, names[name])) == value for name, value in wanted.items())
                and self.p11.TokenFlag.TOKEN_INITIALIZED in token.flags
            ]
            if len(found) != 1:
                what = "hsm-token-ambiguous" if found else "hsm-token-missing"
                raise _Refusal(what, f"{len(found)} tokens fit")
            return found[0].open(user_pin=pin, rw=rw)
        except self.p11.PKCS11Error as error:
            name = type(error).__name__
            # Before there is a session, whatever a module says means that the token is not to be had.
            raise _Refusal("hsm-pin" if name in _ABOUT_PIN else "hsm-token-missing", name) from None

    def keys(self) -> list[dict[str, Any]]:
        """Every secp256k1 key of the token that can sign."""
        attribute, kinds = self.p11.Attribute, self.p11.ObjectClass
        curve = {attribute.KEY_TYPE: self.p11.KeyType.EC, attribute.EC_PARAMS: _CURVE}
        # A search is read to its end before the next begins: one session does one thing at a time.
        public = list(self._session.get_objects({attribute.CLASS: kinds.PUBLIC_KEY, **curve}))
        private = list(self._session.get_objects({attribute.CLASS: kinds.PRIVATE_KEY, **curve}))
        points = {self._read(key, attribute.ID): self._read(key, attribute.EC_POINT) for key in public}
        self._private = {self._read(key, attribute.ID): key for key in private}
        return [
            {
                "id": identity.hex(),
                "label": str(self._read(key, attribute.LABEL) or ""),
                "point": (points.get(identity) or b"").hex(),
                "extractable": self._read(key, attribute.EXTRACTABLE),
                "sensitive": self._read(key, attribute.SENSITIVE),
            }
            for identity, key in self._private.items()
            if identity
        ]

    def new(self, label: str, identity: bytes) -> None:
        """Make a key that never leaves the token."""
        p11, attribute = self.p11, self.p11.Attribute
        curve = self._session.create_domain_parameters(
            p11.KeyType.EC, {attribute.EC_PARAMS: _CURVE}, local=True
        )
        curve.generate_keypair(
            store=True,
            label=label,
            id=identity,
            mechanism=p11.Mechanism.EC_KEY_PAIR_GEN,
            capabilities=p11.MechanismFlag.SIGN | p11.MechanismFlag.VERIFY,
            private_template={attribute.SENSITIVE: True, attribute.EXTRACTABLE: False},
        )

    def sign(self, identity: bytes, digest: bytes) -> bytes:
        """The token's signature over 32 bytes, as it gives it."""
        if identity not in self._private:
            self.keys()
        if identity not in self._private:
            raise _Refusal("hsm-key-missing", "no such key")
        return bytes(self._private[identity].sign(digest, mechanism=self.p11.Mechanism.ECDSA))

    def _read(self, key: Any, attribute: Any) -> Any:
        try:
            return key[attribute]
        except (self.p11.AttributeTypeInvalid, self.p11.AttributeSensitive):
            return None  # the token does not say

    def close(self) -> None:
        """Log out: a box elsewhere would keep the session for a while."""
        self._session.close()

    def do(self, request: dict[str, Any]) -> dict[str, Any]:
        """One request."""
        try:
            match request["do"]:
                case "keys":
                    return {"keys": self.keys()}
                case "new":
                    self.new(request["label"], bytes.fromhex(request["id"]))
                    return {"keys": self.keys()}
                case _:
                    signature = self.sign(bytes.fromhex(request["id"]), bytes.fromhex(request["digest"]))
                    return {"signature": signature.hex()}
        except self.p11.PKCS11Error as error:
            name = type(error).__name__
            raise _Refusal("hsm-token-missing" if name in _NO_TOKEN else "hsm-lost", name) from None


def _plain(value: Any) -> str:
    return value.decode("utf-8", "replace").strip() if isinstance(value, bytes) else str(value).strip()


def _pin(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            pin = file.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise _Refusal("hsm-pin-file", "it cannot be read") from None
    if not pin:
        raise _Refusal("hsm-pin-file", "its first line is empty")
    return pin


def _end_with(parent: int) -> None:
    # A call into the module may never return; the parent may be killed in the meantime.
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def main() -> None:
    """Serve until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the module prints is nobody's answer
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    session: _Session | None = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if session is None:
                session, answer = _Session(request), {}
            else:
                answer = session.do(request)
        except _Refusal as refusal:
            answer = {"error": refusal.code, "reason": refusal.reason}
        except Exception as error:  # a defect of the module's binding; its message may hold anything
            answer = {"error": "hsm-lost", "reason": type(error).__name__}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    if session is not None:
        with contextlib.suppress(Exception):
            session.close()  # it may hang; who waits for this process ends it
    os._exit(0)


if __name__ == "__main__":
    main()
