"""An audit's report: as a document, as CSV, on a terminal; and its progress while it runs.

>>> csv_of([{"code": "act-missing", "leaf": None, "block": 7, "transaction": "0xaa", "detail": ""}])
'code,leaf,block,transaction,detail\\nact-missing,,7,0xaa,\\n'
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from api.cli import show
from api.cli.errors import CliError, ExitCode
from api.cli.run import Run

if TYPE_CHECKING:
    from rich.console import Console

    from api.kernel.audit import Report
    from api.kernel.audit_ledger import Anchor, Ledger
    from chain.client import Block

__all__ = ["FORM", "Bars", "csv_of", "document", "read_head", "render"]

FORM: Final = "landbridge/audit/1"
_ROOT: Final = re.compile(r"0x[0-9a-f]{64}")
_MOST_SHOWN: Final = 40


def document(
    ledger: Ledger, report: Report, block: Block, log: str, genesis: str, now: int
) -> dict[str, Any]:
    """The report as JSON. Its head is what the next audit may remember."""
    newest = ledger.newest_anchor(remembered=False)
    failed = bool(report.findings or report.dropped)
    return {
        "audit": FORM,
        "log": log,
        "genesis": genesis,
        "verdict": "fail" if failed else "pass",
        "time": now,
        "block": {"number": block.number, "hash": block.hash, "time": block.timestamp},
        "head": None
        if newest is None
        else {
            "size": newest.size,
            "root": "0x" + newest.root.hex(),
            "block": newest.block,
            "transaction": newest.transaction,
        },
        "leaves": ledger.size,
        "heads": ledger.anchors,
        "acts": ledger.acts,
        "pending": report.pending,
        "unmatched": report.unmatched,
        "findings": [one._asdict() for one in report.findings],
        "further": report.dropped,
    }


def read_head(path: Path, log: str, genesis: str) -> Anchor | None:
    """The head that an earlier report holds; nothing where the log had none then.

    :raises CliError: it is no report, or of another log
    """
    from api.cli.files import read_json
    from api.kernel.audit_ledger import Anchor

    report = read_json(path)
    if report.get("audit") != FORM:
        raise CliError("audit-file", ExitCode.LOCAL, file=str(path))
    if (report.get("log"), report.get("genesis")) != (log, genesis):
        raise CliError("audit-other", ExitCode.LOCAL, file=str(path), log=str(report.get("log"))[:100])
    head = report.get("head")
    if head is None:
        return None
    size, root = (head.get(name) if isinstance(head, dict) else None for name in ("size", "root"))
    if (
        type(size) is not int
        or not 0 < size < 1 << 53
        or not isinstance(root, str)
        or not _ROOT.fullmatch(root)
    ):
        raise CliError("audit-file", ExitCode.LOCAL, file=str(path))
    return Anchor(size, bytes.fromhex(root[2:]))


def csv_of(findings: Sequence[Mapping[str, Any]]) -> str:
    """The findings as a table."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ["code", "leaf", "block", "transaction", "detail"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(findings)
    return text.getvalue()


def render(console: Console, run: Run, report: Mapping[str, Any]) -> None:
    """The report for people: what was found, and one sentence."""
    findings = report["findings"]
    if findings:
        columns = ("finding", "leaf", "block", "transaction", "detail", "meaning")
        show.table(
            console,
            [run.text(f"audit.{name}") for name in columns],
            [
                (
                    one["code"],
                    one["leaf"],
                    one["block"],
                    show.short(one["transaction"]),
                    one["detail"] or None,
                    run.text(f"finding.{one['code']}"),
                )
                for one in findings[:_MOST_SHOWN]
            ],
        )
        hidden = len(findings) - _MOST_SHOWN + report["further"]
        if hidden > 0:
            console.print(run.text("audit-more", count=hidden))
    console.print(
        run.text(
            "audit-passed" if report["verdict"] == "pass" else "audit-failed",
            leaves=f"{report['leaves']:,}",
            heads=f"{report['heads']:,}",
            acts=f"{report['acts']:,}",
            findings=f"{len(findings) + report['further']:,}",
            block=report["block"]["number"],
            time=show.moment(report["block"]["time"]),
        )
    )
    if report["pending"]:
        console.print(run.text("audit-pending", count=report["pending"]))


class Bars:
    """Progress on a terminal: blocks of the chain, then leaves; elsewhere nothing."""

    def __init__(self, run: Run) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=run.errors,
            disable=run.json or not sys.stderr.isatty(),
            transient=True,
        )
        self._chain = self._progress.add_task(run.text("audit-chain-read"), total=None)
        self._leaves = self._progress.add_task(run.text("audit-leaves"), total=None)

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def chain(self, done: int, of: int) -> None:
        """So many blocks were looked at."""
        self._progress.update(self._chain, completed=done, total=of)

    def leaves(self, done: int, of: int) -> None:
        """So many leaves were taken."""
        self._progress.update(self._leaves, completed=done, total=of)
