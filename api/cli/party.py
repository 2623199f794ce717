"""``landbridge party``: parties — admitted, listed, given roles, suspended; and keys of a party's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli import show
from api.cli.bill import run_name
from api.cli.errors import CliError, ExitCode
from api.cli.options import Out, PartyNumber, PasswordFile, ReaderKey
from api.cli.run import Run, command

if TYPE_CHECKING:
    from api.cli.client import Intent, PartyView

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)
role = typer.Typer(no_args_is_help=True)
app.add_typer(role, name="role")

Name = Annotated[str, typer.Option("--name", metavar="TEXT")]
NameZh = Annotated[str, typer.Option("--name-zh", metavar="TEXT")]
Country = Annotated[str, typer.Option("--country", metavar="CC")]
Roles = Annotated[list[str] | None, typer.Option("--role", metavar="ROLE")]


@command(app, "keygen")
def keygen(
    run: Run, out: Annotated[Path, typer.Option("--out", metavar="FILE")], password_file: PasswordFile = None
) -> None:
    """Make a signing key and a reader key that the party keeps itself."""
    from api.cli.keys import make_keys

    made = make_keys(run, out, password_file)
    run.result(
        made,
        lambda console: show.pairs(
            console,
            [
                (run.text("account"), made["address"]),
                (run.text("reader-key"), made["reader_key"]),
                (run.text("files"), f"{made['key_file']}, {made['reader_key_file']}"),
            ],
        ),
    )


@command(app, "admit")
def admit(
    run: Run,
    name: Name,
    name_zh: NameZh,
    country: Country,
    roles: Roles = None,
    own_key: Annotated[str | None, typer.Option("--own-key", metavar="FILE|pkcs11:…")] = None,
    password_file: PasswordFile = None,
    reader_key: ReaderKey = None,
    entrusted_key: Annotated[str | None, typer.Option("--entrusted-key", metavar="ACCOUNT")] = None,
) -> None:
    """Admit a party: with a key that this gateway makes and keeps, or with the party's own key."""
    profile = {"name": name, "name_zh": name_zh, "country": country.upper()}
    gateway = run.gateway
    if own_key is not None and entrusted_key is not None:
        raise CliError("own-or-entrusted", ExitCode.USAGE)
    if own_key is None:
        intent = gateway.act("/v1/parties", profile | ({"key": entrusted_key} if entrusted_key else {}))
    else:
        intent = _admit_own(run, profile, own_key, password_file, reader_key)
    party = gateway.party_of_profile(intent["subject"])
    if party is None:
        raise CliError("party-not-seen", ExitCode.UNREACHABLE, id=intent["id"])
    for one in roles or ():
        gateway.act(f"/v1/parties/{party['party']}/roles", {"role": one})
    party = gateway.party(party["party"])
    _show_party(run, party, intent)


def _admit_own(
    run: Run, profile: dict[str, str], own_key: str, password_file: Path | None, reader_key: Path | None
) -> Intent:
    """The party's own key signs its admission here, after a look at what it signs."""
    from api.cli.acts import act_of, sign_typed_data
    from api.cli.keys import Keys

    keys = Keys(run, own_key, reader=reader_key, password_file=password_file)
    account = keys.signer().address
    body = profile | {"key": account, "reader_key": keys.reader_public()}
    typed = run.gateway.post("/v1/parties/admission", body)["typed_data"]
    act, message, _ = act_of(typed)
    if act.type.name != "Admit" or str(message["key"]).lower() != account or message["custodial"]:
        raise CliError("prepared-other", ExitCode.REFUSED, field="key")
    signed = {"message": typed["message"], "signature": sign_typed_data(typed, keys)}
    return run.gateway.act("/v1/parties/admission/signed", signed)


def _show_party(run: Run, party: PartyView, intent: Intent | None = None) -> None:
    def render(console: Any) -> None:
        rows: list[tuple[str, object]] = [
            (run.text("party"), party["party"]),
            (run.text("name"), " / ".join(n for n in (party["name"], party["name_zh"]) if n)),
            (run.text("country"), party["country"]),
            (run.text("admitted"), show.moment(party["admitted"])),
            (run.text("suspended"), run.text("yes" if party["suspended"] else "no")),
        ]
        for one in party["roles"]:
            until = show.moment(one["ends"]) if one["ends"] else run.text("open-end")
            rows.append((run.text("role"), f"{one['role']}  {show.moment(one['starts'])} – {until}"))
        for key in party["keys"]:
            kind = run.text("custodial" if key["custodial"] else "own-key")
            ended = f"  {run.text('ended', time=show.moment(key['until']))}" if key["until"] else ""
            rows.append((run.text("key"), f"{key['address']}  {kind}{ended}"))
        rows.append((run.text("reader-key"), party["reader_key"]))
        show.pairs(console, rows)

    run.result({"party": party} | ({"intent": intent} if intent else {}), render)


@command(app, "list")
def list_parties(run: Run) -> None:
    """List all admitted parties."""
    found = run.gateway.parties()
    columns = [run.text(name) for name in ("party", "name", "country", "roles", "suspended", "keys")]
    run.result(
        found,
        lambda console: show.table(
            console,
            columns,
            [
                (
                    one["party"],
                    run_name(run, one),
                    one["country"],
                    ", ".join(r["role"] for r in one["roles"] if not r["ends"]),
                    run.text("yes") if one["suspended"] else "",
                    ", ".join(
                        run.text("custodial" if k["custodial"] else "own-key")
                        for k in one["keys"]
                        if not k["until"]
                    ),
                )
                for one in found
            ],
        ),
    )


@command(app, "show")
def show_party(run: Run, party: PartyNumber) -> None:
    """Show a party with its keys and roles, past ones too."""
    _show_party(run, run.gateway.party(party))


def _told(run: Run, intent: Intent, **further: Any) -> None:
    run.result(
        {"intent": intent} | further,
        lambda console: show.pairs(console, show.intent_rows(run.lang, intent)),
    )


@command(role, "grant")
def grant(
    run: Run,
    party: PartyNumber,
    name: Annotated[str, typer.Argument(metavar="ROLE")],
    starts: Annotated[str | None, typer.Option("--from", metavar="TIME")] = None,
    ends: Annotated[str | None, typer.Option("--until", metavar="TIME")] = None,
) -> None:
    """Give a party a role for a time."""
    import time

    from api.cli.bill_acts import moment

    now = time.time()
    body: dict[str, Any] = {"role": name}
    body |= {"starts": moment(starts, now)} if starts else {}
    body |= {"ends": moment(ends, now)} if ends else {}
    _told(run, run.gateway.act(f"/v1/parties/{party}/roles", body))


@command(role, "end")
def end(run: Run, party: PartyNumber, name: Annotated[str, typer.Argument(metavar="ROLE")]) -> None:
    """End a party's role now."""
    _told(run, run.gateway.act(f"/v1/parties/{party}/roles/end", {"role": name}))


@command(app, "suspend")
def suspend(
    run: Run,
    party: PartyNumber,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT")],
    out: Out = None,
) -> None:
    """Stop a party's new issues; the reason goes on the chain as a salted digest."""
    from api.cli.acts import opening
    from api.cli.files import write_new

    digest, opened = opening({"format": "landbridge/reason/1", "party": party, "text": reason})
    if out is not None:
        write_new(out, opened, private=True)
    intent = run.gateway.act(f"/v1/parties/{party}/suspension", {"reason": digest})

    def render(console: Any) -> None:
        import json

        show.pairs(console, show.intent_rows(run.lang, intent))
        console.print(run.text("opening-written", file=out) if out else run.text("opening-keep"))
        if out is None:
            console.print(json.dumps(opened, ensure_ascii=False), soft_wrap=True)

    run.result({"intent": intent, "opening": opened}, render)


@command(app, "reinstate")
def reinstate(run: Run, party: PartyNumber) -> None:
    """End a suspension."""
    _told(run, run.gateway.act(f"/v1/parties/{party}/suspension", method="DELETE"))
