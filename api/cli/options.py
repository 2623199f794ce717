"""Options that several commands share. Their texts are in :mod:`api.cli.helps`, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "BillId",
    "Deadline",
    "KeyFile",
    "NoWait",
    "Out",
    "PartyNumber",
    "PasswordFile",
    "ReaderKey",
]

BillId = Annotated[str, typer.Argument(metavar="BILL")]
PartyNumber = Annotated[int, typer.Argument(metavar="PARTY", min=1, max=2**32 - 1)]
KeyFile = Annotated[str | None, typer.Option("--key", metavar="FILE|pkcs11:…")]
ReaderKey = Annotated[Path | None, typer.Option("--reader-key", metavar="FILE")]
PasswordFile = Annotated[
    Path | None,
    typer.Option("--password-file", metavar="FILE", envvar="LANDBRIDGE_KEY_PASSWORD_FILE"),
]
NoWait = Annotated[bool, typer.Option("--no-wait")]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE")]
Deadline = Annotated[int | None, typer.Option("--deadline", metavar="UNIX-TIME", min=0, max=2**48 - 1)]
