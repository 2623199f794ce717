"""Deployments: made once, found again, and told from others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from chain.client import Chain
from chain.contracts import Artifact
from chain.deploy import (
    DeployError,
    Deployment,
    OtherContractError,
    Step,
    deploy,
    load_deployment,
    verify_deployment,
)
from chain.embedded import EmbeddedNode
from chain.identity import ChainChangedError, ContractMissingError
from chain.node import NodeDownError, WrongChainError
from tests.chainlab import ADMINISTRATOR, CHAIN_ID, PLAN, SETUP, STRANGER, Registry, SwitchedNode


@pytest.fixture
def node(tmp_path: Path) -> Iterator[SwitchedNode]:
    switched = SwitchedNode(EmbeddedNode(tmp_path / "chain.db", CHAIN_ID))
    yield switched
    switched.close()


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "deployment.json"


def contracts_made(chain: Chain) -> list[str]:
    """Every contract that the chain's transactions made."""
    made = []
    for number in range(1, chain.block_number() + 1):
        block = chain.block(number)
        assert block is not None
        receipts = [chain.receipt(hash_) for hash_ in block.transactions]
        made += [receipt.contract for receipt in receipts if receipt and receipt.contract]
    return made


def test_a_deployment_is_made_once_and_found_again(node: SwitchedNode, record: Path) -> None:
    chain = Chain(node)
    assert load_deployment(record) is None
    made = deploy(chain, SETUP, PLAN, record)
    again = deploy(chain, SETUP, PLAN, record)
    assert made == again == load_deployment(record)
    assert contracts_made(chain) == [made.contracts["Parties"], made.contracts["RailBills"]]
    assert made.block == 1
    verify_deployment(chain, made, PLAN)
    parties = Artifact.load("Parties")
    answer = chain.call(made.contracts["Parties"], parties.encode("administrator"))
    assert parties.decode("administrator", answer) == ADMINISTRATOR.address


@pytest.mark.parametrize("sent", [True, False], ids=["the answer was lost", "it was never sent"])
@pytest.mark.parametrize("nth", [1, 2])
def test_interrupted_it_goes_on_and_makes_no_third_contract(
    node: SwitchedNode, record: Path, nth: int, sent: bool
) -> None:
    chain = Chain(node)
    count = 0
    ask = node.batch

    def die_at_nth(calls: list[tuple[str, list[object]]]) -> list[object]:
        nonlocal count
        if calls[0][0] == "eth_sendRawTransaction":
            count += 1
            if count == nth:
                if sent:
                    ask(calls)  # type: ignore[arg-type]
                raise NodeDownError("killed here")
        return ask(calls)  # type: ignore[arg-type]

    node.batch = die_at_nth  # type: ignore[assignment, method-assign]
    with pytest.raises(NodeDownError):
        deploy(chain, SETUP, PLAN, record)
    assert load_deployment(record) is None
    made = deploy(chain, SETUP, PLAN, record)
    assert contracts_made(chain) == [made.contracts["Parties"], made.contracts["RailBills"]]
    verify_deployment(chain, made, PLAN)


def test_a_nonce_taken_by_another_is_no_trouble(node: SwitchedNode, record: Path) -> None:
    chain = Chain(node)
    node.fail["eth_sendRawTransaction"] = NodeDownError("killed here")
    with pytest.raises(NodeDownError):
        deploy(chain, SETUP, PLAN, record)
    node.fail.clear()
    registry = Registry.__new__(Registry)
    registry.chain, registry.chain_id = chain, CHAIN_ID
    registry.send(SETUP, STRANGER.address, b"")
    made = deploy(chain, SETUP, PLAN, record)
    verify_deployment(chain, made, PLAN)
    assert len(contracts_made(chain)) == 2


def test_a_plan_that_grew_is_completed(node: SwitchedNode, record: Path) -> None:
    chain = Chain(node)
    deploy(chain, SETUP, PLAN[:1], record)
    made = deploy(chain, SETUP, PLAN, record)
    assert len(contracts_made(chain)) == 2
    verify_deployment(chain, made, PLAN)


def test_a_chain_that_lost_the_contracts_is_named(node: SwitchedNode, record: Path, tmp_path: Path) -> None:
    deploy(Chain(node), SETUP, PLAN, record)
    node.node = EmbeddedNode(tmp_path / "wiped.db", CHAIN_ID)
    with pytest.raises(ContractMissingError):
        deploy(Chain(node), SETUP, PLAN, record)
    assert Chain(node).block_number() == 0


def test_the_record_of_another_chain_is_refused(node: SwitchedNode, record: Path, tmp_path: Path) -> None:
    deploy(Chain(node), SETUP, PLAN, record)
    with pytest.raises(WrongChainError):
        deploy(Chain(EmbeddedNode(tmp_path / "other.db", 1)), SETUP, PLAN, record)
    other = EmbeddedNode(tmp_path / "another.db", CHAIN_ID, alloc={STRANGER.address: 1})
    with pytest.raises(ChainChangedError):
        deploy(Chain(other), SETUP, PLAN, record)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"version": 2}',
        '{"version": 1, "chain_id": 1, "genesis_hash": "", "creations": [1]}',
    ],
)
def test_a_damaged_record_is_refused(node: SwitchedNode, record: Path, content: str) -> None:
    record.parent.mkdir()
    record.write_text(content)
    with pytest.raises(DeployError):
        deploy(Chain(node), SETUP, PLAN, record)
    with pytest.raises(DeployError):
        load_deployment(record)
    assert Chain(node).block_number() == 0


def test_a_creation_that_fails_is_named(node: SwitchedNode, record: Path) -> None:
    chain = Chain(node)
    plan = (Step("Parties", lambda made: ("0x" + "00" * 20,)),)  # the constructor refuses
    node.override["eth_estimateGas"] = hex(3_000_000)
    with pytest.raises(DeployError) as refused:
        deploy(chain, SETUP, plan, record)
    assert refused.value.params == {"contract": "Parties"}
    node.override.clear()
    verify_deployment(chain, deploy(chain, SETUP, PLAN, record), PLAN)


def test_a_creation_that_is_not_mined_in_time_is_named(node: SwitchedNode, record: Path) -> None:
    node.swallow = []
    with pytest.raises(DeployError):
        deploy(Chain(node), SETUP, PLAN, record, timeout=0.0)
    node.swallow = None
    made = deploy(Chain(node), SETUP, PLAN, record)
    assert len(contracts_made(Chain(node))) == len(made.contracts) == 2


class TestVerify:
    @pytest.fixture
    def made(self, node: SwitchedNode, record: Path) -> Deployment:
        return deploy(Chain(node), SETUP, PLAN, record)

    def changed(self, made: Deployment, **contracts: str) -> Deployment:
        return Deployment(made.chain_id, made.genesis_hash, {**made.contracts, **contracts}, made.block)  # type: ignore[dict-item]

    def test_nothing_there(self, node: SwitchedNode, made: Deployment) -> None:
        with pytest.raises(OtherContractError):
            verify_deployment(Chain(node), self.changed(made, Parties="0x" + "11" * 20), PLAN)

    def test_another_contract_there(self, node: SwitchedNode, made: Deployment) -> None:
        with pytest.raises(OtherContractError) as refused:
            verify_deployment(Chain(node), self.changed(made, Parties=made.contracts["RailBills"]), PLAN)
        assert refused.value.params["contract"] == "Parties"

    def test_the_same_contract_of_another_registry(
        self, node: SwitchedNode, made: Deployment, tmp_path: Path
    ) -> None:
        other = deploy(Chain(node), STRANGER, PLAN, tmp_path / "other.json")
        verify_deployment(Chain(node), other, PLAN)
        with pytest.raises(OtherContractError):
            verify_deployment(Chain(node), self.changed(made, RailBills=other.contracts["RailBills"]), PLAN)

    def test_one_byte_of_the_code_differs(self, node: SwitchedNode, made: Deployment) -> None:
        code = bytearray(Chain(node).code(made.contracts["Parties"]))
        code[-1] ^= 1
        node.override["eth_getCode"] = "0x" + code.hex()
        with pytest.raises(OtherContractError):
            verify_deployment(Chain(node), made, PLAN[:1])

    def test_a_contract_that_is_not_in_the_deployment(self, node: SwitchedNode, made: Deployment) -> None:
        short = Deployment(made.chain_id, made.genesis_hash, {}, made.block)
        with pytest.raises(OtherContractError):
            verify_deployment(Chain(node), short, PLAN)

    def test_another_chain(self, node: SwitchedNode, made: Deployment) -> None:
        with pytest.raises(WrongChainError):
            verify_deployment(Chain(node), Deployment(1, made.genesis_hash, made.contracts, 1), PLAN)
        with pytest.raises(ChainChangedError):
            verify_deployment(Chain(node), Deployment(CHAIN_ID, "0x", made.contracts, 1), PLAN)


def test_the_record_holds_the_raw_creation_before_it_is_sent(node: SwitchedNode, record: Path) -> None:
    node.fail["eth_sendRawTransaction"] = NodeDownError("killed here")
    with pytest.raises(NodeDownError):
        deploy(Chain(node), SETUP, PLAN, record)
    (creation,) = json.loads(record.read_text())["creations"]
    assert bytes.fromhex(creation["raw"])
    assert creation["block"] is None
