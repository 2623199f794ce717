"""The running parts of a gateway, put together once: chain, database, blobs, keys, relayer, indexer, rooms.

Opening a house finds or makes everything it needs and can be repeated after a crash at any instant: the same
chain head, the same contracts, the same keys.

>>> with House.open(Settings(), ROOMS) as house:  # doctest: +SKIP
...     house.chain.block_number()
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from sqlalchemy import Engine
from sqlmodel import Session, SQLModel

from api.kernel.approval.signing import Signatory
from api.kernel.bundle_form import ValidatorsPart, read_validators
from api.kernel.changes import Changes
from api.kernel.keyring import KeyRing
from api.kernel.logbook import Logbook
from api.kernel.room import ContractReader, Refusal, Room
from api.kernel.scrub.worker import Scrubber
from api.kernel.tables import PartyRow, ProfileRow, RegistryRow
from api.kernel.webhooks.service import Webhooks
from api.settings import Settings, SettingsError
from chain.client import Block, BlockAt, Chain
from chain.contracts import Artifact
from chain.db import open_engine, reading, writing
from chain.deploy import Deployment, OtherContractError, Step, deploy, load_deployment, verify_deployment
from chain.digests import Seed, document_digest
from chain.errors import LandbridgeError
from chain.identity import ChainChangedError
from chain.indexer import Indexer
from chain.intents import ActType, Address, Domain, act_from_wire, recover
from chain.node import Node, NodeDownError, NodeHungError, NodeRefusedError, open_node
from chain.outbox import wire_of
from chain.relayer import Relayer
from chain.signers import Keystore, Signer
from chain.tables import OutboxRow
from vault.blobs import BlobStore
from vault.keys import PrivateKey, PublicKey, key_id
from vault.keystore import KeyMissingError
from vault.keystore import Keystore as ReaderKeystore

__all__ = ["INTENT_REFUSALS", "House"]

INTENT_REFUSALS = MappingProxyType(
    {
        "Intents_DeadlinePassed": Refusal("intent-expired", "the act's deadline has passed"),
        "Intents_BadSignature": Refusal("signature-malformed", "the signature is malformed"),
        "Intents_UnknownKind": Refusal("unknown-act", "the contract knows no such act"),
        "Intents_CosignersMismatch": Refusal(
            "cosigners-mismatch", "the act needs another number of signatures"
        ),
        "Intents_UnusedBits": Refusal("intent-malformed", "the act has bits set that its kind does not use"),
    }
)
_LOG = "AnchorLog"
_OTHER = Refusal("refused-by-chain", "the contract refused the act")


class RegistryChangedError(LandbridgeError):
    """The database was filled from another registry than the one at hand."""

    code: ClassVar[str] = "registry-changed"


class ProfileAlteredError(LandbridgeError):
    """A party's profile that was changed in the database."""

    code: ClassVar[str] = "profile-altered"


class House:
    """A gateway's parts. Made by :meth:`open`."""

    def __init__(
        self,
        settings: Settings,
        rooms: Sequence[Room],
        *,
        engine: Engine,
        node: Node,
        blobs: BlobStore,
        keystore: Keystore,
        readers: ReaderKeystore,
    ) -> None:
        self.settings = settings
        self.rooms = MappingProxyType({room.name: room for room in rooms})
        self.engine = engine
        self.chain = Chain(node)
        self.chain_id = settings.chain_id
        self.validators = _validators(settings.validators_file)
        self.blobs = blobs
        self.keystore = keystore
        self._readers = readers
        self._open_readers: dict[PublicKey, PrivateKey] = {}
        self._unlocking = threading.Lock()
        self.changes = Changes()
        tag_key = settings.secret("tag_key").encode()
        self.answers_key = hmac.new(tag_key, b"landbridge/answers/1", hashlib.sha256).digest()
        self.persons_key = hmac.new(tag_key, b"landbridge/persons/1", hashlib.sha256).digest()
        webhooks_key = hmac.new(tag_key, b"landbridge/webhooks/1", hashlib.sha256).digest()
        accounts = _Accounts(settings.data_dir / "keys" / "accounts.json", keystore)
        self.administrator: Signer = accounts.signer("administrator")
        self.relayer_signer: Signer = accounts.signer("relayer")
        self.log_signer: Signer = accounts.signer("log")
        self._plan = [_step(room, self.administrator.address) for room in rooms]
        self._plan.append(Step(_LOG, lambda made: (self.log_signer.address,)))
        record = settings.data_dir / f"deployment-{self.chain_id}.json"
        self._check_registry(load_deployment(record))
        self.deployment = self._deployed(record)
        self._check_registry(self.deployment)
        artifacts = {self.address(room): self.artifact(room) for room in rooms}
        log_address = self.deployment.contracts[_LOG]
        self.logbook = Logbook(
            engine,
            node,
            self.log_signer,
            log_address,
            chain_id=self.chain_id,
            domains=[(room, self.domain(room)) for room in rooms],
            confirmations=settings.confirmations,
            window=settings.log_window,
            changed=self._relayed,
        )
        self.webhooks = Webhooks(
            engine,
            {self.address(room): (room, self.domain(room)) for room in rooms},
            settings,
            key=webhooks_key,
        )
        self.indexer = Indexer(
            engine,
            node,
            chain_id=self.chain_id,
            artifacts=artifacts | {log_address: Artifact.load(_LOG)},
            projectors=[
                *(room.projector() for room in rooms),
                self.logbook.projector,
                self.webhooks.recorder,
            ],
            first_block=self.deployment.block,
            changed=self._indexed,
        )
        self.scrubber = Scrubber(
            engine,
            blobs,
            interval=settings.scrub_interval,
            bytes_a_second=settings.scrub_bytes,
            items=settings.scrub_items,
        )
        self.relayer = Relayer(
            engine,
            node,
            self.relayer_signer,
            chain_id=self.chain_id,
            artifacts=artifacts,
            confirmations=settings.confirmations,
            already_done=self._took_effect,
            changed=self._relayed,
        )
        self.keys = KeyRing.open(settings, keystore)
        self.signatory = Signatory(self)

    @classmethod
    @contextmanager
    def open(cls, settings: Settings, rooms: Sequence[Room]) -> Iterator[House]:
        """Open everything, start the workers; on the way out stop and close in the other order.

        :raises LandbridgeError: a part cannot be opened; its code names which and why
        """
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with ExitStack() as stack:
            node = open_node(
                f"embedded:{settings.data_dir / 'chain.db'}" if settings.embedded else settings.node,
                chain_id=settings.chain_id,
                timeout=settings.node_timeout,
            )
            stack.callback(node.close)
            engine = open_engine(settings.database_url)
            stack.callback(engine.dispose)
            _make_tables(engine)
            password = settings.secret("keystore_password")
            settings.secret("tag_key")
            house = cls(
                settings,
                rooms,
                engine=engine,
                node=node,
                blobs=BlobStore.open(settings.blobs_url),
                keystore=Keystore(settings.data_dir / "keys", password),
                readers=ReaderKeystore(settings.data_dir / "readers"),
            )
            house.logbook.look()
            stack.callback(house.keys.close)
            workers = (*house.logbook.workers, house.scrubber, house.webhooks.sender)
            for worker in (house.indexer, house.relayer, *workers):
                worker.start()
                stack.callback(worker.stop)
            house.signatory.start()
            stack.callback(house.signatory.stop)
            yield house

    def _deployed(self, record: Path) -> Deployment:
        try:
            return deploy(self.chain, self.relayer_signer, self._plan, record)
        except (NodeDownError, NodeHungError):
            # A node that is away only delays: whoever uses the chain looks first whose it is.
            known = load_deployment(record)
            if known is None or any(step.name not in known.contracts for step in self._plan):
                raise
            return known

    def _check_registry(self, deployment: Deployment | None) -> None:
        """The database belongs to one registry: its events must never mix with another's."""
        with writing(self.engine) as session:
            known = session.get(RegistryRow, 1)
            contracts = None if deployment is None else json.dumps(dict(deployment.contracts), sort_keys=True)
            if known is None:
                if contracts is not None:
                    session.add(RegistryRow(id=1, contracts=contracts))
            elif contracts is None or not _is_part(known.contracts, contracts):
                raise RegistryChangedError(
                    "this database belongs to another registry: give the data folder that goes with it"
                )
            elif known.contracts != contracts:  # a newer version brought a contract
                known.contracts = contracts
                session.add(known)

    def _took_effect(self, row: OutboxRow) -> bool:
        """Whether a refused act took effect because somebody else sent it."""
        room = self.room_at(row.contract)
        act, signature, _ = act_from_wire(room.acts, wire_of(row))
        signer = recover(act.digest(self.domain(room)), signature)
        if room.took_effect is None or row.block_number is None:
            return False
        self.indexer.wake()
        self.indexer.wait_for(row.block_number, timeout=5)
        with reading(self.engine) as session:
            return room.took_effect(session, act, signer)

    def _relayed(self) -> None:
        self.indexer.wake()
        self.changes.notify()

    def _indexed(self) -> None:
        self.logbook.wake_scribe()
        self.webhooks.sender.wake()
        self.changes.notify()

    @property
    def registry(self) -> str:
        """The address by which this registry is named in sealed documents."""
        return self.deployment.contracts["Parties"]

    def address(self, room: Room) -> Address:
        """Where the room's contract lives."""
        return self.deployment.contracts[room.contract]

    def artifact(self, room: Room) -> Artifact:
        """The room's compiled contract."""
        return room.artifact

    def domain(self, room: Room) -> Domain:
        """The EIP-712 domain under which the room's acts are signed."""
        return Domain(room.domain_name, "1", self.chain_id, self.address(room))

    def room_at(self, address: str) -> Room:
        """The room whose contract has this address."""
        return next(room for room in self.rooms.values() if self.address(room) == address)

    def reader(self, room: Room, at: BlockAt = "latest") -> ContractReader:
        """Reads the room's contract as it stands at a block.

        :param at: its number; a node that keeps no past answers for its head
        """
        artifact, address = self.artifact(room), self.address(room)

        def read(function: str, *arguments: Any) -> Any:
            answer = self.chain.call(address, artifact.encode(function, *arguments), at)
            return artifact.decode(function, answer)

        return read

    def head(self) -> Block:
        """The chain's newest block.

        :raises NodeRefusedError: the node has none
        """
        head = self.chain.block("latest")
        if head is None:
            raise NodeRefusedError("no newest block")
        return head

    def sequence(self, room: Room, shape: ActType, subject: bytes) -> int:
        """The sequence that the chain expects of the next act."""
        return room.sequence(self.reader(room), shape.name, subject)

    def refusal(self, room: Room, name: str) -> Refusal:
        """How a contract's error is told."""
        return room.refusals.get(name) or INTENT_REFUSALS.get(name) or _OTHER

    def registry_fault(self) -> str | None:
        """What is wrong with the registry's contracts; nothing if they are the published ones.

        :raises NodeError: the chain cannot be asked
        """
        try:
            verify_deployment(self.chain, self.deployment, self._plan)
        except (OtherContractError, ChainChangedError) as error:
            return error.sentence
        return None

    def new_entrusted_reader(self) -> PublicKey:
        """Make a reader key for a party that entrusts it to this gateway."""
        key = PrivateKey.generate()
        self._readers.add(key, self.settings.secret("keystore_password"))
        self._open_readers[key.public] = key
        return key.public

    def entrusted_reader(self, public: PublicKey) -> PrivateKey | None:
        """The private half of a reader key, if it was entrusted to this gateway."""
        if public not in self._open_readers:  # unlocking costs 64 MiB and a moment, by design
            with self._unlocking:
                if public not in self._open_readers:
                    try:
                        key = self._readers.open(key_id(public), self.settings.secret("keystore_password"))
                    except KeyMissingError:
                        return None
                    self._open_readers[public] = key
        return self._open_readers[public]

    def party_label(self, session: Session, number: int) -> str:
        """What a party is called here, with its number; the number alone where no name is known."""
        profile = self.profile(session, number)
        return f"{profile.name} ({number})" if profile else f"party {number}"

    def profile(self, session: Session, number: int) -> ProfileRow | None:
        """What a party said of itself, as the chain knows it.

        :raises ProfileAlteredError: what is kept here is not what the party was admitted with
        """
        row = session.get(PartyRow, number)
        profile = session.get(ProfileRow, row.profile) if row else None
        if profile is None:
            return None
        # Names and reader keys are believed no more than the digest on the chain: whoever changes a row here
        # would otherwise be sent what is sealed for the party.
        known = self.reader(self.rooms["parties"])("party", number)["profile"]
        if document_digest(profile.content(), Seed(bytes.fromhex(profile.seed))) != known:
            raise ProfileAlteredError("a party's profile here is not the one it was admitted with")
        return profile


def _validators(path: Path | None) -> list[ValidatorsPart]:
    """Who validates the chain, as the operator says it; nobody where it is not said."""
    if path is None:
        return []
    try:
        return read_validators(path.read_bytes())
    except OSError as error:
        raise SettingsError("the file named by LANDBRIDGE_VALIDATORS_FILE cannot be read") from error


def _make_tables(engine: Engine) -> None:
    """Make tables and indexes that are missing; a table of an older version lacks the indexes of a newer."""
    SQLModel.metadata.create_all(engine)
    for table in SQLModel.metadata.tables.values():
        for index in table.indexes:
            index.create(engine, checkfirst=True)


def _is_part(known: str, contracts: str) -> bool:
    now: dict[str, str] = json.loads(contracts)
    return all(now.get(name) == address for name, address in json.loads(known).items())


def _step(room: Room, administrator: Address) -> Step:
    return Step(room.contract, lambda made: room.arguments(administrator, made), room.links)


class _Accounts:
    """Which stored key has which duty here."""

    def __init__(self, path: Path, keystore: Keystore) -> None:
        self._path = path
        self._keystore = keystore

    def signer(self, duty: str) -> Signer:
        known: dict[str, str] = json.loads(self._path.read_text()) if self._path.exists() else {}
        if duty in known:
            return self._keystore.signer(Address(known[duty]))
        signer = self._keystore.create()
        temporary = self._path.with_suffix(".new")
        with temporary.open("w") as file:
            json.dump(known | {duty: signer.address}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
        return signer
