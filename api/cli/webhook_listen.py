"""``landbridge webhook listen``: a receiver on this machine, for looking at what is sent.

It makes a webhook that leads here, checks every signature, shows what comes, and deletes the webhook when it
ends.

>>> main(["webhook", "listen", "--count", "1"])  # doctest: +SKIP
0
"""

from __future__ import annotations

import json
import queue
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.errors import CliError, ExitCode, RefusedError
from api.cli.run import Run, command
from api.cli.texts import plain
from api.cli.webhook import WebhookTypes, app, place_of

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["listen"]

_LARGEST = 1 << 20


@command(app, "listen")
def listen(
    run: Run,
    types: WebhookTypes = None,
    port: Annotated[int, typer.Option("--port", metavar="PORT", min=0, max=65535)] = 0,
    url: Annotated[str | None, typer.Option("--url", metavar="URL")] = None,
    count: Annotated[int | None, typer.Option("--count", metavar="COUNT", min=1)] = None,
) -> int:
    """Show events as they come, until so many came or Ctrl-C."""
    came: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    shown: list[dict[str, Any]] = []
    with _receiver(came, port) as receiver, _ended_by_sigterm(came):
        here = url or f"http://127.0.0.1:{receiver.port}/"
        wish = {"url": here, "description": "webhook listen"} | ({"types": types} if types else {})
        made = run.gateway.post("/v1/webhooks", wish)
        receiver.secret = made["secret"]
        run.say("webhook-listening", url=here, id=made["webhook"])
        code = ExitCode.OK
        try:
            left = count
            while left != 0 and (event := came.get()) is not None:
                left = None if left is None else left - 1
                if run.json:
                    shown.append(event)
                else:
                    _print(run.console, event)
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
        finally:
            with suppress(CliError, RefusedError):
                run.gateway.delete(place_of(made["webhook"]))
    run.result({"webhook": made["webhook"], "events": shown}, lambda _console: None)
    return code


@contextmanager
def _ended_by_sigterm(came: queue.SimpleQueue[dict[str, Any] | None]) -> Iterator[None]:
    """SIGTERM ends it in order, as Ctrl-C does: the webhook is deleted."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda _number, _frame: came.put(None))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _print(console: Console, event: dict[str, Any]) -> None:
    data = event.get("data", {})
    shown = {name: value for name, value in data.items() if name not in ("event", "room", "chain")}
    where = data.get("chain", {}).get("block", "-")
    line = f"{event.get('time', '-')}  {event['type']}  {event.get('subject', '')}  #{where}  "
    console.print(plain(line + json.dumps(shown, ensure_ascii=False)), soft_wrap=True)


class _Receiver(ThreadingHTTPServer):
    daemon_threads = True
    secret = ""

    def __init__(self, came: queue.SimpleQueue[dict[str, Any] | None], port: int) -> None:
        self.came = came
        self.seen: set[str] = set()
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError:
            raise CliError("port-taken", ExitCode.LOCAL, host="127.0.0.1", port=port) from None

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    server: _Receiver

    def do_POST(self) -> None:
        from api.kernel.webhooks.signing import WebhookSignatureError, verify

        length = self.headers.get("content-length", "")
        if not length.isdecimal() or int(length[:10]) > _LARGEST:
            self._answer(413)
            return
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            message = verify(self.server.secret, headers, body, now=time.time())
        except WebhookSignatureError:
            self._answer(401)
            return
        if message not in self.server.seen:  # the same event may come again
            self.server.seen.add(message)
            self.server.came.put(json.loads(body))
        self._answer(204)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def _receiver(came: queue.SimpleQueue[dict[str, Any] | None], port: int) -> Iterator[_Receiver]:
    server = _Receiver(came, port)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
