"""Nodes to test against: anvil as a real process, and the embedded node over real HTTP."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from chain.node import Node
from chain.rpcserver import rpc_app
from tests.integration.gateway import full_bill, gateway  # noqa: F401 - fixtures for all of this folder
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
CHAIN_ID = 20777
PATIENCE = 60
"""Seconds that a process may take on a busy machine; nothing is proven by them."""


def find_anvil() -> Path:
    """The anvil binary; the test is skipped where there is none, and fails in CI."""
    given = os.environ.get("LANDBRIDGE_ANVIL")
    places = [Path(given)] if given else []
    # the real binary: the shim in node_modules/.bin exits 0 whatever happens
    places.append(ROOT / ".tools/node/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil")
    if found := shutil.which("anvil"):
        places.append(Path(found))
    for place in places:
        if place.is_file():
            return place
    sentence = "anvil is not installed: ./scripts/test installs it, or set LANDBRIDGE_ANVIL"
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)


class Anvil:
    """An anvil process on a port and a state file that outlive it; use it as a context manager."""

    def __init__(self, folder: Path, *, chain_id: int = CHAIN_ID, options: tuple[str, ...] = ()) -> None:
        self.binary = find_anvil()
        self.chain_id = chain_id
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.state = folder / "anvil-state.json"
        self.options = options
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Anvil:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, on the state that the last :meth:`stop` left, and wait until it answers."""
        self._process = subprocess.Popen(
            [
                str(self.binary),
                *("--port", str(self.port), "--chain-id", str(self.chain_id)),
                *("--hardfork", "cancun", "--state", str(self.state), "--preserve-historical-states"),
                *self.options,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                self.rpc("eth_chainId")
                return
            except httpx.HTTPError:
                assert self._process.poll() is None, "anvil ended at its start"
                time.sleep(0.05)
        raise AssertionError("anvil does not answer")

    def stop(self) -> None:
        """End it in order: it writes its state."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it at once: what it did since the last :meth:`stop` is gone."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop it and start it again on the same state and port."""
        self.stop()
        self.start()

    def reorg(self, depth: int) -> None:
        """Replace the last ``depth`` blocks by empty ones; their transactions are gone."""
        self.rpc("anvil_reorg", depth, [])

    def rpc(self, method: str, *params: Any) -> Any:
        """One call, past all code under test."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = httpx.post(self.url, json=body, timeout=PATIENCE, trust_env=False).json()
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(PATIENCE)
            self._process = None


class Served:
    """A node behind :func:`rpc_app` and uvicorn, on a port of its own or a given one."""

    def __init__(self, node: Node, *, port: int | None = None, **options: Any) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(
            rpc_app(node, **options), host="127.0.0.1", port=self.port, log_level="error", lifespan="on"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> Served:
        self._thread.start()
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self._server.started:
                return self
            assert self._thread.is_alive(), "the server ended at its start"
            time.sleep(0.05)
        raise AssertionError("the server does not start")

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE)


@pytest.fixture
def make_anvil(tmp_path: Path) -> Iterator[Callable[..., Anvil]]:
    """Makes started anvils, each on a state file of its own."""
    made: list[Anvil] = []

    def make(**arguments: Any) -> Anvil:
        folder = tmp_path / f"anvil-{len(made)}"
        folder.mkdir()
        made.append(Anvil(folder, **arguments))
        made[-1].start()
        return made[-1]

    yield make
    for anvil in made:
        anvil.kill()


@pytest.fixture
def anvil(make_anvil: Callable[..., Anvil]) -> Anvil:
    """A started anvil of chain 20777, mining each transaction at once."""
    return make_anvil()
