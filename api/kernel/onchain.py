"""What the chain says, for whoever checks a bundle: asked of a node, or read from the bundle's sealed part.

The checks ask the same questions of both. A node answers calls; a sealed part holds the storage slots in
which those answers lie: so a :class:`Question` knows both ways.

>>> on_chain = look_at_chain(chain, bundle.chain)                # doctest: +SKIP
>>> on_chain = open_sealed_part(bundle, trust)                   # doctest: +SKIP
>>> on_chain.ask(Question("Parties", "keyOf", (key,), stored))   # doctest: +SKIP
{'party': 3, 'since': 1760000000, 'until': 0, 'custodial': False}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol

from api.kernel.bundle_form import Bundle, BundleError, ChainPart, SealedPart, Trust
from chain.client import Block, Chain
from chain.contracts import Artifact, ContractError
from chain.contracts import Event as Decoded
from chain.deploy import OtherContractError, verify_code, verify_published
from chain.intents import Address, keccak
from chain.qbft import Era
from chain.rlpread import ProofError
from chain.sealedchain import SealedChain, open_sealed
from chain.storage import Storage

__all__ = [
    "Event",
    "HeadAt",
    "NodeView",
    "OnChain",
    "Question",
    "SealedView",
    "Unread",
    "look_at_chain",
    "open_sealed_part",
    "read_sealed",
    "sealed_view",
]

_OTHER_ZH: Final = "节点所示的链或合约与公布的不一致"
_UNREAD_ZH: Final[Mapping[str, str]] = {
    "header-not-sealed": "封存部分的区块头未经所信任的验证者签封",
    "header-missing": "封存部分缺少所需的区块头",
    "trie-node-missing": "封存部分缺少所需的证明节点",
    "transaction-elsewhere": "封存部分未证明交易位于所称的位置",
}


class HeadAt(Protocol):
    """The block at which the chain is read."""

    @property
    def number(self) -> int: ...
    @property
    def hash(self) -> str: ...
    @property
    def timestamp(self) -> int: ...


@dataclass(frozen=True)
class Question:
    """One thing to ask of a contract.

    :ivar contract: its name among the bundle's contracts
    :ivar function: the call by which a node answers, with its arguments
    :ivar stored: the same answer read from the contract's variables
    """

    contract: str
    function: str
    arguments: tuple[Any, ...]
    stored: Callable[[Storage], Any]


@dataclass(frozen=True, slots=True)
class Event:
    """An event that a contract left, and where it stands."""

    arguments: Mapping[str, Any]
    block: int
    time: int
    transaction: str


class OnChain(Protocol):
    """The chain as somebody shows it, at one block.

    :ivar head: that block; nothing where none can be believed
    :ivar fault: what is wrong: another chain, other contracts, or that it cannot be believed or read
    :ivar fault_zh: the same in Chinese
    :ivar final: whether its blocks stand for good, however few follow
    """

    @property
    def head(self) -> HeadAt | None: ...
    @property
    def fault(self) -> str | None: ...
    @property
    def fault_zh(self) -> str: ...
    @property
    def final(self) -> bool: ...

    def ask(self, question: Question) -> Any:
        """A contract's answer at the head.

        :raises ProofError: it cannot be read; a node raises NodeError instead, and so below
        """
        ...

    def events(
        self, contract: str, event: str, subject: bytes, places: Sequence[tuple[int, str]]
    ) -> list[Event]:
        """The events of one subject, in order.

        :param subject: the event's first indexed argument
        :param places: block and transaction of those that are known of; a node finds others itself
        """
        ...

    def logged(self, contract: str, transaction: str, block: int) -> list[Decoded] | None:
        """The events that a transaction made a contract leave; nothing unless it succeeded in this block."""
        ...


@dataclass(frozen=True)
class NodeView:
    """The chain as a node shows it, at its newest block."""

    chain: Chain
    contracts: Mapping[str, str]
    head: Block
    fault: str | None
    fault_zh: str = _OTHER_ZH
    final: bool = False

    def ask(self, question: Question) -> Any:
        """See :class:`OnChain`."""
        artifact = Artifact.load(question.contract)
        payload = artifact.encode(question.function, *question.arguments)
        address = _address(self.contracts, question.contract)
        return artifact.decode(question.function, self.chain.call(address, payload, self.head.number))

    def events(
        self, contract: str, event: str, subject: bytes, places: Sequence[tuple[int, str]]
    ) -> list[Event]:
        """See :class:`OnChain`."""
        artifact, last = Artifact.load(contract), self.head.number
        topic = bytes.fromhex(artifact.topic(event)[2:])
        first = min((block for block, _ in places), default=last)
        logs = self.chain.logs(
            min(first, last),
            last,
            addresses=[_address(self.contracts, contract)],
            topics=[[topic], [subject]],
        )
        times: dict[int, int] = {}
        found = []
        for log in logs:
            decoded = artifact.event(log.topics, log.data)
            if decoded is None:
                continue
            if log.block_number not in times:
                block = self.chain.block(log.block_number)
                times[log.block_number] = block.timestamp if block else -1
            found.append(
                Event(decoded.arguments, log.block_number, times[log.block_number], log.transaction_hash)
            )
        return found

    def logged(self, contract: str, transaction: str, block: int) -> list[Decoded] | None:
        """See :class:`OnChain`."""
        receipt, artifact = self.chain.receipt(transaction), Artifact.load(contract)
        if receipt is None or not receipt.succeeded or receipt.block_number != block:
            return None
        found = self.chain.block(block)
        if found is None or found.hash != receipt.block_hash:
            return None
        address = self.contracts.get(contract)
        events = [artifact.event(log.topics, log.data) for log in receipt.logs if log.address == address]
        return [event for event in events if event is not None]


@dataclass(frozen=True)
class SealedView:
    """The chain as sealed headers and nodes of its tries show it."""

    chain: SealedChain
    contracts: Mapping[str, str]
    fault: str | None = None
    fault_zh: str = _OTHER_ZH
    final: bool = True

    @property
    def head(self) -> HeadAt:
        """The header at which contracts are read."""
        return self.chain.head

    def ask(self, question: Question) -> Any:
        """See :class:`OnChain`."""
        artifact = Artifact.load(question.contract)
        return question.stored(self.chain.storage(artifact, _address(self.contracts, question.contract)))

    def events(
        self, contract: str, event: str, subject: bytes, places: Sequence[tuple[int, str]]
    ) -> list[Event]:
        """See :class:`OnChain`."""
        artifact = Artifact.load(contract)
        address, topic = _address(self.contracts, contract), bytes.fromhex(artifact.topic(event)[2:])
        placed = {
            transaction: self.chain.mined(transaction, block) for block, transaction in dict.fromkeys(places)
        }
        found = []
        for transaction, at in sorted(
            placed.items(), key=lambda one: (one[1].header.number, one[1].position)
        ):
            for log in at.receipt.logs:
                if log.address != address or log.topics[:2] != (topic, subject):
                    continue
                decoded = artifact.event(log.topics, log.data)
                if decoded is not None:
                    found.append(Event(decoded.arguments, at.header.number, at.header.timestamp, transaction))
        return found

    def logged(self, contract: str, transaction: str, block: int) -> list[Decoded] | None:
        """See :class:`OnChain`."""
        at, artifact = self.chain.mined(transaction, block), Artifact.load(contract)
        if not at.receipt.succeeded:
            return None
        address = self.contracts.get(contract)
        events = [artifact.event(log.topics, log.data) for log in at.receipt.logs if log.address == address]
        return [event for event in events if event is not None]


@dataclass(frozen=True)
class Unread:
    """A chain of which nothing can be believed or read; ``fault`` says why."""

    error: ProofError
    head: HeadAt | None = None
    final: bool = False

    @property
    def fault(self) -> str:
        """See :class:`OnChain`."""
        return f"the sealed part proves nothing: {self.error.sentence}"

    @property
    def fault_zh(self) -> str:
        """See :class:`OnChain`."""
        return _UNREAD_ZH.get(self.error.code, "封存部分无法读取")

    def ask(self, question: Question) -> Any:
        """See :class:`OnChain`."""
        raise self.error

    def events(
        self, contract: str, event: str, subject: bytes, places: Sequence[tuple[int, str]]
    ) -> list[Event]:
        """See :class:`OnChain`."""
        raise self.error

    def logged(self, contract: str, transaction: str, block: int) -> list[Decoded] | None:
        """See :class:`OnChain`."""
        raise self.error


def look_at_chain(chain: Chain, part: ChainPart) -> NodeView:
    """Look whether a node's chain is the one meant, with the published contracts where they should be.

    :raises NodeError: the node cannot be asked
    """
    genesis, head = chain.block(0), chain.block("latest")
    if genesis is None or head is None:
        raise BundleError("the node has no blocks", params={"reason": "node"})
    fault = None
    if chain.chain_id() != part.id or genesis.hash != part.genesis:
        fault = "the node's chain is another one"
    else:
        try:
            for name, address in part.contracts.items():
                verify_code(chain, name, Address(address))
        except (OtherContractError, ContractError) as error:
            fault = error.sentence
    return NodeView(chain, part.contracts, head, fault)


def open_sealed_part(bundle: Bundle, trust: Trust | None, *, acts: int = 0) -> OnChain | None:
    """The chain as a bundle's sealed part shows it; nothing where there is none, or nobody to believe it of.

    :param trust: its validators are those of its own chain: of another's they say nothing
    :param acts: how many acts the bundle shows: each may stand in a block of its own
    """
    part = bundle.sealed
    if part is None or trust is None or not trust.validators or bundle.chain != trust.chain:
        return None
    try:
        return read_sealed(part, bundle.chain.contracts, trust.eras, most=acts + 2)
    except ProofError as error:
        return Unread(error)


def read_sealed(
    part: SealedPart, contracts: Mapping[str, str], eras: Sequence[Era], *, most: int
) -> SealedView:
    """The chain as a sealed part shows it.

    :param eras: who is trusted to seal
    :param most: how many headers there may be
    :raises ProofError: it cannot be believed, or not be read
    """
    chain = open_sealed(
        [bytes.fromhex(one[2:]) for one in part.headers],
        eras,
        part.transactions,
        (bytes.fromhex(one[2:]) for one in part.nodes),
        most=most,
    )
    codes = {name: bytes.fromhex(code[2:]) for name, code in part.codes.items()}
    return sealed_view(chain, contracts, codes)


class MissingCodeError(ProofError):
    """The code of a contract is not there, or is not the one that the chain holds."""

    code: ClassVar[str] = "code-missing"


def sealed_view(chain: SealedChain, contracts: Mapping[str, str], codes: Mapping[str, bytes]) -> SealedView:
    """A sealed chain, looked at: its contracts are the published ones, or a fault says which is not.

    :raises ProofError: it cannot be read
    """
    fault = None
    for name, address in contracts.items():
        code = codes.get(name)
        if code is None or keccak(code) != chain.code_hash(Address(address)):
            raise MissingCodeError("the code shown is not that of the contract", params={"contract": name})
        try:
            verify_published(name, Address(address), code)
        except (OtherContractError, ContractError) as error:
            fault = fault or error.sentence
    return SealedView(chain, contracts, fault)


def _address(contracts: Mapping[str, str], name: str) -> Address:
    return Address(contracts.get(name, "0x" + "00" * 20))
