"""The command line against a real gateway: parties, tokens, whole lives of bills; entrusted and own keys."""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.cli.demo_document import fresh, tampered
from tests.clilab import Gateway, Result, cli

ARRIVED = ("mined", "done")
"""A request that waits is answered when its act is mined, or when that is settled, as the two fall."""

TODAY = datetime.now(UTC).date()


@dataclass
class Desk:
    """Somebody at a gateway: a token, and a key file where they keep their own."""

    url: str
    folder: Path
    name: str
    party: int = 0
    key: Path | None = None

    @property
    def token(self) -> Path:
        return self.folder / f"{self.name}.token"

    def __call__(self, *arguments: object, code: int = 0) -> Any:
        """Run a command as JSON; its document."""
        result = self.run(*arguments, "--json")
        assert result.code == code, result
        return result.json()

    def run(self, *arguments: object) -> Result:
        return cli(*arguments, "--gateway", self.url, "--token-file", self.token)

    @property
    def signing(self) -> tuple[object, ...]:
        return ("--key", self.key, "--password-file", self.folder / "password") if self.key else ()

    @property
    def reading(self) -> tuple[object, ...]:
        if self.key is None:
            return ()
        return (
            *("--reader-key", self.key.with_name(f"{self.key.stem}.reader.json")),
            *("--password-file", self.folder / "password"),
        )


@dataclass
class Place:
    """A gateway with its operator and four parties: two entrusted, two with keys of their own."""

    gateway: Gateway
    folder: Path
    operator: Desk
    desks: dict[str, Desk]
    runs: int = 0

    def document(self, issuer: str, holder: str, *, run: str = "", suffix: str = "") -> Path:
        self.runs += 1
        number = run or f"{self.runs:08d}"
        value = fresh(
            issuer=self.desks[issuer].party,
            holder=self.desks[holder].party,
            today=TODAY,
            run=number,
            suffix=suffix,
        )
        path = self.folder / f"bill-{self.runs}.json"
        path.write_text(json.dumps(value, ensure_ascii=False))
        return path

    def issue(self, issuer: str, holder: str) -> str:
        desk = self.desks[issuer]
        path = self.document(issuer, holder)
        made = desk("bill", "issue", path, "--holder", self.desks[holder].party, *desk.signing)
        return str(made["bill"])

    def named(self, name: str) -> Path:
        self.runs += 1
        return self.folder / f"{name}-{self.runs}.json"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("place")
    (folder / "password").write_text("correct horse\n")
    with Gateway(folder / "data", "--log-level", "info") as gateway:
        operator = Desk(gateway.url, folder, "operator")
        made = cli("token", "create", "--operator", "--data-dir", folder / "data", "--out", operator.token)
        assert made.code == 0, made.err
        desks = {}
        for name, country, role, own in (
            ("carrier", "CN", "carrier", False),
            ("importer", "DE", "importer", False),
            ("bank", "CN", "bank", True),
            ("haulier", "KZ", "carrier", True),
        ):
            desk = desks[name] = Desk(gateway.url, folder, name)
            own_key: tuple[object, ...] = ()
            if own:
                desk.key = folder / f"{name}.json"
                password = ("--password-file", folder / "password")
                assert cli("party", "keygen", "--out", desk.key, *password).code == 0
                own_key = ("--own-key", desk.key, *password)
            names = ("--name", f"Test {name}", "--name-zh", f"测试{name}", "--country", country)
            admitted = operator("party", "admit", *names, "--role", role, *own_key)
            desk.party = admitted["party"]["party"]
            scopes = ("--scope", "read", "--scope", "write", "--scope", "sign", "--scope", "tokens")
            operator("token", "create", "--party", desk.party, *scopes, "--out", desk.token)
        yield Place(gateway, folder, operator, desks)


def test_parties_and_their_custody_are_seen_by_all(place: Place) -> None:
    found = {party["name"]: party for party in place.desks["bank"]("party", "list")}
    assert found["Test carrier"]["keys"][0]["custodial"] is True
    assert found["Test bank"]["keys"][0]["custodial"] is False
    assert found["Test haulier"]["roles"][0]["role"] == "carrier"
    shown = place.desks["bank"].run("party", "show", place.desks["carrier"].party, "--lang", "zh")
    assert "测试carrier" in shown.out
    assert "托管" in shown.out
    assert "Test bank" in place.desks["bank"].run("party", "list").out


def test_tokens_are_private_listed_and_revoked(place: Place) -> None:
    desk = place.desks["importer"]
    assert stat.S_IMODE(desk.token.stat().st_mode) == 0o600
    made = desk("token", "create", "--scope", "read", "--label", "desk 2", "--days", 7)
    assert made["token"].startswith("lb_")
    listed = desk("token", "list")
    assert {"desk 2"} < {token["label"] for token in listed}
    assert not any("token" in token for token in listed)
    second = {"LANDBRIDGE_TOKEN": made["token"], "LANDBRIDGE_GATEWAY": desk.url}
    assert cli("bill", "list", env=second).code == 0
    assert desk("token", "revoke", made["id"])["revoked"]
    refused = cli("bill", "list", "--json", env=second)
    assert (refused.code, refused.json()["error"]["code"]) == (3, "unauthorized")
    wider = desk("token", "create", "--scope", "operate", code=3)
    assert wider["error"]["code"] in ("forbidden", "unknown-scope")


def test_roles_and_suspension(place: Place) -> None:
    party = place.desks["importer"].party
    assert place.operator("party", "role", "grant", party, "forwarder")["intent"]["status"] in ARRIVED
    again = place.operator("party", "role", "grant", party, "forwarder", code=3)
    assert again["error"]["code"] == "role-standing"
    assert place.operator("party", "role", "end", party, "forwarder")["intent"]["status"] in ARRIVED
    out = place.named("reason")
    told = place.operator("party", "suspend", party, "--reason", "unpaid dues", "--out", out)
    assert json.loads(out.read_text()) == told["opening"]
    assert place.operator("party", "show", party)["party"]["suspended"] is True
    place.operator("party", "reinstate", party)
    assert place.operator("party", "show", party)["party"]["suspended"] is False
    forbidden = place.desks["bank"]("party", "suspend", party, "--reason", "x", code=3)
    assert forbidden["error"]["code"] == "forbidden"


def test_a_bill_changes_hands_between_entrusted_and_own_keys(place: Place) -> None:
    carrier, bank, importer = (place.desks[name] for name in ("carrier", "bank", "importer"))
    bill = place.issue("carrier", "bank")

    # The bank opens the document with its own key and verifies it as a file.
    file = place.named("bank-file")
    bank("bill", "file", bill, "--out", file, *bank.reading)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    verdict = bank("bill", "verify", file, "--expect-holder", bank.party)
    assert (verdict["verdict"], verdict["bill"]) == ("pass", bill)
    assert bank("bill", "verify", file, "--expect-holder", importer.party, code=1)["reasons"] == ["control"]
    shown = bank.run("bill", "verify", file, "--lang", "zh")
    assert (shown.code, "单证与签发内容逐字一致" in shown.out) == (0, True)

    # A strict policy is not met: nobody here can say what the railway agreed to.
    policy = place.named("policy")
    policy.write_text(json.dumps({"name": "strict", "required": ["live", "railway-consent"]}))
    strict = bank("bill", "verify", file, "--policy", policy, code=1)
    assert strict["reasons"] == ["railway-consent"]

    # An altered copy fails by name.
    content = json.loads(file.read_text())
    content["document"] = tampered(content["document"])[0]
    altered = place.named("altered")
    altered.write_text(json.dumps(content))
    assert "document-intact" in bank("bill", "verify", altered, code=1)["reasons"]

    # The bank passes it on with its own key, and the key to the document with it.
    moved = bank("bill", "transfer", bill, "--to", importer.party, *bank.signing)
    assert moved["intent"]["status"] in ARRIVED
    read = place.named("importer-file")
    importer("bill", "file", bill, "--out", read)
    assert json.loads(read.read_text())["document"] == json.loads(file.read_text())["document"]

    # Offered back, accepted with the bank's own key.
    importer("bill", "transfer", bill, "--to", bank.party, "--offer", "--expiry", "2h")
    assert bank("bill", "show", bill)["offeree"] == bank.party
    bank("bill", "accept-offer", bill, *bank.signing)
    assert bank("bill", "show", bill)["holder"] == bank.party

    # Surrendered, refused with a reason that can be shown, surrendered again, accepted, delivered.
    bank("bill", "surrender", bill, *bank.signing)
    out = place.named("reason")
    refused = carrier("bill", "answer", bill, "--refuse", "--reason", "storage unpaid", "--out", out)
    assert refused["opening"]["document"]["text"] == "storage unpaid"
    assert json.loads(out.read_text()) == refused["opening"]
    assert refused["opening"]["digest"] == carrier("bill", "history", bill)[-1]["detail"]
    bank("bill", "surrender", bill, *bank.signing)
    bank("bill", "withdraw-surrender", bill, *bank.signing)
    bank("bill", "surrender", bill, *bank.signing)
    carrier("bill", "answer", bill, "--accept")
    evidence = place.named("receipt")
    evidence.write_bytes(b"signed receipt")
    delivered = carrier("bill", "deliver", bill, "--evidence", evidence)
    assert delivered["opening"]["document"]["size"] == 14

    assert bank("bill", "verify", file, code=1)["reasons"] == ["live"]
    history = bank("bill", "history", bill)
    assert [event["act"] for event in history] == [
        "Issue",
        "Transfer",
        "Offer",
        "AcceptOffer",
        "Surrender",
        "RefuseSurrender",
        "Surrender",
        "WithdrawSurrender",
        "Surrender",
        "AcceptSurrender",
        "Deliver",
    ]
    assert "Deliver" in bank.run("bill", "history", bill).out
    assert bill in {one["bill"] for one in bank("bill", "list", "--state", "delivered")}
    assert bill in bank.run("bill", "list").out
    assert "delivered" in bank.run("bill", "show", bill).out


def test_a_carrier_issues_with_its_own_key(place: Place) -> None:
    bill = place.issue("haulier", "importer")
    importer = place.desks["importer"]
    file = place.named("file")
    importer("bill", "file", bill, "--out", file)
    verdict = importer("bill", "verify", bill, "--expect-issuer", place.desks["haulier"].party)
    assert verdict["verdict"] == "pass"
    custody = next(check for check in verdict["checks"] if check["name"] == "key-custody")
    assert custody["result"] == "pass"


def test_offers_are_declined_and_withdrawn(place: Place) -> None:
    bank, importer = place.desks["bank"], place.desks["importer"]
    bill = place.issue("carrier", "bank")
    bank("bill", "transfer", bill, "--to", importer.party, "--offer", *bank.signing)
    importer("bill", "decline-offer", bill)
    bank("bill", "transfer", bill, "--to", importer.party, "--offer", *bank.signing)
    bank("bill", "withdraw-offer", bill, *bank.signing)
    late = importer("bill", "accept-offer", bill, code=3)
    assert late["error"]["code"] == "no-offer"


@pytest.mark.parametrize("issuer", ["carrier", "haulier"])
def test_a_bill_is_voided_by_holder_and_issuer(place: Place, issuer: str) -> None:
    bank, carrier = place.desks["bank"], place.desks[issuer]
    bill = place.issue(issuer, "bank")
    act = place.named("void")
    bank("bill", "void", bill, "--reason", "wrong station", "--out", act)
    assert (
        bank("bill", "void", bill, "--act", act, *bank.signing, code=2)["error"]["code"] == "void-cosignature"
    )
    signed = place.named("signed")
    cosigned = carrier("intent", "sign", act, "--out", signed, *carrier.signing)
    given = ("--act", act, "--cosignature", cosigned["signatures"][0])  # by word, or as the file
    voided = bank("bill", "void", bill, *(given if carrier.key else ("--act", signed)), *bank.signing)
    assert voided["intent"]["act"] == "Void"
    assert bank("bill", "show", bill)["state"] == "voided"
    other = place.issue("carrier", "bank")
    assert bank("bill", "void", other, "--act", act, *bank.signing, code=2)["error"]["code"] == "void-other"


def test_an_act_goes_through_the_chains_json_rpc_without_a_token(place: Place) -> None:
    bank = place.desks["bank"]
    bill = place.issue("carrier", "bank")
    act, signed = place.named("act"), place.named("signed")
    bank("intent", "prepare", "bills", "Surrender", bill, "--out", act)
    assert cli("intent", "sign", act, *bank.signing, "--out", signed).code == 0
    sent = cli("intent", "submit", signed, "--rpc", f"{bank.url}/rpc", "--json")
    assert (sent.code, sent.json()["sent"]["status"]) == (0, "done"), sent
    end = time.monotonic() + 60
    while bank("bill", "show", bill)["state"] != "surrendered":
        assert time.monotonic() < end
        time.sleep(0.2)
    bank("bill", "withdraw-surrender", bill, *bank.signing)
    bank("intent", "prepare", "bills", "Transfer", bill, "--field", "to=1", "--out", act.with_suffix(".2"))
    assert (
        cli("intent", "sign", act.with_suffix(".2"), *bank.signing, "--out", signed.with_suffix(".2")).code
        == 0
    )
    handed = bank("intent", "submit", signed.with_suffix(".2"))
    assert handed["intent"]["status"] in ARRIVED
    shown = bank("intent", "show", handed["intent"]["id"])["intent"]
    assert shown["status"] in ARRIVED
    assert shown | {"status": "done"} == handed["intent"] | {"status": "done"}


def test_the_chain_refuses_by_name_and_nothing_changes(place: Place) -> None:
    carrier, bank, importer = (place.desks[name] for name in ("carrier", "bank", "importer"))
    bill = place.issue("carrier", "importer")
    # Not the chain's head: the log is anchored meanwhile.
    stands = carrier("bill", "show", bill), carrier("bill", "history", bill)
    wrong = bank("bill", "transfer", bill, "--to", carrier.party, *bank.signing, code=3)
    assert wrong["error"]["code"] in ("wrong-party", "not-found")
    assert (
        carrier("bill", "deliver", bill, "--evidence", carrier.token, code=3)["error"]["code"]
        == "wrong-state"
    )
    nobody = importer("bill", "transfer", bill, "--to", 4_000_000_000, code=3)
    assert nobody["error"]["code"] in ("unknown-party", "reader-key-unknown")
    assert (carrier("bill", "show", bill), carrier("bill", "history", bill)) == stands


def test_a_second_carrier_cannot_issue_for_the_same_note(place: Place) -> None:
    haulier, carrier = place.desks["haulier"], place.desks["carrier"]
    first = place.document("carrier", "importer", run="77000001")
    carrier("bill", "issue", first)
    second = place.document("haulier", "importer", run="77000001", suffix="-B")
    refused = haulier("bill", "issue", second, *haulier.signing, code=3)
    assert refused["error"]["code"] == "note-taken"
    assert "该运单已有提单" in haulier.run("bill", "issue", second, *haulier.signing, "--lang", "zh").err


def test_a_document_with_errors_is_not_sent(place: Place) -> None:
    carrier = place.desks["carrier"]
    path = place.document("carrier", "importer")
    value = json.loads(path.read_text())
    del value["clauses"]
    path.write_text(json.dumps(value))
    refused = carrier("bill", "issue", path, code=1)
    assert refused["findings"][0]["path"] == "/clauses"
    good = place.document("carrier", "importer")
    other = carrier("bill", "issue", good, "--holder", carrier.party, code=2)
    assert other["error"]["code"] == "holder-other"


def test_keys_are_added_rotated_and_revoked_by_the_party_alone(place: Place) -> None:
    folder, operator = place.folder, place.operator
    password = ("--password-file", folder / "password")
    first, second, third = (folder / f"rotating-{n}.json" for n in range(3))
    made = [
        json.loads(cli("party", "keygen", "--out", p, *password, "--json").out)
        for p in (first, second, third)
    ]
    names = ("--name", "Test rotating", "--name-zh", "轮换", "--country", "CN")
    party = operator("party", "admit", *names, "--own-key", first, *password)["party"]["party"]
    desk = Desk(place.gateway.url, folder, "rotating", party, first)
    operator("token", "create", "--party", party, "--out", desk.token)
    desk("party", "key", "add", party, "--new-key", second, *desk.signing)
    desk("party", "key", "revoke", party, made[0]["address"], "--key", second, *password)
    refused = desk("party", "key", "add", party, "--new-key", third, *desk.signing, code=3)
    assert refused["error"]["code"] == "key-revoked"
    desk("party", "key", "rotate", party, "--new-key", third, "--key", second, *password)
    last = desk("party", "key", "revoke", party, made[2]["address"], "--key", third, *password, code=3)
    assert last["error"]["code"] == "last-key"
    live = [k["address"] for k in desk("party", "show", party)["party"]["keys"] if not k["until"]]
    assert live == [made[2]["address"]]


def test_an_entrusted_party_takes_its_key_home(place: Place) -> None:
    operator, folder = place.operator, place.folder
    names = ("--name", "Test leaving", "--name-zh", "离开", "--country", "CN")
    party = operator("party", "admit", *names)["party"]["party"]
    desk = Desk(place.gateway.url, folder, "leaving", party)
    operator("token", "create", "--party", party, "--out", desk.token)
    password = ("--password-file", folder / "password")
    cli("party", "keygen", "--out", folder / "leaving.json", *password)
    desk("party", "key", "rotate", party, "--new-key", folder / "leaving.json", *password)
    keys = desk("party", "show", party)["party"]["keys"]
    assert [key["custodial"] for key in keys if not key["until"]] == [False]


def test_the_log_is_json_lines_without_tokens_or_names(place: Place) -> None:
    lines = [json.loads(line) for line in place.gateway.log().splitlines() if line.startswith("{")]
    requests = [line for line in lines if line["event"] == "request"]
    assert len(requests) > 20
    assert all(line["time"].endswith("Z") and line["level"] for line in lines)
    log = place.gateway.log()
    for desk in (place.operator, *place.desks.values()):
        assert desk.token.read_text().strip() not in log
    assert "Test bank" not in log
    assert "storage unpaid" not in log


def test_a_bundle_is_verified_without_the_gateway(place: Place) -> None:
    bank, importer = place.desks["bank"], place.desks["importer"]
    bill = place.issue("carrier", "bank")
    file, trust = place.named("bill-file"), place.named("trust")
    bank("bill", "file", bill, "--out", file, *bank.reading)
    trust.write_bytes(httpx.get(f"{bank.url}/v1/trust", trust_env=False).content)
    end = time.monotonic() + 60
    while True:
        bundle = place.named("bundle")
        if bank.run("bill", "bundle", file, "--out", bundle, "--json").code == 0:
            break
        assert time.monotonic() < end, "it is never anchored"
        time.sleep(0.2)
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o600
    node = ("--trust", trust, "--rpc", f"{bank.url}/rpc")
    verdict = cli("verify", bundle, *node, "--expect-holder", bank.party, "--json")
    assert (verdict.code, verdict.json()["reasons"]) == (0, []), verdict
    assert cli("verify", bundle, *node, "--expect-holder", importer.party, "--json").code == 1

    fields = place.named("fields")
    bank("bill", "bundle", file, "--out", fields, "--field", "/bill/number", "--field", "/issuer/party")
    assert cli("verify", fields, *node).code == 0

    # Once the bill has moved on, the file tells less than the chain.
    bank("bill", "surrender", bill, *bank.signing)
    late = cli("verify", bundle, *node, "--json")
    assert (late.code, late.json()["reasons"]) == (1, ["signatures", "history", "state"])
    down = cli("verify", bundle, "--trust", trust, "--rpc", "http://127.0.0.1:9", "--json")
    assert down.code not in (0, 1)


def test_the_log_is_audited_from_outside(place: Place) -> None:
    bank = place.desks["bank"]
    place.issue("carrier", "bank")
    trust, report, progress = place.named("trust"), place.named("report"), place.named("progress")
    trust.write_bytes(httpx.get(f"{bank.url}/v1/trust", trust_env=False).content)
    node = ("--trust", trust, "--rpc", f"{bank.url}/rpc")
    found = bank("log", "audit", *node, "--out", report, "--progress", progress, "--csv", place.named("csv"))
    assert (found["verdict"], found["findings"]) == ("pass", [])
    assert min(found["leaves"], found["heads"], found["acts"]) >= 2
    again = bank("log", "audit", *node, "--remembered", report, "--progress", progress)
    assert (again["verdict"], again["leaves"] >= found["leaves"]) == ("pass", True)

    # A head that the log never had, as an auditor may remember one.
    content = json.loads(report.read_text())
    content["head"]["root"] = "0x" + "5a" * 32
    forged = place.named("forged")
    forged.write_text(json.dumps(content))
    named = bank("log", "audit", *node, "--remembered", forged, code=1)
    assert {one["code"] for one in named["findings"]} == {"head-differs"}
