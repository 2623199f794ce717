"""What a room is: one folder of one business, described to the kernel in one object.

The kernel serves every room through this and branches on no room's name. A room that needs no contract
leaves ``contract`` empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from fastapi import APIRouter
from sqlmodel import Session

from chain.client import Chain
from chain.contracts import Artifact, Reverted
from chain.errors import LandbridgeError
from chain.indexer import ChainEvent, Projector
from chain.intents import Act, ActType, Address, Domain

if TYPE_CHECKING:
    from api.kernel.house import House

__all__ = [
    "ActsOnChain",
    "ContractReader",
    "DocumentType",
    "Finding",
    "Happening",
    "Refusal",
    "RefusedByChainError",
    "Room",
]


class ContractReader(Protocol):
    """Reads one contract at the chain's head."""

    def __call__(self, function: str, *arguments: Any) -> Any: ...


class ActsOnChain(Protocol):
    """Gives a contract's acts as the chain tells of them."""

    def __call__(
        self, chain: Chain, address: Address, last: int, advance: Callable[[int], None]
    ) -> Iterable[tuple[Act, int, str]]: ...


class Finding(Protocol):
    """One thing that a document type's checks found."""

    @property
    def code(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def en(self) -> str: ...
    @property
    def zh(self) -> str: ...


@dataclass(frozen=True)
class DocumentType:
    """A kind of document that a room keeps.

    :param format: the value of the document's ``format`` member
    :param check: findings of a document; one of severity ``error`` refuses it
    :param derive: facts of a document that its sender needs, such as a fingerprint; may take a while
    :param stored: called in the transaction that stores a document, so that the room can index it by digest
    :param example: one that is taken, for the API's description
    """

    format: str
    check: Callable[[Any], Sequence[Finding]]
    derive: Callable[[Any], Mapping[str, Any]]
    stored: Callable[[Session, House, str, Any], None]
    example: Callable[[], Mapping[str, Any]]


@dataclass(frozen=True)
class Refusal:
    """How a contract's error is told to a caller."""

    code: str
    sentence: str


@dataclass(frozen=True)
class Happening:
    """Something that happened on the chain, as it is told to parties' own systems.

    :param name: of the act, or of the contract's event
    :param subject: the id of what it happened to
    :param audience: the parties that may see it; none: every party may
    :param facts: public facts of the chain, as JSON has them; no name and nothing of a document
    """

    name: str
    subject: str
    audience: frozenset[int] | None
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Room:
    """A business served by the gateway.

    :param name: its name in addresses and settings
    :param contract: the artefact whose intents it takes
    :param arguments: its constructor's, from the administrator and the addresses of the rooms before it
    :param links: its functions that must answer another room's contract
    :param domain_name: the EIP-712 domain's name
    :param acts: the shapes of its acts
    :param refusals: its contract's errors by name
    :param projector: turns its events into its tables
    :param sequence: the chain's view that answers the expected sequence: its function, and how to read it
    :param lane: what an act's sequence counts: acts of one lane travel in order
    :param premature: its contract's errors by which an act learns that those before it have not happened
    :param took_effect: whether an act signed by this account is among those that took effect
    :param beside_signing: called before an act is taken that an entrusted key signed; may take a while and
        writes nothing, but gives what is to be called in the transaction that takes it
    :param documents: the kinds of document it keeps
    :param acts_between: its acts that took effect in blocks from one to another, as signed, in order: they
        enter the log
    :param acts_on_chain: the same from the chain alone, up to a block, each with its block and transaction;
        for auditors, who trust no gateway's tables. It tells how many blocks it has looked at
    :param happening: what an event of its contract tells, and to whom; called in the transaction that takes
        the event, after the room's projector; does nothing but read the database
    :param happening_names: every name that such a telling may have
    """

    name: str
    contract: str
    domain_name: str
    acts: tuple[ActType, ...]
    refusals: Mapping[str, Refusal]
    arguments: Callable[[Address, Mapping[str, Address]], Sequence[Address]]
    projector: Callable[[], Projector]
    sequence: Callable[[ContractReader, str, bytes], int]
    lane: Callable[[str, bytes], bytes]
    premature: frozenset[str] = frozenset()
    links: Mapping[str, str] = field(default_factory=dict)
    took_effect: Callable[[Session, Act, Address], bool] | None = None
    router: APIRouter | None = None
    documents: tuple[DocumentType, ...] = ()
    beside_signing: Callable[[House, Act, int], Callable[[Session], None]] | None = None
    acts_between: Callable[[Session, int, int], Iterable[Act]] | None = None
    acts_on_chain: ActsOnChain | None = None
    happening: Callable[[Session, ChainEvent, Domain], Happening | None] | None = None
    happening_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.acts_between is None) != (self.acts_on_chain is None):
            raise ValueError("what enters the log must be found on the chain by whoever audits it")

    @cached_property
    def artifact(self) -> Artifact:
        """The room's compiled contract. It knows the errors of the contracts it asks, too: their refusals
        pass through it unchanged."""
        own = Artifact.load(self.contract)
        asked = [Artifact.load(name) for name in self.links.values()]
        errors = [item for other in asked for item in other.abi if item["type"] == "error"]
        return Artifact(own.name, [*own.abi, *errors], own.bytecode, own.deployed_bytecode)


class RefusedByChainError(LandbridgeError):
    """The contract would refuse, or refused, the act."""

    code = "refused-by-chain"

    def __init__(self, code: str, sentence: str, reverted: Reverted) -> None:
        super().__init__(sentence, params=_public(reverted.arguments))
        self.code = code  # type: ignore[misc]


def _public(arguments: Mapping[str, Any]) -> dict[str, str | int]:
    return {
        key: "0x" + value.hex() if isinstance(value, bytes) else value
        for key, value in arguments.items()
        if isinstance(value, bytes | str | int)
    }
