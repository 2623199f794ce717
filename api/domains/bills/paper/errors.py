"""What is refused where bills are drawn as paper, and where a paper is read."""

from __future__ import annotations

from typing import ClassVar

from chain.errors import LandbridgeError

__all__ = [
    "AttachmentLargeError",
    "AttachmentMissingError",
    "AttachmentOtherError",
    "AttachmentSeveralError",
    "PaperBusyError",
    "PaperCharacterError",
    "PaperCostlyError",
    "PaperDocumentError",
    "PaperEncryptedError",
    "PaperError",
    "PaperLargeError",
    "PaperLongError",
    "PaperMalformedError",
]


class PaperError(LandbridgeError):
    """Base of what is refused here."""


class PaperDocumentError(PaperError):
    """What the bundle shows is no bill of the form that is drawn; params: ``where``."""

    code: ClassVar[str] = "paper-document"


class PaperCharacterError(PaperError):
    """A character that the typefaces have not: params ``character`` (U+…), ``where`` (a JSON pointer)."""

    code: ClassVar[str] = "paper-character"


class PaperLongError(PaperError):
    """More pages than are drawn or read."""

    code: ClassVar[str] = "paper-too-long"


class PaperBusyError(PaperError):
    """Too many papers are being drawn."""

    code: ClassVar[str] = "paper-busy"


class PaperLargeError(PaperError):
    """A file larger than any paper."""

    code: ClassVar[str] = "paper-too-large"


class PaperMalformedError(PaperError):
    """A file that begins like a PDF and cannot be read as one."""

    code: ClassVar[str] = "paper-malformed"


class PaperEncryptedError(PaperError):
    """A PDF that is encrypted, be it under an empty password."""

    code: ClassVar[str] = "paper-encrypted"


class PaperCostlyError(PaperError):
    """A PDF that takes more time or memory to read than any paper."""

    code: ClassVar[str] = "paper-too-costly"


class AttachmentMissingError(PaperError):
    """A PDF without an attached file."""

    code: ClassVar[str] = "paper-attachment-missing"


class AttachmentSeveralError(PaperError):
    """A PDF with more than one attached file."""

    code: ClassVar[str] = "paper-attachment-several"


class AttachmentOtherError(PaperError):
    """The attached file has another name or type than a bundle's."""

    code: ClassVar[str] = "paper-attachment-other"


class AttachmentLargeError(PaperError):
    """The attached file is larger than any bundle."""

    code: ClassVar[str] = "paper-attachment-too-large"
