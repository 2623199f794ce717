"""The bench: what an act costs and how fast it goes, beside a peer or a limit measured in the same run.

``python -m tests.bench.main [gas | intents | log | all] [--quick]``
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
import warnings
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

warnings.simplefilter("ignore")  # of the tests' own tools, which say nothing of what is measured

from tests.bench import gas, limits, log, speed  # noqa: E402
from tests.bench.house import house  # noqa: E402
from tests.integration.conftest import Anvil, find_anvil  # noqa: E402


def _has_anvil() -> bool:
    try:
        find_anvil()
    except BaseException:  # a test's own way to say that a part is not there
        return False
    return True


def main() -> None:
    """Measure what is asked and print the tables."""
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("what", nargs="?", choices=("gas", "intents", "log", "all"), default="all")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    given = parser.parse_args()
    console = Console(width=130 if not Console().is_terminal else None)
    began = time.monotonic()
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    console.print(
        f"{now}; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start; "
        f"Python {platform.python_version()}; each request has an Idempotency-Key, each commit is synced"
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="landbridge-bench-")))
        embedded, anvil = stack.enter_context(house(folder / "embedded")), None
        if given.what == "log":
            pass  # it needs one gateway, and another beside it would only take its time
        elif _has_anvil():
            (folder / "node").mkdir()
            node = stack.enter_context(Anvil(folder / "node"))
            anvil = stack.enter_context(house(folder / "on-anvil", node))
        else:
            console.print("anvil is not installed: its columns stay empty")
        if given.what in ("gas", "all"):
            gas.run(console, embedded, anvil)
        if given.what in ("intents", "all"):
            speed.run(console, folder, embedded, anvil, quick=given.quick)
            limits.signatures(console, seconds=0.5 if given.quick else 2)
        if given.what in ("log", "all"):
            log.run(console, folder, embedded, quick=given.quick)
    console.print(f"{time.monotonic() - began:.0f} s, load {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
