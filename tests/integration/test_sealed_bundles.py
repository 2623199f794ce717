"""Verdicts with no network: bundles of a gateway on a QBFT chain, believed for what validators sealed.

The chain is anvil behind headers sealed by the test's own validators (tests/qbftlab.py); Besu is untested.
"""

from __future__ import annotations

import copy
import json
import random
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.domains.bills.bundle import BillBundle
from api.domains.bills.bundle_checks import BUNDLE_POLICY, check_bundle
from api.kernel.bundles import (
    EVIDENCE_POLICY,
    EvidenceBundle,
    OnChain,
    Trust,
    kind_of,
    log_checks,
    look_at_chain,
    read_bundle,
    read_trust,
    seal_bundle,
    whole_check,
)
from api.kernel.checks import Check, Result, judge
from api.settings import SettingsError
from chain.client import Chain
from chain.errors import LandbridgeError
from chain.node import open_node
from chain.prover import CannotProveError, open_prover
from chain.qbft import Era, parse_header
from chain.sealedchain import open_sealed
from tests.clilab import cli
from tests.integration.conftest import CHAIN_ID, Anvil
from tests.integration.gateway import open_gateway
from tests.nodelab import RICH, Account, deploy, mined, typed, word
from tests.qbftlab import FIRST, QbftFront
from tests.sealedlab import EVIDENCE, Stage, open_stage, trust_of

ENTRUSTED = {"live", "fields", "delivered"}
ENDED = {"delivered", "voided"}


class World:
    """A gateway's bundles, and the trust root that names the validators."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.files = stage.bundles()
        self.root = trust_of(stage)
        self.trust = read_trust(json.dumps(self.root).encode())
        self.contents: dict[str, dict[str, Any]] = {n: json.loads(raw) for n, raw in self.files.items()}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """See :class:`World`."""
    folder = tmp_path_factory.mktemp("sealed")
    with Anvil(folder) as anvil, open_stage(folder / "gateway", anvil.url, anvil.rpc) as stage:
        yield World(stage)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection can be made by the test itself; the gateway's workers, in other threads, go on."""
    here = threading.current_thread()

    def guarded(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            assert threading.current_thread() is not here, "a verdict asked the network"
            return original(*arguments, **named)

        return call

    monkeypatch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
    monkeypatch.setattr(socket, "getaddrinfo", guarded(socket.getaddrinfo))


@pytest.mark.usefixtures("offline")
def test_the_network_is_out_of_reach_there():
    with pytest.raises(AssertionError, match="asked the network"):
        open_node("http://127.0.0.1:9", chain_id=CHAIN_ID).rpc("eth_blockNumber", [])


def checks_of(
    raw: bytes, trust: Trust | None, on_chain: OnChain | None = None, **options: Any
) -> list[Check]:
    """What each check says of a bundle of either kind."""
    if kind_of(raw) == "bill":
        return check_bundle(read_bundle(raw, BillBundle), trust, on_chain, **options)
    bundle = read_bundle(raw, EvidenceBundle)
    return [whole_check(bundle), *log_checks(bundle, trust, on_chain, **options)]


def results(checks: list[Check]) -> dict[str, Result]:
    """By name."""
    return {check.name: check.result for check in checks}


def passes(raw: bytes, trust: Trust) -> bool:
    """Whether a file is a bundle that passes; every refusal must be ours."""
    try:
        policy = BUNDLE_POLICY if kind_of(raw) == "bill" else EVIDENCE_POLICY
        return judge(checks_of(raw, trust), policy).passed
    except LandbridgeError:
        return False


NAMES = ("live", "fields", "delivered", "voided", "batch", "evidence")


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("name", NAMES)
def test_a_whole_verdict_with_no_network(world, name):
    found = results(checks_of(world.files[name], world.trust))
    expected = {
        check: Result.FAIL for check, those in (("key-custody", ENTRUSTED), ("state", ENDED)) if name in those
    }
    assert {check: result for check, result in found.items() if result is not Result.PASS} == expected
    assert passes(world.files[name], world.trust) is (name not in ENDED)


@pytest.mark.parametrize("name", NAMES)
def test_a_node_says_the_same(world, name):
    raw = world.files[name]
    bundle = read_bundle(raw, EvidenceBundle if name == "evidence" else BillBundle)
    asked = look_at_chain(world.stage.gateway.house.chain, bundle.chain)
    by_node, offline = checks_of(raw, world.trust, asked), checks_of(raw, world.trust)
    assert results(by_node).pop("finality") is Result.UNKNOWN  # a node is asked first, and seals nothing
    for one, other in zip(by_node, offline, strict=True):
        if one.name not in ("finality", "freshness"):
            assert (one.result, dict(one.evidence)) == (other.result, dict(other.evidence)), one.name


def test_the_holder_asked_for_and_the_time(world):
    raw, bank = world.files["live"], world.stage.gateway.party("bank")
    assert results(checks_of(raw, world.trust, holder=bank))["state"] is Result.PASS
    assert results(checks_of(raw, world.trust, holder=bank + 1))["state"] is Result.FAIL
    last = parse_header(bytes.fromhex(world.contents["live"]["sealed"]["headers"][-1][2:])).timestamp
    for now, result in ((last + 86_400, "pass"), (last + 86_401, "fail"), (last - 301, "unknown")):
        assert results(checks_of(raw, world.trust, now=now))["freshness"].value == result


def test_headers_of_two_eras_are_in_each_bundle(world):
    headers = [parse_header(bytes.fromhex(one[2:])) for one in world.contents["live"]["sealed"]["headers"]]
    assert [len(one.extra.validators) for one in headers][:2] == [4, 5]
    only = {"first": world.root["validators"][:1], "second": [world.root["validators"][1] | {"from": 0}]}
    for eras in only.values():
        trust = read_trust(json.dumps(world.root | {"validators": eras}).encode())
        assert results(checks_of(world.files["live"], trust))["registry"] is Result.FAIL


def _places(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield (*path, key)
        yield from _places(child, (*path, key))


def _changed(content: dict[str, Any], path: tuple[Any, ...], change: Any) -> bytes:
    content = copy.deepcopy(content)
    content.pop("digest", None)
    node: Any = content
    for step in path[:-1]:
        node = node[step]
    change(node, path[-1])
    return seal_bundle(content)


def _drop(node: Any, key: Any) -> None:
    del node[key]


def _put(value: Any) -> Any:
    def change(node: Any, key: Any) -> None:
        node[key] = value

    return change


def _flip(luck: random.Random) -> Any:
    def change(node: Any, key: Any) -> None:
        text = node[key]
        if isinstance(text, str) and text.startswith("0x") and len(text) > 2:
            place = luck.randrange(2, len(text))
            node[key] = (
                text[:place] + f"{int(text[place], 16) ^ 1 << luck.randrange(4):x}" + text[place + 1 :]
            )
        elif type(text) is int:
            node[key] = text ^ 1 << luck.randrange(8)
        else:
            node[key] = None

    return change


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("name", ["live", "voided", "batch", "evidence"])
def test_nothing_that_is_changed_and_digested_anew_passes(world, name):
    """Whoever changes a bundle can also write its digest: then what it shows must fail."""
    luck = random.Random(13)  # noqa: S311 - a test's order, no secret
    content = world.contents[name]
    sound = results(checks_of(world.files[name], world.trust))
    assert "fail" not in {one.value for check, one in sound.items() if check not in ("key-custody", "state")}
    places = [path for path in _places(content, ()) if path != ("digest",)]
    sealed = [path for path in places if path[0] == "sealed"]
    for path in [*luck.sample(places, 25), *luck.sample(sealed, min(40, len(sealed)))]:
        for change in (_drop, _flip(luck), _put(None), _put(0), _put("0x" + "00" * 32), _put([])):
            raw = _changed(content, path, change)
            if raw == world.files[name]:
                continue
            assert not _as_good(raw, world, sound), path


def _as_good(raw: bytes, world: World, sound: dict[str, Result]) -> bool:
    """Whether each check still passes that passed before."""
    try:
        found = results(checks_of(raw, world.trust))
    except LandbridgeError:
        return False
    return all(found[name] is Result.PASS for name, result in sound.items() if result is Result.PASS)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("name", NAMES)
def test_each_part_of_the_sealed_part_is_needed(world, name):
    content = world.contents[name]
    for member in ("headers", "nodes"):
        for place in range(len(content["sealed"][member])):
            raw = _changed(content, ("sealed", member, place), _drop)
            found = results(checks_of(raw, world.trust))
            assert (found["registry"], found["anchoring"]) == (Result.FAIL, Result.UNKNOWN), (member, place)
    for member in ("codes", "transactions"):
        for key in content["sealed"][member]:
            found = results(checks_of(_changed(content, ("sealed", member, key), _drop), world.trust))
            assert (found["registry"], found["anchoring"]) == (Result.FAIL, Result.UNKNOWN), (member, key)


def test_a_bill_that_moved_on_is_seen_as_it_stood(world):
    gateway = world.stage.gateway
    bill = str(gateway.full_bill()["bill"])
    before = world.stage.bundle("importer", bill)
    gateway.done(gateway.sign("importer", "Surrender", bill))
    after = world.stage.bundle("importer", bill)
    assert results(checks_of(before, world.trust))["state"] is Result.PASS  # until it is too old
    assert results(checks_of(after, world.trust))["state"] is Result.FAIL
    # Neither can be had by putting the other's parts together.
    old, new = json.loads(before), json.loads(after)
    for part in ("acts", "sealed", "head"):
        mixed = {key: value for key, value in old.items() if key != "digest"} | {part: new[part]}
        assert not passes(seal_bundle(mixed), world.trust), part
        mixed = {key: value for key, value in new.items() if key != "digest"} | {part: old[part]}
        assert not passes(seal_bundle(mixed), world.trust), part


def test_the_command_line_gives_the_verdict_offline(world, tmp_path):
    trust = tmp_path / "trust.json"
    trust.write_text(json.dumps(world.root))
    for name in ("live", "voided", "evidence"):
        (tmp_path / f"{name}.json").write_bytes(world.files[name])
    bank = str(world.stage.gateway.party("bank"))
    told = cli("verify", tmp_path / "live.json", "--trust", trust, "--expect-holder", bank, "--json")
    assert (told.code, told.json()["verdict"]) == (0, "pass")
    by_name = {check["name"]: check for check in told.json()["checks"]}
    assert by_name["finality"]["result"] == "pass"
    assert by_name["state"]["block"]["number"] > 0
    assert cli("verify", tmp_path / "evidence.json", "--trust", trust).code == 0
    assert cli("verify", tmp_path / "voided.json", "--trust", trust).code == 1
    assert cli("verify", tmp_path / "live.json", "--trust", trust, "--expect-holder", "1").code == 1
    damaged = copy.deepcopy(world.contents["live"])
    damaged["sealed"]["nodes"].pop()
    del damaged["digest"]
    (tmp_path / "damaged.json").write_bytes(seal_bundle(damaged))
    told = cli("verify", tmp_path / "damaged.json", "--trust", trust, "--json")
    assert (told.code, "registry" in told.json()["reasons"]) == (1, True)
    shown = cli("verify", tmp_path / "damaged.json", "--trust", trust, "--lang", "zh")
    assert (shown.code, "缺少所需的证明节点" in shown.out) == (1, True)
    without = {key: value for key, value in world.root.items() if key != "validators"}
    trust.write_text(json.dumps(without))
    assert cli("verify", tmp_path / "live.json", "--trust", trust).code == 1
    # Where a node is named it is asked, whatever is sealed.
    rpc = world.stage.front.url
    assert cli("verify", tmp_path / "live.json", "--trust", trust, "--rpc", rpc).code == 0
    assert cli("verify", tmp_path / "damaged.json", "--trust", trust, "--rpc", rpc).code == 0


def _unsealed(stage: Stage, bill: str) -> str:
    """Why the bill's bundle has no sealed part now."""
    answer = stage.gateway.post("bank", f"/v1/bills/{bill}/bundle", {})
    assert answer.status_code == 200, answer.text
    assert "sealed" not in answer.json()
    evidence = stage.gateway.post(
        "carrier", "/v1/evidence", {"type": "x", "digest": EVIDENCE}, prefer="wait=20"
    )
    stage.gateway.settle()
    other = stage.gateway.get("carrier", f"/v1/evidence/{evidence.json()['leaf']}/bundle")
    assert (other.status_code, "sealed" in other.json()) == (200, False)
    assert answer.headers["landbridge-unsealed"] == other.headers["landbridge-unsealed"]
    return str(answer.headers["landbridge-unsealed"])


def test_what_the_node_cannot_give_leaves_a_bundle_without_a_sealed_part(world):
    stage, bill = world.stage, world.contents["live"]["bill"]
    front = stage.front
    assert "landbridge-unsealed" not in stage.gateway.post("bank", f"/v1/bills/{bill}/bundle", {}).headers
    front.refused = {"eth_getProof"}
    assert _unsealed(stage, bill) == "the node refuses eth_getProof"
    front.refused = set()
    proof = {"accountProof": ["0xc0"], "storageProof": []}
    for wrong, reason in (
        (None, "the node's proof is malformed"),
        ([], "the node's proof is malformed"),
        ({"accountProof": ["0x0"], "storageProof": []}, "the node's proof is malformed"),
        (proof, "the sealed part proves nothing: a node of a trie is missing"),
    ):
        front.told_wrong = {"eth_getProof": wrong}
        assert _unsealed(stage, bill) in (reason, reason.partition(": ")[2])
        front.told_wrong = {}
    front.untold = {"mixHash"}
    assert _unsealed(stage, bill) == "the chain's blocks are not sealed by QBFT validators"
    front.untold = {"stateRoot", "withdrawalsRoot"} - {"stateRoot"}
    assert "do not make up its hash" in _unsealed(stage, bill)
    front.untold = {"cumulativeGasUsed"}
    assert "unknown kind" in _unsealed(stage, bill)
    front.untold = set()
    assert passes(stage.bundle("bank", bill), world.trust)


def test_a_block_of_transactions_of_several_types(tmp_path):
    with Anvil(tmp_path) as anvil, QbftFront(anvil.url, [(0, FIRST)]) as front:
        node = open_node(front.url, chain_id=CHAIN_ID)
        chain, account = Chain(node), Account(RICH, gas_price=10**10)
        contract = deploy(chain, account)
        anvil.rpc("evm_setAutomine", False)
        fees = {"maxFeePerGas": 10**10, "maxPriorityFeePerGas": 1, "to": contract, "gas": 200_000}
        raws = [
            account.put(contract, 1, 2)[0],
            typed(RICH, nonce=account.nonce, data=word(3) + word(4), **fees),
            typed(RICH, nonce=account.nonce + 1, data=b"\0", **fees),  # reverts
        ]
        hashes = [chain.send_raw(raw) for raw in raws]
        anvil.rpc("evm_mine")
        receipts = [mined(chain, one) for one in hashes]
        (block,) = {one.block_number for one in receipts}
        assert [one.succeeded for one in receipts] == [True, True, False]
        prover = open_prover(node)
        for hash_, receipt in zip(hashes, receipts, strict=True):
            placed = prover.mined(hash_, block)
            assert (placed.position, placed.receipt.succeeded) == (receipt.position, receipt.succeeded)
            assert [one.data for one in placed.receipt.logs] == [one.data for one in receipt.logs]
        assert prover.slot(contract, word(1)) == 2
        assert prover.slot(contract, word(9)) == 0
        eras = [Era(0, frozenset(key.address for key in FIRST))]
        offline = open_sealed(prover.headers, eras, prover.places, prover.nodes, most=2)
        assert [offline.mined(one, block).position for one in hashes] == [one.position for one in receipts]
        assert (offline.slot(contract, word(1)), offline.slot(contract, word(9))) == (2, 0)
        assert offline.code_hash(contract) == prover.code_hash(contract)
        for wrong in ("0x" + "5a" * 32, hashes[0]):
            with pytest.raises(CannotProveError):
                open_prover(node).mined(wrong, block - 1)
        with pytest.raises(CannotProveError):
            open_prover(open_node(anvil.url, chain_id=CHAIN_ID))


def test_a_gateway_passes_the_operators_validators_on(tmp_path):
    eras = [{"from": 0, "addresses": [key.address for key in FIRST]}]
    file = tmp_path / "validators.json"
    file.write_text(json.dumps(eras))
    with open_gateway(tmp_path / "one", validators_file=file) as gateway:
        answer = gateway.get(None, "/v1/trust")
        assert answer.json()["validators"] == eras
        assert read_trust(answer.content).eras == [Era(0, frozenset(key.address for key in FIRST))]
    with open_gateway(tmp_path / "two") as gateway:
        assert "validators" not in gateway.get(None, "/v1/trust").json()
        assert gateway.get(None, "/v1/trust").json()["confirmations"] is None
    for wrong in ("[]", "{}", '[{"from":0}]', json.dumps(eras * 2), "no"):
        file.write_text(wrong)
        with pytest.raises(LandbridgeError) as caught, open_gateway(tmp_path / "three", validators_file=file):
            pass
        assert caught.value.code == "trust-malformed"
    with pytest.raises(SettingsError), open_gateway(tmp_path / "four", validators_file=Path("/nowhere")):
        pass
