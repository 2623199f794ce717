"""``landbridge bill``: acts on bills — issue, transfer, offers, surrender, answer, deliver, void.

Each is signed by the gateway's entrusted key, or with ``--key`` by the party's own.
"""

from __future__ import annotations

import hashlib
import re
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli import show
from api.cli.bill import app, bill_id
from api.cli.errors import CliError, ExitCode
from api.cli.options import BillId, KeyFile, NoWait, Out, PasswordFile
from api.cli.run import Run, command

__all__: list[str] = []

_SPANS = {"m": 60, "h": 3600, "d": 86_400}
_SPAN = re.compile(r"([1-9][0-9]{0,5})([mhd])")
_OFFER_STANDS = "72h"


def moment(value: str, now: float) -> int:
    """A time: Unix seconds, or a span from now such as 90m, 48h, 7d.

    :raises CliError: it is neither
    """
    if value.isdecimal() and len(value) <= 15:
        return int(value)
    match = _SPAN.fullmatch(value)
    if match is None:
        raise CliError("bad-time", ExitCode.USAGE, value=value[:40])
    return int(now) + int(match[1]) * _SPANS[match[2]]


def _doer(run: Run, key: str | None, password_file: Path | None, no_wait: bool) -> Any:
    from api.cli.acts import Doer
    from api.cli.keys import Keys

    keys = Keys(run, key, password_file=password_file) if key else None
    return Doer(run.gateway, keys, wait=not no_wait)


def _answer(run: Run, bill: str, intent: Any, opened: Any = None, out: Path | None = None) -> None:
    """Tell of an act; an opening goes to its file, or is shown with the answer."""
    document = {"bill": bill, "intent": intent} | ({"opening": opened} if opened else {})

    def render(console: Any) -> None:
        show.pairs(console, show.intent_rows(run.lang, intent))
        if opened:
            import json

            console.print(run.text("opening-written", file=out) if out else run.text("opening-keep"))
            if not out:
                console.print(json.dumps(opened, ensure_ascii=False), soft_wrap=True)

    run.result(document, render)


def _keep(out: Path | None, opened: Any) -> None:
    # Written before the act is handed in: a digest on the chain without its opening would say nothing.
    from api.cli.files import write_new

    if out is not None:
        write_new(out, opened, private=True)


@command(app, "issue")
def issue(
    run: Run,
    file: Annotated[str, typer.Argument(metavar="FILE")],
    holder: Annotated[int | None, typer.Option("--holder", metavar="PARTY")] = None,
    reader: Annotated[list[int] | None, typer.Option("--reader", metavar="PARTY")] = None,
    key: KeyFile = None,
    password_file: PasswordFile = None,
    no_wait: NoWait = False,
) -> int | None:
    """Issue a bill: check, seal and store its document, then sign the issue."""
    from api.cli.files import read_bytes
    from api.domains.bills.document import check_bytes
    from api.domains.bills.document.reading import MAX_BYTES

    report = check_bytes(read_bytes(file, at_most=MAX_BYTES + 1))
    if report.errors or report.document is None:
        found = [
            {"code": f.code, "severity": f.severity, "path": f.path, "en": f.en, "zh": f.zh}
            for f in report.findings
        ]
        run.result({"sound": False, "findings": found}, lambda c: show.findings(c, run.lang, found))
        run.say("issue-refused-here", errors=len(report.errors))
        return ExitCode.NEGATIVE
    document = report.document
    named = document.holder.party if document.holder else None
    to = holder if holder is not None else named
    if to is None or to != named:
        raise CliError("holder-other", ExitCode.USAGE, named=str(named or "-"), given=str(to or "-"))
    doer = _doer(run, key, password_file, no_wait)
    value: Any = report.value
    stored = run.gateway.store(value, sorted({to, *(reader or ())}))
    bill, note = stored["digest"], str(stored["facts"]["note"])
    if doer.keys is not None:
        _check_stored(run, doer, bill, note, report)
    fields = {"note": note, "holder": to, "toOrder": document.bill.to_order}
    _answer(run, bill, doer.do("bills", "Issue", bill, fields))
    return None


def _check_stored(run: Run, doer: Any, bill: str, note: str, report: Any) -> None:
    """Before the carrier's own key signs: the digest is its document's, the fingerprint its note's."""
    from api.cli.documents import open_own
    from api.domains.bills.document import identity_of, note_fingerprint

    if open_own(run.gateway, bill, doer.keys)["document"] != report.value:
        raise CliError("document-other", ExitCode.REFUSED, digest=bill)
    if "0x" + note_fingerprint(identity_of(report.document.note)).hex() != note:
        raise CliError("prepared-other", ExitCode.REFUSED, field="note")


@command(app, "transfer")
def transfer(
    run: Run,
    bill: BillId,
    to: Annotated[int, typer.Option("--to", metavar="PARTY", min=1, max=2**32 - 1)],
    offer: Annotated[bool, typer.Option("--offer")] = False,
    expiry: Annotated[str | None, typer.Option("--expiry", metavar="TIME")] = None,
    key: KeyFile = None,
    password_file: PasswordFile = None,
    no_wait: NoWait = False,
) -> None:
    """Transfer a bill, or with --offer leave it to the taker to accept."""
    from api.cli.documents import show_on

    identity = bill_id(bill)
    if expiry is not None and not offer:
        raise CliError("expiry-without-offer", ExitCode.USAGE)
    doer = _doer(run, key, password_file, no_wait)
    fields: dict[str, Any] = {"to": to}
    if offer:
        fields["expiry"] = moment(expiry or _OFFER_STANDS, time.time())
    # The gateway's key shows the document to the taker by itself; a party's own must.
    before = (lambda: show_on(run.gateway, identity, doer.keys, to)) if doer.keys else None
    _answer(
        run, identity, doer.do("bills", "Offer" if offer else "Transfer", identity, fields, before=before)
    )


def _plain_act(name: str, act: str) -> None:
    @command(app, name)
    def do(
        run: Run,
        bill: BillId,
        key: KeyFile = None,
        password_file: PasswordFile = None,
        no_wait: NoWait = False,
    ) -> None:
        identity = bill_id(bill)
        _answer(run, identity, _doer(run, key, password_file, no_wait).do("bills", act, identity, {}))


for _name, _act in (
    ("accept-offer", "AcceptOffer"),
    ("decline-offer", "DeclineOffer"),
    ("withdraw-offer", "WithdrawOffer"),
    ("surrender", "Surrender"),
    ("withdraw-surrender", "WithdrawSurrender"),
):
    _plain_act(_name, _act)


@command(app, "answer")
def answer(
    run: Run,
    bill: BillId,
    accept: Annotated[bool, typer.Option("--accept")] = False,
    refuse: Annotated[bool, typer.Option("--refuse")] = False,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT")] = None,
    out: Out = None,
    key: KeyFile = None,
    password_file: PasswordFile = None,
    no_wait: NoWait = False,
) -> None:
    """Answer a surrender; a refusal's reason goes on the chain as a salted digest."""
    identity = bill_id(bill)
    if accept == refuse or refuse != bool(reason):
        raise CliError("answer-choice", ExitCode.USAGE)
    doer = _doer(run, key, password_file, no_wait)
    if accept:
        _answer(run, identity, doer.do("bills", "AcceptSurrender", identity, {}))
        return
    digest, opened = _reason(identity, str(reason))
    _keep(out, opened)
    intent = doer.do("bills", "RefuseSurrender", identity, {"reason": digest})
    _answer(run, identity, intent, opened, out)


def _reason(bill: str, words: str) -> tuple[str, dict[str, Any]]:
    from api.cli.acts import opening

    return opening({"format": "landbridge/reason/1", "bill": bill, "text": words})


@command(app, "deliver")
def deliver(
    run: Run,
    bill: BillId,
    evidence: Annotated[str, typer.Option("--evidence", metavar="FILE")],
    out: Out = None,
    key: KeyFile = None,
    password_file: PasswordFile = None,
    no_wait: NoWait = False,
) -> None:
    """Deliver the goods of an accepted surrender; the evidence goes on the chain as a salted digest."""
    from api.cli.acts import opening
    from api.cli.files import read_bytes

    identity = bill_id(bill)
    content = read_bytes(evidence)
    digest, opened = opening(
        {
            "format": "landbridge/evidence/1",
            "bill": identity,
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
        }
    )
    _keep(out, opened)
    intent = _doer(run, key, password_file, no_wait).do("bills", "Deliver", identity, {"evidence": digest})
    _answer(run, identity, intent, opened, out)


@command(app, "void")
def void(
    run: Run,
    bill: BillId,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT")] = None,
    act: Annotated[Path | None, typer.Option("--act", metavar="FILE")] = None,
    cosignature: Annotated[list[str] | None, typer.Option("--cosignature", metavar="HEX")] = None,
    out: Out = None,
    key: KeyFile = None,
    password_file: PasswordFile = None,
    no_wait: NoWait = False,
) -> None:
    """Void a bill: the holder signs, the issuer cosigns.

    First with --reason: the act is prepared for the issuer to cosign (``intent sign``). Then with --act and
    the issuer's --cosignature: the holder signs the same act and hands it in.
    """
    identity = bill_id(bill)
    if (reason is None) == (act is None):
        raise CliError("void-choice", ExitCode.USAGE)
    doer = _doer(run, key, password_file, no_wait)
    if act is not None:
        _void_signed(run, doer, identity, act, list(cosignature or ()))
        return
    digest, opened = _reason(identity, str(reason))
    standing = run.gateway.bill(identity)
    if standing["issuer"] == standing["holder"]:  # one party in both roles signs once
        _keep(out, opened)
        _answer(run, identity, doer.do("bills", "Void", identity, {"reason": digest}), opened, out)
        return
    _void_prepared(run, identity, digest, opened, out)


def _void_prepared(run: Run, bill: str, digest: str, opened: Any, out: Path | None) -> None:
    import json

    from api.cli.acts import act_file, check_prepared

    fields = {"reason": digest}
    # Two desks must sign before it passes.
    deadline = int(time.time()) + _SPANS["d"]
    prepared = run.gateway.prepare("bills", "Void", bill, fields, deadline)
    typed = check_prepared(prepared, "bills", "Void", bill, fields, deadline)
    content = act_file(typed, [], opening=opened)
    _keep(out, content)

    def render(console: Any) -> None:
        if out is None:
            console.print(json.dumps(content, ensure_ascii=False, indent=1), soft_wrap=True)
        else:
            console.print(run.text("void-prepared", file=out))

    run.result(content, render)


def _void_signed(run: Run, doer: Any, bill: str, file: Path, cosignatures: list[str]) -> None:
    from api.cli.acts import act_of
    from api.cli.files import read_act

    content = read_act(file)
    act, message, _ = act_of(content["typed_data"])
    if act.type.name != "Void" or message["bill"] != bill:
        raise CliError("void-other", ExitCode.USAGE, file=str(file))
    fields = {"reason": message["reason"]}
    given = cosignatures or content["signatures"]
    if not given:
        raise CliError("void-cosignature", ExitCode.USAGE)
    intent = doer.do("bills", "Void", bill, fields, deadline=act.deadline, cosignatures=given)
    _answer(run, bill, intent, content.get("opening"), file)
