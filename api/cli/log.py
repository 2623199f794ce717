"""``landbridge log``: auditing the log against the chain, from outside.

>>> main(["log", "audit", "--trust", "trust.json", "--rpc", "http://127.0.0.1:8545"])  # doctest: +SKIP
0
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import log_report
from api.cli.errors import CliError, ExitCode, RefusedError
from api.cli.options import Out
from api.cli.run import Run, command

if TYPE_CHECKING:
    from api.cli.client import Gateway
    from api.kernel.audit import Audit
    from api.kernel.audit_ledger import Ledger
    from chain.client import Chain

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)
_PAGE = 4096
_MOST_TAIL = 64
_CODE = re.compile(r"[a-z][a-z0-9-]{0,59}")
_OURS = frozenset({"unauthorized", "forbidden"})
"""Refusals that are about the auditor's own token: they say nothing of the log."""


@command(app, "audit")
def audit(
    run: Run,
    rpc: Annotated[str, typer.Option("--rpc", metavar="URL")],
    trust: Annotated[Path, typer.Option("--trust", metavar="FILE")],
    remembered: Annotated[Path | None, typer.Option("--remembered", metavar="FILE")] = None,
    progress_file: Annotated[Path | None, typer.Option("--progress", metavar="FILE")] = None,
    grace: Annotated[int, typer.Option("--grace", metavar="SECONDS", min=0)] = 600,
    without_gateway: Annotated[bool, typer.Option("--without-gateway")] = False,
    csv_file: Annotated[Path | None, typer.Option("--csv", metavar="FILE")] = None,
    out: Out = None,
) -> int:
    """Compare the whole log with the chain: every head, every leaf, every act."""
    from api.cli.direct import open_chain
    from api.cli.files import read_bytes, write_new
    from api.kernel.audit import Audit
    from api.kernel.audit_chain import LOG, address_of, entering, read_chain
    from api.kernel.audit_ledger import Ledger
    from api.kernel.bundles import read_trust
    from api.registry import ROOMS

    for path in (out, csv_file):  # said now, and not after hours
        if path is not None and path.exists():
            raise CliError("file-exists", ExitCode.LOCAL, file=str(path))
    root = read_trust(read_bytes(trust))
    name = f"landbridge/{root.chain.id}/{address_of(root, LOG)}"
    contracts = [domain.verifying_contract for _, domain in entering(ROOMS, root)]
    earlier = None if remembered is None else log_report.read_head(remembered, name, root.chain.genesis)
    gateway = None if without_gateway else run.gateway
    with (
        Ledger.open(progress_file, log=name, genesis=root.chain.genesis) as ledger,
        open_chain(rpc, root.chain.id) as chain,
        log_report.Bars(run) as bars,
    ):
        now = int(time.time())
        seen = read_chain(chain, root, ROOMS, ledger, now=now, advance=bars.chain)
        if earlier is not None:
            ledger.add_anchors([earlier])
        work = Audit(ledger, contracts)
        if gateway is not None:
            _read_leaves(gateway, work, ledger, bars.leaves)
        report = work.finish(
            settled=_settled(chain, max(now, seen.block.timestamp) - grace),
            prove=lambda old, size: None if gateway is None else _proof(gateway, old, size),
            tail=lambda: iter(()) if gateway is None else _tail(gateway, work.size),
            further=seen.findings,
        )
        answer = log_report.document(ledger, report, seen.block, name, root.chain.genesis, now)
    if out is not None:
        write_new(out, answer)
    if csv_file is not None:
        write_new(csv_file, log_report.csv_of(answer["findings"]))
    run.result(answer, lambda console: log_report.render(console, run, answer))
    return ExitCode.OK if answer["verdict"] == "pass" else ExitCode.NEGATIVE


def _read_leaves(gateway: Gateway, work: Audit, ledger: Ledger, advance: Callable[[int, int], None]) -> None:
    """Take leaves up to the newest head. Those that came later are the next audit's."""
    from api.kernel.audit import PageError, read_page
    from api.kernel.audit_ledger import Finding

    newest = ledger.newest_anchor()
    until = newest.size if newest is not None else 0
    while work.size < until:
        advance(work.size, until)
        limit = min(_PAGE, until - work.size)
        try:
            leaves = read_page(gateway.get("/v1/log/leaves", start=work.size, limit=limit), work.size, limit)
        except PageError as error:
            return work.stop(error.finding)
        except RefusedError as error:
            code = str(error.problem.get("code"))
            if code in _OURS or error.problem.get("status") == 503:
                raise
            return work.stop(
                Finding("leaves-refused", work.size, detail=f"code={code}" if _CODE.fullmatch(code) else "")
            )
        if not leaves:
            return None
        work.take(leaves)
    return advance(work.size, until)


def _proof(gateway: Gateway, old: int, size: int) -> list[bytes] | None:
    from api.kernel.audit import read_proof

    try:
        return read_proof(gateway.get("/v1/log/consistency", **{"from": old, "size": size}))
    except RefusedError:
        return None


def _tail(gateway: Gateway, start: int) -> Iterator[bytes]:
    """The hashes of the leaves from one on: what is in the log, and under no head yet."""
    from api.kernel.audit import PageError, read_page

    for _ in range(_MOST_TAIL):
        try:
            leaves = read_page(gateway.get("/v1/log/leaves", start=start, limit=_PAGE), start, _PAGE)
        except (PageError, RefusedError):
            return
        if not leaves:
            return
        yield from (leaf.hash for leaf in leaves)
        start += len(leaves)


def _settled(chain: Chain, until: int) -> Callable[[int], bool]:
    """Whether a block is so old that its acts must be in the log."""
    from functools import lru_cache

    @lru_cache(maxsize=1024)
    def settled(number: int) -> bool:
        block = chain.block(number)
        return block is not None and block.timestamp <= until

    return settled
