"""``landbridge party key``: a party's keys — added, rotated, revoked, by the party alone.

A new key signs beside an old one, so that nobody registers a key that he does not have.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli import show
from api.cli.options import KeyFile, PartyNumber, PasswordFile
from api.cli.party import app
from api.cli.run import Run, command

__all__: list[str] = []

key = typer.Typer(no_args_is_help=True)
app.add_typer(key, name="key")

NewKey = Annotated[Path, typer.Option("--new-key", metavar="FILE")]
NewPassword = Annotated[Path | None, typer.Option("--new-password-file", metavar="FILE")]


def _with_new_key(
    run: Run,
    act: str,
    party: int,
    new_key: Path,
    new_password_file: Path | None,
    old_key: Path | None,
    password_file: Path | None,
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
        {"key": account, "custodial": False},
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
) -> None:
    """Add a key that the party keeps itself beside its present one."""
    _with_new_key(run, "AddKey", party, new_key, new_password_file, old_key, password_file)


@command(key, "rotate")
def rotate(
    run: Run,
    party: PartyNumber,
    new_key: NewKey,
    new_password_file: NewPassword = None,
    old_key: KeyFile = None,
    password_file: PasswordFile = None,
) -> None:
    """Put a key that the party keeps itself in place of the one that signs this."""
    _with_new_key(run, "RotateKey", party, new_key, new_password_file, old_key, password_file)


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
