"""``landbridge demo``: the story of a bill on a gateway of its own, over real HTTP, as often as wanted.

A later run finds the chain, the parties and the bills as the last one left them, and says so.
"""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from api.cli import show
from api.cli.errors import CliError, ExitCode
from api.cli.run import Run, command
from api.cli.serving import (
    DataDir,
    Host,
    LogLevel,
    NodeAddress,
    Port,
    Serving,
    about,
    about_rows,
    configure_logs,
    read_settings,
)

if TYPE_CHECKING:
    from api.cli.demo_cast import Actor
    from api.cli.story import Step

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)
_STATE: Final = "demo-state.json"
_FORMAT: Final = "landbridge/demo-state/1"
_HEADER: Final = "demo-carrier-a.header"


@app.callback()
def _group() -> None:
    """One command for now; the group keeps its name."""


@command(app, "bills")
def bills(
    run: Run,
    serve: Annotated[bool, typer.Option("--serve")] = False,
    once: Annotated[bool, typer.Option("--once")] = False,
    host: Host = None,
    port: Port = None,
    node: NodeAddress = None,
    data_dir: DataDir = None,
    log_level: LogLevel = "warning",
) -> int | None:
    """Play the story of a railway bill."""
    settings = read_settings({"host": host, "port": port, "node": node, "data_dir": data_dir})
    if settings.environment == "production":
        raise CliError("demo-in-production", ExitCode.USAGE)
    configure_logs(log_level)
    run.say("demo-starting", data_dir=settings.data_dir)
    stopped = threading.Event()
    if serve and not once:
        signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    with Serving.open(settings) as serving:
        stays = serve and not once
        held = _play(run, serving, stays=stays)
        if stays:
            run.say("serving")
            try:
                while not stopped.wait(1.0):
                    pass
            finally:
                _Memory(settings.data_dir).keep_head(serving)
    return ExitCode.OK if held or stays else ExitCode.NEGATIVE


def _play(run: Run, serving: Serving, *, stays: bool) -> bool:
    from api.cli.demo_cast import gather
    from api.cli.story import Story

    house, settings = serving.house, serving.house.settings
    memory = _Memory(settings.data_dir)
    head_before = house.chain.block_number()
    actors = gather(serving.url, settings, run.lang, lambda key, shown: run.say(key, **shown))
    before = _bills(actors)
    same = memory.holds(head_before, before)
    _tell_before(run, memory, head_before, before, same)
    story = Story(actors, lang=run.lang, rpc=f"{serving.url}/rpc")
    steps: list[Step] = []
    for step in story.play(f"{int(time.time()) % 10**8:08d}"):
        steps.append(step)
        _tell_step(run, step)
    after = _bills(actors)
    untouched = all(after.get(bill) == state for bill, state in before.items())
    held = len(steps) == 9 and all(step.held for step in steps) and same and untouched
    head_after = house.chain.block_number()
    memory.keep(head_after, after)
    header = _write_header(settings.data_dir, actors["carrier-a"])
    told = about(house, serving.url)
    document = {
        "held": held,
        "bill": story.bill,
        "steps": [step.document() for step in steps],
        "chain": {"id": told["chain_id"], "head_before": head_before, "head_after": head_after},
        "bills": {"before": len(before), "after": len(after), "unchanged": same and untouched},
        "gateway": told,
    }
    run.result(document, lambda console: _render_end(run, console, document, header, stays))
    if settings.embedded:
        run.say("embedded-warning")
    return held


def _bills(actors: dict[str, Actor]) -> dict[str, tuple[str, int]]:
    """Every bill of the demo's carriers: its state and sequence."""
    return {
        bill["bill"]: (bill["state"], bill["sequence"])
        for key in ("carrier-a", "carrier-b")
        for bill in actors[key].gateway.bills()
    }


class _Memory:
    """What the last run left, to be found again: the chain's head and the bills."""

    def __init__(self, folder: Path) -> None:
        from api.cli.files import read_json

        self._path = folder / _STATE
        content = read_json(self._path) if self._path.exists() else {}
        self.head: int | None = content.get("head")
        self._bills: dict[str, list[Any]] = content.get("bills", {})

    def holds(self, head: int, bills: dict[str, tuple[str, int]]) -> bool:
        """Whether all that was there still is: no block and no act went missing."""
        if self.head is not None and head < self.head:
            return False
        return all(
            bill in bills and bills[bill][1] >= sequence for bill, (_, sequence) in self._bills.items()
        )

    def keep(self, head: int, bills: dict[str, tuple[str, int]]) -> None:
        """Write it down."""
        from api.cli.files import replace_private

        self.head, self._bills = head, {bill: list(state) for bill, state in bills.items()}
        replace_private(self._path, {"format": _FORMAT, "head": self.head, "bills": self._bills})

    def keep_head(self, serving: Serving) -> None:
        """Write down the head at the end of serving; the bills only grow."""
        self.keep(
            serving.house.chain.block_number(),
            {bill: (str(state), int(sequence)) for bill, (state, sequence) in self._bills.items()},
        )


def _tell_before(run: Run, memory: _Memory, head: int, bills: dict[str, tuple[str, int]], same: bool) -> None:
    if memory.head is None:
        run.say("demo-first", head=head)
        return
    key = "demo-lost" if not same else "demo-same" if head == memory.head else "demo-grown"
    run.say(key, head=head, last=memory.head, count=len(bills))
    for bill, (state, sequence) in bills.items():
        run.say("demo-bill", bill=bill, state=run.text(f"state.{state}"), sequence=sequence)


def _tell_step(run: Run, step: Step) -> None:
    from rich.text import Text

    mark, style = ("✓", "green") if step.held else ("✗", "bold red")
    line = Text(f"{mark} {step.number}  ", style=style)
    line.append(step.what, style="bold")
    below = Text(f"     {step.result}", style="default" if step.held else "bold red")
    facts = [run.text("step-seconds", seconds=f"{step.seconds:.2f}")]
    if step.gas:
        facts.insert(0, run.text("step-gas", gas=f"{step.gas:,}"))
    if step.block is not None:
        facts.insert(0, run.text("step-block", block=step.block))
    below.append("  [" + ", ".join(facts) + "]", style="dim")
    console = run.errors if run.json else run.console
    console.print(line)
    console.print(below)
    if step.verdict is not None and step.name == "verify" and not run.json:
        show.verdict(console, run.lang, step.verdict)


def _write_header(folder: Path, actor: Actor) -> Path:
    """A token as a header that curl reads, so that it never stands on a command line."""
    from api.cli.files import replace_private

    path = folder / _HEADER
    token = actor.gateway.token or ""
    replace_private(path, f"Authorization: Bearer {token}\n")
    return path


def _render_end(run: Run, console: Any, document: dict[str, Any], header: Path, stays: bool) -> None:
    told, chain, count = document["gateway"], document["chain"], document["bills"]
    held = sum(step["held"] for step in document["steps"])
    console.print()
    console.print(run.text("demo-held" if document["held"] else "demo-not-held", held=held, of=9))
    console.print(
        run.text(
            "demo-counts",
            before=chain["head_before"],
            after=chain["head_after"],
            bills_before=count["before"],
            bills_after=count["after"],
        )
    )
    if not stays:
        console.print(run.text("demo-serve", data_dir=told["data_dir"]), soft_wrap=True)
        return
    show.pairs(console, about_rows(run, told))
    console.print(run.text("demo-try", header=header, url=told["address"]), soft_wrap=True)
    tokens = header.with_name("demo-tokens.json")
    console.print(
        run.text("demo-try-cli", tokens=tokens, bill=document["bill"], url=told["address"]), soft_wrap=True
    )
