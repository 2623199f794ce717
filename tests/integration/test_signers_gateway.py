"""A gateway whose parties' keys lie in a token or behind a signing service: acts, losses, kills."""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, col, select

from api.domains.bills.tables import BillEventRow
from api.kernel.approval.tables import ApprovalRow, SignOffRow
from api.kernel.tables import KeyRow
from chain.db import reading
from chain.embedded import EmbeddedNode
from chain.relayer import Relayer
from chain.tables import OutboxRow
from tests.chainlab import CHAIN_ID, Registry, issue, wait_until
from tests.clilab import cli
from tests.hsmlab import PIN, SoftHsm
from tests.integration import live
from tests.integration.desk import Desk
from tests.integration.gateway import ALL, Gateway, open_gateway, populate, problem
from tests.signerlab import SigningService

KILLS = 3


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftHsm]:
    with SoftHsm(tmp_path_factory.mktemp("box")) as made:
        yield made


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SigningService]:
    with SigningService(tmp_path_factory.mktemp("service")) as made:
        yield made


def describe(service: SigningService, **changes: Any) -> Path:
    """The gateway's file of signing services."""
    path = service.folder / "signers.json"
    content = {"format": "landbridge/remote-signers/1", "signers": [service.description(**changes)]}
    path.write_text(json.dumps(content))
    return path


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory, box: SoftHsm, service: SigningService
) -> Iterator[Gateway]:
    """Entrusted keys are made in the token; one party's lies behind the service."""
    with open_gateway(
        tmp_path_factory.mktemp("gateway"),
        hsm=f"pkcs11:token=bank?module-path={box.module}",
        hsm_pin_file=box.pin_file,
        entrusted_keys="hsm",
        signer_timeout=60,
        remote_signers=describe(service, timeout=2),
    ) as opened:
        populate(opened)
        body = {"name": "Remote", "name_zh": "远程", "country": "CN", "key": service.account}
        opened.join("remote", opened.post("operator", "/v1/parties", body).json()["id"])
        yield opened


@pytest.fixture(autouse=True)
def all_well(box: SoftHsm, service: SigningService) -> Iterator[None]:
    """Each test leaves token and service as it found them, whatever comes of it."""
    yield
    if not box.tokens.exists():
        box.put_back()
    service.behave("sign")


def keys_of(place: Gateway, who: str) -> list[KeyRow]:
    with reading(place.house.engine) as session:
        return list(session.exec(select(KeyRow).where(KeyRow.party == place.party(who))))


# In a token


def test_an_entrusted_key_is_made_in_the_token_and_marked(place, box):
    (key,) = keys_of(place, "bank")
    assert key.custodial
    assert key.address not in place.house.keystore
    found = {one.address: one for one in box.open().list_keys()}
    assert found[key.address].fit
    place.done(place.sign("bank", "Surrender", place.quick_bill(holder="bank")))


def test_a_verdict_shows_that_the_key_is_entrusted(place):
    made = place.full_bill(issuer="carrier", holder="bank")
    verdict = place.post("bank", "/v1/bills/verify", {"bill": made["bill"]}).json()
    assert {check["name"]: check["result"] for check in verdict["checks"]}["key-custody"] == "fail"


def test_a_token_that_is_pulled_out(place, box):
    """Named, in both languages; nothing is written; the same request goes through when it is back."""
    bill, key = place.quick_bill(holder="bank"), str(uuid.uuid4())
    body = {"room": "bills", "act": "Surrender", "subject": bill, "fields": {}}
    box.pull_out()
    with place.nothing_changes():
        for _ in range(2):
            answer = place.post("bank", "/v1/intents/sign", body, idempotency_key=key)
            told = problem(answer, 503, "hsm-token-missing")
            assert answer.headers["retry-after"] == "5"
        for secret in (PIN, str(box.folder), "/usr/lib"):
            assert secret not in str(told)
        chinese = place.post("bank", "/v1/intents/sign", body, accept_language="zh")
        assert problem(chinese, 503, "hsm-token-missing")["title"] == "未找到令牌设备"
        # A party that has none here is not told that its key is not entrusted: that cannot be known now.
        problem(place.sign("owner", "Surrender", place.members["owner"].name), 422, "request-malformed")
    assert place.get(None, "/ready").status_code == 200, "one token is not the gateway"
    box.put_back()
    place.done(place.post("bank", "/v1/intents/sign", body, idempotency_key=key, prefer="wait=20"))
    assert place.sequence(bill) == 2


def test_what_was_approved_waits_for_the_token(place, box):
    desk = Desk(place, "importer")
    desk.hire("ada", "ben")
    desk.rule("bills/Surrender")
    bill = place.quick_bill(holder="importer")
    request = desk.propose("ada", "Surrender", bill)
    box.pull_out()
    assert desk.say("ben", "approve", request).json()["status"] == "approved"
    end = time.monotonic() + 60
    while desk.get("ada", request)["reason"] != "hsm-token-missing":
        assert time.monotonic() < end
        time.sleep(0.1)
    assert desk.get("ada", request)["status"] == "approved"
    # Others are not held up by it.
    place.done(place.sign("remote", "Surrender", place.quick_bill(holder="remote")))
    assert place.sequence(bill) == 1
    box.put_back()
    end = time.monotonic() + 60
    while desk.get("ada", request)["status"] == "approved":
        assert time.monotonic() < end
        time.sleep(0.1)
    desk.signed("ada", request)
    assert place.sequence(bill) == 2


def test_the_pin_and_its_file_are_in_no_log_or_table(place, capfd):
    for file in place.house.settings.data_dir.rglob("*"):
        if file.is_file():
            assert PIN.encode() not in file.read_bytes(), file.name
    told = capfd.readouterr()
    assert PIN not in told.out + told.err


def test_a_relayers_key_in_a_token_lets_acts_wait(box, tmp_path):
    """The outbox keeps what cannot be carried while the token is away."""
    hsm = box.open()
    key = hsm.new_key(f"relayer-{uuid.uuid4().hex[:6]}")
    node = EmbeddedNode(tmp_path / "chain.db", CHAIN_ID)
    try:
        registry = Registry(node, tmp_path / "deployment.json")
        from chain.db import open_engine
        from chain.tables import create_tables

        engine = open_engine(f"sqlite:///{tmp_path / 'outbox.db'}")
        create_tables(engine)
        relayer = Relayer(
            engine, node, hsm.signer(key), chain_id=CHAIN_ID, artifacts=registry.artifacts, poll=0.05
        )
        box.pull_out()
        (row,) = registry.enqueue(engine, issue(1))
        relayer.start()
        try:
            wait_until(lambda: relayer.health.code == "hsm-token-missing", 60)
            with Session(engine) as session:
                assert session.get_one(OutboxRow, row.id).status == "pending"
            box.put_back()

            def done() -> bool:
                with Session(engine) as session:
                    return session.get_one(OutboxRow, row.id).status == "done"

            wait_until(done, 60)
            wait_until(lambda: relayer.health.ok, 60)
        finally:
            relayer.stop()
    finally:
        node.close()


# Behind a service


def test_a_key_behind_a_service_signs(place, service):
    (key,) = keys_of(place, "remote")
    assert (key.address, key.custodial) == (service.account, True)
    bill = place.quick_bill(holder="remote")
    act = place.done(place.sign("remote", "Surrender", bill))
    shown = json.loads(json.loads(service.asked()[-1]["body"])["params"][1])
    assert (shown["primaryType"], shown["message"]["bill"]) == ("Surrender", bill)
    assert act["status"] in ("mined", "done")


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ("hang", 503, "signer-hung"),
        ("503", 503, "signer-down"),
        ("401", 503, "signer-unauthorized"),
        ("error", 503, "signer-refused"),
        ("not json", 502, "signer-answer"),
        ("another key", 502, "signature-untrue"),
        ("malleable", 502, "signature-untrue"),
    ],
)
def test_a_service_that_does_not_sign_truly(place, service, how, status, code):
    bill = place.quick_bill(holder="remote")
    service.behave(how)
    with place.nothing_changes():
        problem(place.sign("remote", "Surrender", bill), status, code)
    service.behave("sign")
    place.done(place.sign("remote", "Surrender", bill))


def test_only_an_account_that_this_gateway_can_sign_for_is_entrusted(place):
    body = {"name": "Nobody", "name_zh": "无", "country": "CN", "key": "0x" + "12" * 20}
    with place.nothing_changes():
        problem(place.post("operator", "/v1/parties", body), 409, "key-not-here")
        # The gateway's own keys are no party's.
        body["key"] = place.house.relayer_signer.address
        problem(place.post("operator", "/v1/parties", body), 409, "key-not-here")
        body["key"] = "0x12"
        problem(place.post("operator", "/v1/parties", body), 422, "request-malformed")


# Killed between the last approval and the signature


class Killed:
    """A gateway's process with a party under a rule, whose key lies behind the service."""

    def __init__(self, folder: Path, service: SigningService) -> None:
        self.service = service
        self.gateway = live.Gateway(folder, remote_signers=describe(service))
        self.gateway.start()
        operator = self.gateway.operator()
        self.story = live.Story(operator, holders=1)
        body = {"name": "Remote", "name_zh": "远程", "country": "CN", "key": service.account}
        admitted = operator.settled(operator.post("/v1/parties", body))
        assert admitted["status"] in ("mined", "done"), admitted
        self.party = 3
        self.people = [self._token(operator, name) for name in ("ada", "ben")]
        asked = self.people[0].http.put("/v1/approval-rule", json={"acts": ["bills/Surrender"]}).json()
        applied = self.people[1].post(f"/v1/approvals/{asked['id']}/approve", {"digest": asked["digest"]})
        assert applied.json()["status"] == "applied", applied.text

    def _token(self, operator: live.Client, person: str) -> live.Client:
        body = {"party": self.party, "scopes": ["read", "sign", "approve"], "label": "x", "person": person}
        return live.Client(self.gateway.url, operator.post("/v1/tokens", body).json()["token"])

    def proposed(self) -> dict[str, Any]:
        """A surrender that one person asks for."""
        bill = self.story.issued(self.party)
        answer = self.people[0].try_act("Surrender", bill)
        assert answer.json()["status"] == "awaiting-approval", answer.text
        return dict(answer.json())

    def approve(self, request: dict[str, Any]) -> None:
        """The second person's sign-off."""
        body = {"digest": request["digest"]}
        assert self.people[1].post(f"/v1/approvals/{request['id']}/approve", body).status_code == 202

    def signed(self, request: dict[str, Any]) -> None:
        """It was signed, taken once, and took effect once."""

        def ended() -> Any:
            found = self.people[0].get(f"/v1/approvals/{request['id']}")
            done = found["status"] == "signed" and found["intent"]["status"] in ("mined", "done")
            return found if done or found["status"] in ("refused", "expired") else None

        found = self.gateway.until(ended, 60)
        assert (found["status"], found["reason"]) == ("signed", None), found
        bill, engine = request["typed_data"]["message"]["bill"], self.gateway.engine()
        with reading(engine) as session:
            rows = session.exec(select(OutboxRow).where(OutboxRow.act == "Surrender")).all()
            assert [row.digest.hex() for row in rows].count(request["digest"][2:]) == 1
            acts = [
                event.act
                for event in session.exec(
                    select(BillEventRow).where(BillEventRow.bill == bill).order_by(col(BillEventRow.sequence))
                )
            ]
            said = session.exec(select(SignOffRow).where(SignOffRow.approval == request["id"])).all()
            assert [one.decision for one in said] == ["propose", "approve"]
            assert session.get_one(ApprovalRow, request["id"]).status == "signed"
        engine.dispose()
        assert acts == ["Issue", "Surrender"]


@pytest.fixture
def killed(tmp_path: Path, service: SigningService) -> Iterator[Killed]:
    made = Killed(tmp_path / "data", service)
    yield made
    made.gateway.kill()


def test_killed_while_the_key_is_asked(killed, service):
    """The service has the request in hand; the gateway that asked is gone, and the next one asks anew."""
    request = killed.proposed()
    before = len(service.asked())
    service.behave("hang")
    killed.approve(request)
    killed.gateway.until(lambda: len(service.asked()) > before, 60)
    killed.gateway.kill()
    service.behave("sign")
    killed.gateway.start()
    killed.signed(request)
    bodies = {asked["body"] for asked in service.asked()[before:]}
    assert len(bodies) == 1, "one act, however often it was asked for"


def test_killed_at_random_instants_after_the_last_approval(killed):
    for number in range(KILLS):
        request = killed.proposed()
        killed.approve(request)
        time.sleep(random.random() * 0.2 * number)  # noqa: S311 - chance, not secrets
        killed.gateway.kill()
        killed.gateway.start()
        killed.signed(request)


# The operator's view of what is wrong at the start


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"LANDBRIDGE_HSM": "token=bank"}, "hsm-uri"),
        ({"LANDBRIDGE_HSM": "pkcs11:token=bank?pin-value=1"}, "hsm-uri"),
        ({"LANDBRIDGE_HSM": "pkcs11:token=bank?module-path=/m.so"}, "hsm-pin-file"),
        ({"LANDBRIDGE_HSM": "pkcs11:token=bank?pin-source=/run/pin"}, "hsm-module"),
        ({"LANDBRIDGE_ENTRUSTED_KEYS": "hsm"}, "settings"),
        ({"LANDBRIDGE_REMOTE_SIGNERS": "/nowhere"}, "settings"),
        ({"LANDBRIDGE_REMOTE_SIGNERS": "/etc/hostname"}, "settings"),
    ],
)
def test_settings_that_cannot_be_used(tmp_path, settings, code):
    result = cli("serve", "--port", 0, "--data-dir", tmp_path / "data", "--json", env=settings)
    assert result.json()["error"]["code"] == code, result.err
    assert result.code in (2, 5)
    assert "Traceback" not in result.err


@pytest.mark.parametrize("wrong", [{"url": "http://signer.example"}, {"account": "x"}, {"secret": "x"}])
def test_a_service_that_is_described_wrongly(tmp_path, service, wrong):
    path = tmp_path / "signers.json"
    described = service.description(**wrong)
    path.write_text(json.dumps({"format": "landbridge/remote-signers/1", "signers": [described]}))
    settings = {"LANDBRIDGE_REMOTE_SIGNERS": str(path)}
    result = cli("serve", "--port", 0, "--data-dir", tmp_path / "data", "--json", env=settings)
    assert (result.code, result.json()["error"]["code"]) == (5, "signer-settings")


def test_every_scope_but_a_persons_is_given_as_before(place):
    assert place.token("bank", *ALL)
