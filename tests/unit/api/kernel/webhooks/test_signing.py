"""Signatures: the published vector to the letter, two secrets at once, and nothing let through."""

from __future__ import annotations

import base64
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from api.kernel.webhooks.signing import (
    SecretBox,
    WebhookSecretError,
    WebhookSignatureError,
    new_secret,
    sign,
    verify,
)

# The vector that Standard Webhooks' own libraries are tested with.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, TIME, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def _headers(signature=SIGNATURE, id_=ID, time_=TIME):
    return {"webhook-id": id_, "webhook-timestamp": str(time_), "webhook-signature": signature}


def test_the_published_vector():
    assert sign([SECRET], ID, TIME, BODY) == SIGNATURE
    assert verify(SECRET, _headers(), BODY, now=TIME + 299) == ID


def test_another_implementation_takes_what_is_signed_here():
    now, secret, body = int(time.time()), new_secret(), b'{"who":"\xe9\x93\xb6\xe8\xa1\x8c"}'
    signature = sign([new_secret(), secret], "evt_1", now, body)
    assert Webhook(secret).verify(body, _headers(signature, "evt_1", now)) == json.loads(body)


def test_a_secret_is_256_bits_and_new_each_time():
    made = {new_secret() for _ in range(20)}
    assert len(made) == 20
    for one in made:
        assert one.startswith("whsec_")
        assert len(base64.b64decode(one[6:], validate=True)) == 32


def test_both_secrets_of_a_rotation_verify_and_no_third():
    old, new, other = (new_secret() for _ in range(3))
    headers = _headers(sign([new, old], ID, TIME, BODY))
    assert headers["webhook-signature"].count("v1,") == 2
    for secret in (old, new):
        assert verify(secret, headers, BODY, now=TIME) == ID
    with pytest.raises(WebhookSignatureError):
        verify(other, headers, BODY, now=TIME)


@pytest.mark.parametrize(
    ("headers", "body", "now"),
    [
        (_headers(id_="msg_other"), BODY, TIME),
        (_headers(id_=""), BODY, TIME),
        (_headers(time_=TIME + 1), BODY, TIME),
        (_headers(time_="soon"), BODY, TIME),
        (_headers(time_="٣"), BODY, TIME),
        (_headers(time_="9" * 5000), BODY, TIME),
        (_headers(), BODY + b" ", TIME),
        (_headers(), BODY, TIME + 301),
        (_headers(), BODY, TIME - 301),
        (_headers(SIGNATURE.removeprefix("v1,")), BODY, TIME),
        (_headers(SIGNATURE.replace("v1,", "v1a,")), BODY, TIME),
        (_headers(SIGNATURE[:-1]), BODY, TIME),
        (_headers(""), BODY, TIME),
        (_headers("é"), BODY, TIME),
        ({}, BODY, TIME),
    ],
)
def test_what_is_not_signed_so_is_refused(headers, body, now):
    with pytest.raises(WebhookSignatureError) as refused:
        verify(SECRET, headers, body, now=now)
    assert refused.value.code == "webhook-signature"


@given(st.binary(max_size=60), st.integers(0, 7), st.data())
def test_no_bit_of_a_body_is_spare(body, bit, data):
    headers = _headers(sign([SECRET], ID, TIME, body))
    assert verify(SECRET, headers, body, now=TIME) == ID
    if body:
        place = data.draw(st.integers(0, len(body) - 1))
        changed = body[:place] + bytes([body[place] ^ 1 << bit]) + body[place + 1 :]
        with pytest.raises(WebhookSignatureError):
            verify(SECRET, headers, changed, now=TIME)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_%%%", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
def test_a_secret_of_another_form_is_named(secret):
    with pytest.raises(WebhookSecretError):
        sign([secret], ID, TIME, BODY)


def test_a_sealed_secret_opens_for_its_webhook_alone():
    box, secret = SecretBox(b"k" * 32), new_secret()
    sealed = box.seal(secret, "wh_1")
    assert secret.encode() not in sealed
    assert box.seal(secret, "wh_1") != sealed
    assert box.open(sealed, "wh_1") == secret
    for altered, webhook, key in (
        (sealed, "wh_2", b"k"),
        (sealed[:-1] + bytes([sealed[-1] ^ 1]), "wh_1", b"k"),
        (sealed[:5], "wh_1", b"k"),
        (sealed, "wh_1", b"l"),
    ):
        with pytest.raises(WebhookSecretError):
            SecretBox(key * 32).open(altered, webhook)
