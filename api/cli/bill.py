"""``landbridge bill``: looking at bills — check, show, list, history, file, verify.

``check`` needs no gateway; nor does anyone need a bill's parties to verify a bill file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli import show
from api.cli.errors import CliError, ExitCode
from api.cli.options import BillId, Out, PasswordFile, ReaderKey
from api.cli.run import Run, command

if TYPE_CHECKING:
    from api.cli.client import Bill

__all__ = ["app", "bill_id"]

app = typer.Typer(no_args_is_help=True)
_BILL = re.compile(r"0x[0-9a-f]{64}")


def bill_id(value: str) -> str:
    """A bill's id as the registry spells it.

    :raises CliError: it is none
    """
    found = value.strip().lower()
    if not _BILL.fullmatch(found):
        raise CliError("bill-id", ExitCode.USAGE, value=value[:80])
    return found


@command(app, "check")
def check(run: Run, file: Annotated[str, typer.Argument(metavar="FILE")]) -> int:
    """Check a bill's document for sense, here."""
    from api.cli.files import read_bytes
    from api.domains.bills.document import check_bytes
    from api.domains.bills.document.reading import MAX_BYTES

    report = check_bytes(read_bytes(file, at_most=MAX_BYTES + 1))
    found = [
        {"code": f.code, "severity": f.severity, "path": f.path, "en": f.en, "zh": f.zh}
        for f in report.findings
    ]
    errors, warnings = len(report.errors), len(report.warnings)

    def render(console: Any) -> None:
        show.findings(console, run.lang, found)
        key = "check-unsound" if errors else "check-sound"
        console.print(run.text(key, errors=errors, warnings=warnings))

    run.result({"file": file, "sound": not errors, "findings": found}, render)
    return ExitCode.NEGATIVE if errors else ExitCode.OK


@command(app, "show")
def show_bill(run: Run, bill: BillId) -> None:
    """Show a bill as it stands."""
    found = run.gateway.bill(bill_id(bill))
    run.result(found, lambda console: show.pairs(console, _rows(run, found)))


def _rows(run: Run, bill: Bill) -> list[tuple[str, object]]:
    names = {p["party"]: run_name(run, p) for p in run.gateway.parties()}

    def party(number: int | None) -> str | None:
        return f"{number} {names.get(number, '')}".strip() if number else None

    rows: list[tuple[str, object]] = [
        (run.text("bill"), bill["bill"]),
        (run.text("state"), run.text(f"state.{bill['state']}")),
        (run.text("live"), run.text("yes" if bill["live"] else "no")),
        (run.text("issuer"), party(bill["issuer"])),
        (run.text("holder"), party(bill["holder"])),
        (run.text("to-order"), run.text("yes" if bill["to_order"] else "no")),
        (run.text("sequence"), bill["sequence"]),
        (run.text("note-fingerprint"), bill["note"]),
        (run.text("block"), bill["block"]),
        (run.text("open-acts"), ", ".join(bill["open_acts"])),
    ]
    if bill["offeree"]:
        until = show.moment(bill["offer_expiry"])
        rows.append((run.text("offered-to"), f"{party(bill['offeree'])}, {run.text('until', time=until)}"))
    return rows


def run_name(run: Run, party: Any) -> str:
    """A party's name in the caller's language."""
    return str((party["name_zh"] if run.lang == "zh" else party["name"]) or party["name"] or "")


@command(app, "list")
def list_bills(
    run: Run, state: Annotated[str | None, typer.Option("--state", metavar="STATE")] = None
) -> None:
    """List the bills that the caller may see."""
    found = run.gateway.bills(state)
    columns = [run.text(name) for name in ("bill", "state", "issuer", "holder", "sequence", "block")]
    run.result(
        found,
        lambda console: show.table(
            console,
            columns,
            [
                (
                    b["bill"],
                    run.text(f"state.{b['state']}"),
                    b["issuer"],
                    b["holder"],
                    b["sequence"],
                    b["block"],
                )
                for b in found
            ],
        ),
    )


@command(app, "history")
def history(run: Run, bill: BillId) -> None:
    """Show every act on a bill that the caller may see."""
    found = run.gateway.history(bill_id(bill))
    columns = [
        run.text(name)
        for name in (
            "sequence",
            "act",
            "party",
            "state",
            "holder",
            "block",
            "time",
            "signed-with",
            "transaction",
        )
    ]
    run.result(
        found,
        lambda console: show.table(
            console,
            columns,
            [
                (
                    event["sequence"],
                    event["act"],
                    event["party"],
                    run.text(f"state.{event['state']}"),
                    event["holder"],
                    event["block"],
                    show.moment(event["time"]),
                    show.short(event["key"]),
                    show.short(event["transaction"]),
                )
                for event in found
            ],
        ),
    )


@command(app, "file")
def file(
    run: Run,
    bill: BillId,
    out: Annotated[Path, typer.Option("--out", metavar="FILE")],
    reader_key: ReaderKey = None,
    password_file: PasswordFile = None,
) -> None:
    """Fetch a bill's document and seed as a file that anyone can verify."""
    from api.cli.documents import bill_file, open_entrusted, open_own
    from api.cli.files import write_new
    from api.cli.keys import Keys

    identity = bill_id(bill)
    if reader_key is None:
        content = open_entrusted(run.gateway, identity)
    else:
        keys = Keys(run, None, reader=reader_key, password_file=password_file)
        content = open_own(run.gateway, identity, keys)
    # The seed shows the whole document to whoever has it: the file is for its owner to hand on.
    write_new(out, bill_file(identity, content), private=True)
    run.result(
        {"bill": identity, "file": str(out)},
        lambda console: console.print(run.text("bill-file-written", file=out)),
    )


@command(app, "bundle")
def bundle(
    run: Run,
    what: Annotated[str, typer.Argument(metavar="FILE|BILL")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE")],
    field: Annotated[list[str] | None, typer.Option("--field", metavar="POINTER")] = None,
) -> None:
    """Fetch a bill's proof bundle, which anyone can verify without a gateway."""
    from api.cli.files import write_new

    identity, body = _shown(what, field)
    raw = run.gateway.bundle(identity, body)
    # A bundle of the whole document shows it to whoever has the file: its owner hands it on.
    write_new(out, raw, private=True)
    run.result(
        {"bill": identity, "file": str(out), "bytes": len(raw)},
        lambda console: console.print(run.text("bundle-written", file=out)),
    )


def _shown(what: str, field: list[str] | None) -> tuple[str, dict[str, Any]]:
    """Which bill is asked for, and what of it is to be shown."""
    from api.cli.files import read_bill_file

    body: dict[str, Any] = {"fields": field} if field else {}
    if _BILL.fullmatch(what.strip().lower()):
        return bill_id(what), body
    content = read_bill_file(what)
    return bill_id(content["bill"]), body | {name: content[name] for name in ("document", "seed")}


@command(app, "paper")
def paper(
    run: Run,
    what: Annotated[str, typer.Argument(metavar="FILE|BILL")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE")],
    field: Annotated[list[str] | None, typer.Option("--field", metavar="POINTER")] = None,
) -> None:
    """Fetch a bill as a PDF that carries its proof; from a proof bundle or a PDF it is drawn here."""
    from api.cli.files import write_new
    from api.cli.papers import bundle_of
    from api.domains.bills.paper import draw

    bundle = None if _BILL.fullmatch(what.strip().lower()) else bundle_of(what)
    if bundle is not None and field:
        raise CliError("field-of-bundle", ExitCode.USAGE, file=what)
    if bundle is not None:
        raw = draw(bundle)
    else:
        identity, body = _shown(what, field)
        raw = run.gateway.paper(identity, body)
    write_new(out, raw, private=True)
    run.result(
        {"file": str(out), "bytes": len(raw)},
        lambda console: console.print(run.text("paper-written", file=out)),
    )


@command(app, "verify")
def verify(
    run: Run,
    what: Annotated[str, typer.Argument(metavar="FILE|BILL")],
    policy: Annotated[Path | None, typer.Option("--policy", metavar="FILE")] = None,
    expect_holder: Annotated[int | None, typer.Option("--expect-holder", metavar="PARTY")] = None,
    expect_issuer: Annotated[int | None, typer.Option("--expect-issuer", metavar="PARTY")] = None,
    confirmations: Annotated[int | None, typer.Option("--confirmations", metavar="BLOCKS", min=0)] = None,
    out: Out = None,
) -> int:
    """Verify a bill: every question a named check; the policy draws the verdict."""
    from api.cli.files import read_bill_file, read_json, write_new

    body: dict[str, Any] = {}
    if _BILL.fullmatch(what.strip().lower()):
        body["bill"] = bill_id(what)
    else:
        content = read_bill_file(what)
        body = {name: content[name] for name in ("bill", "document", "seed") if name in content}
    if policy is not None:
        body["policy"] = read_json(policy)
    expected = {"holder": expect_holder, "issuer": expect_issuer, "confirmations": confirmations}
    given = {name: value for name, value in expected.items() if value is not None}
    if given:
        body["expect"] = given
    answer = run.gateway.verify(body)
    if out is not None:
        write_new(out, dict(answer))
    run.result(answer, lambda console: show.verdict(console, run.lang, answer))
    return ExitCode.OK if answer["verdict"] == "pass" else ExitCode.NEGATIVE
