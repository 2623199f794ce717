"""``landbridge webhook`` from end to end, on a gateway that is a process of its own."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clilab import ROOT, Gateway, Result, clean, cli
from tests.webhooklab import Receiver, until


class Desk:
    """A party at the command line."""

    def __init__(self, url: str, token: Path, party: int = 0) -> None:
        self.place = ("--gateway", url, "--token-file", token)
        self.party = party

    def run(self, *arguments: object) -> Result:
        """A command, whatever comes of it."""
        return cli(*arguments, *self.place)

    def __call__(self, *arguments: object, code: int = 0) -> Any:
        """A command's one JSON document."""
        done = self.run(*arguments, "--json")
        assert done.code == code, (done.out, done.err)
        return done.json()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A bank on a gateway of its own."""
    folder = tmp_path_factory.mktemp("hooks")
    with Gateway(folder / "data") as gateway:
        made = cli(
            "token", "create", "--operator", "--data-dir", folder / "data", "--out", folder / "operator"
        )
        assert made.code == 0, made.err
        operator = Desk(gateway.url, folder / "operator")
        names = ("--name", "Test bank", "--name-zh", "测试银行", "--country", "CN")
        party = operator("party", "admit", *names, "--role", "bank")["party"]["party"]
        scopes = ("--scope", "webhooks", "--scope", "read")
        operator("token", "create", "--party", party, *scopes, "--out", folder / "bank")
        yield Desk(gateway.url, folder / "bank", party)


def test_a_webhook_from_its_making_to_its_end(desk: Desk, tmp_path: Path) -> None:
    with Receiver() as receiver:
        file = tmp_path / "secret"
        made = desk("webhook", "create", receiver.url, "--type", "landbridge.parties.*", "--out", file)
        assert (made["types"], made["file"], "secret" in made) == (["landbridge.parties.*"], str(file), False)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        secret, webhook = file.read_text().strip(), made["webhook"]
        assert [one["webhook"] for one in desk("webhook", "list")] == [webhook]
        sent = desk("webhook", "ping", webhook)
        receiver.wait(1)
        receiver.check(secret)
        assert receiver.ids == [sent["event"]]
        until(lambda: desk("webhook", "deliveries", webhook, "--status", "delivered"))
        assert desk("webhook", "deliveries", webhook, "--status", "dead") == []
        desk("webhook", "replay", webhook, sent["delivery"])
        receiver.wait(2)
        assert receiver.ids == [sent["event"]] * 2
        # The bank's own admission and role were before there was a webhook.
        replayed = desk("webhook", "replay", webhook, "--since", "7d")
        receiver.wait(2 + replayed["replayed"])
        types = {got.event["type"] for got in receiver.got}
        assert {"landbridge.parties.admitted", "landbridge.parties.role-granted"} <= types
        assert replayed["last"] == receiver.ids[-1]
        assert desk("webhook", "replay", webhook, "--since", "2000000000") == {"replayed": 0, "last": None}
        assert desk("webhook", "change", webhook, "--pause")["status"] == "paused"
        assert desk("webhook", "ping", webhook, code=3)["error"]["code"] == "webhook-paused"
        changed = desk("webhook", "change", webhook, "--resume", "--url", receiver.url + "/2", "--type", "*")
        assert (changed["status"], changed["url"], changed["types"]) == ("active", receiver.url + "/2", ["*"])
        rotated = desk("webhook", "rotate", webhook)
        count = len(receiver.got)
        desk("webhook", "ping", webhook)
        receiver.wait(count + 1)
        del receiver.got[:count]
        receiver.check(secret)
        receiver.check(rotated["secret"])
        assert desk("webhook", "delete", webhook) == {"deleted": webhook}
        assert desk("webhook", "list") == []


def test_in_chinese(desk: Desk) -> None:
    with Receiver(lambda got: 500) as receiver:
        made = desk.run("webhook", "create", receiver.url, "--description", "结算", "--lang", "zh")
        assert "whsec_" in made.out
        assert "密钥只显示一次" in made.err
        (webhook,) = [one["webhook"] for one in desk("webhook", "list")]
        desk("webhook", "ping", webhook)
        until(lambda: desk("webhook", "list")[0]["failures"])
        shown = desk.run("webhook", "deliveries", webhook, "--lang", "zh").out
        assert "接收端拒绝 (500)" in shown
        assert "待投递" in shown
        assert "启用" in desk.run("webhook", "list", "--lang", "zh").out
        assert "已删除" in desk.run("webhook", "delete", webhook, "--lang", "zh").out


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["list-all"], 2, "usage"),
        (["delete", "../bills"], 2, "webhook-id"),
        (["delete", "wh_" + "0" * 16], 3, "not-found"),
        (["change", "wh_00"], 2, "webhook-change"),
        (["change", "wh_00", "--pause", "--resume"], 2, "webhook-change"),
        (["replay", "wh_00"], 2, "webhook-replay"),
        (["replay", "wh_00", "1", "--since", "0"], 2, "webhook-replay"),
        (["replay", "wh_00", "--since", "yesterday"], 2, "bad-time"),
        (["create", "https://10.0.0.1/"], 3, "webhook-address-forbidden"),
        (["create", "https://bank.example/", "--type", "landbridge.bills.sold"], 3, "webhook-type-unknown"),
        (["create", "https://bank.example/", "--out", __file__], 5, "file-exists"),
    ],
)
def test_what_is_refused(desk: Desk, arguments: list[str], code: int, error: str) -> None:
    assert desk("webhook", *arguments, code=code)["error"]["code"] == error
    assert desk("webhook", "list") == []


def _listening(desk: Desk, *arguments: str) -> tuple[subprocess.Popen[str], str]:
    """A listener, and the id of its webhook once it listens."""
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli.main", "webhook", "listen", *arguments, *map(str, desk.place)],
        env=clean({"PYTHONUNBUFFERED": "1"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    (webhook,) = until(lambda: [one["webhook"] for one in desk("webhook", "list")])
    return process, webhook


def test_listening(desk: Desk) -> None:
    process, webhook = _listening(desk, "--count", "2", "--json")
    sent = [desk("webhook", "ping", webhook)["event"] for _ in range(2)]
    out, _ = process.communicate(timeout=90)
    assert process.returncode == 0
    found = json.loads(out)
    assert [event["id"] for event in found["events"]] == sent
    assert desk("webhook", "list") == []


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_listening_ended_deletes_its_webhook(desk: Desk, how: signal.Signals, code: int) -> None:
    process, webhook = _listening(desk)
    sent = desk("webhook", "ping", webhook)
    assert process.stdout is not None
    out = process.stdout.readline()  # it is shown as it comes
    process.send_signal(how)
    process.communicate(timeout=60)
    assert process.returncode == code
    assert "landbridge.ping" in out
    assert webhook in out
    assert sent["event"] not in out
    assert desk("webhook", "list") == []
