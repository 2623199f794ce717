"""The command line with keys in tokens and behind services, and four eyes from a desk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.domains.bills.contract import RAIL_BILL_ACTS, RAIL_BILLS_DOMAIN
from chain.intents import Act, Address, Domain, Signature, recover
from tests.clilab import Gateway, Result, cli
from tests.hsmlab import PIN, SoftHsm
from tests.signerlab import SigningService

DOMAIN = Domain(RAIL_BILLS_DOMAIN, "1", 20777, Address("0x" + "1f" * 20))
TRANSFER = next(act for act in RAIL_BILL_ACTS if act.name == "Transfer")
ACT = Act(TRANSFER, b"\x01" * 32, 1, 2_000_000_000, {"to": 4})


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftHsm]:
    with SoftHsm(tmp_path_factory.mktemp("box")) as made:
        yield made


def ok(result: Result) -> Any:
    """What a command answered, which went well."""
    assert result.code == 0, result.err + result.out
    return result.json()


def failed(result: Result, exit_code: int, code: str) -> dict[str, Any]:
    """A named failure that tells no secret and no trace."""
    error: dict[str, Any] = result.json()["error"]
    assert (result.code, error["code"]) == (exit_code, code), result.err
    assert PIN not in result.out + result.err
    assert "Traceback" not in result.err
    return error


# Without a gateway


def test_a_key_is_made_in_a_token_listed_and_signs_offline(box: SoftHsm, tmp_path: Path) -> None:
    made = ok(cli("party", "key", "new", box.text("object=offline"), "--json"))
    assert made["never_leaves"] is True
    assert made["uri"].startswith("pkcs11:token=bank;object=offline;id=%")
    assert PIN not in str(made)
    listed = ok(cli("party", "key", "list", box.text(), "--json"))
    assert made in listed
    (tmp_path / "act.json").write_text(json.dumps(ACT.typed_data(DOMAIN)))
    for name in ("object=offline", made["uri"].partition(";")[2]):
        signed = ok(cli("intent", "sign", tmp_path / "act.json", "--key", box.text(name), "--json"))
        signature = Signature.from_rsv(bytes.fromhex(signed["signatures"][0][2:]))
        assert recover(ACT.digest(DOMAIN), signature) == made["address"]
    shown = cli("party", "key", "list", box.text(), "--lang", "zh")
    assert "不可导出" in shown.out


def test_module_and_pin_may_come_from_the_environment(box: SoftHsm) -> None:
    env = {"LANDBRIDGE_HSM_MODULE": str(box.module), "LANDBRIDGE_HSM_PIN_FILE": str(box.pin_file)}
    ok(cli("party", "key", "list", "pkcs11:token=bank", "--json", env=env))
    failed(cli("party", "key", "list", "pkcs11:token=bank", "--json"), 5, "hsm-module")


def test_what_goes_wrong_with_a_token_is_named(box: SoftHsm, tmp_path: Path) -> None:
    act = tmp_path / "act.json"
    act.write_text(json.dumps(ACT.typed_data(DOMAIN)))

    def sign(key: str) -> Result:
        return cli("intent", "sign", act, "--key", key, "--json")

    failed(sign(box.text("object=nobody")), 5, "hsm-key-missing")
    failed(sign("pkcs11:token=bank?pin-value=1234"), 2, "hsm-uri")
    failed(sign(box.text().replace("token=bank", "token=other")), 4, "hsm-token-missing")
    failed(cli("party", "key", "new", box.text(), "--json"), 2, "token-object")
    wrong = tmp_path / "pin"
    wrong.write_text("0000\n")
    error = failed(sign(box.text("object=x").replace(str(box.pin_file), str(wrong))), 5, "hsm-pin")
    assert "PIN" in error["next"]
    failed(sign(box.text().replace(str(box.pin_file), str(tmp_path / "none"))), 5, "hsm-pin-file")


def test_a_service_signs_offline(tmp_path: Path) -> None:
    (tmp_path / "act.json").write_text(json.dumps(ACT.typed_data(DOMAIN)))
    with SigningService(tmp_path / "service") as service:
        key = tmp_path / "signer.json"
        key.write_text(json.dumps(service.description(timeout=30)))
        signed = ok(cli("intent", "sign", tmp_path / "act.json", "--key", key, "--json"))
        signature = Signature.from_rsv(bytes.fromhex(signed["signatures"][0][2:]))
        assert recover(ACT.digest(DOMAIN), signature) == service.account
        (tmp_path / "signed.json").write_text(json.dumps(signed))
        sending = ("intent", "submit", tmp_path / "signed.json", "--rpc", "http://127.0.0.1:1")
        failed(cli(*sending, "--sender-key", key, "--json"), 2, "sender-remote")
        service.behave("another key")
        failed(cli("intent", "sign", tmp_path / "act.json", "--key", key, "--json"), 3, "signature-untrue")
        key.write_text(json.dumps(service.description(timeout=1)))
        service.kill()
        failed(cli("intent", "sign", tmp_path / "act.json", "--key", key, "--json"), 4, "signer-down")
        key.write_text(json.dumps(service.description(secret="x")))
        failed(cli("intent", "sign", tmp_path / "act.json", "--key", key, "--json"), 5, "signer-settings")


# With a gateway


class Place:
    """A gateway's process with an operator's token, and commands that go to it."""

    def __init__(self, gateway: Gateway, folder: Path) -> None:
        self.gateway, self.folder = gateway, folder
        ok(
            cli(
                "token",
                "create",
                "--operator",
                "--data-dir",
                gateway.data_dir,
                "--out",
                folder / "op",
                "--json",
            )
        )
        (folder / "password").write_text("correct horse\n")

    def run(self, who: str, *arguments: object) -> Result:
        """A command as somebody."""
        return cli(
            *arguments,
            *("--json", "--gateway", self.gateway.url, "--token-file", self.folder / who),
        )

    def admit(self, name: str, *options: object) -> dict[str, Any]:
        """Admit a party and give it a token, in a file of its name."""
        names = ("--name", f"Test {name}", "--name-zh", "测试", "--country", "CN")
        party = ok(self.run("op", "party", "admit", *names, *options))["party"]
        self.token("op", name, "--party", party["party"], "--scope", "tokens")
        return dict(party)

    def token(self, by: str, name: str, *options: object) -> dict[str, Any]:
        """A token in a file."""
        scopes = ("--scope", "read", "--scope", "write", "--scope", "sign")
        return dict(ok(self.run(by, "token", "create", *scopes, *options, "--out", self.folder / name)))


@pytest.fixture(scope="module")
def place(box: SoftHsm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("cli")
    env = {"LANDBRIDGE_HSM": box.text(), "LANDBRIDGE_SIGNER_TIMEOUT": "60"}
    with Gateway(folder / "data", env=env) as gateway:
        yield Place(gateway, folder)


@pytest.fixture(scope="module")
def carrier(place: Place) -> int:
    return int(place.admit("carrier", "--role", "carrier")["party"])


def issued(place: Place, carrier: int, holder: int) -> str:
    """A bill to a holder."""
    path = place.folder / f"bill-{holder}.json"
    number = str(10_000_000 + len(list(place.folder.glob("bill-*"))))
    sample = Path(__file__).parents[2] / "api/domains/bills/samples/chongqing-duisburg.json"
    document = json.loads(sample.read_text())
    document["issuer"]["party"], document["holder"]["party"] = carrier, holder
    document["note"]["number"] = number
    path.write_text(json.dumps(document))
    return str(ok(place.run("carrier", "bill", "issue", path))["bill"])


def test_a_party_that_keeps_its_key_in_its_own_token(place: Place, box: SoftHsm, carrier: int) -> None:
    reader = place.folder / "own.reader.json"
    password = ("--password-file", place.folder / "password")
    made = ok(cli("party", "key", "new", box.text("object=own"), "--reader-key", reader, *password, "--json"))
    own = box.text("object=own")
    party = place.admit("own", "--own-key", own, "--reader-key", reader, *password)
    (key,) = party["keys"]
    assert (key["address"], key["custodial"]) == (made["address"], False)
    assert party["reader_key"] == made["reader_key"]
    bill = issued(place, carrier, party["party"])
    done = ok(place.run("own", "bill", "surrender", bill, "--key", own))
    assert done["intent"]["status"] in ("mined", "done")


def test_an_entrusted_key_moves_into_the_gateways_token(place: Place, box: SoftHsm, carrier: int) -> None:
    """From the keystore to the token: the new key signs beside the old one, and stays marked as entrusted."""
    party = place.admit("mover")
    number = party["party"]
    ok(cli("party", "key", "new", box.text("object=mover"), "--json"))
    rotate = ("party", "key", "rotate", number, "--new-key", box.text("object=mover"))
    moved = ok(place.run("mover", *rotate, "--entrusted"))
    keys = ok(place.run("op", "party", "show", number))["party"]["keys"]
    assert [(one["custodial"], one["until"] is None) for one in keys] == [(True, False), (True, True)]
    assert keys[1]["address"] == moved["key"]
    ok(place.run("mover", "bill", "surrender", issued(place, carrier, number)))


def test_a_party_is_admitted_with_a_key_of_the_token(place: Place, box: SoftHsm, carrier: int) -> None:
    made = ok(cli("party", "key", "new", box.text("object=given"), "--json"))
    party = place.admit("given", "--entrusted-key", made["address"])
    (key,) = party["keys"]
    assert (key["address"], key["custodial"]) == (made["address"], True)
    ok(place.run("given", "bill", "surrender", issued(place, carrier, party["party"])))
    names = ("--name", "x", "--name-zh", "x", "--country", "CN")
    both = ("--own-key", "x", "--entrusted-key", made["address"])
    failed(place.run("op", "party", "admit", *names, *both), 2, "own-or-entrusted")
    unknown = ("--entrusted-key", "0x" + "12" * 20)
    failed(place.run("op", "party", "admit", *names, *unknown), 3, "key-not-here")


def test_four_eyes_from_a_desk(place: Place, carrier: int) -> None:
    number = place.admit("bank")["party"]
    for person in ("ada", "ben"):
        made = place.token("bank", person, "--scope", "approve", "--person", person)
        assert made["person"].startswith("p")
    first = issued(place, carrier, number)
    asked = ok(place.run("ada", "approval", "rule", "set", "--act", "bills/Surrender", "--lifetime", "2h"))
    assert ok(place.run("ada", "approval", "rule", "show"))["acts"] == []
    applied = ok(place.run("ben", "approval", "approve", asked["approval"]["id"]))
    assert applied["approval"]["status"] == "applied"
    rule = ok(place.run("ben", "approval", "rule", "show"))
    assert (rule["acts"], rule["people"], rule["lifetime"]) == (["bills/Surrender"], 2, 7200)
    # An act waits, and the command says so with an exit code of its own.
    waiting = failed(place.run("ada", "bill", "surrender", first), 4, "awaits-approval")
    id = waiting["params"]["id"]
    listed = ok(place.run("ben", "approval", "list", "--status", "awaiting-approval"))
    assert [one["id"] for one in listed] == [id]
    failed(place.run("ada", "approval", "approve", id), 3, "own-request")
    shown = ok(place.run("ben", "approval", "show", id))["approval"]
    failed(place.run("ben", "approval", "approve", id, "--digest", "0x" + "00" * 32), 3, "prepared-other")
    approving = place.run("ben", "approval", "approve", id, "--digest", shown["digest"])
    assert f"bill: {first}" in approving.err, "what is approved is shown"
    ok(approving)
    done = ok(place.run("ada", "approval", "show", id, "--wait", 30))["approval"]
    assert (done["status"], done["intent"]["status"] in ("mined", "done")) == ("signed", True)
    # Declined, withdrawn; a third person's token waits.
    second = issued(place, carrier, number)
    for by, what, status in (("ben", "decline", "declined"), ("ada", "withdraw", "withdrawn")):
        id = failed(place.run("ada", "bill", "surrender", second), 4, "awaits-approval")["params"]["id"]
        assert ok(place.run(by, "approval", what, id))["approval"]["status"] == status
    made = place.token("bank", "cao", "--scope", "approve", "--person", "cao")
    failed(place.run("cao", "approval", "list"), 3, "unauthorized")
    for person in ("ada", "ben"):
        granted = ok(place.run(person, "approval", "approve", made["awaits"]))["approval"]
    assert granted["status"] == "applied"
    ok(place.run("cao", "approval", "list"))
    in_chinese = cli(
        *("approval", "list", "--lang", "zh", "--gateway", place.gateway.url),
        *("--token-file", place.folder / "cao"),
    )
    assert "已签署" in in_chinese.out
    assert "个人令牌" in in_chinese.out
    # Lost people: the operator lifts the rule, and the log keeps it.
    lifted = ok(cli("approval", "rule", "lift", number, "--data-dir", place.gateway.data_dir, "--json"))
    assert lifted["lifted"] is True
    told = ok(place.run("ada", "approval", "show", lifted["approval"]))["approval"]
    assert [one["decision"] for one in told["sign_offs"]] == ["lift"]
    ok(place.run("ada", "bill", "surrender", second))
    again = ok(cli("approval", "rule", "lift", number, "--data-dir", place.gateway.data_dir, "--json"))
    assert again["lifted"] is False


def test_a_gateway_that_shows_one_thing_and_asks_for_another(place: Place, monkeypatch: Any) -> None:
    """What is signed off is what was shown: the digest is computed here."""
    from api.cli.client import Gateway as Calls

    shown = {
        "id": "5a" * 16,
        "kind": "act",
        "room": "bills",
        "act": "Transfer",
        "digest": "0x" + "11" * 32,
        "typed_data": ACT.typed_data(DOMAIN),
        "rule": None,
        "token": None,
    }
    monkeypatch.setattr(Calls, "approval", lambda self, id, wait=0: shown)
    error = failed(place.run("carrier", "approval", "approve", "5a" * 16), 3, "prepared-other")
    assert error["params"] == {"field": "digest"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("approval", "show", "x"),
        ("approval", "approve", "../x"),
        ("approval", "rule", "set"),
        ("approval", "rule", "set", "--none", "--act", "bills/Transfer"),
        ("approval", "rule", "set", "--act", "*", "--lifetime", "soon"),
        ("approval", "rule", "set", "--act", "*", "--people", "1"),
        ("approval", "rule", "lift", "0"),
        ("party", "key", "list", "bank.json"),
    ],
    ids=" ".join,
)
def test_called_wrongly(place: Place, arguments: tuple[str, ...]) -> None:
    assert place.run("carrier", *arguments).code == 2


def test_lifting_needs_the_gateways_database(tmp_path: Path) -> None:
    failed(cli("approval", "rule", "lift", 3, "--data-dir", tmp_path, "--json"), 5, "file-missing")
    assert list(tmp_path.iterdir()) == []
