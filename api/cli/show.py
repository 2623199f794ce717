"""How answers look on a terminal: pairs, tables, findings, verdicts. Nothing from outside is taken as markup.

>>> pairs(console, [("chain", 20777), ("head", 12)])  # doctest: +SKIP
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from api.cli.texts import plain, text

if TYPE_CHECKING:
    from rich.console import Console

    from api.cli.client import Intent, Verdict

__all__ = ["findings", "intent_rows", "moment", "pairs", "short", "table", "verdict"]

_STYLES = {"✓": "green", "✗": "bold red", "?": "yellow", "error": "bold red", "warning": "yellow"}
_MARKS = {"pass": "✓", "fail": "✗", "unknown": "?"}


def moment(seconds: int | None) -> str:
    """A time of Unix time as ISO 8601 in UTC; a dash for none."""
    return "-" if not seconds else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def short(digest: str | None) -> str:
    """A digest in so few characters that a table holds it."""
    return "-" if not digest else digest if len(digest) <= 14 else f"{digest[:10]}…{digest[-4:]}"


def pairs(console: Console, rows: Iterable[tuple[str, object]]) -> None:
    """Names and values below one another."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    for name, value in rows:
        shown = "-" if value is None or value == "" else plain(str(value))
        grid.add_row(Text(name, style="bold"), Text(shown, overflow="fold"))
    console.print(grid)


def table(console: Console, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table; a cell that begins with a result's mark is coloured."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    grid = Table(*columns, box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        cells = ["-" if value is None else plain(str(value)) for value in row]
        grid.add_row(*(Text(cell, style=_STYLES.get(cell[:1], ""), overflow="fold") for cell in cells))
    console.print(grid)


def findings(console: Console, lang: str, found: Sequence[Mapping[str, Any]]) -> None:
    """Findings of a document's checks, one below the other."""
    from rich.text import Text

    for one in found:
        line = Text(f"{one['severity']:<8}", style=_STYLES.get(one["severity"], ""))
        line.append(f"{plain(one['path']) or '/'}  ", style="cyan")
        line.append(f"{plain(one[lang])} ", style="default")
        line.append(f"({one['code']})", style="dim")
        console.print(line, soft_wrap=True)


def intent_rows(lang: str, intent: Intent) -> list[tuple[str, object]]:
    """What is told of an act."""
    rows: list[tuple[str, object]] = [
        (text(lang, "act"), f"{intent['room']} {intent['act']}"),
        (text(lang, "subject"), intent["subject"]),
        (text(lang, "status"), text(lang, f"status.{intent['status']}")),
        (text(lang, "id"), intent["id"]),
    ]
    if intent["block"] is not None:
        rows += [
            (text(lang, "block"), intent["block"]),
            (text(lang, "transaction"), intent["transaction"]),
            (text(lang, "gas"), intent["gas_used"]),
        ]
    return rows


def verdict(console: Console, lang: str, answer: Verdict) -> None:
    """Every named check, and the verdict."""
    from rich.text import Text

    table(
        console,
        [text(lang, name) for name in ("check", "result", "required", "found", "scope", "block")],
        [
            (
                check["name"],
                f"{_MARKS[check['result']]} {text(lang, 'result.' + check['result'])}",
                text(lang, "yes") if check["required"] else "",
                check[lang],
                text(lang, f"scope.{check['scope']}"),
                check["block"]["number"] if check["block"] else None,
            )
            for check in answer["checks"]
        ],
    )
    passed = answer["verdict"] == "pass"
    line = Text(text(lang, "verdict") + ": ", style="bold")
    line.append(text(lang, f"result.{answer['verdict']}"), style=_STYLES[_MARKS[answer["verdict"]]])
    if not passed:
        line.append("  " + text(lang, "verdict-reasons", reasons=", ".join(answer["reasons"])))
    console.print(line)
