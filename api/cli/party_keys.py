"""``landbridge party key``: a party's keys — added, rotated, revoked, by the party alone.

A new key signs beside an old one, so that nobody registers a key that he does not have.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli import show
from api.cli.errors import CliError, ExitCode
from api.cli.options import KeyFile, PartyNumber, PasswordFile, ReaderKey
from api.cli.party import app
from api.cli.run import Run, command

__all__: list[str] = []

key = typer.Typer(no_args_is_help=True)
app.add_typer(key, name="key")

NewKey = Annotated[str, typer.Option("--new-key", metavar="FILE|pkcs11:…")]
Entrusted = Annotated[bool, typer.Option("--entrusted")]
Token = Annotated[str, typer.Argument(metavar="pkcs11:…")]
NewPassword = Annotated[Path | None, typer.Option("--new-password-file", metavar="FILE")]


def _with_new_key(
    run: Run,
    act: str,
    party: int,
    new_key: str,
    new_password_file: Path | None,
    old_key: str | None,
    password_file: Path | None,
    *,
    entrusted: bool = False,
) -> None:
    from api.cli.acts import Doer, sign_typed_data
    from api.cli.keys import Keys

    new = Keys(run, new_key, password_file=new_password_file or password_file)
    old = Keys(run, old_key, password_file=password_file) if old_key else None
    account = new.signer().address
    intent = Doer(run.gateway, old).do(
        "parties",
        act,
        party,
        {"key": account, "custodial": entrusted},
        cosign=lambda typed: sign_typed_data(typed, new),
    )
    _told(run, intent, account)


def _told(run: Run, intent: Any, account: str) -> None:
    rows = [(run.text("key"), account), *show.intent_rows(run.lang, intent)]
    run.result({"key": account, "intent": intent}, lambda console: show.pairs(console, rows))


@command(key, "add")
def add(
    run: Run,
    party: PartyNumber,
    new_key: NewKey,
    new_password_file: NewPassword = None,
    old_key: KeyFile = None,
    password_file: PasswordFile = None,
    entrusted: Entrusted = False,
) -> None:
    """Add a key beside the present one: the party keeps it, or entrusts it to the gateway."""
    _with_new_key(
        run, "AddKey", party, new_key, new_password_file, old_key, password_file, entrusted=entrusted
    )


@command(key, "rotate")
def rotate(
    run: Run,
    party: PartyNumber,
    new_key: NewKey,
    new_password_file: NewPassword = None,
    old_key: KeyFile = None,
    password_file: PasswordFile = None,
    entrusted: Entrusted = False,
) -> None:
    """Put a key in place of the one that signs this: the party keeps it, or entrusts it."""
    _with_new_key(
        run, "RotateKey", party, new_key, new_password_file, old_key, password_file, entrusted=entrusted
    )


@command(key, "revoke")
def revoke(
    run: Run,
    party: PartyNumber,
    account: Annotated[str, typer.Argument(metavar="ACCOUNT")],
    old_key: KeyFile = None,
    password_file: PasswordFile = None,
) -> None:
    """End a key for ever; the last one can only be rotated."""
    from api.cli.acts import Doer
    from api.cli.keys import Keys

    keys = Keys(run, old_key, password_file=password_file) if old_key else None
    intent = Doer(run.gateway, keys).do("parties", "RevokeKey", party, {"key": account.lower()})
    _told(run, intent, account.lower())


@command(key, "new")
def new(run: Run, token: Token, reader: ReaderKey = None, password_file: PasswordFile = None) -> None:
    """Make a signing key that never leaves its token; and a reader key, if a file for it is named."""
    from api.cli.keys import make_reader, open_token

    hsm, uri = open_token(token)
    if uri.object is None:
        raise CliError("token-object", ExitCode.USAGE)
    public = make_reader(run, reader, password_file) if reader is not None else None
    made = hsm.new_key(uri.object)
    document = _told_key(hsm, made) | ({"reader_key": public} if public else {})
    rows: list[tuple[str, object]] = [
        (run.text("account"), made.address),
        (run.text("key"), document["uri"]),
        *([(run.text("reader-key"), f"{public}  {reader}")] if public else []),
    ]
    run.result(document, lambda console: show.pairs(console, rows))


def _told_key(hsm: Any, key: Any) -> dict[str, Any]:
    from dataclasses import replace

    uri = replace(hsm.uri, module=None, pin_file=None, object=key.label or None, id=key.id)
    return {"address": key.address, "label": key.label, "uri": str(uri), "never_leaves": key.fit}


@command(key, "list")
def list_keys(run: Run, token: Token) -> None:
    """List the signing keys of a token."""
    from api.cli.keys import open_token

    hsm, _ = open_token(token)
    found = [_told_key(hsm, one) for one in hsm.list_keys()]
    columns = [run.text(name) for name in ("account", "label", "never-leaves", "key")]
    run.result(
        found,
        lambda console: show.table(
            console,
            columns,
            [
                (
                    one["address"],
                    one["label"],
                    run.text("yes" if one["never_leaves"] else "no"),
                    one["uri"],
                )
                for one in found
            ],
        ),
    )
