"""What a ciphertext is bound to: public facts in one canonical form, so that it opens in no other place.

A context is a small flat mapping that sealer and opener both know from elsewhere, such as the chain, the
registry, the document's digest and version. It is not stored with the ciphertext.

>>> context_bytes("landbridge/example/1", {"version": 2, "document": "ab"})
b'{"context":{"document":"ab","version":2},"format":"landbridge/example/1"}'
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, TypeAlias

import rfc8785

from vault.errors import VaultError

__all__ = ["Context", "ContextError", "context_bytes"]

Context: TypeAlias = Mapping[str, str | int]
"""Names and values; integers within ±(2^53 − 1)."""


class ContextError(VaultError):
    """The context has a name or a value that has no canonical form, or none at all."""

    code: ClassVar[str] = "vault-context"


def context_bytes(form: str, context: Context, **own: str | int) -> bytes:
    """Give the RFC 8785 bytes of a context together with the format's name and its own facts.

    The caller's names stand in an object of their own, so none of them can pass for the format's.

    :raises ContextError: the context is empty or cannot be written canonically
    """
    if not context:
        raise ContextError("A context names at least one fact that the ciphertext is bound to.")
    if not all(isinstance(value, str) or type(value) is int for value in context.values()):
        raise ContextError("The values of a context are texts and integers.")
    try:
        return rfc8785.dumps({**own, "format": form, "context": dict(context)})
    except ValueError as error:
        raise ContextError("The context cannot be written canonically.") from error
