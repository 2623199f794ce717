"""``landbridge node scrub``: what the scrubber found among all that is stored, and a pass begun now.

>>> main(["node", "scrub", "--now", "--wait", "--token-file", "operator.token"])  # doctest: +SKIP
0
"""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from api.cli import node, show
from api.cli.errors import ExitCode
from api.cli.run import Run, command

_PATH = "/v1/operations/scrubber"
_PAGE = 1000
_POLL_SECONDS = 0.5


@command(node.app, "scrub")
def scrub(
    run: Run,
    now: Annotated[bool, typer.Option("--now")] = False,
    wait: Annotated[bool, typer.Option("--wait")] = False,
    cleared: Annotated[bool, typer.Option("--cleared")] = False,
) -> int:
    """Show the scrubber's progress and findings; exit 0 only if nothing is wrong, as far as it has looked."""
    number = run.gateway.post(_PATH)["number"] if now else None
    document = _seen(run, cleared=cleared, limit=0)
    if wait:
        wanted = number if number is not None else document["number"] or 1
        with _Bar(run) as advance:
            while (document["last"] or {"number": 0})["number"] < wanted:
                advance(document["progress"] if document["number"] == wanted else 0)
                time.sleep(_POLL_SECONDS)
                document = _seen(run, cleared=cleared, limit=0)
    document = _whole(run, cleared=cleared)
    run.result(document, lambda console: _render(run, console, document))
    wrong = any(one["severity"] == "error" and one["cleared"] is None for one in document["findings"])
    return ExitCode.NEGATIVE if wrong or document["health"] not in ("ok", "starting") else ExitCode.OK


def _seen(run: Run, *, cleared: bool, limit: int, start: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = run.gateway.get(_PATH, cleared=str(cleared).lower(), limit=limit, start=start)
    return found


def _whole(run: Run, *, cleared: bool) -> dict[str, Any]:
    """The scrubber's answer with all findings, however many there are."""
    document = _seen(run, cleared=cleared, limit=_PAGE)
    page = document["findings"]
    while len(page) == _PAGE:
        page = _seen(run, cleared=cleared, limit=_PAGE, start=len(document["findings"]))["findings"]
        document["findings"] += page
    return document


def _render(run: Run, console: Any, document: dict[str, Any]) -> None:
    last = document["last"]
    phase = document["phase"]
    rows: list[tuple[str, object]] = [
        (
            run.text("scrub-pass"),
            f"{document['number']}  {run.text('scrubbed.' + phase)}  {document['progress']:.0%}"
            if phase
            else run.text("scrub-resting"),
        ),
        (run.text("scrub-last"), f"{last['number']}  {show.moment(last['ended'])}" if last else None),
        (run.text("scrub-next"), show.moment(document["next"])),
        *(
            (run.text(f"scrubbed.{name}"), count)
            for name, count in document["checked"].items()
            if name != "listed"
        ),
        (run.text("status"), document["health"]),
    ]
    show.pairs(console, rows)
    if document["findings"]:
        show.table(
            console,
            [run.text(name) for name in ("result", "subject", "found", "scrub-since", "scrub-cleared")],
            [
                (
                    f"{'✗' if one['severity'] == 'error' else '?'} {one['code']}",
                    one["place"],
                    one[run.lang],
                    show.moment(one["first_seen"]),
                    show.moment(one["cleared"]),
                )
                for one in document["findings"]
            ],
        )
    elif last is None:
        console.print(run.text("scrub-not-yet"))
    else:
        console.print(run.text("scrub-well"))


class _Bar:
    """A progress bar on a terminal; elsewhere nothing."""

    def __init__(self, run: Run) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self._progress = Progress(console=Console(stderr=True), disable=run.json, transient=True)
        self._task = self._progress.add_task(run.text("scrub-pass"), total=1.0)

    def __enter__(self) -> Any:
        self._progress.start()
        return lambda done: self._progress.update(self._task, completed=done)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
