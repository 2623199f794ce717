"""What tests of the engine share: the real contracts on any node, parties with keys, and acts to send.

The acts are the registry's own; here they are only something real to carry.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from chain.client import Chain
from chain.contracts import Artifact, encode_batch
from chain.db import open_engine, reading, writing
from chain.deploy import Step, deploy
from chain.embedded import EmbeddedNode
from chain.indexer import Indexer
from chain.intents import DETAIL, FLAG, Act, ActField, ActType, Address, Bits, Domain, Signature, keccak
from chain.node import Call, Node, NodeRefusedError
from chain.outbox import by_digest, enqueue
from chain.relayer import Relayer
from chain.signers import KeySigner, Transaction, sign_transaction
from chain.tables import OutboxRow, TransactionRow, create_tables

CHAIN_ID = 20777
# Anvil's first well-known accounts; the embedded node asks no money of anyone.
SETUP = KeySigner(bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"))
RELAYER = KeySigner(bytes.fromhex("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"))
SECOND_RELAYER = KeySigner(bytes.fromhex("5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"))
STRANGER = KeySigner(bytes.fromhex("7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6"))
ADMINISTRATOR = KeySigner(keccak(b"administrator"))

ADMIT = ActType(
    "Admit",
    1,
    ("profile", "bytes32"),
    (
        ActField("rulebook", "bytes32", DETAIL),
        ActField("key", "address", Bits(0, 160)),
        ActField("custodial", "bool", FLAG),
    ),
)
GRANT_ROLE = ActType(
    "GrantRole",
    2,
    ("party", "uint32"),
    (
        ActField("role", "uint8", Bits(0, 8)),
        ActField("from", "uint48", Bits(8, 48)),
        ActField("until", "uint48", Bits(56, 48)),
    ),
)
SUSPEND = ActType("Suspend", 4, ("party", "uint32"), (ActField("reason", "bytes32", DETAIL),))
ISSUE = ActType(
    "Issue",
    1,
    ("bill", "bytes32"),
    (
        ActField("note", "bytes32", DETAIL),
        ActField("holder", "uint32", Bits(0, 32)),
        ActField("toOrder", "bool", Bits(32, 1)),
    ),
)
TRANSFER = ActType("Transfer", 2, ("bill", "bytes32"), (ActField("to", "uint32", Bits(0, 32)),))
VOID = ActType("Void", 12, ("bill", "bytes32"), (ActField("reason", "bytes32", DETAIL),))

PLAN = (
    Step("Parties", lambda made: (ADMINISTRATOR.address,)),
    Step("RailBills", lambda made: (made["Parties"],), {"parties": "Parties"}),
)
CARRIER, HOLDER = KeySigner(keccak(b"carrier")), KeySigner(keccak(b"holder"))
CARRIER_PARTY, HOLDER_PARTY = 1, 2
FAR = 1 << 40
"""A deadline that never passes."""


class SwitchedNode:
    """A real node behind a switch: another one can be put in its place, and calls can be made to fail.

    :ivar node: what answers
    :ivar fail: per method, an error to raise instead of asking
    :ivar fail_after: per method, an error to raise after the node did what was asked: the answer is lost
    :ivar override: per method, an answer given instead of the node's
    :ivar before: called with the method before each call
    :ivar swallow: raw transactions are answered and kept here instead of being passed on
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.fail: dict[str, Exception] = {}
        self.fail_after: dict[str, Exception] = {}
        self.swallow: list[bytes] | None = None
        self.calls: list[str] = []
        self.override: dict[str, object] = {}
        self.before: Callable[[str], None] = lambda method: None

    def rpc(self, method: str, params: Sequence[object]) -> object:
        answer = self.batch([(method, params)])[0]
        if isinstance(answer, NodeRefusedError):
            raise answer
        return answer

    def batch(self, calls: Sequence[Call]) -> list[object]:
        methods = [method for method, _ in calls]
        self.calls += methods
        for method in methods:
            self.before(method)
            if method in self.fail:
                raise self.fail[method]
        if self.swallow is not None and "eth_sendRawTransaction" in methods:
            raws = [bytes.fromhex(params[0][2:]) for _, params in calls]
            self.swallow += raws
            answers: list[object] = ["0x" + keccak(raw).hex() for raw in raws]
        else:
            answers = self.node.batch(calls)
        for method in methods:
            if method in self.fail_after:
                raise self.fail_after[method]
        return [self.override.get(m, answer) for m, answer in zip(methods, answers, strict=True)]

    def close(self) -> None:
        self.node.close()


class Registry:
    """The contracts on a chain with two parties: a carrier (1) and a holder (2).

    :param record: where the deployment is remembered
    """

    def __init__(self, node: Node, record: Path, *, chain_id: int = CHAIN_ID) -> None:
        self.chain = Chain(node)
        self.chain_id = chain_id
        self.deployment = deploy(self.chain, SETUP, PLAN, record)
        self.parties = self.deployment.contracts["Parties"]
        self.bills = self.deployment.contracts["RailBills"]
        self.artifacts: dict[Address, Artifact] = {
            self.parties: Artifact.load("Parties"),
            self.bills: Artifact.load("RailBills"),
        }
        self.domain = Domain("Landbridge RailBills", "1", chain_id, self.bills)
        self.parties_domain = Domain("Landbridge Parties", "1", chain_id, self.parties)
        if self.read(self.parties, "partyCount") == 0:
            self._admit()

    def read(self, contract: Address, function: str, *arguments: object) -> object:
        """Ask a contract."""
        artifact = self.artifacts[contract]
        return artifact.decode(function, self.chain.call(contract, artifact.encode(function, *arguments)))

    def sequence(self, bill: bytes) -> int:
        """How many acts a bill has seen."""
        found = self.read(self.bills, "bill", bill)
        assert isinstance(found, dict)
        return int(found["sequence"])

    def send(self, signer: KeySigner, to: Address, data: bytes, **changes: int) -> str:
        """One transaction past the code under test."""
        fields: Transaction = {
            "to": to,
            "value": 0,
            "data": data,
            "gas": 8_000_000,
            "gasPrice": self.chain.gas_price() * 2,
            "nonce": self.chain.nonce(signer.address),
            "chainId": self.chain_id,
        }
        return self.chain.send_raw(sign_transaction(signer, fields | changes)[0])  # type: ignore[arg-type]

    def submit(self, *acts: tuple[Act, Sequence[KeySigner]]) -> str:
        """Somebody else's transaction that executes acts on bills."""
        data = encode_batch(
            self.artifacts[self.bills], [self._signed(act, self.domain, s) for act, s in acts]
        )
        return self.send(STRANGER, self.bills, data)

    def enqueue(self, engine: object, *acts: tuple[Act, Sequence[KeySigner]]) -> list[OutboxRow]:
        """Put acts on bills into the outbox, in one transaction."""
        with writing(engine) as session:  # type: ignore[arg-type]
            return [
                enqueue(
                    session,
                    act,
                    self.domain,
                    [s.sign(act.digest(self.domain)) for s in signers],
                    now=int(time.time()),
                )
                for act, signers in acts
            ]

    def suspend(self, session: Session) -> OutboxRow:
        """Enqueue an act on the other contract: the administrator suspends the holder."""
        subject, values = HOLDER_PARTY.to_bytes(32, "big"), {"reason": keccak(b"reason")}
        act = Act(SUSPEND, subject, 3, FAR, values)
        signature = ADMINISTRATOR.sign(act.digest(self.parties_domain))
        return enqueue(session, act, self.parties_domain, [signature], now=int(time.time()), lane=b"office")

    def _signed(
        self, act: Act, domain: Domain, signers: Sequence[KeySigner]
    ) -> tuple[tuple[bytes, int, bytes, bytes, bytes], list[Signature]]:
        first, *further = (signer.sign(act.digest(domain)) for signer in signers)
        return act.wire(first, cosigners=len(further)), further

    def _admit(self) -> None:
        acts: list[tuple[Act, list[KeySigner]]] = []
        for number, key in ((CARRIER_PARTY, CARRIER), (HOLDER_PARTY, HOLDER)):
            values = {"rulebook": keccak(b"rules"), "key": key.address, "custodial": False}
            act = Act(ADMIT, keccak(b"profile" + bytes([number])), len(acts), FAR, values)
            acts.append((act, [ADMINISTRATOR, key]))
        values = {"role": 1, "from": 0, "until": 0}
        acts.append((Act(GRANT_ROLE, CARRIER_PARTY.to_bytes(32, "big"), 2, FAR, values), [ADMINISTRATOR]))
        data = encode_batch(
            self.artifacts[self.parties], [self._signed(act, self.parties_domain, s) for act, s in acts]
        )
        self.send(SETUP, self.parties, data)


def bill(number: int) -> bytes:
    """A bill's name."""
    return keccak(b"bill" + number.to_bytes(8, "big"))


def issue(number: int, *, deadline: int = FAR) -> tuple[Act, list[KeySigner]]:
    """Issue a bill to the holder."""
    values = {"note": keccak(b"note" + number.to_bytes(8, "big")), "holder": HOLDER_PARTY, "toOrder": True}
    return Act(ISSUE, bill(number), 0, deadline, values), [CARRIER]


def transfer(number: int, sequence: int, *, deadline: int = FAR) -> tuple[Act, list[KeySigner]]:
    """Move a bill to and fro: odd sequences are the holder's, even ones the carrier's."""
    to, by = (CARRIER_PARTY, HOLDER) if sequence % 2 else (HOLDER_PARTY, CARRIER)
    return Act(TRANSFER, bill(number), sequence, deadline, {"to": to}), [by]


def void(number: int, sequence: int) -> tuple[Act, list[KeySigner]]:
    """The holder voids a bill; the issuer cosigns."""
    return Act(VOID, bill(number), sequence, FAR, {"reason": keccak(b"reason")}), [HOLDER, CARRIER]


def history(number: int, length: int) -> list[tuple[Act, list[KeySigner]]]:
    """A bill's first acts."""
    return [issue(number), *(transfer(number, sequence) for sequence in range(1, length))]


RICH = KeySigner(keccak(b"rich"))
RICH_IN_WEI = 10**18


@dataclass
class Bench:
    """A registry on an embedded node, a database, and relayers and indexers made on them.

    :ivar now: what the relayers take for the time
    """

    folder: Path
    now: float = 1000.0
    switched: SwitchedNode = field(init=False)
    registry: Registry = field(init=False)
    engine: Engine = field(init=False)

    def __post_init__(self) -> None:
        self.switched = SwitchedNode(
            EmbeddedNode(self.folder / "chain.db", CHAIN_ID, alloc={RICH.address: RICH_IN_WEI})
        )
        self.registry = Registry(self.switched, self.folder / "deployment.json")
        self.engine = open_engine(f"sqlite:///{self.folder / 'tables.db'}")
        create_tables(self.engine)

    def relayer(self, signer: KeySigner = RELAYER, **options: object) -> Relayer:
        given: dict[str, object] = {"chain_id": CHAIN_ID, "artifacts": self.registry.artifacts}
        given |= {"clock": lambda: self.now} | options
        return Relayer(self.engine, self.switched, signer, **given)  # type: ignore[arg-type]

    def indexer(self, **options: object) -> Indexer:
        given: dict[str, object] = {"chain_id": CHAIN_ID, "artifacts": self.registry.artifacts}
        return Indexer(self.engine, self.switched, **(given | options))  # type: ignore[arg-type]

    def enqueue(self, *acts: object) -> list[OutboxRow]:
        return self.registry.enqueue(self.engine, *acts)  # type: ignore[arg-type]

    def row(self, row: OutboxRow) -> OutboxRow:
        with reading(self.engine) as session:
            found = by_digest(session, row.digest)
        assert found is not None
        return found

    def statuses(self, rows: list[OutboxRow]) -> list[str]:
        return [self.row(row).status for row in rows]

    def transactions(self, **wanted: object) -> list[TransactionRow]:
        with reading(self.engine) as session:
            statement = select(TransactionRow).filter_by(**wanted).order_by(col(TransactionRow.id))
            return list(session.exec(statement))

    def mine(self, blocks: int = 1) -> None:
        for _ in range(blocks):
            self.registry.send(SETUP, SETUP.address, b"")

    def fund(self, sender: KeySigner) -> None:
        """Give a sender money, so that a price can be paid."""
        price = self.switched.override.pop("eth_gasPrice", None)
        self.registry.send(RICH, sender.address, b"", value=10**17)
        if price:
            self.switched.override["eth_gasPrice"] = price

    def snapshot(self, name: str) -> Callable[[], None]:
        """Remember the chain as it is; what is given puts it back, which is a reorganisation."""
        node = self.switched.node
        node.close()
        copy = self.folder / name
        copy.write_bytes((self.folder / "chain.db").read_bytes())
        self.switched.node = EmbeddedNode(self.folder / "chain.db", CHAIN_ID)

        def restore() -> None:
            self.switched.node.close()
            for suffix in ("", "-wal", "-shm"):
                (self.folder / f"chain.db{suffix}").unlink(missing_ok=True)
            (self.folder / "chain.db").write_bytes(copy.read_bytes())
            self.switched.node = EmbeddedNode(self.folder / "chain.db", CHAIN_ID)

        return restore

    def check_nonces(self, sender: KeySigner = RELAYER) -> None:
        """Nonces are without gap, and the chain has used just those."""
        nonces = [row.nonce for row in self.transactions(sender=sender.address)]
        assert sorted(nonces) == list(range(len(nonces)))
        assert self.registry.chain.nonce(sender.address) == len(nonces)


def settle(worker: Relayer | Indexer) -> None:
    """Steps until there is nothing more to do at once."""
    for _ in range(50):
        if not worker.tick():
            return
    raise AssertionError("it finds no end")


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)
