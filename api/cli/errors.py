"""How a command ends: the exit codes that scripts may trust, and the errors that are the command line's own.

| code | meaning |
|---|---|
| 0 | done, or the verdict is pass |
| 1 | a negative verdict, findings of severity error, or a step that did not hold |
| 2 | the command was called wrongly |
| 3 | the gateway or the chain refused; the code of RFC 9457 is printed |
| 4 | the gateway or the node cannot be reached, or did not finish in time |
| 5 | a local file, folder, port or key cannot be used |
| 70 | a defect of this program |
| 130 | interrupted |

>>> CliError("file-missing", ExitCode.LOCAL, file="a.json").exit_code
<ExitCode.LOCAL: 5>
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from api.cli.texts import text

__all__ = ["CliError", "ExitCode", "Failure", "RefusedError", "failure_of"]


class ExitCode(IntEnum):
    """What a process answers."""

    OK = 0
    NEGATIVE = 1
    USAGE = 2
    REFUSED = 3
    UNREACHABLE = 4
    LOCAL = 5
    DEFECT = 70
    INTERRUPTED = 130


class CliError(Exception):
    """An error of the command line itself; its sentence is in the table of texts under ``error.CODE``.

    :param code: stable, kebab-case
    :param params: what the sentence shows
    """

    def __init__(self, code: str, exit_code: ExitCode, /, **params: str | int) -> None:
        super().__init__(code)
        self.code = code
        self.exit_code = exit_code
        self.params = params


class RefusedError(Exception):
    """The gateway answered with a problem (RFC 9457).

    :param problem: its members
    """

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(str(problem.get("code")))
        self.problem = dict(problem)


class Failure:
    """An error as it is shown: a code, a sentence, what to do, and how the process ends."""

    def __init__(
        self, code: str, exit_code: ExitCode, sentence: str, advice: str = "", **members: Any
    ) -> None:
        self.code = code
        self.exit_code = exit_code
        self.sentence = sentence
        self.advice = advice
        self.members = {key: value for key, value in members.items() if value}

    def document(self) -> dict[str, Any]:
        """The same as a JSON document."""
        body: dict[str, Any] = {"code": self.code, "detail": self.sentence, "exit": int(self.exit_code)}
        if self.advice:
            body["next"] = self.advice
        return {"error": body | self.members}


_UNREACHABLE = frozenset(
    {
        *("audit-chain-turned", "node-down", "node-hung"),
        *("hsm-token-missing", "hsm-lost", "hsm-hung"),
        *("signer-down", "signer-hung"),
    }
)
_LOCAL = frozenset(
    {
        "audit-other-log",
        "audit-progress",
        "audit-trust",
        "node-busy",
        "node-storage",
        "keystore",
        "keystore-storage",
        "keystore-missing",
        "reader-key",
        "reader-key-locked",
        "blob-storage",
        "deploy",
        "intent-malformed",
        "signature-malformed",
        *("hsm-module", "hsm-token-ambiguous", "hsm-pin", "hsm-pin-file", "hsm-key-missing", "hsm-key-unfit"),
        "signer-settings",
    }
)
_USAGE = frozenset({"settings", "database-url", "hsm-uri"})


def failure_of(error: BaseException, lang: str) -> Failure:
    """How an error is shown; what is not known is a defect, told without a trace."""
    if isinstance(error, CliError):
        return Failure(
            error.code,
            error.exit_code,
            text(lang, f"error.{error.code}", **error.params),
            params=error.params,
        )
    if isinstance(error, RefusedError):
        return _of_problem(error.problem)
    if isinstance(error, KeyboardInterrupt):
        return Failure("interrupted", ExitCode.INTERRUPTED, text(lang, "error.interrupted"))
    if isinstance(error, OSError) and error.strerror:
        shown = {"file": str(error.filename or "-"), "cause": error.strerror}
        return Failure("file", ExitCode.LOCAL, text(lang, "error.file", **shown), params=shown)
    return _of_engine(error, lang)


def _of_problem(problem: Mapping[str, Any]) -> Failure:
    code, status = str(problem.get("code", "internal")), problem.get("status", 0)
    return Failure(
        code,
        ExitCode.UNREACHABLE if status == 503 else ExitCode.REFUSED,
        str(problem.get("detail", problem.get("title", ""))),
        str(problem.get("next", "")),
        status=status,
        params=problem.get("params"),
        findings=[one for one in _list(problem.get("findings")) if _is_finding(one)],
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_finding(value: Any) -> bool:
    """Whether it can be shown: a gateway may answer anything."""
    return isinstance(value, dict) and all(
        isinstance(value.get(name), str) for name in ("severity", "code", "path", "en")
    )


def _of_engine(error: BaseException, lang: str) -> Failure:
    from sqlalchemy.exc import SQLAlchemyError

    from api.kernel.problems import TEXTS
    from chain.canonical import JsonError
    from chain.errors import LandbridgeError
    from vault.errors import VaultError

    if isinstance(error, LandbridgeError | VaultError):
        known = TEXTS.get(error.code)
        sentence = known.zh if known and lang == "zh" else error.sentence
        advice = "" if known is None else known.next_zh if lang == "zh" else known.next_en
        is_local = error.code in _LOCAL or isinstance(error, JsonError | VaultError)
        exit_code = (
            ExitCode.UNREACHABLE
            if error.code in _UNREACHABLE
            else ExitCode.USAGE
            if error.code in _USAGE
            else ExitCode.LOCAL
            if is_local
            else ExitCode.REFUSED
        )
        return Failure(error.code, exit_code, sentence, advice, params=error.params)
    if isinstance(error, SQLAlchemyError):
        cause = str(getattr(error, "orig", None) or type(error).__name__)[:200]
        return Failure("database", ExitCode.LOCAL, text(lang, "error.database", cause=cause))
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{place.tb_frame.f_globals.get('__name__')}:{place.tb_lineno}" if place else "?"
    shown = {"kind": type(error).__name__, "place": where}
    return Failure("defect", ExitCode.DEFECT, text(lang, "error.defect", **shown), params=shown)
