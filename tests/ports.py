"""Ports for servers of tests: none of those that the system gives to outgoing connections, and other ones for
each of the test processes that run at the same time.

So a port that is free now and bound a moment later, or bound again after its server was killed, is not taken
by somebody else in between.

>>> 20_000 <= free_port() < 32_000
True
"""

from __future__ import annotations

import itertools
import os
import socket

__all__ = ["free_port"]

_FIRST, _EACH, _PROCESSES = 20_000, 1_500, 8
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw7").removeprefix("gw")) % _PROCESSES
# Runs beside one another begin at different places, too.
_next = itertools.count(os.getpid() % _EACH)


def free_port() -> int:
    """A port that nothing listens on and that no other test of this run gets."""
    for _ in range(_EACH):
        port = _FIRST + _worker * _EACH + next(_next) % _EACH
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")
