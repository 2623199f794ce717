"""Deploying contracts once, whatever happens on the way, and recognising a deployment.

A plan names contracts in order; a later one may need the addresses of earlier ones. Each creation is signed
and written to the record before it is sent, so a deployment that was killed goes on where it was: no
contract is made twice.

>>> plan = (Step("Members", lambda made: (owner,)),                                 # doctest: +SKIP
...         Step("Votes", lambda made: (made["Members"],), {"members": "Members"}))
>>> deployment = deploy(Chain(node), signer, plan, Path("deployment.json"))         # doctest: +SKIP
>>> verify_deployment(Chain(node), deployment, plan)                                # doctest: +SKIP
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import rlp

from chain.client import Chain, Receipt
from chain.contracts import Artifact
from chain.errors import LandbridgeError
from chain.identity import ChainChangedError, ContractMissingError
from chain.intents import Address, keccak
from chain.node import NodeRefusedError, WrongChainError
from chain.signers import Signer, Transaction, sign_transaction

__all__ = [
    "DeployError",
    "Deployment",
    "OtherContractError",
    "Step",
    "deploy",
    "load_deployment",
    "verify_code",
    "verify_deployment",
    "verify_published",
]

_VERSION = 1


class DeployError(LandbridgeError):
    """A deployment that cannot go on: a damaged record, a creation that failed or was not mined in time."""

    code: ClassVar[str] = "deploy"


class OtherContractError(LandbridgeError):
    """At an address stands not the contract expected: another registry, another version, or nothing."""

    code: ClassVar[str] = "contract-other"


@dataclass(frozen=True, slots=True)
class Step:
    """A contract of a plan.

    :param name: its artefact's name; each once in a plan
    :param arguments: the constructor's, from the addresses made so far by name
    :param links: functions without parameters that must answer the address of another contract of the plan
    """

    name: str
    arguments: Callable[[Mapping[str, Address]], Sequence[Any]] = lambda made: ()
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deployment:
    """Contracts that stand on a chain.

    :ivar contracts: addresses by name
    :ivar block: the block of the first one; none of their events is older
    :ivar creations: the transactions that made them, by name, where they are known
    """

    chain_id: int
    genesis_hash: str
    contracts: Mapping[str, Address]
    block: int
    creations: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Creation:
    """A creation as recorded before it was sent."""

    name: str
    nonce: int
    raw: str
    hash: str
    address: str
    block: int | None = None


def deploy(
    chain: Chain, signer: Signer, plan: Sequence[Step], record: Path, *, timeout: float = 60.0
) -> Deployment:
    """Make the contracts of a plan, or go on making them, or find them made.

    :param signer: the creator's key; it has no further say in the contracts
    :param record: a JSON file that is this deployment's memory
    :param timeout: seconds to wait for each creation to be mined
    :raises WrongChainError: the record is of a chain with another id
    :raises ChainChangedError: the record is of a chain with another first block
    :raises ContractMissingError: the chain has lost a contract that was made on it
    :raises DeployError: the record is damaged, a creation failed, or was not mined in time
    :raises NodeError: the node cannot be asked, or refused
    """
    genesis = chain.block(0)
    if genesis is None:
        raise NodeRefusedError("no blocks")
    memory = _Memory(record, chain.chain_id(), genesis.hash)
    made: dict[str, Address] = {}
    for step in plan:
        made[step.name] = _make(chain, signer, step, made, memory, timeout)
    return memory.deployment()


def load_deployment(record: Path) -> Deployment | None:
    """The deployment of a record; ``None`` while there is none, or it is not finished.

    :raises DeployError: the record is damaged
    """
    content = _read(record)
    if content is None:
        return None
    memory = _Memory(record, content["chain_id"], content["genesis_hash"])
    return memory.deployment() if memory.creations and memory.is_finished else None


def verify_deployment(chain: Chain, deployment: Deployment, plan: Sequence[Step]) -> None:
    """Check that the contracts of a plan, and no others, stand where a deployment says.

    The code must be the shipped one, but for the words that a constructor sets once (``immutable``), and,
    where the creation is known, so must be the code that created it, with the plan's arguments: other
    creation code could leave the same contract behind with keys already in its storage. The plan's links
    show that the contracts point to one another.

    :raises WrongChainError: a chain with another id
    :raises ChainChangedError: a chain with another first block
    :raises OtherContractError: something else, or nothing, stands there
    """
    found = chain.chain_id()
    if found != deployment.chain_id:
        raise WrongChainError(expected=deployment.chain_id, found=found)
    genesis = chain.block(0)
    if genesis is None or genesis.hash != deployment.genesis_hash:
        raise _changed(deployment.genesis_hash, genesis.hash if genesis else "")
    for step in plan:
        address = deployment.contracts.get(step.name)
        if address is None:
            raise _other(step.name, address)
        verify_code(chain, step.name, address)
        if step.name in deployment.creations:
            _check_creation(chain, deployment, step)
    for step in plan:
        artifact, address = Artifact.load(step.name), deployment.contracts[step.name]
        for function, target in step.links.items():
            answer = artifact.decode(function, chain.call(address, artifact.encode(function)))
            if answer != deployment.contracts[target]:
                raise _other(step.name, address)


def verify_code(chain: Chain, name: str, address: Address) -> None:
    """Check that the shipped contract of this name stands at an address, but for what its constructor set.

    :raises OtherContractError: something else, or nothing, stands there
    """
    verify_published(name, address, chain.code(address))


def verify_published(name: str, address: Address, code: bytes) -> None:
    """Check that code is that of the shipped contract of this name, but for what its constructor set.

    :raises OtherContractError: it is another's, or none
    """
    if not _is_same_code(Artifact.load(name).deployed_bytecode, code):
        raise _other(name, address)


def _check_creation(chain: Chain, deployment: Deployment, step: Step) -> None:
    address, hash_ = deployment.contracts[step.name], deployment.creations[step.name]
    creation, receipt = chain.transaction(hash_), chain.receipt(hash_)
    code = Artifact.load(step.name).creation(*step.arguments(deployment.contracts))
    if creation is None or creation.data != code or receipt is None or receipt.contract != address:
        raise _other(step.name, address)


def _make(
    chain: Chain,
    signer: Signer,
    step: Step,
    made: Mapping[str, Address],
    memory: _Memory,
    timeout: float,
) -> Address:
    creation = memory.creations.get(step.name)
    deadline = time.monotonic() + timeout
    if creation is not None and creation.block is not None and chain.receipt(creation.hash) is None:
        # It stood there once. Making it anew would give an emptied registry the old one's address.
        raise ContractMissingError(
            "the chain has lost a contract that was made on it: wiped, or not synced that far",
            params={"contract": creation.address},
        )
    while True:
        if creation is None or _is_lost(chain, signer, creation):
            creation = _sign(chain, signer, step, made)
            memory.keep(creation)
        receipt = chain.receipt(creation.hash)
        if receipt is not None:
            return _finish(memory, creation, receipt)
        try:
            chain.send_raw(bytes.fromhex(creation.raw))
        except NodeRefusedError as error:
            if error.reason not in ("already-known", "nonce-too-low"):
                raise
        if time.monotonic() > deadline:
            raise DeployError("a contract's creation was not mined in time", params={"contract": step.name})
        if chain.receipt(creation.hash) is None:
            time.sleep(0.1)


def _is_lost(chain: Chain, signer: Signer, creation: _Creation) -> bool:
    """Whether another transaction took the creation's nonce."""
    # The nonce is read first: if it was used, whatever used it has its receipt by then.
    return chain.nonce(signer.address) > creation.nonce and chain.receipt(creation.hash) is None


def _sign(chain: Chain, signer: Signer, step: Step, made: Mapping[str, Address]) -> _Creation:
    code = Artifact.load(step.name).creation(*step.arguments(made))
    nonce = chain.nonce(signer.address)
    unsigned = Transaction(
        to=None,
        value=0,
        data=code,
        gas=chain.estimate_gas(None, code, sender=signer.address) * 6 // 5,
        gasPrice=chain.gas_price() * 5 // 4,
        nonce=nonce,
        chainId=chain.chain_id(),
    )
    raw, hash_ = sign_transaction(signer, unsigned)
    address = "0x" + keccak(rlp.encode([bytes.fromhex(signer.address[2:]), nonce]))[12:].hex()
    return _Creation(step.name, nonce, raw.hex(), hash_, address)


def _finish(memory: _Memory, creation: _Creation, receipt: Receipt) -> Address:
    if not receipt.succeeded:
        memory.forget(creation)
        raise DeployError("a contract's creation failed on the chain", params={"contract": creation.name})
    if creation.block != receipt.block_number:
        creation.block = receipt.block_number
        memory.keep(creation)
    return Address(creation.address)


class _Memory:
    """The record of a deployment, on disk before anything depends on it."""

    def __init__(self, path: Path, chain_id: int, genesis_hash: str) -> None:
        self._path = path
        self.creations: dict[str, _Creation] = {}
        self._chain_id, self._genesis_hash = chain_id, genesis_hash
        content = _read(path)
        if content is None:
            return
        if content["chain_id"] != chain_id:
            raise WrongChainError(expected=content["chain_id"], found=chain_id)
        if content["genesis_hash"] != genesis_hash:
            raise _changed(content["genesis_hash"], genesis_hash)
        self.creations = {item["name"]: _Creation(**item) for item in content["creations"]}

    @property
    def is_finished(self) -> bool:
        return all(creation.block is not None for creation in self.creations.values())

    def keep(self, creation: _Creation) -> None:
        self.creations[creation.name] = creation
        self._write()

    def forget(self, creation: _Creation) -> None:
        del self.creations[creation.name]
        self._write()

    def deployment(self) -> Deployment:
        blocks = [c.block for c in self.creations.values() if c.block is not None]
        contracts = {name: Address(c.address) for name, c in self.creations.items()}
        creations = {name: c.hash for name, c in self.creations.items()}
        return Deployment(self._chain_id, self._genesis_hash, contracts, min(blocks), creations)

    def _write(self) -> None:
        content = {
            "version": _VERSION,
            "chain_id": self._chain_id,
            "genesis_hash": self._genesis_hash,
            "creations": [asdict(creation) for creation in self.creations.values()],
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_name(self._path.name + ".new")
        with temporary.open("w") as file:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text())
        if content["version"] != _VERSION:
            raise ValueError(content["version"])
        [_Creation(**item) for item in content["creations"]]
        if not isinstance(content["chain_id"], int) or not isinstance(content["genesis_hash"], str):
            raise TypeError("chain")
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise DeployError("the record of the deployment is damaged", params={"file": path.name}) from error
    return dict(content)


_PUSH1, _PUSH32 = 0x60, 0x7F


def _is_same_code(shipped: bytes, found: bytes) -> bool:
    """Whether code is the shipped one but for its immutables, which are PUSH32 of zero in what is shipped."""
    if not shipped or len(found) != len(shipped):
        return False
    place, kept = 0, bytearray(found)
    while place < len(shipped):
        operation = shipped[place]
        width = operation - _PUSH1 + 1 if _PUSH1 <= operation <= _PUSH32 else 0
        if operation == _PUSH32 and not any(shipped[place + 1 : place + 33]):
            kept[place + 1 : place + 33] = bytes(32)
        place += 1 + width
    return bytes(kept) == shipped


def _changed(expected: str, found: str) -> ChainChangedError:
    return ChainChangedError(
        "the chain begins with another block than the one of this deployment",
        params={"expected": expected, "found": found},
    )


def _other(name: str, address: str | None) -> OtherContractError:
    return OtherContractError(
        f"what stands at the address is not {name}", params={"contract": name, "address": address or ""}
    )
