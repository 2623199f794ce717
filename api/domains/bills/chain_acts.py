"""The acts on bills as the chain alone tells of them: for auditors, who trust no gateway's tables.

>>> for act, block, transaction in chain_acts(chain, address, last=1000): ...  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterator

from api.domains.bills.contract import RAIL_BILL_ACTS, BillWord
from api.domains.bills.history import act_of
from api.domains.bills.tables import BillEventRow
from chain.client import Chain
from chain.contracts import Artifact
from chain.intents import Act, Address

__all__ = ["chain_acts"]

_CHUNK = 2000
_NAMES = {act.kind: act.name for act in RAIL_BILL_ACTS}


def chain_acts(chain: Chain, address: Address, *, last: int) -> Iterator[tuple[Act, int, str]]:
    """Every act that took effect, as it was signed, with its block and transaction, in order.

    :param last: the last block to look at
    :raises NodeError: the node cannot be asked
    """
    artifact = Artifact.load("RailBills")
    topic = bytes.fromhex(artifact.topic("Acted")[2:])
    for first in range(0, last + 1, _CHUNK):
        until = min(first + _CHUNK - 1, last)
        for log in chain.logs(first, until, addresses=[address], topics=[[topic]]):
            event = artifact.event(log.topics, log.data)
            if event is None:
                continue
            act, word = int(event.arguments["act"]), int(event.arguments["word"])
            row = BillEventRow(
                bill="0x" + event.arguments["bill"].hex(),
                sequence=BillWord.unpack(word).sequence,
                act=_NAMES[act & 0xFF],
                key=f"0x{act >> 56 & (1 << 160) - 1:040x}",
                party=0,
                deadline=act >> 8 & (1 << 48) - 1,
                word=f"0x{word:064x}",
                detail="0x" + event.arguments["detail"].hex(),
                block=log.block_number,
                block_hash=log.block_hash,
                block_time=0,
                transaction=log.transaction_hash,
                log_index=log.position,
            )
            yield act_of(row), log.block_number, log.transaction_hash
