"""The gateway as a process, and acts that go past it: start, stop, refusals, the chain's own JSON-RPC."""

from __future__ import annotations

import http.server
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_keyfile.keyfile import create_keyfile_json

from api.kernel.party_acts import PARTY_ACTS, PARTY_DOMAIN
from api.registry import ROOMS
from chain.client import Chain
from chain.deploy import Deployment, Step, deploy
from chain.intents import Act, Domain
from chain.node import open_node
from chain.signers import KeySigner
from tests.clilab import ROOT, Gateway, clean, cli, spawn
from tests.integration.conftest import CHAIN_ID, Anvil
from tests.nodelab import RICH
from tests.ports import free_port

ADMIT = next(act for act in PARTY_ACTS if act.name == "Admit")
DIGEST = "0x" + "5a" * 32


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("gateway") / "data") as started:
        yield started


# Start and stop


def test_what_is_told_at_the_start(gateway: Gateway) -> None:
    told = gateway.told
    assert told["docs"] == f"{gateway.url}/docs"
    assert told["chain_id"] == CHAIN_ID
    assert set(told["contracts"]) == {"Parties", "RailBills", "AnchorLog"}
    assert told["embedded"] is True
    assert "protects nobody from its operator" in gateway.log()


def test_sigterm_ends_it_in_order_and_it_starts_again_where_it_was(tmp_path: Path) -> None:
    with Gateway(tmp_path / "data") as first:
        told = first.told
        assert first.stop(signal.SIGTERM) == 0
    assert "Stopped in order" in first.log()
    with Gateway(tmp_path / "data", env={"LANDBRIDGE_LANG": "zh"}) as second:
        assert (second.told["head"], second.told["contracts"]) == (told["head"], told["contracts"])
        assert second.stop(signal.SIGINT) == 130
    assert "已正常停止" in second.log()


def test_a_second_gateway_on_the_same_folder(gateway: Gateway) -> None:
    result = spawn("serve", "--port", 0, "--data-dir", gateway.data_dir, "--json")
    assert (result.code, result.json()["error"]["code"]) == (5, "node-busy")
    assert "Traceback" not in result.err


def test_a_port_that_is_taken(gateway: Gateway, tmp_path: Path) -> None:
    port = gateway.url.rpartition(":")[2]
    result = spawn("serve", "--port", port, "--data-dir", tmp_path, "--json")
    assert (result.code, result.json()["error"]["code"]) == (5, "port-taken")
    assert not list(tmp_path.iterdir())  # nothing was begun


def test_a_data_folder_of_another_chain(tmp_path: Path) -> None:
    with Gateway(tmp_path / "data"):
        pass
    result = spawn("serve", "--port", 0, "--data-dir", tmp_path / "data", "--chain-id", 1, "--json")
    assert (result.code, result.json()["error"]["code"]) == (3, "node-wrong-chain")


def test_a_node_that_is_down(tmp_path: Path) -> None:
    node = f"http://127.0.0.1:{free_port()}"
    result = spawn("serve", "--port", 0, "--data-dir", tmp_path, "--node", node, "--json")
    assert (result.code, result.json()["error"]["code"]) == (4, "node-down")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = spawn("serve", "--port", 0, "--data-dir", tmp_path / "file" / "data", "--json")
    assert (result.code, result.json()["error"]["code"]) == (5, "file")


# Asking


def test_node_status(gateway: Gateway) -> None:
    status = cli("node", "status", "--gateway", gateway.url, "--json")
    assert status.code == 0
    document = status.json()
    assert (document["contracts"], document["well"]) == ("ok", True)
    assert {part["part"] for part in document["parts"]} >= {"database", "node", "relayer", "indexer"}
    shown = cli("node", "status", "--gateway", gateway.url, "--lang", "zh")
    assert "链头" in shown.out
    record = gateway.data_dir / f"deployment-{CHAIN_ID}.json"
    direct = cli("node", "status", "--rpc", f"{gateway.url}/rpc", "--deployment", record, "--json")
    assert (direct.code, direct.json()["contracts"]) == (0, "ok")


def test_node_status_finds_other_contracts(gateway: Gateway, tmp_path: Path) -> None:
    record = json.loads((gateway.data_dir / f"deployment-{CHAIN_ID}.json").read_text())
    record["creations"][0]["address"] = "0x" + "11" * 20
    (tmp_path / "deployment.json").write_text(json.dumps(record))
    result = cli(
        *(
            "node",
            "status",
            "--rpc",
            f"{gateway.url}/rpc",
            "--deployment",
            tmp_path / "deployment.json",
            "--json",
        )
    )
    assert (result.code, result.json()["contracts"]) == (1, "contract-other")


def test_node_status_of_another_chain(gateway: Gateway) -> None:
    result = cli("node", "status", "--rpc", f"{gateway.url}/rpc", "--chain-id", 1, "--json")
    assert (result.code, result.json()["error"]["code"]) == (3, "node-wrong-chain")


@pytest.mark.parametrize(
    "arguments",
    [
        ["node", "status"],
        ["bill", "list"],
        ["party", "list"],
        ["token", "list"],
        ["intent", "show", DIGEST],
    ],
    ids=" ".join,
)
def test_no_gateway(arguments: list[str]) -> None:
    result = cli(*arguments, "--gateway", f"http://127.0.0.1:{free_port()}", "--json")
    assert (result.code, result.json()["error"]["code"]) == (4, "gateway-unreachable")
    assert "Traceback" not in result.err


def test_without_a_token(gateway: Gateway) -> None:
    result = cli("bill", "list", "--gateway", gateway.url, "--json")
    assert (result.code, result.json()["error"]["code"]) == (3, "unauthorized")
    assert "令牌" in cli("bill", "list", "--gateway", gateway.url, "--lang", "zh").err


class _Peculiar(http.server.BaseHTTPRequestHandler):
    """Breaks the first connection after it has read the request; answers the second."""

    seen: list[str | None]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.seen.append(self.headers["idempotency-key"])
        if len(self.seen) == 1:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        body = json.dumps({"digest": DIGEST, "format": "", "findings": [], "facts": {}}).encode()
        self.send_response(201)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "5")
        self.end_headers()
        self.wfile.write(b"<html")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def peculiar() -> Iterator[tuple[str, list[str | None]]]:
    handler = type("Handler", (_Peculiar,), {"seen": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", handler.seen
    server.shutdown()
    server.server_close()


def test_a_broken_connection_is_tried_once_more_with_the_same_key(
    peculiar: tuple[str, list[str | None]],
) -> None:
    from api.cli.client import Gateway as Client

    url, seen = peculiar
    assert Client(url, "lb_x").store({"a": 1}, [])["digest"] == DIGEST
    first, second = seen
    assert first == second
    assert first


def test_what_answers_is_no_gateway(peculiar: tuple[str, list[str | None]]) -> None:
    result = cli("bill", "list", "--gateway", peculiar[0], "--json")
    assert (result.code, result.json()["error"]["code"]) == (4, "no-gateway")


# Interrupted


def test_interrupted() -> None:
    listener = socket.create_server(("127.0.0.1", 0))  # takes the connection and never answers
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli.main", "bill", "list", "--gateway", address],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean(),
        cwd=ROOT,
    )
    connection, _ = listener.accept()
    connection.recv(1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == b""
    assert b"Traceback" not in err
    connection.close()
    listener.close()


# Past the gateway


@dataclass
class Registry:
    """A registry of parties on a chain, and its administrator's key."""

    deployment: Deployment
    administrator: KeySigner

    def admission(
        self, folder: Path, *, sequence: int = 0, deadline: int | None = None, number: int = 1
    ) -> Path:
        """An act file: a party's admission, signed by the administrator and by the party's key."""
        key = KeySigner(number.to_bytes(32, "big"))
        domain = Domain(PARTY_DOMAIN, "1", CHAIN_ID, self.deployment.contracts["Parties"])
        fields = {"rulebook": b"\x02" * 32, "key": key.address, "custodial": False}
        until = deadline if deadline is not None else int(time.time()) + 600
        act = Act(ADMIT, number.to_bytes(32, "big"), sequence, until, fields)
        signatures = [s.sign(act.digest(domain)).rsv.hex() for s in (self.administrator, key)]
        path = folder / f"admission-{number}-{sequence}-{until}.json"
        path.write_text(
            json.dumps({"typed_data": act.typed_data(domain), "signatures": [f"0x{s}" for s in signatures]})
        )
        return path


def _deploy(url: str, folder: Path, creator: KeySigner) -> Registry:
    administrator = KeySigner(b"\x07" * 32)
    plan = [
        Step(room.contract, lambda made, room=room: room.arguments(administrator.address, made), room.links)
        for room in ROOMS
    ]
    node = open_node(url, chain_id=CHAIN_ID)
    try:
        return Registry(deploy(Chain(node), creator, plan, folder / "record.json"), administrator)
    finally:
        node.close()


def _submit(path: Path, rpc: str, *further: object) -> tuple[int, Any]:
    result = cli("intent", "submit", path, "--rpc", rpc, *further, "--json")
    assert "Traceback" not in result.err
    return result.code, result.json()


@pytest.fixture
def embedded(tmp_path: Path) -> tuple[str, Registry]:
    address = f"embedded:{tmp_path / 'chain.db'}"
    return address, _deploy(address, tmp_path, KeySigner(b"\x08" * 32))


def test_an_act_goes_to_the_chain_with_no_gateway_running(
    tmp_path: Path, embedded: tuple[str, Registry]
) -> None:
    address, registry = embedded
    path = registry.admission(tmp_path)
    code, document = _submit(path, address)
    assert (code, document["sent"]["status"], document["sent"]["error"]) == (0, "done", None)
    assert document["sent"]["block"] == 3
    # The same once more: the contract's own name for why not; nothing is sent.
    code, document = _submit(path, address)
    assert (code, document["error"]["code"]) == (3, "refused-by-contract")
    assert document["error"]["params"]["error"] == "Parties_StaleSequence"


def test_a_gateway_sees_what_went_past_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    token = tmp_path / "operator.token"
    # The operator's token is made before the gateway ever ran.
    assert cli("token", "create", "--operator", "--data-dir", folder, "--out", token).code == 0
    names = ("--name", "Past", "--name-zh", "绕过", "--country", "CN")
    (tmp_path / "password").write_text("x")
    password = ("--password-file", tmp_path / "password")
    assert cli("party", "keygen", "--out", tmp_path / "key.json", *password).code == 0
    with Gateway(folder) as gateway:
        there = ("--gateway", gateway.url, "--token-file", token, "--json")
        made = cli("party", "admit", *names, "--own-key", tmp_path / "key.json", *password, *there)
        party = made.json()["party"]["party"]
        assert cli("party", "keygen", "--out", tmp_path / "second.json", *password).code == 0
        desk = tmp_path / "desk.token"
        cli("token", "create", "--party", party, "--out", desk, *there)
        new = json.loads(cli("party", "keygen", "--out", tmp_path / "third.json", *password, "--json").out)
        fields = ("--field", f"key={new['address']}", "--field", "custodial=false")
        prepared = cli(
            *("intent", "prepare", "parties", "AddKey", party, *fields, "--out", tmp_path / "act.json"),
            *("--gateway", gateway.url, "--token-file", desk),
        )
        assert prepared.code == 0, prepared.err
    for source, key, target in (("act", "key", "once"), ("once", "third", "twice")):
        signing = ("--key", tmp_path / f"{key}.json", *password, "--out", tmp_path / f"{target}.json")
        signed = cli("intent", "sign", tmp_path / f"{source}.json", *signing)
        assert signed.code == 0, signed.err
    code, document = _submit(tmp_path / "twice.json", f"embedded:{folder / 'chain.db'}")
    assert (code, document["sent"]["status"]) == (0, "done")
    with Gateway(folder) as gateway:
        end = time.monotonic() + 60
        keys: list[str] = []
        while new["address"] not in keys and time.monotonic() < end:
            shown = cli("party", "show", party, "--gateway", gateway.url, "--token-file", token, "--json")
            keys = [key["address"] for key in shown.json()["party"]["keys"]]
        assert new["address"] in keys


def test_through_a_gateways_json_rpc_while_it_runs(gateway: Gateway, tmp_path: Path) -> None:
    code, document = _submit(_for_nobody(gateway, tmp_path), f"{gateway.url}/rpc")
    assert (code, document["error"]["params"]["error"]) == (3, "Parties_NotAdministrator")
    busy, document = _submit(_for_nobody(gateway, tmp_path), f"embedded:{gateway.data_dir / 'chain.db'}")
    assert (busy, document["error"]["code"]) == (5, "node-busy")


def _for_nobody(gateway: Gateway, folder: Path) -> Path:
    """An admission that somebody else than the administrator signed."""
    made = Deployment(CHAIN_ID, "", gateway.told["contracts"], 0)
    return Registry(made, KeySigner(b"\x09" * 32)).admission(folder)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"sequence": 5}, "Parties_StaleSequence"),
        ({"deadline": 1_700_000_000}, "Intents_DeadlinePassed"),
    ],
)
def test_refused_by_the_contracts_own_name(
    tmp_path: Path, embedded: tuple[str, Registry], changes: dict[str, int], error: str
) -> None:
    address, registry = embedded
    code, document = _submit(registry.admission(tmp_path, **changes), address)
    assert (code, document["error"]["params"]["error"]) == (3, error)
    assert error in document["error"]["detail"]


def test_an_altered_act_is_refused(tmp_path: Path, embedded: tuple[str, Registry]) -> None:
    address, registry = embedded
    path = registry.admission(tmp_path)
    content = json.loads(path.read_text())
    content["typed_data"]["message"]["rulebook"] = "0x" + "03" * 32
    path.write_text(json.dumps(content))
    assert _submit(path, address)[0] == 3
    content["signatures"] = ["0x1234"]
    path.write_text(json.dumps(content))
    assert _submit(path, address)[1]["error"]["code"] == "signature-malformed"


def test_another_chain_and_no_contract(tmp_path: Path, embedded: tuple[str, Registry]) -> None:
    address, registry = embedded
    path = registry.admission(tmp_path)
    content = json.loads(path.read_text())
    content["typed_data"]["domain"]["chainId"] = 1
    path.write_text(json.dumps(content))
    assert _submit(path, address)[1]["error"]["code"] == "node-wrong-chain"
    content["typed_data"]["domain"] |= {"chainId": CHAIN_ID, "verifyingContract": "0x" + "11" * 20}
    path.write_text(json.dumps(content))
    assert _submit(path, address)[1]["error"]["code"] == "no-contract"


def test_a_race_is_told_by_the_refusal_in_the_block(tmp_path: Path, embedded: tuple[str, Registry]) -> None:
    from api.cli.direct import open_chain, send
    from api.cli.files import read_act

    address, registry = embedded
    with open_chain(address, CHAIN_ID) as chain:
        send(chain, read_act(registry.admission(tmp_path)), sender=None)
        sent = send(chain, read_act(registry.admission(tmp_path, number=2)), sender=None, try_first=False)
    assert (sent.status, sent.error, sent.reason) == ("refused", "Parties_StaleSequence", "stale-sequence")


def test_where_gas_costs_somebody_must_pay(make_anvil: Callable[..., Anvil], tmp_path: Path) -> None:
    anvil = make_anvil()
    registry = _deploy(anvil.url, tmp_path, RICH)
    path = registry.admission(tmp_path)
    code, document = _submit(path, anvil.url)
    assert (code, document["error"]["code"]) == (2, "gas-needs-sender")
    (tmp_path / "password").write_text("x")
    keys = {
        "rich": bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"),
        "poor": b"\x0a" * 32,
    }
    for name, secret in keys.items():
        content = create_keyfile_json(secret, b"x", kdf="scrypt", iterations=2)
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    paying = ("--password-file", tmp_path / "password", "--sender-key")
    code, document = _submit(path, anvil.url, *paying, tmp_path / "poor.json")
    assert (code, document["error"]["code"]) == (3, "sender-without-funds")
    code, document = _submit(path, anvil.url, *paying, tmp_path / "rich.json")
    assert (code, document["sent"]["status"]) == (0, "done")
    code, document = _submit(path, anvil.url, *paying, tmp_path / "rich.json")
    assert (code, document["error"]["params"]["error"]) == (3, "Parties_StaleSequence")
