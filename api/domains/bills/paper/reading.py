"""Reading a bill's PDF: the proof bundle that it carries, within strict limits, and nothing else.

>>> paper = read_paper(Path("bill.pdf").read_bytes())  # doctest: +SKIP
>>> read_bundle(paper.bundle, BillBundle).bill          # doctest: +SKIP
'0x…'
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from api.domains.bills.paper.errors import (
    AttachmentLargeError,
    AttachmentMissingError,
    AttachmentOtherError,
    AttachmentSeveralError,
    PaperCostlyError,
    PaperEncryptedError,
    PaperError,
    PaperLargeError,
    PaperLongError,
    PaperMalformedError,
)

__all__ = ["MAX_PAPER", "Paper", "is_paper", "read_paper"]

MAX_PAPER: Final = 64 << 20
_WALL_SECONDS: Final = 240
_READER: Final = Path(__file__).with_name("extract.py")
_REFUSED: Final[dict[str, tuple[type[PaperError], str]]] = {
    "malformed": (PaperMalformedError, "the PDF cannot be read: it is broken, or cut off"),
    "encrypted": (PaperEncryptedError, "the PDF is encrypted; a bill's is not"),
    "missing": (AttachmentMissingError, "the PDF carries no proof bundle"),
    "several": (AttachmentSeveralError, "the PDF carries more than one file"),
    "other": (AttachmentOtherError, "the file that the PDF carries is not named and typed as a proof bundle"),
    "large": (AttachmentLargeError, "the file that the PDF carries is larger than any proof bundle"),
    "long": (PaperLongError, "the PDF has more pages than any bill"),
    "costly": (PaperCostlyError, "the PDF takes more time or memory to read than any bill"),
}


@dataclass(frozen=True)
class Paper:
    """A bill's PDF as it came.

    :ivar data: all of the file
    :ivar bundle: the attached bundle's bytes, not looked at yet
    :ivar producer: which program says that it made the PDF
    """

    data: bytes
    bundle: bytes
    producer: str | None


def is_paper(data: bytes) -> bool:
    """Whether a file is meant to be a PDF."""
    return data.startswith(b"%PDF-")


def read_paper(data: bytes) -> Paper:
    """Take the bundle out of a PDF.

    It is done in a process of its own, with at most 30 seconds of a processor and 1 GiB of memory.

    :raises PaperLargeError: it is larger than 64 MiB
    :raises PaperMalformedError: it cannot be read
    :raises PaperEncryptedError: it is encrypted
    :raises PaperLongError: it has more than 1,000 pages
    :raises PaperCostlyError: reading it takes too much time or memory
    :raises AttachmentMissingError, AttachmentSeveralError, AttachmentOtherError, AttachmentLargeError:
        it does not carry one file of the right name, type and size
    """
    if len(data) > MAX_PAPER:
        raise PaperLargeError("the PDF is larger than any bill", params={"limit": MAX_PAPER})
    try:
        done = subprocess.run(  # noqa: S603 - this very interpreter, on a file of this package
            [sys.executable, "-I", str(_READER)],
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_WALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _refused("costly") from None
    if done.returncode < 0:  # ended from outside, as by its bounds
        raise _refused("costly")
    if done.returncode:
        raise RuntimeError("the reader of PDFs does not run")
    line, _, content = done.stdout.partition(b"\n")
    answer: dict[str, Any] = json.loads(line)
    if "refused" in answer:
        raise _refused(answer["refused"])
    return Paper(data, content, answer["producer"])


def _refused(why: str) -> PaperError:
    kind, sentence = _REFUSED[why]
    return kind(sentence)
