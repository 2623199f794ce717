"""docs/webhooks.md says what is: its code verifies, and it names every type, outcome and setting."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from api.kernel.webhooks.envelope import event_type
from api.kernel.webhooks.outcome import OUTCOMES
from api.kernel.webhooks.signing import new_secret, sign
from api.registry import ROOMS
from api.settings import Settings

MANUAL = (Path(__file__).parents[5] / "docs" / "webhooks.md").read_text()


def test_the_code_shown_verifies():
    (code,) = re.findall(r"```python\n(.*?)```", MANUAL, re.DOTALL)
    shown = {}
    exec(code, shown)  # noqa: S102 - our own manual
    old, new, body, now = new_secret(), new_secret(), b'{"a":1}', int(time.time())
    signature = sign([new, old], "evt_1", now, body)
    headers = {"webhook-id": "evt_1", "webhook-timestamp": str(now), "webhook-signature": signature}
    for secret in (old, new):
        assert shown["verified"](secret, headers, body) == "evt_1"
    for wrong in ((new_secret(), headers, body), (new, headers, body + b" ")):
        with pytest.raises(ValueError, match="not signed"):
            shown["verified"](*wrong)
    with pytest.raises(ValueError, match="just now"):
        shown["verified"](new, headers | {"webhook-timestamp": str(now - 301)}, body)


def test_every_type_is_named():
    for room in ROOMS:
        for name in room.happening_names:
            last = event_type(room.name, name).rpartition(".")[2]
            assert re.search(rf"[`.]{last}`", MANUAL), (room.name, name)


def test_every_outcome_and_setting_is_named():
    for outcome in OUTCOMES:
        assert f"`{outcome}`" in MANUAL, outcome
    for name in Settings.model_fields:
        if name.startswith("webhook_"):
            assert f"`LANDBRIDGE_{name.upper()}`" in MANUAL, name
    assert str(list(Settings().webhook_backoff)).replace(" ", "") in MANUAL
