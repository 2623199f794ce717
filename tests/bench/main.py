"""The bench: what an act costs and how fast it goes, beside a peer or a limit measured in the same run."""

from __future__ import annotations

import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from eth_account import Account
from eth_account.messages import encode_typed_data
from rich.console import Console
from rich.table import Table

from api.domains.bills.contract import RAIL_BILL_ACTS, RAIL_BILLS_DOMAIN
from api.kernel.party_acts import PARTY_ACTS, PARTY_DOMAIN
from chain.intents import Act, Address, Domain, act_from_message, recover
from chain.signers import KeySigner
from vault.keys import PrivateKey

ROOT = Path(__file__).parents[2]
VECTORS = Path(os.environ.get("LANDBRIDGE_VECTORS", ROOT.parent / "shared" / "data"))
CONSOLE = Console(width=110)
ACTS, CLIENTS = 300, 24


def gas() -> None:
    """Gas of each act as the snapshots hold it, beside the figures measured on a peer's contracts."""
    for path in sorted((ROOT / "tests/contracts/gas").glob("*.json")):
        table = Table("act", "gas", title=path.stem, title_justify="left")
        for act, cost in json.loads(path.read_text()).items():
            table.add_row(act, f"{int(cost):,}")
        CONSOLE.print(table)
    measured = VECTORS / "trade/tradetrust/gas_measured.json"
    if not measured.is_file():
        CONSOLE.print("peer figures: not present (set LANDBRIDGE_VECTORS to the outside vectors)")
        return
    peer = json.loads(measured.read_text())["gas"]["npm5.5.1"]
    ours = json.loads((ROOT / "tests/contracts/gas/bills.json").read_text())
    # Both lives have seven steps, not the same ones: ours has an offer where theirs has a nomination, no lien.
    table = Table("step", "ours", "TradeTrust 5.5.1", "ratio", title="step beside step", title_justify="left")
    for step, mine, theirs in (
        ("issue / mint", "1 issue", "mint_first"),
        ("transfer / transferHolder", "2 transfer", "transferHolder(first)"),
        ("offer / nominate", "3 offer", "nominate"),
        ("accept offer / endorse", "4 accept offer", "transferBeneficiary(endorse nominee)"),
        ("surrender / returnToIssuer", "5 surrender", "returnToIssuer"),
        ("deliver / burn", "7 deliver", "burn/shred(accept)"),
        ("a life of seven steps", "life of seven", "LIFECYCLE_7tx"),
    ):
        cost = int(ours[mine])
        table.add_row(step, f"{cost:,}", f"{peer[theirs]:,}", f"{cost / peer[theirs]:.2f}")
    CONSOLE.print(table)


def signatures() -> None:
    """EIP-712 digest and recovery: our fixed shapes beside eth-account's general encoder."""
    signer = KeySigner(b"\1" * 32)
    domain = Domain(RAIL_BILLS_DOMAIN, "1", 20777, Address("0x" + "11" * 20))
    shape = next(act for act in RAIL_BILL_ACTS if act.name == "Transfer")
    signature = signer.sign(Act(shape, b"\2" * 32, 1, 2**40, {"to": 3}).digest(domain))

    def ours(n: int) -> str:
        act = Act(shape, b"\2" * 32, 1, 2**40, {"to": 3})
        return str(recover(act.digest(domain), signature))

    def theirs(n: int) -> str:
        data = Act(shape, b"\2" * 32, 1, 2**40, {"to": 3}).typed_data(domain)
        return str(Account.recover_message(encode_typed_data(full_message=data), signature=signature.rsv))

    rates = {}
    for name, check in (("landbridge", ours), ("eth-account", theirs)):
        assert check(0).lower() == signer.address
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < 3:
            check(count)
            count += 1
        rates[name] = count / (time.perf_counter() - began)
    table = Table(
        "encoder", "digest and recover, a second", "ratio", title="signatures", title_justify="left"
    )
    for name, rate in rates.items():
        table.add_row(name, f"{rate:,.0f}", f"{rate / rates['eth-account']:.1f}")
    CONSOLE.print(table)


def intents() -> None:
    """Acts from HTTP to mined, embedded chain with full fsync, beside a bare route of the same server."""
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.server", folder], stdout=subprocess.PIPE, text=True
        )
        assert server.stdout is not None
        try:
            told = json.loads(server.stdout.readline())
            bodies = _prepared(told)
            bare = _load(told["url"] + "/bare", told["token"], [{"x": secrets.token_hex(300)}] * (ACTS * 4))
            acts = _load(told["url"] + "/v1/intents", told["token"], bodies)
        finally:
            server.terminate()
            server.wait()
    table = Table(
        "route", "requests", "a second", "median", "p99", "ratio", title="HTTP to mined", title_justify="left"
    )
    for name, (rate, times) in (("bare FastAPI route", bare), ("POST /v1/intents, waiting", acts)):
        cut = statistics.quantiles(times, n=100)
        table.add_row(
            name,
            f"{len(times):,}",
            f"{rate:,.0f}",
            f"{cut[49] * 1000:,.0f} ms",
            f"{cut[98] * 1000:,.0f} ms",
            f"{rate / bare[0]:.3f}",
        )
    CONSOLE.print(table)


def _prepared(told: dict[str, Any]) -> list[dict[str, Any]]:
    """Issues of distinct bills, signed beforehand by one carrier that keeps its key."""
    signer = KeySigner(bytes.fromhex(told["key"]))
    domain = Domain(RAIL_BILLS_DOMAIN, "1", told["chain_id"], Address(told["bills"]))
    bodies = []
    for _ in range(ACTS):
        message = {
            "bill": "0x" + secrets.token_hex(32),
            "sequence": 0,
            "deadline": int(time.time()) + 3600,
            "note": "0x" + secrets.token_hex(32),
            "holder": 1,
            "toOrder": True,
        }
        signature = signer.sign(act_from_message(RAIL_BILL_ACTS, "Issue", message).digest(domain))
        bodies.append(
            {"room": "bills", "act": "Issue", "message": message, "signatures": ["0x" + signature.rsv.hex()]}
        )
    return bodies


def _load(url: str, token: str, bodies: list[dict[str, Any]]) -> tuple[float, list[float]]:
    """Requests a second and the time of each, from a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load", url, token, str(CLIENTS)],
        input=json.dumps(bodies),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    return answer["rate"], answer["times"]


def admit_carrier(client: httpx.Client, headers: dict[str, str]) -> KeySigner:
    """A carrier that keeps its own key, admitted through the API."""
    signer = KeySigner(secrets.token_bytes(32))
    profile = {"name": "Bench Carrier", "name_zh": "测试承运人", "country": "CN"}
    keys = {"key": signer.address, "reader_key": PrivateKey.generate().public.hex()}
    prepared = client.post("/v1/parties/admission", json=profile | keys, headers=headers).json()
    about = client.get("/v1/registry").json()
    domain = Domain(
        PARTY_DOMAIN, "1", about["chain_id"], Address(prepared["typed_data"]["domain"]["verifyingContract"])
    )
    message = prepared["typed_data"]["message"]
    signature = signer.sign(act_from_message(PARTY_ACTS, "Admit", message).digest(domain))
    signed = {"message": message, "signature": "0x" + signature.rsv.hex()}
    _follow(client, client.post("/v1/parties/admission/signed", json=signed, headers=headers), headers)
    _follow(client, client.post("/v1/parties/1/roles", json={"role": "carrier"}, headers=headers), headers)
    return signer


def _follow(client: httpx.Client, answer: httpx.Response, headers: dict[str, str]) -> None:
    answer.raise_for_status()
    settled = client.get(f"/v1/intents/{answer.json()['id']}?wait=20", headers=headers).json()
    assert settled["status"] in ("mined", "done"), settled


def main() -> None:
    parts = {"gas": gas, "signatures": signatures, "intents": intents}
    wanted = [name for name in sys.argv[1:] if name != "all"] or list(parts)
    for name in wanted:
        if name not in parts:
            sys.exit(f"no bench is called {name}; there are: {', '.join(parts)}")
        parts[name]()


if __name__ == "__main__":
    main()
