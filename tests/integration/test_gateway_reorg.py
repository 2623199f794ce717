"""The chain turns, deeper than the confirmations asked: the gateway's tables, answers and acts follow it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.live import Gateway, Story

CONFIRMATIONS = 3


@pytest.fixture
def turning(tmp_path: Path, make_anvil: Callable[..., Any]) -> Iterator[tuple[Gateway, Any, Story]]:
    """A gateway that wants three confirmations, in front of an anvil that mines at once."""
    anvil = make_anvil()
    folder = tmp_path / "gateway"
    folder.mkdir()
    gateway = Gateway(folder, node=anvil.url, confirmations=CONFIRMATIONS, independent_chain="the test")
    for account in gateway.senders():
        anvil.rpc("anvil_setBalance", account, hex(10**21))
    operator = gateway.operator()
    with gateway:
        yield gateway, anvil, Story(operator)


def test_all_follows_a_chain_that_turns_deeper_than_asked(turning: tuple[Gateway, Any, Story]) -> None:
    gateway, anvil, story = turning
    role = story.operator.status(story.admitted[-1])  # the carrier's role
    bill, note = story.stored()
    issue = story.carrier.act("Issue", bill, note=note, holder=2, toOrder=True)["id"]
    transfer = story.clients[2].act("Transfer", bill, to=3)["id"]
    acts = [role["id"], issue, transfer]
    anvil.rpc("anvil_mine", hex(2 * CONFIRMATIONS))

    def statuses() -> set[str]:
        return {story.operator.status(act)["status"] for act in acts}

    gateway.until(lambda: statuses() == {"done"})
    before = [story.operator.status(act)["block_hash"] for act in acts]
    claim = story.clients[3].claim(bill) | {"expect": {"holder": 3, "confirmations": CONFIRMATIONS}}

    def verified() -> dict[str, str]:
        return story.clients[3].verify(claim)

    sound = verified()
    assert (sound["verdict"], sound["finality"]) == ("pass", "pass")
    assert bill in [one["bill"] for one in story.clients[3].get("/v1/bills")]

    # The role, the issue and the transfer leave the chain; nothing is mined for now.
    anvil.rpc("evm_setAutomine", False)
    anvil.reorg(int(anvil.rpc("eth_blockNumber"), 16) - role["block"] + 1)
    gateway.until(lambda: statuses() == {"sent"})
    gateway.until(lambda: story.carrier.http.get(f"/v1/bills/{bill}").status_code == 404)
    assert bill not in [one["bill"] for one in story.clients[3].get("/v1/bills")]
    assert story.operator.get("/v1/parties/1")["roles"] == []
    assert story.operator.get("/v1/parties/2")["party"] == 2  # what lies deeper stays
    turned = verified()
    assert (turned["verdict"], turned["issued"], turned["live"]) == ("fail", "fail", "unknown")

    # They are sent again as they were, and take effect in their order.
    gateway.until(lambda: _waiting(anvil, gateway) == len(acts))
    anvil.rpc("evm_mine")
    gateway.until(lambda: statuses() == {"mined"})
    assert verified()["finality"] == "unknown"  # not deep enough again
    anvil.rpc("anvil_mine", hex(CONFIRMATIONS))
    gateway.until(lambda: statuses() == {"done"})
    gateway.until(lambda: story.carrier.get(f"/v1/bills/{bill}")["holder"] == 3)
    after = [story.operator.status(act)["block_hash"] for act in acts]
    assert not set(before) & set(after)
    history = story.carrier.get(f"/v1/bills/{bill}/history")
    assert [(event["act"], event["block_hash"]) for event in history] == [
        ("Issue", after[1]),
        ("Transfer", after[2]),
    ]
    assert [role["role"] for role in story.operator.get("/v1/parties/1")["roles"]] == ["carrier"]
    assert verified() == sound
    gateway.until(lambda: set(gateway.parts().values()) == {""})


def test_an_act_that_comes_too_late_on_the_new_branch(turning: tuple[Gateway, Any, Story]) -> None:
    """It was done, and is not any more: its status says so by name, and the bill is its giver's again."""
    gateway, anvil, story = turning
    bill = story.issued()
    first = story.clients[2].act("Transfer", bill, to=3)
    anvil.rpc("anvil_mine", hex(2 * CONFIRMATIONS))
    gateway.until(lambda: story.clients[2].status(first["id"])["status"] == "done")
    # The chain turns, and goes on at a time at which the act's deadline has passed.
    anvil.rpc("evm_setAutomine", False)
    anvil.reorg(int(anvil.rpc("eth_blockNumber"), 16) - first["block"] + 1)
    gateway.until(lambda: story.clients[2].status(first["id"])["status"] == "sent")
    anvil.rpc("evm_setNextBlockTimestamp", first["deadline"] + 60)
    gateway.until(lambda: _waiting(anvil, gateway) == 1)
    anvil.rpc("evm_mine")
    anvil.rpc("anvil_mine", hex(CONFIRMATIONS))
    ended = gateway.until(
        lambda: (found := story.clients[2].status(first["id"]))["status"] == "expired" and found
    )
    assert ended["reason"] == "intent-expired"
    assert story.clients[2].get(f"/v1/bills/{bill}")["holder"] == 2
    assert time.time() < first["deadline"]  # by our clock there was time: the chain's decides


def _waiting(anvil: Any, gateway: Gateway) -> int:
    """How many of the relayer's transactions wait on the node; the log's anchors wait beside them."""
    pending = {account.lower(): held for account, held in anvil.rpc("txpool_content")["pending"].items()}
    relayer = json.loads((gateway.folder / "keys" / "accounts.json").read_text())["relayer"]
    return len(pending.get(relayer, {}))
