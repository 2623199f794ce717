"""The engine in one process, to be killed: embedded node, relayer, indexer, and somebody who feeds it.

    python -m tests.integration.killworker FOLDER RUN      feeds until killed
    python -m tests.integration.killworker FOLDER drain    finishes what is there and exits

Each act is acknowledged by a line with its digest, printed once the database has it for good.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

from chain.db import open_engine, reading
from chain.embedded import EmbeddedNode
from chain.indexer import Indexer
from chain.outbox import counts
from chain.relayer import Relayer
from chain.tables import create_tables
from tests.chainlab import CHAIN_ID, RELAYER, Registry, history


def main(folder: Path, what: str) -> None:
    print("started", flush=True)
    node = EmbeddedNode(folder / "chain.db", CHAIN_ID)
    registry = Registry(node, folder / "deployment.json")
    engine = open_engine(f"sqlite:///{folder / 'tables.db'}")
    create_tables(engine)
    relayer = Relayer(
        engine, node, RELAYER, chain_id=CHAIN_ID, artifacts=registry.artifacts, batch_size=8, poll=0.01
    )
    indexer = Indexer(engine, node, chain_id=CHAIN_ID, artifacts=registry.artifacts, poll=0.01)
    relayer.start()
    indexer.start()
    if what != "drain":
        feed(registry, engine, relayer, random.Random(what), int(what) * 1_000_000)  # noqa: S311
    while True:
        with reading(engine) as session:
            known = counts(session)
        if (
            not known["pending"] + known["sent"] + known["mined"]
            and indexer.height == registry.chain.block_number()
        ):
            break
        time.sleep(0.05)
    relayer.stop()
    indexer.stop()
    node.close()


def feed(registry: Registry, engine: object, relayer: Relayer, chance: random.Random, first: int) -> None:
    number = first
    while True:
        number += 1
        acts = history(number, chance.randint(1, 4))
        for place, act in enumerate(acts):
            again = acts[chance.randint(0, place)] if chance.random() < 0.2 else act
            for one in {id(again): again, id(act): act}.values():
                (row,) = registry.enqueue(engine, one)
                print(row.digest.hex(), flush=True)
            relayer.wake()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
