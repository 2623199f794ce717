"""Requests from a process of its own, over plain sockets, so that the one who measures is not measured.

``python -m tests.bench.load < plan.json``, where the plan has ``port``, ``clients``, ``bodies`` and for each
its ``head`` (request line and headers). Prints the rate, the seconds of each request, and the last answer.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import uvloop


async def _client(
    port: int, requests: list[bytes], times: list[float], answers: list[bytes], ends: list[float]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while requests:
        request = requests.pop()
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
        body = await reader.readexactly(length)
        times.append(time.perf_counter() - began)
        ends.append(time.time())
        answers.append(body)
        if not lines[0].startswith((b"http/1.1 200", b"http/1.1 201", b"http/1.1 202")):
            raise SystemExit((head + body[:600]).decode(errors="replace"))
    writer.close()


async def main(plan: dict[str, Any]) -> None:
    """Send everything, each client one request after the other, and print what came of it."""
    requests = []
    for head, body in zip(plan["heads"], plan["bodies"], strict=True):
        content = json.dumps(body).encode()
        requests.append(f"{head}\r\ncontent-length: {len(content)}\r\n\r\n".encode() + content)
    requests.reverse()
    times: list[float] = []
    answers: list[bytes] = []
    ends: list[float] = []
    began = time.perf_counter()
    clients = (_client(plan["port"], requests, times, answers, ends) for _ in range(plan["clients"]))
    await asyncio.gather(*clients)
    seconds = time.perf_counter() - began
    told = {"rate": len(times) / seconds, "times": times, "last": answers[-1].decode()}
    if plan.get("keep"):  # each answer, and when it came by the clock on the wall
        told |= {"ends": ends, "answers": [answer.decode() for answer in answers]}
    print(json.dumps(told))


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(main(json.load(sys.stdin)))
