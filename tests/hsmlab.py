"""A real hardware token in software (SoftHSM), alone or behind a server that can be killed (p11-kit).

>>> with SoftHsm(tmp_path) as box:             # doctest: +SKIP
...     box.open().new_key("signing")
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

import pytest

from chain.hsm import Hsm
from chain.hsm_uri import HsmUri, parse_uri

ROOT = Path(__file__).parents[1]
MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = "4711-pin-of-tests"


def _client() -> Path | None:
    return next(iter(sorted(Path("/usr/lib").glob("*/pkcs11/p11-kit-client.so"))), None)


def find_hsm() -> None:
    """SoftHSM and p11-kit, installed if need be; the test is skipped without, and fails in CI."""
    with (Path(tempfile.gettempdir()) / "landbridge-hsm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several test processes one installs
        if not MODULE.exists() or _client() is None:
            subprocess.run([str(ROOT / "scripts" / "tools"), "--hsm"], check=False, timeout=600)
    if MODULE.exists() and _client() is not None:
        return
    sentence = "SoftHSM and p11-kit are not installed: ./scripts/tools --hsm installs them, as root"
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)


class SoftHsm:
    """A box with one token, ``bank``. Its folder can be taken away and given back.

    :param server: put p11-kit's server before it, which is used instead of the module
    """

    def __init__(self, folder: Path, *, server: bool = False) -> None:
        find_hsm()
        self.folder = folder
        self.tokens = folder / "tokens"
        self.pin_file = folder / "pin"
        self._socket = folder / "p11.socket"
        self._behind = server
        self._server: subprocess.Popen[bytes] | None = None
        self._outer: dict[str, str | None] = {}
        self._opened: list[Hsm] = []

    def __enter__(self) -> SoftHsm:
        self.tokens.mkdir(parents=True)
        config = self.folder / "softhsm2.conf"
        config.write_text(
            f"directories.tokendir = {self.tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )
        self.pin_file.write_text(PIN + "\n")
        self._set("SOFTHSM2_CONF", str(config))
        self.make_token("bank")
        if self._behind:
            self._set("P11_KIT_SERVER_ADDRESS", f"unix:path={self._socket}")
            self.start_server()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for hsm in self._opened:
            hsm._drop()
        if self._server is not None:
            self.kill_server()
        for name, value in self._outer.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value

    def _set(self, name: str, value: str) -> None:
        # In the environment, for processes that are started from here on read it there.
        self._outer[name] = os.environ.get(name)
        os.environ[name] = value

    def make_token(self, label: str) -> None:
        """Make a token with the lab's PIN."""
        subprocess.run(
            [
                *("softhsm2-util", "--init-token", "--free", "--label", label),
                *("--pin", PIN, "--so-pin", "so-" + PIN),
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )

    @property
    def module(self) -> Path:
        """What is loaded to speak with it."""
        client = _client()
        return client if self._behind and client is not None else MODULE

    def text(self, *path: str) -> str:
        """Its address, with further parts of the path."""
        return (
            ";".join(("pkcs11:token=bank", *path))
            + f"?module-path={self.module}&pin-source=file:{self.pin_file}"
        )

    def uri(self, *path: str) -> HsmUri:
        """The same, read."""
        return parse_uri(self.text(*path))

    def open(self, uri: HsmUri | None = None, *, timeout: float = 60, sessions: int = 2) -> Hsm:
        """Its sessions, which end with this box."""
        self._opened.append(Hsm(uri or self.uri(), timeout=timeout, sessions=sessions))
        return self._opened[-1]

    def pull_out(self) -> None:
        """Take the token away."""
        self.tokens.rename(self.folder / "gone")

    def put_back(self) -> None:
        """Give it back."""
        (self.folder / "gone").rename(self.tokens)

    def start_server(self) -> None:
        """Start the server, and wait until its socket is there."""
        self._socket.unlink(missing_ok=True)
        program = shutil.which("p11-kit")
        assert program is not None
        self._server = subprocess.Popen(
            [
                program,
                "server",
                "-f",
                "-n",
                str(self._socket),
                "--provider",
                str(MODULE),
                "pkcs11:token=bank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        end = time.monotonic() + 60
        while not self._socket.exists():
            assert self._server.poll() is None, "p11-kit's server ended at its start"
            assert time.monotonic() < end, "p11-kit's server does not start"
            time.sleep(0.02)

    def kill_server(self) -> None:
        """End it with all that it serves, at once."""
        self._signal(signal.SIGKILL)
        assert self._server is not None
        self._server.wait(60)
        self._server = None

    def stop_server(self) -> None:
        """Let it hang: it takes what is sent, and answers nothing."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        self._signal(signal.SIGCONT)

    def _signal(self, how: signal.Signals) -> None:
        assert self._server is not None
        os.killpg(self._server.pid, how)  # it serves each client in a process of its own


def workers() -> list[int]:
    """The processes of :mod:`chain.hsm_worker` that are this process's own."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                command = (entry / "cmdline").read_bytes()
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
            if b"hsm_worker.py" in command and parent == os.getpid():
                found.append(int(entry.name))
    return found
