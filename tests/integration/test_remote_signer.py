"""A signing service elsewhere, as a process of its own: it signs, lies, hangs, refuses, and is restarted."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from api.domains.bills.contract import RAIL_BILL_ACTS, RAIL_BILLS_DOMAIN
from chain.errors import LandbridgeError
from chain.intents import Act, Address, Domain, recover
from chain.remote import (
    RemoteSettingsError,
    RemoteSigner,
    SignerAnswerError,
    SignerDownError,
    SignerHungError,
    SignerRefusedError,
    SignerUnauthorizedError,
    read_place,
)
from chain.signers import SignerError, UntrueSignatureError
from tests.signerlab import TOKEN, SigningService

DOMAIN = Domain(RAIL_BILLS_DOMAIN, "1", 20777, Address("0x" + "1f" * 20))
ACTS = [
    Act(shape, b"\x01" * 32, 1, 2_000_000_000, fields)
    for shape in RAIL_BILL_ACTS
    for fields in (
        {
            field.name: {"bool": True, "bytes32": b"\x02" * 32, "address": "0x" + "3" * 40}.get(field.type, 7)
            for field in shape.fields
        },
    )
]
ACT = next(act for act in ACTS if act.type.name == "Transfer")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SigningService]:
    with SigningService(tmp_path_factory.mktemp("signer")) as made:
        yield made


@pytest.fixture
def service(running: SigningService) -> SigningService:
    """It signs honestly, and was asked nothing."""
    running.behave("sign")
    (running.folder / "asked").unlink(missing_ok=True)
    return running


def signer(service: SigningService, **changes: Any) -> RemoteSigner:
    return RemoteSigner(read_place(service.description(**changes), beside=service.folder))


def refused(how: type[LandbridgeError], signer: RemoteSigner) -> LandbridgeError:
    """The named error; it tells nothing that is secret."""
    with pytest.raises(how) as caught:
        signer.sign_act(ACT, DOMAIN)
    assert type(caught.value) is how
    told = f"{caught.value} {caught.value.params} {caught.value.__cause__}"
    assert TOKEN not in told
    return caught.value


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.type.name)
def test_every_act_is_signed(service: SigningService, act: Act) -> None:
    found = signer(service).sign_act(act, DOMAIN)
    assert recover(act.digest(DOMAIN), found) == service.account


def test_it_is_shown_the_whole_act(service: SigningService) -> None:
    signer(service).sign_act(ACT, DOMAIN)
    (asked,) = service.asked()
    request = json.loads(asked["body"])
    assert (request["jsonrpc"], request["method"]) == ("2.0", "eth_signTypedData")
    account, typed = request["params"]
    assert account == service.account
    assert json.loads(typed) == ACT.typed_data(DOMAIN)
    assert asked["authorization"] == f"Bearer {TOKEN}"


def test_a_recovery_bit_of_either_form_is_taken(service: SigningService) -> None:
    service.behave("low v")
    assert recover(ACT.digest(DOMAIN), signer(service).sign_act(ACT, DOMAIN)) == service.account


@pytest.mark.parametrize(
    ("how", "error", "why"),
    [
        ("another key", UntrueSignatureError, "another-key"),
        ("another act", UntrueSignatureError, "another-key"),
        ("malleable", UntrueSignatureError, "malleable"),
        ("zero", UntrueSignatureError, "no-signature"),
        ("wrong v", SignerAnswerError, None),
        ("short", SignerAnswerError, None),
        ("number", SignerAnswerError, None),
        ("no hex", SignerAnswerError, None),
        ("not json", SignerAnswerError, None),
        ("another protocol", SignerAnswerError, None),
        ("huge", SignerAnswerError, None),
        ("error", SignerRefusedError, None),
        ("404", SignerRefusedError, None),
        ("500", SignerRefusedError, None),
        ("redirect", SignerRefusedError, None),
        ("401", SignerUnauthorizedError, None),
        ("403", SignerUnauthorizedError, None),
    ],
)
def test_what_is_no_true_signature_goes_nowhere(
    service: SigningService, how: str, error: type[SignerError], why: str | None
) -> None:
    service.behave(how)
    found = refused(error, signer(service))
    assert found.params.get("why") == why
    assert len(service.asked()) == 1, "it is not asked again: it has answered"
    assert isinstance(found, SignerError), "the act waits"


@pytest.mark.parametrize("how", ["hang", "drip"])
def test_a_service_that_hangs(service: SigningService, how: str) -> None:
    service.behave(how)
    began = time.monotonic()
    refused(SignerHungError, signer(service, timeout=1.5))
    assert time.monotonic() - began < 60
    assert len(service.asked()) == 1


@pytest.mark.parametrize("how", ["no answer", "break off"])
def test_a_restart_in_the_middle(service: SigningService, how: str) -> None:
    """It ends with the request in hand; the same request, to the byte, is sent to the one that comes next."""
    service.behave(how)
    found: list[Any] = []
    waiting = threading.Thread(target=lambda: found.append(signer(service).sign_act(ACT, DOMAIN)))
    waiting.start()
    end = time.monotonic() + 60
    while not service.asked():
        assert time.monotonic() < end
        time.sleep(0.02)
    service.behave("sign")
    service.kill()
    service.start()
    waiting.join(60)
    assert recover(ACT.digest(DOMAIN), found[0]) == service.account
    bodies = [one["body"] for one in service.asked()]
    assert len(bodies) >= 2
    assert len(set(bodies)) == 1


def test_a_service_that_is_down_for_a_moment(service: SigningService) -> None:
    service.behave("503")
    found: list[Any] = []
    waiting = threading.Thread(target=lambda: found.append(signer(service).sign_act(ACT, DOMAIN)))
    waiting.start()
    end = time.monotonic() + 60
    while len(service.asked()) < 2:
        assert time.monotonic() < end
        time.sleep(0.02)
    service.behave("sign")
    waiting.join(60)
    assert recover(ACT.digest(DOMAIN), found[0]) == service.account


def test_a_service_that_is_down(service: SigningService) -> None:
    service.kill()
    try:
        refused(SignerDownError, signer(service, timeout=1))
    finally:
        service.start()


def test_mutual_tls(service: SigningService) -> None:
    folder = service.folder
    stranger = {
        "certificate_file": str(folder / "stranger.pem"),
        "certificate_key_file": str(folder / "stranger.key"),
    }
    nobody = {"certificate_file": None, "certificate_key_file": None}
    for changes in (stranger, nobody, {"ca_file": None}, {"ca_file": str(folder / "stranger.pem")}):
        found = refused(SignerDownError, signer(service, **changes))
        assert found.params == {"reason": "tls"}, changes
    assert service.asked() == [], "nothing was said to whom we do not know"


def test_the_token_is_read_anew_each_time(service: SigningService) -> None:
    path = service.folder / "other-token"
    path.write_text("an old token\n")
    asking = signer(service, token_file=str(path))
    refused(SignerUnauthorizedError, asking)
    path.write_text(TOKEN + "\n")
    asking.sign_act(ACT, DOMAIN)
    for content in (b"", b"\xff\xfe", b"two words\x00"):
        path.write_bytes(content)
        assert refused(RemoteSettingsError, asking).params == {"field": "token_file"}
    path.unlink()
    refused(RemoteSettingsError, asking)
    refused(SignerUnauthorizedError, signer(service, token_file=None))


def test_certificates_that_cannot_be_used(service: SigningService, tmp_path: Path) -> None:
    for changes in (
        {"certificate_file": str(tmp_path / "none.pem")},
        {"ca_file": str(tmp_path / "none.pem")},
        {"certificate_key_file": str(service.folder / "stranger.key")},
    ):
        assert refused(RemoteSettingsError, signer(service, **changes)).params == {
            "field": "certificate_file"
        }


def test_no_proxy_of_the_environment_stands_between(
    service: SigningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    signer(service).sign_act(ACT, DOMAIN)


def test_nothing_is_shown_of_what_is_secret(service: SigningService) -> None:
    assert repr(signer(service)) == f"RemoteSigner({service.account})"
    assert Account.from_key(bytes(31) + b"\x07").address.lower() == service.account
