"""``landbridge serve``: the gateway as a process; and what the demo shares with it.

The port is bound before anything is opened, so that two gateways never work on one data folder because the
second found out late. SIGTERM ends it in order: requests under way are answered, the workers end after their
step, the files are closed.
"""

from __future__ import annotations

import errno
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli import show
from api.cli.errors import CliError, ExitCode
from api.cli.run import Run, command

if TYPE_CHECKING:
    import uvicorn

    from api.kernel.house import House
    from api.settings import Settings

__all__ = ["Serving", "about", "bind", "make_server", "read_settings", "register"]

DataDir = Annotated[Path | None, typer.Option("--data-dir", metavar="FOLDER")]
Host = Annotated[str | None, typer.Option("--host", metavar="ADDRESS")]
Port = Annotated[int | None, typer.Option("--port", metavar="PORT", min=0, max=65535)]
NodeAddress = Annotated[str | None, typer.Option("--node", metavar="embedded|URL")]
ChainId = Annotated[int | None, typer.Option("--chain-id", metavar="ID", min=1)]
LogLevel = Annotated[str, typer.Option("--log-level", metavar="LEVEL")]
_GRACE_SECONDS = 15


def read_settings(given: Mapping[str, Any]) -> Settings:
    """The gateway's settings: the environment, and over it what the command line gives.

    :raises CliError: a value cannot be used
    """
    from pydantic import ValidationError

    from api.settings import Settings

    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "settings"
        raise CliError("setting", ExitCode.USAGE, setting=place, cause=first["msg"]) from None


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    :raises CliError: the port is taken or the address is not this machine's
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CliError("port-taken", ExitCode.LOCAL, host=host, port=port) from None
        cause = error.strerror or type(error).__name__
        raise CliError("address", ExitCode.LOCAL, host=host, port=port, cause=cause) from None
    return listener


def make_server(house: House, on_started: Callable[[], None]) -> uvicorn.Server:
    """An HTTP server around an open house, on uvloop and httptools.

    :param on_started: called when it answers
    """
    import uvicorn

    from api.app import create_app

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            house.changes.close()  # whoever waits is answered now, and not cut off in the end
            await super().shutdown(sockets)

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                on_started()

    config = uvicorn.Config(
        create_app(house.settings, house=house),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return Server(config)


class Serving:
    """A gateway in this process that serves in a thread of its own.

    >>> with Serving.open(settings) as serving:  # doctest: +SKIP
    ...     serving.url
    'http://127.0.0.1:8600'
    """

    def __init__(self, house: House, listener: socket.socket) -> None:
        self.house = house
        self.url = _url(listener)
        started = threading.Event()
        self._server = make_server(house, started.set)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="http", daemon=True
        )
        self._thread.start()
        while not started.wait(0.1):
            if not self._thread.is_alive():
                raise CliError("server-start", ExitCode.LOCAL)

    @classmethod
    @contextmanager
    def open(cls, settings: Settings) -> Iterator[Serving]:
        """Open the house and serve it until the block ends.

        :raises CliError: the port is taken
        :raises LandbridgeError: a part of the house cannot be opened
        """
        with bind(settings.host, settings.port) as listener, _house(settings) as house:
            serving = cls(house, listener)
            try:
                yield serving
            finally:
                serving._server.should_exit = True
                serving._thread.join(_GRACE_SECONDS + 5)


def about(house: House, url: str) -> dict[str, Any]:
    """What is told when a gateway has started."""
    return {
        "address": url,
        "docs": f"{url}/docs",
        "metrics": f"{url}/metrics",
        "chain_id": house.chain_id,
        "contracts": dict(house.deployment.contracts),
        "head": _head(house),
        "embedded": house.settings.embedded,
        "data_dir": str(house.settings.data_dir),
    }


def _head(house: House) -> int | None:
    from chain.errors import LandbridgeError

    try:
        return house.chain.block_number()
    except LandbridgeError:  # the node is away: the gateway serves what it knows, and /ready says so
        return None


def about_rows(run: Run, told: Mapping[str, Any]) -> list[tuple[str, object]]:
    """The same as rows."""
    return [
        (run.text("address"), told["address"]),
        (run.text("docs"), told["docs"]),
        (run.text("metrics"), told["metrics"]),
        (run.text("chain-id"), told["chain_id"]),
        *((f"  {name}", address) for name, address in told["contracts"].items()),
        (run.text("head"), told["head"]),
        (run.text("data-dir"), told["data_dir"]),
    ]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "serve")
    def serve(
        run: Run,
        host: Host = None,
        port: Port = None,
        node: NodeAddress = None,
        data_dir: DataDir = None,
        chain_id: ChainId = None,
        database_url: Annotated[str | None, typer.Option("--database-url", metavar="URL")] = None,
        blobs_url: Annotated[str | None, typer.Option("--blobs-url", metavar="URL")] = None,
        confirmations: Annotated[int | None, typer.Option("--confirmations", metavar="BLOCKS")] = None,
        environment: Annotated[
            str | None, typer.Option("--environment", metavar="development|production")
        ] = None,
        log_level: LogLevel = "info",
    ) -> int | None:
        settings = read_settings(
            {
                "host": host,
                "port": port,
                "node": node,
                "data_dir": data_dir,
                "chain_id": chain_id,
                "database_url": database_url,
                "blobs_url": blobs_url,
                "confirmations": confirmations,
                "environment": environment,
            }
        )
        configure_logs(log_level)
        return _serve(run, settings)


def configure_logs(level: str) -> None:
    """Begin to log.

    :raises CliError: no such level
    """
    from api.cli.logs import LEVELS, configure

    if level not in LEVELS:
        raise CliError("log-level", ExitCode.USAGE, level=level[:40], known=", ".join(LEVELS))
    configure(level)


def _serve(run: Run, settings: Settings) -> int | None:
    caught: list[int] = []
    with bind(settings.host, settings.port) as listener, _house(settings) as house:
        url = _url(listener)

        def announce() -> None:
            told = about(house, url)
            if settings.embedded:
                run.say("embedded-warning")
            run.result(told, lambda console: show.pairs(console, about_rows(run, told)))
            run.say("serving")
            sys.stdout.flush()

        server = make_server(house, announce)
        # The server answers these signals itself and then raises them again: here they only end the waiting.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda found, _frame: caught.append(found))
        server.run(sockets=[listener])
        if not server.started:
            raise CliError("server-start", ExitCode.LOCAL)
    run.say("stopped")
    return ExitCode.INTERRUPTED if signal.SIGINT in caught else None


def _house(settings: Settings) -> AbstractContextManager[House]:
    # Imported after the port is bound: a port that is taken is told at once.
    from api.kernel.house import House
    from api.registry import ROOMS

    return House.open(settings, ROOMS)


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    shown = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 - how it is reached from here
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
