"""Requests from a process of its own: python -m tests.bench.load URL TOKEN CLIENTS < bodies.json"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import httpx


async def main(url: str, token: str, clients: int) -> None:
    bodies = [json.dumps(body).encode() for body in json.load(sys.stdin)]
    headers = {
        "authorization": f"Bearer {token}",
        "content-type": "application/json",
        "prefer": "wait=30",
    }
    times: list[float] = []
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)

    async with httpx.AsyncClient(timeout=60, limits=limits, headers=headers) as client:

        async def one() -> None:
            while bodies:
                body = bodies.pop()
                began = time.perf_counter()
                answer = await client.post(url, content=body)
                times.append(time.perf_counter() - began)
                if answer.status_code not in (200, 201):
                    raise SystemExit(f"{answer.status_code}: {answer.text[:300]}")

        began = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(clients)))
        seconds = time.perf_counter() - began
    print(json.dumps({"rate": len(times) / seconds, "times": times}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
