"""A note's fingerprint, computed for callers: never more than two at once, for each takes 64 MiB."""

from __future__ import annotations

import threading

from api.domains.bills.document import identity_of, note_fingerprint
from api.domains.bills.document.form import Note

__all__ = ["fingerprint"]

_TWO = threading.BoundedSemaphore(2)


def fingerprint(note: Note) -> bytes:
    """The 32-byte Argon2id fingerprint of a consignment note."""
    with _TWO:
        return note_fingerprint(identity_of(note))
