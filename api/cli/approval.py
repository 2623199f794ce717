"""``landbridge approval``: what waits for sign-offs, and the rule under which it waits.

Before anything is approved its digest is computed here, from what the gateway shows: a gateway that shows one
thing and asks for the digest of another is told apart.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli import show
from api.cli.errors import CliError, ExitCode
from api.cli.run import Run, command

if TYPE_CHECKING:
    from api.cli.client import Approval

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)
rule = typer.Typer(no_args_is_help=True)
app.add_typer(rule, name="rule")

Id = Annotated[str, typer.Argument(metavar="ID")]
Digest = Annotated[str | None, typer.Option("--digest", metavar="HEX")]
_DOCUMENTS = {"rule": "landbridge/approval-rule/1", "token": "landbridge/person-token/1"}


@command(app, "list")
def list_approvals(
    run: Run, status: Annotated[str | None, typer.Option("--status", metavar="STATUS")] = None
) -> None:
    """List the requests of the caller's party."""
    found = run.gateway.approvals(status)
    columns = [run.text(name) for name in ("id", "what", "behind", "status", "expires")]
    run.result(
        found,
        lambda console: show.table(
            console,
            columns,
            [
                (
                    one["id"],
                    _what(run, one),
                    f"{one['behind']}/{one['people']}",
                    run.text(f"approval.{one['status']}"),
                    show.moment(one["expires"]),
                )
                for one in found
            ],
        ),
    )


def _what(run: Run, one: Approval) -> str:
    if one["typed_data"] is None:
        return run.text(f"kind.{one['kind']}")
    subject = next(iter(one["typed_data"]["message"].values()))
    return f"{one['room']}/{one['act']} {subject}"


@command(app, "show")
def show_approval(
    run: Run,
    id: Id,
    wait: Annotated[int, typer.Option("--wait", metavar="SECONDS", min=0, max=300)] = 0,
) -> None:
    """Show a request: what is to be signed, whole, and who said what."""
    _tell(run, run.gateway.approval(_id(id), wait))


@command(app, "approve")
def approve(run: Run, id: Id, digest: Digest = None) -> None:
    """Sign off what is shown; with the last sign-off the key signs it."""
    _tell(run, _decide(run, id, "approve", digest))


@command(app, "decline")
def decline(run: Run, id: Id, digest: Digest = None) -> None:
    """Decline; one no ends a request."""
    _tell(run, _decide(run, id, "decline", digest))


@command(app, "withdraw")
def withdraw(run: Run, id: Id) -> None:
    """Withdraw what the caller proposed."""
    _tell(run, run.gateway.decide(_id(id), "withdraw", None))


def _id(given: str) -> str:
    if len(given) != 32 or not all(c in "0123456789abcdef" for c in given):
        raise CliError("approval-id", ExitCode.USAGE, value=given[:80])
    return given


def _decide(run: Run, id: str, what: str, digest: str | None) -> Approval:
    found = run.gateway.approval(_id(id))
    for name, value in _content(found).items():
        run.errors.print(f"  {name}: {value}", soft_wrap=True)
    own = _digest(found)
    if own != found["digest"] or (digest is not None and digest.lower() != own):
        raise CliError("prepared-other", ExitCode.REFUSED, field="digest")
    if digest is None and sys.stdin.isatty() and not typer.confirm(run.text("ask-sign-off")):
        raise typer.Abort
    return run.gateway.decide(id, what, own)


def _content(found: Approval) -> dict[str, Any]:
    """What a request is for, member by member."""
    if found["typed_data"] is not None:
        typed = found["typed_data"]
        domain = {name: typed["domain"][name] for name in ("verifyingContract", "chainId")}
        return {"act": f"{found['room']}/{found['act']}", **domain, **typed["message"]}
    return dict(found["rule"] or found["token"] or {})


def _digest(found: Approval) -> str:
    """The digest of what is shown, computed here."""
    from api.cli.acts import act_of
    from chain.digests import Seed, document_digest

    if found["typed_data"] is not None:
        act, _, domain = act_of(found["typed_data"])
        return "0x" + act.digest(domain).hex()
    party = found["sign_offs"][0]["statement"]["party"]
    document = {"format": _DOCUMENTS[found["kind"]], "party": party, **_content(found)}
    return "0x" + document_digest(document, Seed(bytes(32))).hex()


def _tell(run: Run, found: Approval) -> None:
    rows: list[tuple[str, object]] = [
        (run.text("id"), found["id"]),
        (run.text("status"), run.text(f"approval.{found['status']}")),
        *([(run.text("reason"), found["reason"])] if found["reason"] else []),
        *((f"  {name}", value) for name, value in _content(found).items()),
        (run.text("digest"), found["digest"]),
        (run.text("behind"), f"{found['behind']}/{found['people']}"),
        (run.text("expires"), show.moment(found["expires"])),
        *(
            (
                run.text(f"decision.{one['decision']}"),
                f"{one['person'] or '-'}  {show.moment(one['time'])}  {run.text('leaf', leaf=one['leaf'])}",
            )
            for one in found["sign_offs"]
        ),
        *([(run.text("signature"), found["signature"])] if found["signature"] else []),
    ]
    intent = found["intent"]
    if intent is not None:
        rows += show.intent_rows(run.lang, intent)
    run.result({"approval": found}, lambda console: show.pairs(console, rows))


@command(rule, "show")
def show_rule(run: Run) -> None:
    """Show the rule of the caller's party."""
    found = run.gateway.get("/v1/approval-rule")
    rows: list[tuple[str, object]] = [
        (run.text("party"), found["party"]),
        (run.text("acts"), ", ".join(found["acts"]) or "-"),
        (run.text("always"), ", ".join(found["always"])),
        (run.text("people"), found["people"]),
        (run.text("signatories"), found["signatories"]),
        (run.text("lifetime"), f"{found['lifetime']} s"),
    ]
    run.result(found, lambda console: show.pairs(console, rows))


@command(rule, "set")
def set_rule(
    run: Run,
    act: Annotated[list[str] | None, typer.Option("--act", metavar="ROOM/ACT")] = None,
    people: Annotated[int, typer.Option("--people", metavar="N", min=2, max=10)] = 2,
    lifetime: Annotated[str, typer.Option("--lifetime", metavar="SPAN")] = "24h",
    none: Annotated[bool, typer.Option("--none")] = False,
) -> None:
    """Ask for another rule: it changes when as many people agree as it asks for, before and after."""
    from api.cli.bill_acts import moment

    if bool(act) == none:
        raise CliError("rule-choice", ExitCode.USAGE)
    body = {"acts": act or [], "people": people, "lifetime": moment(lifetime, 0)}
    _tell(run, run.gateway.put("/v1/approval-rule", body))


@command(rule, "lift")
def lift_rule(
    run: Run,
    party: Annotated[int, typer.Argument(metavar="PARTY", min=1, max=2**32 - 1)],
    data_dir: Annotated[Path | None, typer.Option("--data-dir", metavar="FOLDER")] = None,
    database_url: Annotated[str | None, typer.Option("--database-url", metavar="URL")] = None,
) -> None:
    """Lift a rule whose people are lost, in the gateway's own database; the log keeps it."""
    from api.cli.serving import read_settings
    from api.kernel.approval.requests import lift
    from chain.db import open_engine, writing
    from chain.log import Log

    settings = read_settings({"data_dir": data_dir, "database_url": database_url})
    if settings.database_url.startswith("sqlite:") and not (settings.data_dir / "gateway.db").exists():
        raise CliError("file-missing", ExitCode.LOCAL, file=str(settings.data_dir / "gateway.db"))
    engine = open_engine(settings.database_url)
    try:
        with writing(engine) as session:
            lifted = lift(session, Log(), party, int(time.time()))
            told = {"party": party, "lifted": lifted is not None, "approval": lifted.id if lifted else None}
    finally:
        engine.dispose()
    run.result(
        told,
        lambda console: console.print(
            run.text("rule-lifted" if told["lifted"] else "rule-none", party=party)
        ),
    )
