"""Signatures of webhooks: Standard Webhooks, symmetric (``v1``), and the secrets that make them.

What is signed is ``id.timestamp.body``, with HMAC-SHA256 under the bytes that a secret spells in base64.
While a secret is being rotated a message carries a signature of each.

>>> secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
>>> sign([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chain.errors import LandbridgeError

__all__ = ["SecretBox", "WebhookSecretError", "WebhookSignatureError", "new_secret", "sign", "verify"]

_PREFIX: Final = "whsec_"
_BYTES: Final = 32
_NONCE: Final = 12


class WebhookSecretError(LandbridgeError):
    """A webhook's secret that is malformed, or that does not open here."""

    code: ClassVar[str] = "webhook-secret"


class WebhookSignatureError(LandbridgeError):
    """A message that is not signed with the secret, or was not signed just now."""

    code: ClassVar[str] = "webhook-signature"


def new_secret() -> str:
    """A secret of 256 random bits, as a receiver keeps it."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def sign(with_secrets: Sequence[str], message: str, timestamp: int, body: bytes) -> str:
    """The value of ``webhook-signature``: one signature a secret, a space between them.

    :param message: the value of ``webhook-id``
    :param timestamp: seconds of Unix time, the value of ``webhook-timestamp``
    :raises WebhookSecretError: a secret is malformed
    """
    return " ".join(f"v1,{_signature(one, message, timestamp, body)}" for one in with_secrets)


def verify(
    secret: str, headers: Mapping[str, str], body: bytes, *, now: float, tolerance: float = 300
) -> str:
    """Check a message as a receiver does.

    :param headers: names in lower case
    :param tolerance: seconds that its time may differ from ``now``
    :return: its id: one that came before is the same event again
    :raises WebhookSignatureError: it is not from whoever has the secret, altered, or old
    """
    message, time_said = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message or not time_said.isdecimal() or len(time_said) > 15:
        raise WebhookSignatureError("the message has no id or no time")
    if abs(now - int(time_said)) > tolerance:
        raise WebhookSignatureError("the message was not signed just now")
    wanted = f"v1,{_signature(secret, message, int(time_said), body)}".encode()
    given = headers.get("webhook-signature", "").split(" ")
    if not any(hmac.compare_digest(wanted, one.encode()) for one in given):
        raise WebhookSignatureError("no signature of the message is of this secret")
    return message


def _signature(secret: str, message: str, timestamp: int, body: bytes) -> str:
    if not secret.startswith(_PREFIX):
        raise WebhookSecretError("a webhook's secret begins with whsec_")
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise WebhookSecretError("a webhook's secret is base64 after whsec_") from None
    if not key:
        raise WebhookSecretError("a webhook's secret is empty")
    signed = hmac.new(key, f"{message}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return base64.b64encode(signed).decode()


class SecretBox:
    """Seals secrets for the database: who copies it can sign nothing.

    :param key: 32 bytes of the gateway's own
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, secret: str, webhook: str) -> bytes:
        """A secret as it is stored, good for this webhook alone."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), webhook.encode())

    def open(self, sealed: bytes, webhook: str) -> str:
        """The secret again.

        :raises WebhookSecretError: it was altered, or sealed with another key or for another webhook
        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], webhook.encode()).decode()
        except (InvalidTag, ValueError):
            raise WebhookSecretError(
                "a webhook's stored secret does not open with this gateway's key"
            ) from None
