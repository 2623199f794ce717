"""The one family of errors that this project raises on purpose.

Each error has a stable ``code`` that scripts, the API (RFC 9457) and both languages' texts key on, a
sentence for a reader, and ``params``: the few public facts that the sentence needs. Neither ever holds a
key, a secret or personal data.

>>> raise LandbridgeError("something is off", params={"field": "/a"})
Traceback (most recent call last):
    ...
chain.errors.LandbridgeError: something is off
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

__all__ = ["LandbridgeError"]


class LandbridgeError(Exception):
    """Base of all errors raised on purpose.

    :param sentence: what is wrong, in English, naming no secret
    :param params: public facts of the case; keys and values are JSON scalars
    """

    code: ClassVar[str] = "internal"

    def __init__(self, sentence: str, *, params: Mapping[str, str | int] | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.params: dict[str, str | int] = dict(params or {})
