"""A note's fingerprint, computed for callers: never more than two at once, for each takes 64 MiB; and once
for a note that is asked for again and again, as by a bank's desk that looks at a bill every morning.
"""

from __future__ import annotations

import threading
from functools import lru_cache

from api.domains.bills.document import identity_of, note_fingerprint
from api.domains.bills.document.form import Note
from api.domains.bills.document.note import NoteIdentity

__all__ = ["fingerprint"]

_TWO = threading.BoundedSemaphore(2)


def fingerprint(note: Note) -> bytes:
    """The 32-byte Argon2id fingerprint of a consignment note."""
    return _stretched(identity_of(note))


@lru_cache(maxsize=1024)
def _stretched(identity: NoteIdentity) -> bytes:
    with _TWO:
        return note_fingerprint(identity)
