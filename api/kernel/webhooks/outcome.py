"""What came of one attempt to deliver, by name.

>>> Outcome("delivered", status=204).delivered
True
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["OUTCOMES", "Outcome"]

OUTCOMES: Final = {
    "delivered": "the receiver answered with a status of 200 to 299",
    "http-status": "the receiver answered with another status",
    "gone": "the receiver answered 410: the webhook is paused",
    "timeout": "the receiver did not answer in time",
    "connect-failed": "no connection, or it broke",
    "dns-failed": "the receiver's name has no address",
    "tls-failed": "the receiver's certificate or its TLS cannot be trusted",
    "address-forbidden": "the receiver's name leads to an address that is not public",
    "not-http": "what answered does not speak HTTP",
    "internal": "a defect of this gateway",
    "expired": "it waited so long that it was given up",
}
"""The codes, and what each means."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt.

    :param code: one of :data:`OUTCOMES`
    :param status: of the answer, where there was one
    :param answer: the beginning of an answer's body that was no success
    :param retry_after: seconds that the receiver asks to wait
    """

    code: str
    status: int | None = None
    answer: str = ""
    retry_after: int | None = None
    milliseconds: int | None = None

    @property
    def delivered(self) -> bool:
        """Whether the receiver has taken it."""
        return self.code == "delivered"
