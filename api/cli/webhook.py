"""``landbridge webhook``: a party's own system told of every act that it may see (docs/webhooks.md).

>>> main(["webhook", "create", "https://bank.example/in", "--type", "landbridge.bills.*"])  # doctest: +SKIP
0
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli import show
from api.cli.bill_acts import moment
from api.cli.errors import CliError, ExitCode
from api.cli.options import Out
from api.cli.run import Run, command

__all__ = ["WebhookTypes", "app", "place_of"]

app = typer.Typer(no_args_is_help=True)
_PAGE = 200

WebhookId = Annotated[str, typer.Argument(metavar="WEBHOOK")]
WebhookTypes = Annotated[list[str] | None, typer.Option("--type", metavar="TYPE")]
Url = Annotated[str | None, typer.Option("--url", metavar="URL")]
Description = Annotated[str | None, typer.Option("--description", metavar="TEXT")]


@command(app, "create")
def create(
    run: Run,
    url: Annotated[str, typer.Argument(metavar="URL")],
    types: WebhookTypes = None,
    description: Description = None,
    out: Out = None,
) -> None:
    """Make a webhook; its secret is shown once, or written to a file."""
    body: dict[str, Any] = {"url": url}
    body |= {"types": types} if types else {}
    body |= {"description": description} if description else {}
    _with_secret(run, "/v1/webhooks", body, out)


@command(app, "list")
def list_webhooks(run: Run) -> None:
    """List the party's webhooks."""
    found = run.gateway.get("/v1/webhooks")
    columns = ("webhook", "address", "types", "status", "failures", "waiting", "dead")
    run.result(
        found,
        lambda console: show.table(
            console,
            [run.text(name) for name in columns],
            [
                (
                    one["webhook"],
                    one["url"],
                    " ".join(one["types"]),
                    run.text(f"webhook.{one['status']}"),
                    *(one[name] for name in ("failures", "waiting", "dead")),
                )
                for one in found
            ],
        ),
    )


@command(app, "change")
def change(
    run: Run,
    webhook: WebhookId,
    url: Url = None,
    types: WebhookTypes = None,
    description: Description = None,
    pause: Annotated[bool, typer.Option("--pause")] = False,
    resume: Annotated[bool, typer.Option("--resume")] = False,
) -> None:
    """Change a webhook, pause it or resume it."""
    wishes = {"url": url, "types": types or None, "description": description}
    body: dict[str, Any] = {name: value for name, value in wishes.items() if value is not None}
    if pause or resume:
        body["paused"] = pause
    if not body or (pause and resume):
        raise CliError("webhook-change", ExitCode.USAGE)
    _show(run, run.gateway.patch(place_of(webhook), body))


@command(app, "rotate")
def rotate(
    run: Run,
    webhook: WebhookId,
    overlap: Annotated[int, typer.Option("--overlap", metavar="SECONDS", min=0, max=7 * 86_400)] = 86_400,
    out: Out = None,
) -> None:
    """Give a webhook a new secret."""
    _with_secret(run, f"{place_of(webhook)}/secret", {"overlap": overlap}, out)


@command(app, "delete")
def delete(run: Run, webhook: WebhookId) -> None:
    """Delete a webhook."""
    run.gateway.delete(place_of(webhook))
    run.result({"deleted": webhook}, lambda console: console.print(run.text("webhook-deleted", id=webhook)))


@command(app, "ping")
def ping(run: Run, webhook: WebhookId) -> None:
    """Send a test event."""
    made = run.gateway.post(f"{place_of(webhook)}/ping")
    run.result(made, lambda console: show.pairs(console, _delivery_rows(run, made)))


@command(app, "deliveries")
def deliveries(
    run: Run,
    webhook: WebhookId,
    status: Annotated[str | None, typer.Option("--status", metavar="waiting|delivered|dead")] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="COUNT", min=1, max=100_000)] = 50,
) -> None:
    """List a webhook's deliveries, the newest first."""
    found: list[dict[str, Any]] = []
    while len(found) < limit:
        query: dict[str, Any] = {"limit": min(_PAGE, limit - len(found))}
        query |= {"status": status} if status else {}
        query |= {"before": found[-1]["delivery"]} if found else {}
        page = run.gateway.get(f"{place_of(webhook)}/deliveries", **query)
        found += page
        if len(page) < query["limit"]:
            break
    columns = ("delivery", "time", "event", "subject", "status", "attempts", "outcome")
    run.result(
        found,
        lambda console: show.table(
            console,
            [run.text(name) for name in columns],
            [
                (
                    one["delivery"],
                    show.moment(one["time"]),
                    one["type"].removeprefix("landbridge."),
                    show.short(one["subject"]),
                    run.text(f"delivery.{one['status']}"),
                    one["attempts"],
                    _outcome(run, one["last"]),
                )
                for one in found
            ],
        ),
    )


@command(app, "replay")
def replay(
    run: Run,
    webhook: WebhookId,
    delivery: Annotated[int | None, typer.Argument(metavar="DELIVERY", min=1)] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="TIME")] = None,
) -> None:
    """Send one delivery again, or every event since a time."""
    if (delivery is None) is (since is None):
        raise CliError("webhook-replay", ExitCode.USAGE)
    place = place_of(webhook)
    if delivery is not None:
        made = run.gateway.post(f"{place}/deliveries/{delivery}/replay")
        run.result(made, lambda console: show.pairs(console, _delivery_rows(run, made)))
        return
    body: dict[str, Any] = {"since": _past(str(since))}
    count, last, more = 0, None, True
    while more:
        found = run.gateway.post(f"{place}/replay", body | ({"after": last} if last else {}))
        count, last, more = count + found["replayed"], found["last"] or last, found["more"]
    answer = {"replayed": count, "last": last}
    run.result(answer, lambda console: console.print(run.text("webhook-replayed", count=count)))


def place_of(webhook: str) -> str:
    """A webhook's address in the API.

    :raises CliError: it is no webhook's id
    """
    if not re.fullmatch("wh_[0-9a-f]{1,32}", webhook):
        raise CliError("webhook-id", ExitCode.USAGE, value=webhook[:40])
    return f"/v1/webhooks/{webhook}"


def _with_secret(run: Run, path: str, body: dict[str, Any], out: Path | None) -> None:
    from api.cli.files import write_new

    if out is not None and out.exists():  # known before there is a secret that would be lost
        raise CliError("file-exists", ExitCode.LOCAL, file=str(out))
    made = run.gateway.post(path, body)
    secret = made.pop("secret")
    if out is not None:
        write_new(out, secret + "\n", private=True)
    document = made | ({"file": str(out)} if out else {"secret": secret})

    def render(console: Any) -> None:
        show.pairs(console, _rows(run, made))
        if out is not None:
            console.print(run.text("secret-written", file=out))
        else:
            console.print(secret, soft_wrap=True)
            run.say("secret-once")

    run.result(document, render)


def _show(run: Run, webhook: dict[str, Any]) -> None:
    run.result(webhook, lambda console: show.pairs(console, _rows(run, webhook)))


def _rows(run: Run, webhook: dict[str, Any]) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [
        (run.text("webhook"), webhook["webhook"]),
        (run.text("address"), webhook["url"]),
        (run.text("types"), " ".join(webhook["types"])),
        (run.text("label"), webhook["description"]),
        (run.text("status"), run.text(f"webhook.{webhook['status']}")),
        (run.text("waiting"), webhook["waiting"]),
        (run.text("dead"), webhook["dead"]),
    ]
    if webhook["old_secret_until"]:
        rows.append((run.text("old-secret-until"), show.moment(webhook["old_secret_until"])))
    return rows


def _delivery_rows(run: Run, delivery: dict[str, Any]) -> list[tuple[str, object]]:
    return [
        (run.text("delivery"), delivery["delivery"]),
        (run.text("event"), delivery["type"]),
        (run.text("id"), delivery["event"]),
        (run.text("status"), run.text(f"delivery.{delivery['status']}")),
    ]


def _outcome(run: Run, last: dict[str, Any] | None) -> str:
    if last is None:
        return "-"
    said = run.text(f"outcome.{last['outcome']}")
    return f"{said} ({last['status']})" if last["status"] else said


def _past(value: str) -> int:
    """A time in the past: Unix seconds, or a span back from now."""
    given = moment(value, 0)
    return given if value.isdecimal() else max(0, int(time.time()) - given)
