"""``landbridge intent``: acts as files — prepared, signed offline, handed to a gateway or the chain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli import show
from api.cli.errors import CliError, ExitCode
from api.cli.options import Deadline, KeyFile, NoWait, Out, PasswordFile
from api.cli.run import Run, command

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)
ActFile = Annotated[str, typer.Argument(metavar="FILE")]


def _write(run: Run, content: dict[str, Any], out: Path | None, key: str) -> None:
    """An act file to a file or to standard output."""
    from api.cli.files import write_new

    if out is not None:
        write_new(out, content, private=True)

    def render(console: Any) -> None:
        if out is None:
            console.print(json.dumps(content, ensure_ascii=False, indent=1), soft_wrap=True)
        else:
            console.print(run.text(key, file=out))

    run.result(content, render)


@command(app, "prepare")
def prepare(
    run: Run,
    room: Annotated[str, typer.Argument(metavar="ROOM")],
    act: Annotated[str, typer.Argument(metavar="ACT")],
    subject: Annotated[str, typer.Argument(metavar="SUBJECT")],
    field: Annotated[list[str] | None, typer.Option("--field", metavar="NAME=VALUE")] = None,
    deadline: Deadline = None,
    out: Out = None,
) -> None:
    """Have the gateway fill in an act's sequence and deadline, and keep it as a file to be signed."""
    from api.cli.acts import act_file, check_prepared

    fields = dict(_field(one) for one in field or ())
    about: str | int = int(subject) if subject.isdecimal() else subject.lower()
    prepared = run.gateway.prepare(room, act, about, fields, deadline)
    typed = check_prepared(prepared, room, act, about, fields, deadline)
    _write(run, act_file(typed, []), out, "act-written")


def _field(given: str) -> tuple[str, Any]:
    name, found, value = given.partition("=")
    if not found:
        raise CliError("bad-field", ExitCode.USAGE, value=given[:80])
    if value in ("true", "false"):
        return name, value == "true"
    return name, int(value) if value.isdecimal() and len(value) <= 20 else value


@command(app, "sign")
def sign(
    run: Run,
    file: ActFile,
    key: KeyFile = None,
    password_file: PasswordFile = None,
    out: Out = None,
) -> None:
    """Sign an act offline with --key; without it, have the gateway's entrusted key cosign."""
    from api.cli.acts import act_file, act_of, sign_typed_data
    from api.cli.files import read_act
    from api.cli.keys import Keys

    content = read_act(file)
    typed, done = content["typed_data"], content["signatures"]
    _, message, domain = act_of(typed)
    for name, value in (
        ("contract", domain.verifying_contract),
        ("chain", domain.chain_id),
        *message.items(),
    ):
        run.errors.print(f"  {name}: {value}", soft_wrap=True)
    if key is not None:
        signature = sign_typed_data(typed, Keys(run, key, password_file=password_file))
    else:
        room = act_file(typed, [])["room"]
        signature = run.gateway.cosign(room, typed["primaryType"], typed["message"])
    further = {name: content[name] for name in ("opening",) if name in content}
    _write(run, act_file(typed, [*done, signature], **further), out, "act-signed")


@command(app, "submit")
def submit(
    run: Run,
    file: ActFile,
    rpc: Annotated[str | None, typer.Option("--rpc", metavar="URL|embedded:FILE")] = None,
    sender_key: Annotated[str | None, typer.Option("--sender-key", metavar="FILE|pkcs11:…")] = None,
    password_file: PasswordFile = None,
    no_wait: NoWait = False,
) -> int | None:
    """Hand a signed act to a gateway, or with --rpc straight to the chain with no gateway running."""
    from api.cli.acts import act_file
    from api.cli.files import read_act

    content = read_act(file)
    if not content["signatures"]:
        raise CliError("not-signed", ExitCode.LOCAL)
    typed = content["typed_data"]
    if rpc is None:
        room = act_file(typed, [])["room"]
        intent = run.gateway.submit(
            room, typed["primaryType"], typed["message"], content["signatures"], wait=not no_wait
        )
        run.result({"intent": intent}, lambda c: show.pairs(c, show.intent_rows(run.lang, intent)))
        return None
    return _send(run, content, rpc, sender_key, password_file)


def _send(run: Run, content: Any, rpc: str, sender_key: str | None, password_file: Path | None) -> int | None:
    from dataclasses import asdict

    from api.cli.acts import act_of
    from api.cli.direct import open_chain, send
    from api.cli.keys import Keys

    sender = Keys(run, sender_key, password_file=password_file).sender() if sender_key else None
    _, _, domain = act_of(content["typed_data"])
    with open_chain(rpc, domain.chain_id) as chain:
        price = chain.gas_price()
        if price:
            run.say("gas-costs", price=price)
        run.say("sending-directly", contract=domain.verifying_contract)
        sent = send(chain, content, sender=sender)
    rows: list[tuple[str, object]] = [
        (run.text("act"), sent.act),
        (run.text("status"), sent.status if not sent.error else f"{sent.status}: {sent.error}"),
        (run.text("id"), sent.digest),
        (run.text("block"), sent.block),
        (run.text("transaction"), sent.transaction),
        (run.text("gas"), sent.gas_used),
        (run.text("sender"), sent.sender),
    ]
    run.result({"sent": asdict(sent)}, lambda console: show.pairs(console, rows))
    return ExitCode.REFUSED if sent.error else None


@command(app, "show")
def show_intent(
    run: Run,
    digest: Annotated[str, typer.Argument(metavar="ID")],
    wait: Annotated[int, typer.Option("--wait", metavar="SECONDS", min=0, max=300)] = 0,
) -> None:
    """Show where an act stands."""
    from api.cli.bill import bill_id

    intent = run.gateway.intent(bill_id(digest), wait)
    run.result({"intent": intent}, lambda c: show.pairs(c, show.intent_rows(run.lang, intent)))
