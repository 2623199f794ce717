"""A gateway as a real process on a data folder that outlives it, and clients that speak HTTP with it.

Run as a program it is that process (``landbridge serve``); its settings come from the environment:

    LANDBRIDGE_DATA_DIR=… LANDBRIDGE_PORT=… python tests/integration/live.py

``LANDBRIDGE_TEST_CLOCK`` names a file with seconds to add to the clock, so that a test can turn it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.ports import free_port

ROOT = Path(__file__).parents[2]
EVIDENCE = "0x" + "5a" * 32
PATIENCE = 90
"""Seconds that anything may take to come on a busy machine; nothing is proven by them."""


class Gateway:
    """A gateway's process. Killed and started again it serves what is in its folder.

    :param folder: its data folder; the port stays the same over all its lives
    :param settings: as in :class:`api.settings.Settings`
    """

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder.parent / f"{folder.name}.log"
        self.clock = folder.parent / f"{folder.name}.clock"
        self.settings = {"data_dir": str(folder), "port": str(self.port), "wait_limit": str(PATIENCE)} | {
            name: str(value) for name, value in settings.items()
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Gateway:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def environment(self) -> dict[str, str]:
        """The settings as the process gets them."""
        own = {f"LANDBRIDGE_{name.upper()}": value for name, value in self.settings.items()}
        outer = {name: value for name, value in os.environ.items() if not name.startswith("LANDBRIDGE_")}
        return outer | own | {"LANDBRIDGE_TEST_CLOCK": str(self.clock), "PYTHONPATH": str(ROOT)}

    def start(self, *, wait: bool = True) -> None:
        """Start the process; it answers when this returns, unless ``wait`` is false."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, __file__], env=self.environment, stdout=log, stderr=log, cwd=ROOT
            )
        if wait:
            self.wait_alive()

    def wait_alive(self, seconds: float = PATIENCE) -> None:
        """Wait until it answers."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.alive, f"the gateway ended at its start: {self.last_words()}"
            try:
                httpx.get(f"{self.url}/health", timeout=5, trust_env=False)
                return
            except httpx.HTTPError:
                time.sleep(0.05)
        raise AssertionError(f"the gateway does not answer: {self.last_words()}")

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End it at once, wherever it is."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(PATIENCE)
            self._process = None

    def last_words(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""

    def turn_clock(self, seconds: float) -> None:
        """Let the process's clock be wrong by so much from now on."""
        new = self.clock.with_suffix(".new")
        new.write_text(str(seconds))
        new.replace(self.clock)

    def engine(self) -> Any:
        """The database, opened by the test beside the process."""
        from chain.db import open_engine

        default = f"sqlite:///{self.folder / 'gateway.db'}"
        return open_engine(self.settings.get("database_url", default))

    def senders(self) -> tuple[str, ...]:
        """The accounts that pay for gas, made before the first start so that a test can give them money."""
        from chain.signers import Keystore

        self.settings["keystore_password"] = "a password of tests alone"
        keys = self.folder / "keys"
        store = Keystore(keys, self.settings["keystore_password"])
        accounts = {duty: store.create().address for duty in ("relayer", "log")}
        (keys / "accounts.json").write_text(json.dumps(accounts))
        return tuple(accounts.values())

    def operator(self) -> Client:
        """A client with an operator's token, which is written into the database as an operator would."""
        from sqlmodel import SQLModel

        import api.registry  # noqa: F401 - its tables
        from api.kernel import auth
        from chain.db import writing

        engine = self.engine()
        SQLModel.metadata.create_all(engine)
        token, row = auth.issue(
            party=None, scopes=("operate",), label="test", now=int(time.time()), lifetime=1 << 24
        )
        with writing(engine) as session:
            session.add(row)
        engine.dispose()
        return Client(self.url, token)

    def parts(self) -> dict[str, str]:
        """What /ready says of each part: empty, or the code of what is wrong."""
        answer = httpx.get(f"{self.url}/ready", timeout=PATIENCE, trust_env=False)
        body = answer.json()
        assert (answer.status_code == 200) is body["ready"]
        return {part["part"]: "" if part["ok"] else part["code"] for part in body["parts"]}

    def until(self, question: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """Ask again and again until the answer is true; give it."""
        end = time.monotonic() + seconds
        while True:
            answer = question()
            if answer:
                return answer
            assert time.monotonic() < end, f"it does not come: {self.last_words()}"
            time.sleep(0.05)


class Client:
    """A caller with a token. Safe for use from several threads."""

    def __init__(self, url: str, token: str) -> None:
        self.http = httpx.Client(
            base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=2 * PATIENCE, trust_env=False
        )

    def get(self, path: str, **parameters: Any) -> Any:
        """A successful answer's body."""
        answer = self.http.get(path, params=parameters)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.json()

    def post(self, path: str, body: Any, *, key: str | None = None, wait: float = 0) -> httpx.Response:
        """One try; each has an Idempotency-Key."""
        headers = {"idempotency-key": key or uuid.uuid4().hex}
        if wait:
            headers["prefer"] = f"wait={wait:.0f}"
        return self.http.post(path, json=body, headers=headers)

    def act(self, name: str, bill: str, *, wait: float = PATIENCE, **fields: Any) -> dict[str, Any]:
        """Have the entrusted key sign an act; it is taken, and with ``wait`` mined."""
        answer = self.try_act(name, bill, wait=wait, **fields)
        assert answer.status_code == (200 if wait else 202), (name, answer.status_code, answer.text)
        assert not wait or answer.json()["status"] in ("mined", "done"), answer.text
        return dict(answer.json())

    def try_act(
        self, name: str, bill: str, *, wait: float = 0, key: str | None = None, **fields: Any
    ) -> httpx.Response:
        """Have the entrusted key sign an act, whatever comes of it."""
        body = {"room": "bills", "act": name, "subject": bill, "fields": fields}
        return self.post("/v1/intents/sign", body, key=key, wait=wait)

    def status(self, intent: str) -> dict[str, Any]:
        """Where an act stands."""
        return dict(self.get(f"/v1/intents/{intent}"))

    def settled(self, answer: httpx.Response) -> dict[str, Any]:
        """The act of an answer, once it is mined."""
        assert answer.status_code in (200, 202), (answer.status_code, answer.text)
        return dict(self.get(f"/v1/intents/{answer.json()['id']}", wait=PATIENCE))

    def claim(self, bill: str) -> dict[str, Any]:
        """What anybody needs who is to verify a bill: its document with the seed."""
        opened = self.get(f"/v1/documents/{bill}")
        return {"bill": bill, "document": opened["document"], "seed": opened["seed"]}

    def verify(self, claim: dict[str, Any]) -> dict[str, str]:
        """The bank's one call: each check's result by name, and the ``verdict``."""
        answer = self.post("/v1/bills/verify", claim)
        assert answer.status_code == 200, answer.text
        results = {check["name"]: check["result"] for check in answer.json()["checks"]}
        return {"verdict": answer.json()["verdict"]} | results


class Story:
    """Parties with entrusted keys, admitted through the API: a carrier (1) and others, who may hold.

    :ivar clients: by party number
    """

    def __init__(self, operator: Client, holders: int = 2) -> None:
        self.operator = operator
        self.admitted: list[str] = []
        self.clients: dict[int, Client] = {}
        for number in range(1, holders + 2):
            name = {"name": f"Test party {number}", "name_zh": f"测试方{number}", "country": "CN"}
            self._do("/v1/parties", name)
            operator_answer = operator.post(
                "/v1/tokens", {"party": number, "scopes": ["read", "write", "sign"], "label": "test"}
            )
            assert operator_answer.status_code == 201, operator_answer.text
            self.clients[number] = Client(str(operator.http.base_url), operator_answer.json()["token"])
        self._do("/v1/parties/1/roles", {"role": "carrier"})
        self._documents = 0

    def _do(self, path: str, body: Mapping[str, Any]) -> None:
        act = self.operator.settled(self.operator.post(path, body))
        assert act["status"] in ("mined", "done"), act
        self.admitted.append(act["id"])

    @property
    def carrier(self) -> Client:
        """Party 1."""
        return self.clients[1]

    def document(self, holder: int = 2) -> dict[str, Any]:
        """A sound bill document, each for a consignment note of its own."""
        self._documents += 1
        sample = ROOT / "api/domains/bills/samples/chongqing-duisburg.json"
        document: dict[str, Any] = json.loads(sample.read_text())
        document["issuer"]["party"], document["holder"]["party"] = 1, holder
        document["note"]["number"] = str(10_000_000 + self._documents)
        return document

    def stored(self, holder: int = 2) -> tuple[str, str]:
        """Store a document for the carrier and its holder; the bill's id and its note's fingerprint."""
        answer = self.carrier.post("/v1/documents", {"document": self.document(holder), "readers": [holder]})
        assert answer.status_code == 201, answer.text
        return answer.json()["digest"], answer.json()["facts"]["note"]

    def issued(self, holder: int = 2) -> str:
        """A bill, issued and mined."""
        bill, note = self.stored(holder)
        self.carrier.act("Issue", bill, note=note, holder=holder, toOrder=True)
        return bill


def _shift_clock(path: Path) -> None:
    true = time.time

    def shifted() -> float:
        try:
            return true() + float(path.read_text())
        except (OSError, ValueError):
            return true()

    time.time = shifted


def main() -> None:
    """Serve, as ``landbridge serve`` does."""
    clock = os.environ.get("LANDBRIDGE_TEST_CLOCK")
    if clock:
        _shift_clock(Path(clock))  # before anything binds the clock's function
    from api.cli.main import main as landbridge

    sys.argv = ["landbridge", "serve"]
    landbridge()


if __name__ == "__main__":
    main()
