"""The anchorer keeps the chain's head at ours, and sends nothing for a log that the chain does not know."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from chain.anchor import Anchorer, AnchorError, Head
from chain.client import Chain
from chain.contracts import Artifact
from chain.db import open_engine, reading, writing
from chain.deploy import Step, deploy
from chain.embedded import EmbeddedNode
from chain.entries import EVIDENCE, evidence_entry
from chain.log import Log, LogAlteredError
from chain.node import NodeDownError
from chain.relayer import SenderWithoutFundsError
from chain.signers import KeySigner, sign_transaction
from chain.tables import create_tables
from tests.chainlab import CHAIN_ID, RELAYER, RICH, RICH_IN_WEI, SETUP, SwitchedNode

WRITER = RELAYER


class Place:
    """A log in a database, the contract on a chain of its own, and anchorers between them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.switched = SwitchedNode(
            EmbeddedNode(folder / "chain.db", CHAIN_ID, alloc={RICH.address: RICH_IN_WEI})
        )
        self.open("log.db")
        self.anchorer = self.make()

    def open(self, name: str) -> None:
        """Take a database."""
        self.path = self.folder / name
        self.engine: Engine = open_engine(f"sqlite:///{self.path}")
        create_tables(self.engine)
        self.log = Log()

    def make(self, signer: KeySigner = WRITER) -> Anchorer:
        plan = [Step("AnchorLog", lambda made: (WRITER.address,))]
        deployment = deploy(Chain(self.switched), SETUP, plan, self.folder / "deployment.json")
        self.address = deployment.contracts["AnchorLog"]
        return Anchorer(
            self.engine,
            self.switched,
            signer,
            chain_id=CHAIN_ID,
            address=self.address,
            newest=self.newest,
            root_at=self.root_at,
        )

    def newest(self) -> Head | None:
        with reading(self.engine) as session:
            head = self.log.newest_head(session)
        return Head(head.size, head.root) if head else None

    def root_at(self, size: int) -> bytes:
        with reading(self.engine) as session:
            return self.log.root(session, size)

    def grow(self, count: int, kind: int = 0) -> None:
        """Add leaves and seal."""
        with writing(self.engine) as session:
            first = self.log.size(session)
            entries = [
                evidence_entry(1, "x", n.to_bytes(32, "big"), bytes([kind]) * 32) for n in range(count)
            ]
            assert self.log.append(session, EVIDENCE, entries) == first
            assert self.log.seal(session, now=1) is not None

    def held(self) -> Head:
        artifact = Artifact.load("AnchorLog")
        size, root, *_ = artifact.decode(
            "head", Chain(self.switched).call(self.address, artifact.encode("head"))
        )
        return Head(size, root)

    def copy(self, name: str) -> None:
        """Keep the database as it is now."""
        self.engine.dispose()
        shutil.copy(self.path, self.folder / name)

    def sends(self, anchorer: Anchorer | None = None) -> int:
        """How many transactions a step sends."""
        self.switched.calls.clear()
        (anchorer or self.anchorer).tick()
        return self.switched.calls.count("eth_sendRawTransaction")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.engine.dispose()
    made.switched.close()


def refuses(place: Place, code: str, anchorer: Anchorer | None = None) -> None:
    """Nothing is sent, and nothing may be added."""
    before, at_work = place.held(), anchorer or place.anchorer
    place.switched.calls.clear()
    for look in (at_work.tick, at_work.look):
        with pytest.raises(AnchorError) as caught:
            look()
        assert caught.value.code == code
    with pytest.raises(AnchorError) as caught:
        at_work.require_agreement()
    assert caught.value.code == code
    assert "eth_sendRawTransaction" not in place.switched.calls
    assert place.held() == before


def test_heads_are_anchored_and_an_idle_log_sends_nothing(place):
    assert place.sends() == 0
    for count in (1, 300, 7):
        place.grow(count)
        assert place.sends() == 1
        assert place.held() == place.newest()
        assert place.sends() == 0
    place.anchorer.require_agreement()


def test_an_old_copy_of_the_database_sends_nothing_and_takes_nothing(place):
    place.grow(10)
    place.sends()
    place.copy("old.db")
    place.open("log.db")
    place.grow(10)
    place.anchorer = place.make()
    place.sends()
    place.open("old.db")
    place.anchorer = place.make()
    place.anchorer.require_agreement()  # it has not looked yet
    refuses(place, "log-head-ahead")
    # A node that is away afterwards does not make it forget.
    place.switched.fail["eth_call"] = NodeDownError("the node cannot be reached")
    with pytest.raises(NodeDownError):
        place.anchorer.tick()
    with pytest.raises(AnchorError):
        place.anchorer.require_agreement()
    del place.switched.fail["eth_call"]
    # The right one put back, it goes on.
    place.open("log.db")
    place.sends()
    place.anchorer.require_agreement()


@pytest.mark.parametrize("more", [10, 11, 300])
def test_an_old_copy_that_grew_beyond_the_chains_head_sends_nothing(place, more):
    """The contract takes any larger head: whoever sends it must know that it goes on from the one there."""
    place.grow(10)
    place.sends()
    place.copy("old.db")
    place.open("log.db")
    place.grow(10)
    place.anchorer = place.make()
    place.sends()
    place.open("old.db")
    place.grow(more, kind=1)
    place.anchorer = place.make()
    refuses(place, "log-head-differs")


def test_another_gateways_head_between_two_looks_is_no_disagreement(place):
    place.grow(5)
    other = place.make()

    def meanwhile(method: str) -> None:
        if method == "eth_call":
            place.switched.before = lambda method: None
            place.grow(5)
            other.tick()

    place.switched.before = meanwhile
    place.anchorer.tick()
    place.anchorer.require_agreement()
    assert place.held() == place.newest() == (10, place.root_at(10))


def _alter(statement: str) -> Callable[[Place], None]:
    def alter(place: Place) -> None:
        with place.engine.begin() as connection:
            assert connection.execute(text(statement)).rowcount == 1

    return alter


@pytest.mark.parametrize(
    "alter",
    [
        _alter("UPDATE log_heads SET root = zeroblob(32) WHERE size = 310"),
        _alter('UPDATE log_tiles SET hashes = zeroblob(8192) WHERE level = 0 AND "index" = 0'),
    ],
)
def test_a_log_altered_here_is_called_just_that_and_goes_on_when_it_is_repaired(place, alter):
    place.grow(10)
    place.sends()
    place.grow(300)
    place.copy("kept.db")
    place.open("log.db")
    place.anchorer = place.make()
    alter(place)
    with pytest.raises(LogAlteredError):
        place.anchorer.tick()
    place.anchorer.require_agreement()  # it can be repaired: what comes is anchored then
    assert place.held().size == 10
    place.open("kept.db")
    place.anchorer = place.make()
    assert place.sends() == 1
    assert place.held() == place.newest()


def test_a_head_altered_where_the_chain_holds_the_same_size(place):
    place.grow(10)
    place.sends()
    _alter("UPDATE log_heads SET root = zeroblob(32)")(place)
    with pytest.raises(LogAlteredError):
        place.anchorer.tick()
    place.anchorer.require_agreement()


def test_a_key_without_money_is_named_and_anchors_once_it_has_some(place):
    place.grow(10)
    place.switched.override["eth_gasPrice"] = hex(10**9)
    for _ in range(3):
        with pytest.raises(SenderWithoutFundsError):
            place.anchorer.tick()
        place.grow(1)
    place.anchorer.require_agreement()
    chain = Chain(place.switched)
    gift = {
        "to": WRITER.address, "value": 10**17, "data": b"", "gas": 21_000,
        "gasPrice": 0, "nonce": chain.nonce(RICH.address), "chainId": CHAIN_ID,
    }  # fmt: skip
    chain.send_raw(sign_transaction(RICH, gift)[0])
    for _ in range(2):  # what was signed first goes first
        place.sends()
    assert place.held() == place.newest()


def test_answers_that_are_lost_lose_no_anchor(place):
    place.grow(10)
    for _ in range(3):
        place.switched.fail_after["eth_sendRawTransaction"] = NodeDownError("the answer is lost")
        with pytest.raises(NodeDownError):
            place.anchorer.tick()
        del place.switched.fail_after["eth_sendRawTransaction"]
        place.anchorer.tick()
        assert place.held() == place.newest()
        place.grow(3)
