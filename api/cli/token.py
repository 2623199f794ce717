"""``landbridge token``: API tokens — made, listed, revoked; the operator's first, beside the gateway."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli import show
from api.cli.errors import CliError, ExitCode
from api.cli.options import Out
from api.cli.run import Run, command

__all__ = ["app", "make_operator_token"]

app = typer.Typer(no_args_is_help=True)
_DAY = 86_400


@command(app, "create")
def create(
    run: Run,
    party: Annotated[int | None, typer.Option("--party", metavar="PARTY")] = None,
    scope: Annotated[list[str] | None, typer.Option("--scope", metavar="SCOPE")] = None,
    label: Annotated[str, typer.Option("--label", metavar="TEXT")] = "landbridge",
    days: Annotated[int, typer.Option("--days", metavar="DAYS", min=1, max=366)] = 90,
    operator: Annotated[bool, typer.Option("--operator")] = False,
    data_dir: Annotated[Path | None, typer.Option("--data-dir", metavar="FOLDER")] = None,
    database_url: Annotated[str | None, typer.Option("--database-url", metavar="URL")] = None,
    out: Out = None,
    person: Annotated[str | None, typer.Option("--person", metavar="NAME")] = None,
) -> None:
    """Make a token through the API; with --operator, the operator's, in the gateway's own database."""
    from api.cli.files import write_new

    if operator:
        if party is not None or scope or person:
            raise CliError("operator-token", ExitCode.USAGE)
        settings = _settings(data_dir, database_url)
        token, made = make_operator_token(settings, label, days * _DAY)
    else:
        if data_dir is not None or database_url is not None:
            raise CliError("data-dir-operator", ExitCode.USAGE)
        body: dict[str, Any] = {
            "scopes": scope or ["read", "write", "sign"],
            "label": label,
            "lifetime": days * _DAY,
        }
        if party is not None:
            body["party"] = party
        if person is not None:
            body["person"] = person
        made = run.gateway.post("/v1/tokens", body)
        token = made.pop("token")
    if out is not None:
        write_new(out, token + "\n", private=True)
    document = made | ({"file": str(out)} if out else {"token": token})

    def render(console: Any) -> None:
        show.pairs(console, _rows(run, made))
        if out is not None:
            console.print(run.text("token-written", file=out))
        else:
            console.print(token, soft_wrap=True)
            run.say("token-once")
        if made.get("awaits"):
            run.say("token-awaits", id=made["awaits"])

    run.result(document, render)


def _settings(data_dir: Path | None, database_url: str | None) -> Any:
    from api.cli.serving import read_settings

    return read_settings({"data_dir": data_dir, "database_url": database_url})


def make_operator_token(settings: Any, label: str, lifetime: int) -> tuple[str, dict[str, Any]]:
    """Write a token of the operator into the gateway's database; the gateway may be running.

    :param settings: the gateway's :class:`~api.settings.Settings`
    :param lifetime: seconds
    :return: the token, which is kept nowhere, and its row
    :raises SQLAlchemyError: the database cannot be used
    """
    from sqlmodel import SQLModel

    from api.kernel.auth import issue
    from api.kernel.tables import TokenRow
    from chain.db import open_engine, writing

    if settings.database_url.startswith("sqlite:"):
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = open_engine(settings.database_url)
    try:
        # A gateway that never ran has no tables yet; it makes the others at its start.
        SQLModel.metadata.create_all(engine, tables=[TokenRow.metadata.tables[TokenRow.__tablename__]])
        token, row = issue(
            party=None, scopes=("operate",), label=label, now=int(time.time()), lifetime=lifetime
        )
        with writing(engine) as session:
            session.add(row)
        made = {
            "id": row.id,
            "party": None,
            "scopes": ["operate"],
            "label": row.label,
            "created": row.created,
            "expires": row.expires,
            "revoked": None,
        }
    finally:
        engine.dispose()
    return token, made


def _rows(run: Run, made: Any) -> list[tuple[str, object]]:
    return [
        (run.text("id"), made["id"]),
        (run.text("party"), made["party"] or run.text("operator")),
        (run.text("scopes"), ", ".join(made["scopes"])),
        (run.text("label"), made["label"]),
        (run.text("expires"), show.moment(made["expires"])),
        *([(run.text("person"), made["person"])] if made.get("person") else []),
        *([(run.text("revoked"), show.moment(made["revoked"]))] if made["revoked"] else []),
    ]


@command(app, "list")
def list_tokens(run: Run) -> None:
    """List the tokens of the caller's party."""
    found = run.gateway.tokens()
    columns = [run.text(name) for name in ("id", "party", "scopes", "label", "expires", "revoked")]
    run.result(
        found,
        lambda console: show.table(
            console,
            columns,
            [
                (
                    one["id"],
                    one["party"] or run.text("operator"),
                    " ".join(one["scopes"]),
                    one["label"],
                    show.moment(one["expires"]),
                    show.moment(one["revoked"]),
                )
                for one in found
            ],
        ),
    )


@command(app, "revoke")
def revoke(run: Run, token: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Revoke a token by its id."""
    if not token.isalnum():
        raise CliError("token-id", ExitCode.USAGE, value=token[:40])
    made = run.gateway.delete(f"/v1/tokens/{token}")
    run.result(made, lambda console: show.pairs(console, _rows(run, made)))
