"""What a check says of a bill: a finding with its place, its weight and its sentence in two languages.

>>> one = finding("currency-unknown", ("consignment", "declared_value", "currency"), value="XQX")
>>> one.path, one.severity
('/consignment/declared_value/currency', 'error')
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from api.domains.bills.document.form import RailBill
from api.domains.bills.document.messages import MESSAGES
from chain.canonical import Json, pointer
from chain.errors import LandbridgeError

__all__ = ["DocumentRefusedError", "Finding", "Path", "Report", "Severity", "finding"]

Severity: TypeAlias = Literal["error", "warning"]
Path: TypeAlias = tuple[str | int, ...]

_SHOWN_VALUE = 90
_SHOWN_PATH = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong or odd.

    :param code: stable, kebab-case; all codes are in `messages.MESSAGES`
    :param severity: with an error the bill must not be issued; a warning is for a person to judge
    :param path: JSON pointer (RFC 6901) to the place; "" is the whole document
    :param en: what is wrong and what to do, in English
    :param zh: the same in Chinese
    """

    code: str
    severity: Severity
    path: str
    en: str
    zh: str


class DocumentRefusedError(LandbridgeError):
    """A document has errors; params: ``errors`` (their number), ``first`` (code), ``path`` (of the first)."""

    code: ClassVar[str] = "document-refused"

    def __init__(self, findings: Sequence[Finding]) -> None:
        first = findings[0]
        super().__init__(
            f"The document has {len(findings)} error(s), the first at {first.path or 'the top'}: {first.en}",
            params={"errors": len(findings), "first": first.code, "path": first.path},
        )
        self.findings = tuple(findings)


@dataclass(frozen=True, slots=True)
class Report:
    """All that was found in one document.

    :param findings: errors and warnings, in the order of the checks
    :param document: the bill, where its form could be read; it may still have errors
    :param value: the JSON value, where the text could be read
    """

    findings: tuple[Finding, ...]
    document: RailBill | None = None
    value: Json = None

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.severity == "warning")

    def require(self) -> RailBill:
        """Give the bill if it has no error.

        :raises DocumentRefusedError: it has; the error carries the findings
        """
        errors = self.errors
        if errors or self.document is None:
            raise DocumentRefusedError(errors)
        return self.document


def finding(code: str, path: Path, /, **shown: str | int | tuple[str, str]) -> Finding:
    """Make a finding from the catalogue; `shown` fills its sentences, a pair as English and Chinese."""
    severity, en, zh = MESSAGES[code]
    pairs = {key: value if isinstance(value, tuple) else (value, value) for key, value in shown.items()}
    in_english = {key: _cut(value) for key, (value, _) in pairs.items()}
    in_chinese = {key: _cut(value) for key, (_, value) in pairs.items()}
    return Finding(code, severity, _safe_pointer(path), en.format(**in_english), zh.format(**in_chinese))


def _cut(value: str | int) -> str:
    text = _printable(str(value))
    return text if len(text) <= _SHOWN_VALUE else text[: _SHOWN_VALUE - 1] + "…"


def _safe_pointer(path: Path) -> str:
    text = _printable(pointer(path))
    return text if len(text) <= _SHOWN_PATH else text[: _SHOWN_PATH - 1] + "…"


def _printable(text: str) -> str:
    # Keys of a refused document come from anyone and go to terminals and logs.
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
