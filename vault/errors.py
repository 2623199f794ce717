"""The one family of errors of the vault, of the same shape as the chain's.

The two engines never import each other, so each has its own base: a stable ``code``, a ``sentence`` for a
reader and ``params``, the few public facts of the case. None ever holds a key, a secret or personal data.
An error also never holds bytes of what failed to open.

>>> raise VaultError("something is off", params={"length": 3})
Traceback (most recent call last):
    ...
vault.errors.VaultError: something is off
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

__all__ = ["VaultError"]


class VaultError(Exception):
    """Base of all errors that the vault raises on purpose.

    :param sentence: what is wrong, in English, naming no secret
    :param params: public facts of the case; keys and values are JSON scalars
    """

    code: ClassVar[str] = "vault"

    def __init__(self, sentence: str, *, params: Mapping[str, str | int] | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.params: dict[str, str | int] = dict(params or {})
