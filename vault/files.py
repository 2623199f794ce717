"""Files that are whole or absent, whatever happens: written aside, synced, then named.

>>> write_once(Path("/srv/keys/a"), b"content", aside=Path("/srv/keys"))  # doctest: +SKIP
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["make_folder", "sync_folder", "unlink", "write_aside", "write_once"]

ASIDE_SUFFIX = ".part"


def make_folder(folder: Path) -> None:
    """Make a folder that its owner alone can enter, and its missing parents, durably."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        with contextlib.suppress(FileExistsError):
            one.mkdir(mode=0o700)
        sync_folder(one.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def write_aside(folder: Path) -> Iterator[tuple[BinaryIO, Callable[[Path], None]]]:
    """Give a file under a passing name, and the act that gives its content a lasting one.

    The act syncs the content, links it to a name that must be free (`FileExistsError` otherwise) and syncs
    that name's folder. The passing name is gone at the end in any case.
    """
    passing = folder / (secrets.token_hex(16) + ASIDE_SUFFIX)
    handle = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:

            def keep(name: Path) -> None:
                file.flush()
                os.fsync(file.fileno())
                # A link, not a rename: it fails where the name is taken, and replaces nothing.
                os.link(passing, name)
                sync_folder(name.parent)

            yield file, keep
    finally:
        with contextlib.suppress(FileNotFoundError):
            passing.unlink()


def write_once(path: Path, data: bytes, *, aside: Path) -> None:
    """Write a whole file durably under a name that must be free.

    :param aside: the folder of the passing name, on the same file system
    :raises FileExistsError: the name is taken
    """
    with write_aside(aside) as (file, keep):
        file.write(data)
        keep(path)


def unlink(path: Path) -> None:
    """Take a name away durably.

    :raises FileNotFoundError: there is none
    """
    path.unlink()
    sync_folder(path.parent)
