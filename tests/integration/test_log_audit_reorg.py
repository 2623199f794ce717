"""An audit broken off, and a chain that turns before it goes on: heads and acts come back in other blocks."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.clilab import cli
from tests.integration.live import Gateway, Story


@pytest.fixture
def turning(tmp_path: Path, make_anvil: Callable[..., Any]) -> Iterator[tuple[Gateway, Any, Story]]:
    """A gateway in front of an anvil that mines at once."""
    anvil = make_anvil()
    folder = tmp_path / "gateway"
    folder.mkdir()
    gateway = Gateway(folder, node=anvil.url)
    for account in gateway.senders():
        anvil.rpc("anvil_setBalance", account, hex(10**21))
    operator = gateway.operator()
    with gateway:
        yield gateway, anvil, Story(operator)


def _evidence(story: Story, count: int = 3) -> int:
    last = 0
    for _ in range(count):
        wish = {"type": "x", "digest": "0x" + secrets.token_hex(32)}
        answer = story.carrier.post("/v1/evidence", wish, wait=30)
        assert answer.status_code == 200, answer.text
        last = answer.json()["leaf"]
    return last


def test_an_audit_goes_on_after_the_chain_turned(turning: tuple[Gateway, Any, Story], tmp_path: Path) -> None:
    gateway, anvil, story = turning
    trust, token = tmp_path / "trust.json", tmp_path / "token"
    trust.write_bytes(httpx.get(f"{gateway.url}/v1/trust", trust_env=False).content)
    token.write_text(str(story.carrier.http.headers["authorization"]).removeprefix("Bearer "))
    progress, first_report = tmp_path / "progress", tmp_path / "first"

    def audit(*further: object, rpc: str = anvil.url, code: int = 0) -> dict[str, Any]:
        node = ("--rpc", rpc, "--trust", trust, "--gateway", gateway.url, "--token-file", token)
        found = cli("log", "audit", *node, "--grace", 0, *further, "--json")
        assert found.code == code, (found.code, found.out, found.err)
        return dict(found.json())

    story.issued()
    _evidence(story)
    before = anvil.rpc("eth_blockNumber")
    story.issued()
    leaf = _evidence(story)
    gateway.until(lambda: story.carrier.get("/v1/log/head")["size"] > leaf)
    _until_whole(gateway, story)
    first = audit("--progress", progress, "--out", first_report)
    assert first["findings"] == []

    # The newest blocks are gone, and with them heads and an act; both come back in other blocks.
    anvil.reorg(int(anvil.rpc("eth_blockNumber"), 16) - int(before, 16))
    _evidence(story)
    _until_whole(gateway, story)
    fresh = audit("--remembered", first_report)
    assert fresh["findings"] == []
    resumed = audit("--progress", progress, "--remembered", first_report)
    assert {**resumed, "time": 0} == {**fresh, "time": 0}
    assert resumed["acts"] == first["acts"] == 2
    assert resumed["head"]["block"] != first["head"]["block"]

    # A chain longer than a gateway's door tells of at once.
    anvil.rpc("anvil_mine", hex(2500))
    gateway.until(lambda: gateway.parts()["indexer"] == "")
    through = audit("--progress", progress, rpc=f"{gateway.url}/rpc")
    assert (through["findings"], through["heads"]) == ([], fresh["heads"] - 1)  # without what was remembered


def _until_whole(gateway: Gateway, story: Story) -> None:
    """Wait until both acts are in the log, all is anchored, and nothing moves any more."""
    end, still = time.monotonic() + 90, 0
    seen: Any = None
    while still < 5:
        assert time.monotonic() < end, gateway.last_words()
        heads = [story.carrier.get("/v1/log/head", anchored=which) for which in ("true", "false")]
        leaves = story.carrier.get("/v1/log/leaves", start=0, limit=1000)
        acts = sum(leaf["kind"] == "act" for leaf in leaves)
        now = (heads, len(leaves), acts)
        whole = heads[0]["size"] == heads[1]["size"] == len(leaves) and acts == 2
        still = still + 1 if whole and now == seen else 0
        seen = now
        time.sleep(0.2)
