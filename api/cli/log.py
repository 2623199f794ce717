"""``landbridge log``: auditing the log against the chain, from outside.

>>> main(["log", "audit", "--trust", "trust.json", "--rpc", "http://127.0.0.1:8545"])  # doctest: +SKIP
0
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.errors import CliError, ExitCode
from api.cli.options import Out
from api.cli.run import Run, command

if TYPE_CHECKING:
    from api.kernel.audit import Anchor, KnownAct, Progress
    from chain.client import Chain

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)
_PAGE = 4096


@command(app, "audit")
def audit(
    run: Run,
    rpc: Annotated[str, typer.Option("--rpc", metavar="URL")],
    trust: Annotated[Path, typer.Option("--trust", metavar="FILE")],
    remembered: Annotated[Path | None, typer.Option("--remembered", metavar="FILE")] = None,
    progress_file: Annotated[Path | None, typer.Option("--progress", metavar="FILE")] = None,
    grace: Annotated[int, typer.Option("--grace", metavar="SECONDS", min=0)] = 600,
    csv_file: Annotated[Path | None, typer.Option("--csv", metavar="FILE")] = None,
    out: Out = None,
) -> int:
    """Compare the whole log with the chain: every head, every leaf, every act."""
    from api.cli.direct import open_chain
    from api.cli.files import read_bytes, write_new
    from api.domains.bills.contract import RAIL_BILLS_DOMAIN
    from api.kernel.audit import Audit, anchors
    from api.kernel.bundles import look_at_chain, read_trust
    from chain.intents import Address, Domain

    root = read_trust(read_bytes(trust))
    log, bills = (Address(root.chain.contracts[name]) for name in ("AnchorLog", "RailBills"))
    with open_chain(rpc, root.chain.id) as chain:
        seen = look_at_chain(chain, root.chain)
        if seen.fault is not None:
            raise CliError("audit-chain", ExitCode.REFUSED, cause=seen.fault)
        last = seen.head.number
        known: dict[int, list[Anchor]] = {}
        for anchor in (*anchors(chain, log, last), *_remembered(remembered)):
            known.setdefault(anchor.size, []).append(anchor)
        progress = _progress(progress_file, f"landbridge/{root.chain.id}/{log}")
        work = Audit(progress, known, bills)
        newest = max(known, default=0)
        with _bar(run, newest) as advance:
            advance(progress.size)
            # Leaves that came after the newest anchor are the next audit's.
            while progress.size < newest:
                limit = min(_PAGE, newest - progress.size)
                leaves = run.gateway.get("/v1/log/leaves", start=progress.size, limit=limit)
                if not leaves:
                    break
                work.read(leaves)
                _keep(progress_file, progress)
                advance(progress.size)
        domain = Domain(RAIL_BILLS_DOMAIN, "1", root.chain.id, bills)
        acts = list(_acts(chain, domain, last, seen.head.timestamp - grace))
        findings = work.finish(acts)
    answer: dict[str, Any] = {
        "log": progress.log,
        "verdict": "fail" if findings else "pass",
        "leaves": progress.size,
        "heads": sum(len(each) for each in known.values()),
        "acts": len(acts),
        "head": _newest(known, newest),
        "block": last,
        "findings": [one._asdict() for one in findings],
    }
    if out is not None:
        write_new(out, answer)
    if csv_file is not None:
        write_new(csv_file, _csv(answer["findings"]))

    def render(console: Any) -> None:
        for one in findings:
            console.print(
                f"{one.code}  leaf {one.leaf}  block {one.block}  {one.transaction or ''} {one.detail}"
            )
        key = "audit-failed" if findings else "audit-passed"
        console.print(
            run.text(key, leaves=progress.size, heads=answer["heads"], acts=len(acts), findings=len(findings))
        )

    run.result(answer, render)
    return ExitCode.NEGATIVE if findings else ExitCode.OK


def _acts(chain: Chain, domain: Any, last: int, settled_until: int) -> Iterator[KnownAct]:
    from api.domains.bills.chain_acts import chain_acts
    from api.kernel.audit import KnownAct

    times: dict[int, int] = {}
    for act, number, transaction in chain_acts(chain, domain.verifying_contract, last=last):
        if number not in times:
            block = chain.block(number)
            times[number] = block.timestamp if block else 0
        settled = times[number] <= settled_until
        yield KnownAct(domain.verifying_contract, act.digest(domain), number, transaction, settled)


def _remembered(path: Path | None) -> list[Anchor]:
    """Heads of earlier audits: their reports."""
    from api.cli.files import read_json
    from api.kernel.audit import Anchor

    if path is None:
        return []
    head = read_json(path).get("head")
    try:
        return [] if head is None else [Anchor(int(head["size"]), bytes.fromhex(head["root"][2:]), 0, "")]
    except (KeyError, TypeError, ValueError):
        raise CliError("audit-file", ExitCode.LOCAL, file=str(path)) from None


def _progress(path: Path | None, log: str) -> Progress:
    from api.cli.files import read_json
    from api.kernel.audit import Progress

    if path is None or not path.exists():
        return Progress(log)
    try:
        progress = Progress(**read_json(path))
        bytes.fromhex("".join(progress.frontier))
    except (TypeError, ValueError):
        raise CliError("audit-file", ExitCode.LOCAL, file=str(path)) from None
    if progress.log != log:
        raise CliError("audit-other-log", ExitCode.LOCAL, file=str(path), log=progress.log)
    return progress


def _keep(path: Path | None, progress: Progress) -> None:
    from api.cli.files import replace_private

    if path is not None:
        replace_private(path, progress.to_json())


def _newest(known: dict[int, list[Anchor]], size: int) -> dict[str, Any] | None:
    if not size:
        return None
    anchor = known[size][0]
    return {"size": size, "root": "0x" + anchor.root.hex(), "block": anchor.block}


def _csv(findings: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["code", "leaf", "block", "transaction", "detail"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(findings)
    return text.getvalue()


class _bar:  # noqa: N801 - used as a function
    """A progress bar on a terminal; elsewhere nothing."""

    def __init__(self, run: Run, total: int) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self._progress = Progress(console=Console(stderr=True), disable=run.json, transient=True)
        self._task = self._progress.add_task(run.text("audit-leaves"), total=total)

    def __enter__(self) -> Any:
        self._progress.start()
        return lambda done: self._progress.update(self._task, completed=done)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
