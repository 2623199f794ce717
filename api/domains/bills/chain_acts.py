"""The acts on bills as the chain alone tells of them: for auditors, who trust no gateway's tables.

>>> for act, block, transaction in chain_acts(chain, address, last=1000): ...  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from api.domains.bills.contract import RAIL_BILL_ACTS, BillWord
from api.domains.bills.history import act_of
from api.domains.bills.tables import BillEventRow
from chain.client import Chain, Log
from chain.contracts import Artifact
from chain.intents import Act, Address
from chain.node import NodeRefusedError
from chain.scan import scan

__all__ = ["chain_acts"]

_NAMES = {act.kind: act.name for act in RAIL_BILL_ACTS}


def chain_acts(
    chain: Chain, address: Address, last: int, advance: Callable[[int], None] = lambda block: None
) -> Iterator[tuple[Act, int, str]]:
    """Every act that took effect, as it was signed, with its block and transaction, in order.

    :param last: the last block to look at
    :param advance: told how many blocks were looked at
    :raises NodeError: the node cannot be asked, or tells of an act that there is not
    """
    artifact = Artifact.load("RailBills")
    topic = bytes.fromhex(artifact.topic("Acted")[2:])
    for log in scan(chain, address, topic, last=last, advance=advance):
        event = artifact.event(log.topics, log.data)
        if event is not None:
            try:
                act = act_of(_row(log, event.arguments))
            except (KeyError, ValueError, StopIteration):
                raise NodeRefusedError("malformed answer: no act of this registry has this form") from None
            yield act, log.block_number, log.transaction_hash


def _row(log: Log, arguments: Mapping[str, Any]) -> BillEventRow:
    act, word = int(arguments["act"]), int(arguments["word"])
    return BillEventRow(
        bill="0x" + arguments["bill"].hex(),
        sequence=BillWord.unpack(word).sequence,
        act=_NAMES[act & 0xFF],
        key=f"0x{act >> 56 & (1 << 160) - 1:040x}",
        party=0,
        deadline=act >> 8 & (1 << 48) - 1,
        word=f"0x{word:064x}",
        detail="0x" + arguments["detail"].hex(),
        block=log.block_number,
        block_hash=log.block_hash,
        block_time=0,
        transaction=log.transaction_hash,
        log_index=log.position,
    )
