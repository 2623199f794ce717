"""Which chain is this: asked before anything is sent to it or read from it.

A database belongs to one chain for ever: its id and its first block's hash are stored at first contact, and
a node that answers otherwise is refused by name. A node that lacks the contracts (wiped, or still syncing)
is refused too, before anything here follows it.

>>> identity = Identity(engine, Chain(node), chain_id=20777, contracts=[parties])   # doctest: +SKIP
>>> head = identity.check()                                                          # doctest: +SKIP
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import ClassVar

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from chain.client import Block, Chain
from chain.db import reading, writing
from chain.errors import LandbridgeError
from chain.intents import Address
from chain.node import NodeError, NodeRefusedError, WrongChainError
from chain.tables import ChainRow

__all__ = ["ChainChangedError", "ContractMissingError", "Identity"]


class ChainChangedError(LandbridgeError):
    """The node's chain begins with another block than the one this database belongs to."""

    code: ClassVar[str] = "chain-changed"


class ContractMissingError(LandbridgeError):
    """The node's chain has no code where a contract should be: wiped, or not synced that far."""

    code: ClassVar[str] = "contract-missing"


class Identity:
    """The check, remembering what need not be asked each time.

    :param engine: the database, with the engine's tables
    :param chain: the node's answers
    :param chain_id: the chain that is meant
    :param contracts: addresses that must have code
    """

    def __init__(self, engine: Engine, chain: Chain, chain_id: int, contracts: Iterable[Address]) -> None:
        self._engine = engine
        self._chain = chain
        self._chain_id = chain_id
        self._contracts = tuple(contracts)
        self._stored: ChainRow | None = None
        self._seen_contracts_at: int | None = None

    def check(self) -> Block:
        """Refuse a chain that is not ours; at first contact, remember it.

        :return: the newest block
        :raises WrongChainError: another chain id
        :raises ChainChangedError: another first block
        :raises ContractMissingError: a contract is not there
        :raises NodeError: the node cannot be asked
        """
        try:
            found = self._chain.chain_id()
            if found != self._chain_id:
                raise WrongChainError(expected=self._chain_id, found=found)
            genesis = self._chain.block(0)
            head = self._chain.block("latest")
            if genesis is None or head is None:
                raise NodeRefusedError("no blocks")
            self._check_genesis(genesis.hash)
            # Code does not go away while the chain only grows.
            if self._seen_contracts_at is None or head.number < self._seen_contracts_at:
                self._check_contracts()
            self._seen_contracts_at = head.number
            return head
        except NodeError:
            self._seen_contracts_at = None
            raise

    def _check_genesis(self, found: str) -> None:
        stored = self._stored or self._load() or self._remember(found)
        if stored.genesis_hash != found or stored.chain_id != self._chain_id:
            raise ChainChangedError(
                "the node's chain begins with another block than the chain of this database",
                params={"expected": stored.genesis_hash, "found": found},
            )
        self._stored = stored

    def _check_contracts(self) -> None:
        for address in self._contracts:
            if not self._chain.code(address):
                self._seen_contracts_at = None
                raise ContractMissingError(
                    "the node's chain has no contract where one should be", params={"contract": address}
                )

    def _load(self) -> ChainRow | None:
        with reading(self._engine) as session:
            return session.get(ChainRow, 1)

    def _remember(self, genesis_hash: str) -> ChainRow:
        row = ChainRow(chain_id=self._chain_id, genesis_hash=genesis_hash, first_seen=int(time.time()))
        try:
            with writing(self._engine) as session:
                session.add(row)
            return row
        except IntegrityError:  # another process met the chain at the same time
            found = self._load()
            if found is None:
                raise
            return found
