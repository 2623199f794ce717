"""What the chain tells an auditor of a log: every head that was anchored, and every act that took effect.

>>> seen = read_chain(chain, trust, rooms, ledger)  # doctest: +SKIP
>>> seen.findings                                   # doctest: +SKIP
[]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from api.kernel.audit_ledger import Anchor, Finding, KnownAct, Ledger
from api.kernel.bundles import Trust, look_at_chain
from api.kernel.room import Room
from chain.client import Block, Chain
from chain.contracts import Artifact
from chain.entries import act_entry
from chain.errors import LandbridgeError
from chain.intents import Address, Domain
from chain.merkle import leaf_hash
from chain.scan import scan

__all__ = ["ChainSeen", "ChainTurnedError", "OtherChainError", "entering", "read_chain"]

LOG: Final = "AnchorLog"
_TRIES: Final = 5
_AHEAD_SECONDS: Final = 300


class OtherChainError(LandbridgeError):
    """The node does not show the chain, or the contracts, that are trusted."""

    code: ClassVar[str] = "audit-chain"


class ChainTurnedError(LandbridgeError):
    """The chain was reorganised each time that it was read."""

    code: ClassVar[str] = "audit-chain-turned"


class TrustLacksError(LandbridgeError):
    """The trust root names no contract of this name, whose acts enter the log, or which holds its head."""

    code: ClassVar[str] = "audit-trust"


@dataclass(frozen=True)
class ChainSeen:
    """The chain as it was read: up to which block, and what is wrong with what the node shows."""

    block: Block
    findings: Sequence[Finding]


def entering(rooms: Iterable[Room], trust: Trust) -> list[tuple[Room, Domain]]:
    """The rooms whose acts enter the log, with the domain under which they are signed.

    :raises TrustLacksError: the trust root does not name one's contract
    """
    return [
        (room, Domain(room.domain_name, "1", trust.chain.id, address_of(trust, room.contract)))
        for room in rooms
        if room.acts_on_chain is not None
    ]


def address_of(trust: Trust, contract: str) -> Address:
    """Where a contract stands.

    :raises TrustLacksError: the trust root does not say it
    """
    if contract not in trust.chain.contracts:
        raise TrustLacksError(
            f"the trust root does not say where {contract} stands", params={"contract": contract}
        )
    return Address(trust.chain.contracts[contract])


def read_chain(
    chain: Chain,
    trust: Trust,
    rooms: Iterable[Room],
    ledger: Ledger,
    *,
    now: int,
    advance: Callable[[int, int], None] = lambda done, of: None,
) -> ChainSeen:
    """Read all heads and acts into the ledger, of one chain: where it turns meanwhile, anew.

    :param now: Unix time in seconds
    :param advance: told how many blocks were looked at, of how many
    :raises OtherChainError: it is not the chain that is trusted, or its contracts are others
    :raises ChainTurnedError: it does not stand still
    :raises NodeError: the node cannot be asked
    """
    log, entered = address_of(trust, LOG), entering(rooms, trust)
    for _ in range(_TRIES):
        seen = look_at_chain(chain, trust.chain)
        if seen.fault is not None:
            raise OtherChainError(seen.fault)
        last = seen.head.number
        ledger.begin_chain()
        ledger.add_anchors(_anchors(chain, log, last, _from(0, 1 + len(entered), last + 1, advance)))
        for place, (room, domain) in enumerate(entered, 1):
            tell = _from(place, 1 + len(entered), last + 1, advance)
            ledger.add_acts(_acts(chain, room, domain, last, tell))
        findings = [*_untold(chain, log, last, ledger), *_age(seen.head, now, trust)]
        block = chain.block(last)
        if block is not None and block.hash == seen.head.hash:
            return ChainSeen(seen.head, findings)
    raise ChainTurnedError("the chain was reorganised while it was read: ask again")


def _from(place: int, passes: int, blocks: int, advance: Callable[[int, int], None]) -> Callable[[int], None]:
    """Tells of one pass over all blocks as a part of all passes."""
    return lambda done: advance(place * blocks + done, passes * blocks)


def _anchors(chain: Chain, log: Address, last: int, advance: Callable[[int], None]) -> Iterator[Anchor]:
    artifact = Artifact.load(LOG)
    topic = bytes.fromhex(artifact.topic("Anchored")[2:])
    for found in scan(chain, log, topic, last=last, advance=advance):
        event = artifact.event(found.topics, found.data)
        if event is not None:
            size, root = int(event.arguments["size"]), bytes(event.arguments["root"])
            yield Anchor(size, root, found.block_number, found.transaction_hash)


def _acts(
    chain: Chain, room: Room, domain: Domain, last: int, advance: Callable[[int], None]
) -> Iterator[KnownAct]:
    contract = domain.verifying_contract
    assert room.acts_on_chain is not None  # noqa: S101 - as `entering` chose it
    for act, block, transaction in room.acts_on_chain(chain, contract, last, advance):
        digest = act.digest(domain)
        yield KnownAct(leaf_hash(act_entry(contract, digest)), digest, block, transaction)


def _untold(chain: Chain, log: Address, last: int, ledger: Ledger) -> Iterator[Finding]:
    """The contract itself knows its newest head: a node that leaves out its event is found out."""
    artifact = Artifact.load(LOG)
    size, root, block, _time = artifact.decode("head", chain.call(log, artifact.encode("head")))
    newest = ledger.newest_anchor(remembered=False)
    told = None if newest is None else (newest.size, newest.root)
    if size and block <= last and told != (size, root):
        yield Finding("anchor-untold", size - 1, block, detail=f"size={size}")


def _age(head: Block, now: int, trust: Trust) -> Iterator[Finding]:
    age = now - head.timestamp
    if age > trust.max_age:
        yield Finding("chain-stale", None, head.number, detail=f"seconds={age}")
    elif age < -_AHEAD_SECONDS:
        yield Finding("chain-ahead", None, head.number, detail=f"seconds={-age}")
