"""Keys in a token, with a real one in software: made, used, pulled out, hung, locked, and lying."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.address import to_checksum_address

from api.domains.bills.contract import RAIL_BILL_ACTS, RAIL_BILLS_DOMAIN
from chain.hsm import (
    Hsm,
    HsmAmbiguousError,
    HsmHungError,
    HsmKey,
    HsmKeyMissingError,
    HsmKeyUnfitError,
    HsmModuleError,
    HsmPinError,
    HsmPinFileError,
    HsmSigner,
    HsmTokenMissingError,
)
from chain.hsm_uri import parse_uri
from chain.intents import Act, Address, Domain, keccak, recover
from chain.signers import SignerError, Transaction, UntrueSignatureError, sign_transaction
from tests.hsmlab import PIN, SoftHsm, workers

PATIENT = 60.0
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
DOMAIN = Domain(RAIL_BILLS_DOMAIN, "1", 20777, Address("0x" + "1f" * 20))
TRANSFER = next(act for act in RAIL_BILL_ACTS if act.name == "Transfer")
ACT = Act(TRANSFER, b"\x01" * 32, 1, 2_000_000_000, {"to": 4})


@pytest.fixture
def box(tmp_path: Path) -> Iterator[SoftHsm]:
    with SoftHsm(tmp_path) as made:
        yield made


@pytest.fixture
def served(tmp_path: Path) -> Iterator[SoftHsm]:
    """The same behind a server."""
    with SoftHsm(tmp_path, server=True) as made:
        yield made


@pytest.fixture
def hsm(box: SoftHsm) -> Hsm:
    return box.open()


def digest(number: int) -> bytes:
    return keccak(number.to_bytes(4, "big"))


def refused(how: type[SignerError], use: object, reason: str | None = None) -> SignerError:
    """The named error, which tells nothing that is secret."""
    with pytest.raises(how) as caught:
        use()  # type: ignore[operator]
    assert type(caught.value) is how
    told = f"{caught.value} {caught.value.params}"
    assert PIN not in told
    assert "/" not in told, "a path is nobody's business"
    if reason is not None:
        assert caught.value.params["reason"] == reason
    return caught.value


def use(box: SoftHsm) -> HsmSigner:
    """A signer of a new key, used once."""
    made = box.open()
    signer = made.signer(made.new_key("signing"))
    signer.sign(digest(0))
    return signer


# Making and using


def test_every_signature_is_low_s_and_the_keys(hsm: Hsm) -> None:
    key = hsm.new_key("signing")
    signer, high = hsm.signer(key), 0
    for number in range(40):
        raw = hsm.raw_signature(key.id, digest(number))
        high += int.from_bytes(raw[32:], "big") > HALF_ORDER
        signature = signer.sign(digest(number))
        assert recover(digest(number), signature) == signer.address == key.address
        assert int.from_bytes(signature.rsv[32:64], "big") <= HALF_ORDER
    assert 0 < high < 40, "the token itself gives both kinds"


def test_acts_and_transactions_are_what_wallets_sign(hsm: Hsm) -> None:
    signer = hsm.signer(hsm.new_key("signing"))
    signed = encode_typed_data(full_message=ACT.typed_data(DOMAIN))
    found = Account.recover_message(signed, signature=signer.sign_act(ACT, DOMAIN).rsv)
    assert found.lower() == signer.address
    fields = Transaction(
        to=Address("0x" + "11" * 20), value=5, data=b"x", gas=21_000, gasPrice=7, nonce=3, chainId=20777
    )
    raw, _ = sign_transaction(signer, fields)
    assert Account.recover_transaction(raw) == to_checksum_address(signer.address)


def test_a_key_never_leaves_its_token(box: SoftHsm, hsm: Hsm) -> None:
    """Neither through PKCS#11 nor in a file in clear."""
    key = hsm.new_key("signing")
    program = f"""
import pkcs11
from pkcs11 import Attribute, ObjectClass
token = pkcs11.lib("{box.module}").get_token(token_label="bank")
with token.open(user_pin="{PIN}") as session:
    key = session.get_key(ObjectClass.PRIVATE_KEY, id=bytes.fromhex("{key.id.hex()}"))
    assert key[Attribute.NEVER_EXTRACTABLE] and key[Attribute.ALWAYS_SENSITIVE] and key[Attribute.LOCAL]
    try:
        key[Attribute.VALUE]
    except pkcs11.exceptions.AttributeSensitive:
        print("kept")
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert told.stdout == "kept\n", told.stderr


def test_keys_are_listed_and_found(hsm: Hsm) -> None:
    assert hsm.list_keys() == []
    refused(HsmKeyMissingError, lambda: hsm.find())
    first = hsm.new_key("a")
    assert hsm.find() == first
    second = hsm.new_key("b")
    assert hsm.list_keys() == [first, second]
    assert [key.fit for key in (first, second)] == [True, True]
    assert hsm.find(label="b") == hsm.find(id=second.id) == second
    assert hsm.find(address=first.address.upper().replace("0X", "0x")) == first
    refused(HsmAmbiguousError, lambda: hsm.find())
    refused(HsmKeyMissingError, lambda: hsm.find(label="c"))
    assert "already" in str(refused(HsmAmbiguousError, lambda: hsm.new_key("a")))
    assert hsm.list_keys() == [first, second]


def test_a_key_that_can_leave_does_not_sign(box: SoftHsm, hsm: Hsm) -> None:
    """One that was put in from outside, as whoever put it in still has it."""
    key = box.folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"),
            *("-out", str(key)),
        ],
        check=True,
        timeout=60,
    )
    program = f"""
import pkcs11
from pkcs11 import Attribute
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pkcs11.util.ec import decode_ec_private_key, decode_ec_public_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
private = load_pem_private_key(open("{key}", "rb").read(), None)
der = private.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
token = pkcs11.lib("{box.module}").get_token(token_label="bank")
with token.open(user_pin="{PIN}", rw=True) as session:
    more = {{Attribute.TOKEN: True, Attribute.ID: b"outside", Attribute.LABEL: "outside"}}
    extractable = {{Attribute.EXTRACTABLE: True, Attribute.SENSITIVE: False}}
    session.create_object(decode_ec_private_key(der) | more | extractable)
    session.create_object(decode_ec_public_key(public) | more)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    found = hsm.find(label="outside")
    assert not found.fit
    refused(HsmKeyUnfitError, lambda: hsm.signer(found))


def test_several_threads_sign_at_once(hsm: Hsm) -> None:
    signer = hsm.signer(hsm.new_key("signing"))
    failures: list[BaseException] = []

    def work(first: int) -> None:
        try:
            for number in range(first, first + 25):
                assert recover(digest(number), signer.sign(digest(number))) == signer.address
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(100 * number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENT)
    assert failures == []
    assert 1 <= len(workers()) <= 2, "a small pool, and nobody else"


def test_sessions_end_with_their_owner(box: SoftHsm) -> None:
    signer = use(box)
    assert len(workers()) == 1
    signer._hsm.close()
    assert workers() == []
    signer.sign(digest(1))
    signer._hsm.close()


# Pulled out, lost, hung


def test_a_token_that_is_pulled_out_and_comes_back(box: SoftHsm) -> None:
    signer = use(box)
    box.pull_out()
    for number in range(2):
        refused(HsmTokenMissingError, lambda number=number: signer.sign(digest(number)))
    refused(HsmTokenMissingError, lambda: signer._hsm.list_keys())
    box.put_back()
    assert recover(digest(3), signer.sign(digest(3))) == signer.address


def test_a_session_that_outlived_its_token_is_not_believed(box: SoftHsm) -> None:
    """It would show an empty token, as if there were no key in it."""
    signer = use(box)
    box.pull_out()
    assert len(workers()) == 1
    refused(HsmTokenMissingError, signer._hsm.list_keys)
    refused(HsmTokenMissingError, lambda: signer._hsm.find(address=signer.address))


def test_a_token_that_came_back_unseen(box: SoftHsm) -> None:
    """The session outlived it and has only dead handles: the next use begins a new one by itself."""
    signer = use(box)
    before = workers()
    box.pull_out()
    box.put_back()
    (tokens,) = box.tokens.iterdir()
    for file in tokens.iterdir():  # as after a restore: another generation of the same objects
        os.utime(file)
    assert recover(digest(1), signer.sign(digest(1))) == signer.address
    assert len(workers()) == len(before)


def test_a_key_that_was_destroyed(box: SoftHsm) -> None:
    signer = use(box)
    (token,) = box.tokens.iterdir()
    for file in token.glob("*.object"):
        if file.name != "token.object":
            file.unlink()
    refused(HsmKeyMissingError, lambda: signer.sign(digest(1)))


def test_a_server_that_is_killed_in_the_middle(served: SoftHsm) -> None:
    signer = use(served)
    served.kill_server()
    refused(HsmTokenMissingError, lambda: signer.sign(digest(1)))
    served.start_server()
    assert recover(digest(2), signer.sign(digest(2))) == signer.address
    # Killed and started again between two uses, nothing is seen of it.
    served.kill_server()
    served.start_server()
    assert recover(digest(3), signer.sign(digest(3))) == signer.address


def test_a_server_that_hangs(served: SoftHsm) -> None:
    """The call ends in its time, and so does the process that hung; later it works again."""
    signer = use(served)
    made = served.open(timeout=2)
    impatient = HsmSigner(made, HsmKey(signer._id, "", signer.address, True))
    served.stop_server()
    refused(HsmHungError, lambda: impatient.sign(digest(1)))
    assert len(workers()) == 1, "only that of the first signer"
    served.go_on()
    assert recover(digest(2), signer.sign(digest(2))) == signer.address
    signer._hsm.close()


def test_a_module_that_crashes_takes_nobody_with_it(box: SoftHsm) -> None:
    signer = use(box)
    (process,) = workers()
    os.kill(process, signal.SIGSEGV)
    end = time.monotonic() + PATIENT
    while process in workers() and time.monotonic() < end:
        time.sleep(0.02)
    assert recover(digest(1), signer.sign(digest(1))) == signer.address


def test_a_busy_token(box: SoftHsm) -> None:
    made = box.open(timeout=0.3, sessions=1)
    made._turns.acquire()
    refused(HsmHungError, lambda: made.list_keys())


def test_a_process_ends_with_its_parent(box: SoftHsm, tmp_path: Path) -> None:
    program = f"""
import sys, time
from chain.hsm import Hsm
from chain.hsm_uri import parse_uri
hsm = Hsm(parse_uri({box.text()!r}), timeout=60)
hsm.signer(hsm.new_key("signing")).sign(bytes(32))
from tests.hsmlab import workers
print(workers()[0], flush=True)
time.sleep(600)
"""
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    end = time.monotonic() + PATIENT
    while Path(f"/proc/{child}/stat").exists() and "Z" not in Path(f"/proc/{child}/stat").read_text():
        assert time.monotonic() < end, "the session outlived its owner"
        time.sleep(0.05)


# PINs, names, modules


def test_a_wrong_pin_is_tried_once_and_the_right_one_at_once(box: SoftHsm) -> None:
    """A token locks after a few wrong ones: whoever asks often must not lock it."""
    signer = use(box)
    signer._hsm.close()
    made = box.open()
    box.pin_file.write_text("wrong\n")
    refused(HsmPinError, made.list_keys, "PinIncorrect")
    tried: list[int] = []
    before = len(workers())
    for _ in range(3):
        assert "not tried again" in str(refused(HsmPinError, made.list_keys))
        tried.append(len(workers()))
    assert tried == [before] * 3
    box.pin_file.write_text(PIN + "\nand more\n")
    assert made.find().label == "signing"


@pytest.mark.parametrize("content", [None, b"", b"\n" + PIN.encode(), b"\xff\xfe"])
def test_a_pins_file_that_cannot_be_used(box: SoftHsm, hsm: Hsm, content: bytes | None) -> None:
    box.pin_file.unlink()
    if content is not None:
        box.pin_file.write_bytes(content)
    refused(HsmPinFileError, hsm.list_keys)


def test_tokens_that_are_not_there_or_not_one(box: SoftHsm) -> None:
    uri = box.uri()
    refused(HsmTokenMissingError, box.open(replace(uri, token="another")).list_keys)
    refused(HsmTokenMissingError, box.open(replace(uri, manufacturer="nobody")).list_keys)
    assert box.open(replace(uri, manufacturer="SoftHSM project", model="SoftHSM v2")).list_keys() == []
    box.make_token("second")
    refused(HsmAmbiguousError, box.open(replace(uri, token=None)).list_keys)
    box.make_token("bank")
    refused(HsmAmbiguousError, box.open(uri).list_keys)


@pytest.mark.parametrize("module", ["/nowhere/module.so", "/etc/hostname", "/usr/lib/os-release"])
def test_what_is_no_module(box: SoftHsm, module: str) -> None:
    made = box.open(replace(box.uri(), module=Path(module)))
    refused(HsmModuleError, made.list_keys)


def test_without_the_package_for_it() -> None:
    """It is an extra: who has no token need not install it, and who forgot it is told."""
    worker = Path(__file__).parents[2] / "chain" / "hsm_worker.py"
    wanted = {"module": "/m.so", "pin_file": "/run/pin", "token": {}, "rw": False}
    told = subprocess.run(
        [sys.executable, "-I", "-S", str(worker)],  # without the packages of the environment
        input=json.dumps(wanted).encode() + b"\n",
        capture_output=True,
        timeout=60,
    )
    assert json.loads(told.stdout) == {"error": "hsm-module", "reason": "python-pkcs11 is not installed"}


def test_what_must_be_named() -> None:
    refused(HsmModuleError, lambda: Hsm(parse_uri("pkcs11:token=bank?pin-source=/run/pin")), "not named")
    refused(HsmPinFileError, lambda: Hsm(parse_uri("pkcs11:token=bank?module-path=/m.so")), "not named")


def test_the_pin_is_in_no_list_of_processes(box: SoftHsm) -> None:
    signer = use(box)
    (process,) = workers()
    for what in ("cmdline", "environ"):
        assert PIN.encode() not in Path(f"/proc/{process}/{what}").read_bytes()
    signer._hsm.close()


def test_secrets_of_ours_do_not_reach_the_module(box: SoftHsm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANDBRIDGE_KEYSTORE_PASSWORD", "a secret of ours")
    signer = use(box)
    (process,) = workers()
    assert b"a secret of ours" not in Path(f"/proc/{process}/environ").read_bytes()
    signer._hsm.close()


# A token that lies


def test_another_keys_signature_does_not_leave(hsm: Hsm) -> None:
    mine, other = hsm.new_key("mine"), hsm.new_key("other")
    lying = HsmSigner(hsm, replace(mine, id=other.id))
    with pytest.raises(UntrueSignatureError):
        lying.sign(digest(1))
