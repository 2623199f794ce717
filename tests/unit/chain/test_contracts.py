"""Compiled contracts: calls, answers, errors, events, and batches of intents."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import encode

from chain.contracts import (
    AnswerError,
    Artifact,
    ContractError,
    Event,
    Reverted,
    decode_intents,
    encode_batch,
    encode_intents,
)
from chain.intents import Signature, Wire, keccak
from tests.chainlab import CARRIER, HOLDER, Bench, bill, history, issue, transfer, void

BILLS = Artifact.load("RailBills")
PARTIES = Artifact.load("Parties")
SIGNATURES = [Signature(bytes([n]) * 32, bytes([n + 1]) * 32) for n in range(4)]


def wire(number: int, cosigners: int = 0) -> Wire:
    act, (signer, *_) = issue(number)
    return act.wire(signer.sign(keccak(b"any")), cosigners=cosigners)


class TestArtifacts:
    def test_those_shipped_are_complete(self) -> None:
        for artifact in (BILLS, PARTIES):
            assert artifact.bytecode
            assert artifact.deployed_bytecode
            assert 0 < len(artifact.deployed_bytecode) <= 24_576  # EIP-170
            assert (
                artifact.selector("executeBatch")
                == keccak(b"executeBatch((bytes32,uint256,bytes32,bytes32,bytes32)[],(bytes32,bytes32)[])")[
                    :4
                ]
            )

    def test_one_that_is_not_shipped_is_named(self) -> None:
        with pytest.raises(ContractError) as refused:
            Artifact.load("Nothing")
        assert refused.value.params == {"contract": "Nothing"}

    def test_unknown_functions_and_events_are_named(self) -> None:
        for call in (
            lambda: BILLS.encode("steal"),
            lambda: BILLS.decode("steal", b""),
            lambda: BILLS.topic("Stolen"),
        ):
            with pytest.raises(ContractError):
                call()

    def test_topics(self) -> None:
        assert BILLS.topic("IntentRefused") == "0x" + keccak(b"IntentRefused(uint256,bytes32,bytes)").hex()

    def test_creation_carries_the_constructors_arguments(self) -> None:
        assert PARTIES.creation(CARRIER.address)[-20:].hex() == CARRIER.address[2:]
        with pytest.raises(ContractError):
            PARTIES.creation("no address")
        with pytest.raises(ContractError):
            PARTIES.creation()


class TestCalls:
    @pytest.mark.parametrize("arguments", [(), (b"short",), (bytes(32), 1), ("text",), (None,)])
    def test_arguments_that_do_not_fit_are_refused(self, arguments: tuple[Any, ...]) -> None:
        with pytest.raises(ContractError):
            BILLS.encode("billWord", *arguments)

    def test_structs_come_by_name(self, bench: Bench) -> None:
        bench.registry.submit(issue(1))
        found = bench.registry.read(bench.registry.bills, "bill", bill(1))
        assert isinstance(found, dict)
        assert (found["state"], found["sequence"], found["issuer"], found["holder"]) == (1, 1, 1, 2)
        assert bench.registry.read(bench.registry.parties, "tenures", 1, 1) == [
            {"from": found_time(bench), "until": 0}
        ]

    @pytest.mark.parametrize("answer", [b"", b"\x01", bytes(31), b"\xff" * 32])
    def test_another_contracts_answer_is_refused(self, answer: bytes) -> None:
        with pytest.raises(AnswerError):
            PARTIES.decode("partyCount", answer)

    def test_another_contracts_struct_is_refused(self) -> None:
        with pytest.raises(AnswerError):
            BILLS.decode("bill", bytes(32))


def found_time(bench: Bench) -> int:
    block = bench.registry.chain.block(3)
    assert block is not None
    return block.timestamp


class TestErrors:
    def test_a_custom_error_is_named_with_its_arguments(self) -> None:
        data = keccak(b"RailBills_NoteTaken(bytes32)")[:4] + b"\x07" * 32
        assert BILLS.reverted(data) == Reverted("RailBills_NoteTaken", {"note": b"\x07" * 32})
        data = keccak(b"Intents_DeadlinePassed(uint48,uint48)")[:4] + encode(["uint48", "uint48"], [1, 2])
        assert BILLS.reverted(data) == Reverted("Intents_DeadlinePassed", {"deadline": 1, "time": 2})

    @pytest.mark.parametrize("data", [b"\x01\x02", b"\xde\xad\xbe\xef" + bytes(32)])
    def test_others_errors_are_unknown(self, data: bytes) -> None:
        assert BILLS.reverted(data) == Reverted("Unknown", {"data": data})

    def test_an_error_with_arguments_that_do_not_fit_is_unknown(self) -> None:
        data = keccak(b"RailBills_NoteTaken(bytes32)")[:4] + b"\x07"
        assert BILLS.reverted(data).name == "Unknown"

    def test_no_data_is_want_of_gas(self) -> None:
        assert BILLS.reverted(b"").name == "OutOfGas"

    def test_every_error_of_the_contracts_is_known(self) -> None:
        for artifact in (BILLS, PARTIES):
            for item in artifact.abi:
                if item["type"] == "error" and "string" not in str(item["inputs"]):
                    types = [part["type"] for part in item["inputs"]]
                    data = keccak(f"{item['name']}({','.join(types)})".encode())[:4] + bytes(32 * len(types))
                    assert artifact.reverted(data).name == item["name"]


class TestEvents:
    TOPICS = [keccak(b"IntentRefused(uint256,bytes32,bytes)"), (3).to_bytes(32, "big"), b"\x05" * 32]  # noqa: RUF012

    def test_an_event_is_named_with_its_arguments(self) -> None:
        event = BILLS.event(self.TOPICS, encode(["bytes"], [b"why"]))
        assert event == Event("IntentRefused", {"position": 3, "subject": b"\x05" * 32, "reason": b"why"})

    def test_others_events_are_none(self) -> None:
        assert BILLS.event([], b"") is None
        assert BILLS.event([keccak(b"Transfer(address,address,uint256)")], b"") is None

    @pytest.mark.parametrize(
        ("topics", "data"), [(TOPICS[:2], b""), (TOPICS, b""), ([*TOPICS, TOPICS[1]], b"")]
    )
    def test_an_event_that_does_not_fit_is_refused(self, topics: list[bytes], data: bytes) -> None:
        with pytest.raises(AnswerError):
            BILLS.event(topics, data)


class TestIntents:
    def test_one_alone_and_many_take_different_calls(self) -> None:
        joint = [(wire(1, 2), SIGNATURES[:2])]
        assert encode_intents(BILLS, [(wire(1), [])])[:4] == BILLS.selector("execute")
        assert encode_intents(BILLS, joint)[:4] == BILLS.selector("executeJoint")
        assert encode_intents(BILLS, [(wire(1), []), *joint])[:4] == BILLS.selector("executeBatch")
        assert encode_batch(BILLS, [(wire(1), [])])[:4] == BILLS.selector("executeBatch")

    @pytest.mark.parametrize("counts", [[0], [2], [0, 0], [1, 0, 2], [0, 3, 1], []])
    def test_there_and_back(self, counts: list[int]) -> None:
        intents = [(wire(n, count), SIGNATURES[:count]) for n, count in enumerate(counts)]
        encoded = encode_intents(BILLS, intents)
        assert decode_intents(BILLS, encoded) == intents

    @pytest.mark.parametrize("data", [b"", b"\x01\x02\x03\x04", BILLS.selector("execute"), bytes(200)])
    def test_other_calls_are_none(self, data: bytes) -> None:
        assert decode_intents(BILLS, data) is None

    def test_the_contract_takes_what_is_encoded(self, bench: Bench) -> None:
        registry = bench.registry
        for act, signers in (*history(1, 3), void(1, 3)):
            data = encode_intents(BILLS, [registry._signed(act, registry.domain, signers)])
            registry.send(HOLDER, registry.bills, data)
        assert registry.sequence(bill(1)) == 4

    def test_digests_are_the_contracts(self, bench: Bench) -> None:
        registry = bench.registry
        for act, signers in (issue(1), transfer(1, 1), void(1, 3)):
            words, _ = registry._signed(act, registry.domain, signers)
            assert registry.read(registry.bills, "intentDigest", words) == act.digest(registry.domain)
