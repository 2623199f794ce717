"""What limits us: the embedded node alone, and signatures alone, beside the library everybody uses."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data
from rich.table import Table

from api.domains.bills.contract import RAIL_BILL_ACTS, RAIL_BILLS_DOMAIN
from chain.contracts import encode_batch
from chain.embedded import EmbeddedNode
from chain.intents import Act, Address, Domain, recover
from chain.signers import KeySigner, Transaction, sign_transaction
from tests.chainlab import CHAIN_ID, STRANGER, Registry, issue


def node(folder: Path, *, transactions: int, batches: int, batch: int = 64) -> dict[str, float]:
    """Acts a second that the embedded node mines, one a block and ``batch`` a block, each block synced."""
    chain = EmbeddedNode(folder / "limits.db", CHAIN_ID)
    registry = Registry(chain, folder / "limits.json")
    numbers = iter(range(1 << 30))
    nonce = 0

    def signed(acts: int) -> str:
        nonlocal nonce
        data = encode_batch(
            registry.artifacts[registry.bills],
            [
                registry._signed(act, registry.domain, s)
                for act, s in (issue(next(numbers)) for _ in range(acts))
            ],
        )
        fields: Transaction = {
            "to": registry.bills,
            "value": 0,
            "data": data,
            "gas": 16_000_000,
            "gasPrice": 0,
            "nonce": nonce,
            "chainId": CHAIN_ID,
        }
        nonce += 1
        return "0x" + sign_transaction(STRANGER, fields)[0].hex()

    rates = {}
    for name, count, size in (
        ("one act a block", transactions, 1),
        (f"{batch} acts a block", batches, batch),
    ):
        raws = [signed(size) for _ in range(count)]
        began = time.perf_counter()
        for raw in raws:
            chain.rpc("eth_sendRawTransaction", [raw])
        rates[name] = count * size / (time.perf_counter() - began)
    chain.close()
    return rates


def signatures(console: Any, *, seconds: float) -> None:
    """Measure and print: EIP-712 digest and recovery by fixed shapes, and by eth-account's encoder."""
    signer = KeySigner(b"\1" * 32)
    domain = Domain(RAIL_BILLS_DOMAIN, "1", CHAIN_ID, Address("0x" + "11" * 20))
    shape = next(act for act in RAIL_BILL_ACTS if act.name == "Transfer")
    signature = signer.sign(Act(shape, b"\2" * 32, 1, 2**40, {"to": 3}).digest(domain))
    typed = Act(shape, b"\2" * 32, 1, 2**40, {"to": 3}).typed_data(domain)

    def ours() -> str:
        return str(recover(Act(shape, b"\2" * 32, 1, 2**40, {"to": 3}).digest(domain), signature))

    def theirs() -> str:
        return str(Account.recover_message(encode_typed_data(full_message=typed), signature=signature.rsv))

    assert ours() == theirs().lower() == signer.address
    rates = {"landbridge": _rate(ours, seconds), "eth-account": _rate(theirs, seconds)}
    table = Table(title="EIP-712 digest and recovery, one thread", title_justify="left")
    for column in ("encoder", "a second", "ratio"):
        table.add_column(column, justify="left" if column == "encoder" else "right")
    for name, rate in rates.items():
        table.add_row(name, f"{rate:,.0f}", f"{rate / rates['eth-account']:.1f}")
    console.print(table)


def _rate(action: Callable[[], Any], seconds: float) -> float:
    count, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds:
        for _ in range(50):
            action()
        count += 50
    return count / spent
