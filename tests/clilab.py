"""What tests of the command line share: one call of a command, and a gateway to call.

``cli`` runs a command in this process and gives what it printed; ``Gateway`` is ``landbridge serve`` as a
process of its own on a free port.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from api.cli.main import main

ROOT = Path(__file__).parents[1]
_OURS = ("LANDBRIDGE_", "LANG", "LC_ALL", "LC_MESSAGES", "COLUMNS")


@dataclass(frozen=True)
class Result:
    """What a command answered."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Its one JSON document."""
        return json.loads(self.out)


def clean(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment without what would change a command's answer, and with what is given."""
    return {k: v for k, v in os.environ.items() if not k.startswith(_OURS)} | dict(environment or {})


def cli(*arguments: object, env: Mapping[str, str] | None = None) -> Result:
    """Run a command here."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, clean(env), clear=True),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = main([str(one) for one in arguments])
    return Result(int(code), out.getvalue(), err.getvalue())


def spawn(
    *arguments: object, env: Mapping[str, str] | None = None, stdin: bytes | None = None, timeout: float = 240
) -> Result:
    """Run a command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "api.cli.main", *map(str, arguments)],
        env=clean(env),
        input=stdin if stdin is not None else b"",
        capture_output=True,
        timeout=timeout,
        cwd=ROOT,
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


class Gateway:
    """``landbridge serve`` in a process of its own; use it as a context manager."""

    def __init__(self, data_dir: Path, *arguments: object, env: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.url = ""
        self.told: dict[str, Any] = {}
        self._arguments = ("serve", "--port", 0, "--data-dir", data_dir, "--json", *arguments)
        self._env = clean(env)
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Gateway:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with (self.data_dir / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "api.cli.main", *map(str, self._arguments)],
                env=self._env,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
            )
        self.told = json.loads("".join(self._document()))
        self.url = self.told["address"]
        return self

    def _document(self) -> Iterator[str]:
        """The lines of the one document that it prints when it serves."""
        assert self.process is not None
        assert self.process.stdout is not None
        for line in self.process.stdout:
            yield line.decode()
            if line == b"}\n":
                return
        raise AssertionError(f"the gateway ended at its start:\n{self.log()}")

    def __exit__(self, *_: object) -> None:
        assert self.process is not None
        if self.process.poll() is None:
            self.stop()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it, and give its exit code."""
        assert self.process is not None
        self.process.send_signal(how)
        code = self.process.wait(90)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def log(self) -> str:
        """What it wrote to standard error."""
        return (self.data_dir / "serve.log").read_text()
