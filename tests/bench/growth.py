"""A log that grows, in a process of its own, so that its memory is its own.

``python -m tests.bench.growth grow FOLDER SIZE …`` prints a line of JSON for each size; ``… restart FOLDER
SIZE`` opens the same database anew and prints how long it took to a first proof.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
from pathlib import Path
from typing import Any

from sqlalchemy import event

from api.kernel.audit import Audit, read_page
from api.kernel.audit_ledger import Anchor, Ledger
from api.kernel.auth import Principal
from api.kernel.routes.log import _leaf
from chain.db import open_engine, reading, writing
from chain.entries import EVIDENCE, evidence_entry
from chain.intents import Address
from chain.log import Log
from chain.merkle import leaf_hash, verify_inclusion
from chain.tables import create_tables

_WINDOW = 4096
_AUDITED = 200_000
_SALT = bytes(32)


def _entry(number: int) -> bytes:
    return evidence_entry(1, "bench/1", number.to_bytes(32, "big"), _SALT)


def resident() -> int:
    """The memory that this process has now, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    return 0


def grow(folder: Path, sizes: list[int]) -> None:
    """Append in windows of 4,096, and measure at each size."""
    path = folder / "growth.db"
    engine = open_engine(f"sqlite:///{path}")
    create_tables(engine)
    log, size, reads = Log(), 0, 0

    @event.listens_for(engine, "before_cursor_execute")
    def _count(*_: Any) -> None:
        nonlocal reads
        reads += 1

    for wanted in sizes:
        first, spent = size, 0.0
        while size < wanted:
            entries = [_entry(number) for number in range(size, min(size + _WINDOW, wanted))]
            began = time.perf_counter()
            with writing(engine) as session:
                log.append(session, EVIDENCE, entries)
                log.seal(session, now=0)
            spent += time.perf_counter() - began
            size += len(entries)
        asked = [secrets.randbelow(size) for _ in range(300)]
        with reading(engine) as session:
            root, reads, began = log.root(session, size), 0, time.perf_counter()
            paths = [log.inclusion(session, index, size) for index in asked]
            prove, queries = (time.perf_counter() - began) / len(asked), reads / len(asked)
            began = time.perf_counter()
            for index in asked:
                log.consistency(session, index, size)
            consistency = (time.perf_counter() - began) / len(asked)
        for index, way in zip(asked, paths, strict=True):
            verify_inclusion(leaf_hash(_entry(index)), index, size, way, root)
        before = resident()
        audited = _audit(log, engine, min(size, _AUDITED))
        row = {
            "size": size,
            "appended": (size - first) / spent,
            "prove": prove,
            "consistency": consistency,
            "path": max(map(len, paths)),
            "queries": queries,
            "audited": audited,
            "resident": before,
            "audit_memory": max(0, resident() - before),
            "file": path.stat().st_size,
        }
        print(json.dumps(row), flush=True)
    engine.dispose()


def _audit(log: Log, engine: Any, until: int) -> float:
    """Leaves a second, from the database through an answer as it travels to an audit's ledger."""
    stranger = Principal("", 2, frozenset({"read"}))
    with reading(engine) as session:
        root = log.root(session, until)
    with Ledger.open(None, log="", genesis="") as ledger:
        ledger.add_anchors([Anchor(until, root, 1, "0x")])
        work = Audit(ledger, [Address("0x" + "00" * 20)])
        began = time.perf_counter()
        while work.size < until:
            limit = min(_WINDOW, until - work.size)
            with reading(engine) as session:
                leaves = log.leaves(session, work.size, limit)
            answer = json.dumps([_leaf(leaf, stranger) for leaf in leaves])
            work.take(read_page(json.loads(answer), work.size, limit))
        rate = until / (time.perf_counter() - began)
        report = work.finish(settled=lambda _: True, prove=lambda *_: None, tail=lambda: ())
    assert report.findings == []
    return rate


def restart(folder: Path, size: int) -> None:
    """Open the database and give a first proof."""
    began, index = time.perf_counter(), size // 3
    engine, log = open_engine(f"sqlite:///{folder / 'growth.db'}"), Log()
    with reading(engine) as session:
        assert log.size(session) >= size
        path, root = log.inclusion(session, index, size), log.root(session, size)
    verify_inclusion(leaf_hash(_entry(index)), index, size, path, root)
    print(json.dumps({"seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    what, where, *counts = sys.argv[1:]
    if what == "grow":
        grow(Path(where), [int(count) for count in counts])
    else:
        restart(Path(where), int(counts[0]))
