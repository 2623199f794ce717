"""What each act costs: by the snapshots, and in real transactions of the gateway on two kinds of node."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from rich.table import Table

from tests.bench.house import House
from tests.integration.live import EVIDENCE, Story

ROOT = Path(__file__).parents[2]
VECTORS = Path(os.environ.get("LANDBRIDGE_VECTORS", ROOT.parent / "shared" / "data"))
SNAPSHOTS = ROOT / "tests/contracts/gas"
PEERS = {
    "1 issue": "mint(benef!=holder)",
    "2 transfer": "transferOwners(both, same party)",
    "3 offer": "nominate",
    "4 accept offer": "transferBeneficiary(endorse nominee)",
    "decline offer": "rejectTransferOwners",
    "5 surrender": "returnToIssuer",
    "refuse surrender": "restore",
    "6 accept surrender": "burn/shred(accept)",
    "life of seven": "LIFECYCLE_7tx",
}
LIFE = (
    "1 issue",
    "2 transfer",
    "3 offer",
    "4 accept offer",
    "5 surrender",
    "6 accept surrender",
    "7 deliver",
)
# A byte of calldata costs 4 where it is zero and 16 elsewhere (EIP-2028): two runs sign different bytes.
ZERO, OTHER = 4, 16


def _acts(story: Story, later: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each act once, as a transaction of its own, under its snapshot's name."""
    admitted = story.operator.status(story.admitted[-2])
    yield "admit", admitted
    yield "grant role", story.operator.status(story.admitted[-1])
    client = story.clients
    bill, note = story.stored()
    yield "1 issue", client[1].act("Issue", bill, note=note, holder=2, toOrder=True)
    yield "2 transfer", client[2].act("Transfer", bill, to=3)
    yield "3 offer", client[3].act("Offer", bill, to=4, expiry=later)
    yield "decline offer", client[4].act("DeclineOffer", bill)
    client[3].act("Offer", bill, to=4, expiry=later)
    yield "withdraw offer", client[3].act("WithdrawOffer", bill)
    client[3].act("Offer", bill, to=4, expiry=later)
    yield "4 accept offer", client[4].act("AcceptOffer", bill)
    yield "5 surrender", client[4].act("Surrender", bill)
    yield "withdraw surrender", client[4].act("WithdrawSurrender", bill)
    client[4].act("Surrender", bill)
    yield "refuse surrender", client[1].act("RefuseSurrender", bill, reason=EVIDENCE)
    client[4].act("Surrender", bill)
    yield "6 accept surrender", client[1].act("AcceptSurrender", bill)
    yield "7 deliver", client[1].act("Deliver", bill, evidence=EVIDENCE)
    for name, method, path, body in (
        ("suspend", "POST", "/v1/parties/1/suspension", {"reason": EVIDENCE}),
        ("reinstate", "DELETE", "/v1/parties/1/suspension", None),
        ("end role", "POST", "/v1/parties/1/roles/end", {"role": "carrier"}),
    ):
        yield name, story.operator.settled(story.operator.http.request(method, path, json=body))


def _measured(story: Story, node: str) -> dict[str, tuple[int, int]]:
    """Per act its gas, and its gas without what the bytes of its calldata cost."""
    later = int(story.operator.get("/v1/registry")["head"]) + 2_000_000_000
    found = {}
    for name, act in _acts(story, later):
        act = story.operator.status(act["id"])
        assert act["batch"] == 1, act
        body = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "eth_getTransactionByHash",
            "params": [act["transaction"]],
        }
        data = bytes.fromhex(httpx.post(node, json=body, trust_env=False).json()["result"]["input"][2:])
        zeros = data.count(0)
        found[name] = act["gas_used"], act["gas_used"] - zeros * ZERO - (len(data) - zeros) * OTHER
    return found


def run(console: Any, embedded_on: House, anvil_on: House | None) -> None:
    """Measure and print."""
    embedded = _measured(embedded_on.story, f"{embedded_on.gateway.url}/rpc")
    anvil = _measured(anvil_on.story, anvil_on.node) if anvil_on else {}
    snapshots = {
        name: int(gas)
        for file in ("bills", "parties")
        for name, gas in json.loads((SNAPSHOTS / f"{file}.json").read_text()).items()
    }
    batches = json.loads((SNAPSHOTS / "bills-in-batches.json").read_text())
    measured = VECTORS / "trade/tradetrust/gas_measured.json"
    peer = json.loads(measured.read_text())["gas"]["npm5.5.1"] if measured.is_file() else None
    for found in (embedded, anvil):
        if found:
            life = [found[name] for name in LIFE]
            found["life of seven"] = sum(gas for gas, _ in life), sum(rest for _, rest in life)

    table = Table(title="Gas of each act", title_justify="left")
    table.add_column("act")
    for column in ("snapshot", "gateway,\nembedded", "gateway,\nanvil", "in a batch\nof sixteen"):
        table.add_column(column, justify="right")
    table.add_column("TradeTrust 5.5.1:\nnearest act", justify="left")
    for column in ("its gas", "ratio,\nalone", "ratio,\nin a batch"):
        table.add_column(column, justify="right")
    for name, gas in sorted(
        snapshots.items(), key=lambda item: (item[0][0] > "9", item[0] == "life of seven")
    ):
        near = PEERS.get(name)
        theirs = peer[near] if peer and near else None
        batched = int(batches[name]) if name in batches else None
        table.add_row(
            name,
            f"{gas:,}",
            *(f"{found[name][0]:,}" if name in found else "" for found in (embedded, anvil)),
            f"{batched:,}" if batched else "",
            near or "",
            f"{theirs:,}" if theirs else "",
            f"{embedded[name][0] / theirs:.2f}" if theirs else "",
            f"{batched / theirs:.2f}" if theirs and batched else "",
        )
    console.print(table)
    if peer is None:
        console.print("TradeTrust's figures: not present (LANDBRIDGE_VECTORS names their folder)")
    if anvil:
        other = sorted(name for name in embedded if embedded[name][1] != anvil[name][1])
        console.print(
            f"embedded and anvil differ in {', '.join(other)}"
            if other
            else "Embedded node and anvil agree to the unit, but for the price of calldata's bytes: "
            "signatures differ from run to run."
        )
        if other:
            raise SystemExit(1)
