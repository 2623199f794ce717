"""A gateway to be measured: python -m tests.bench.server FOLDER; prints how to reach it as one JSON line."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import structlog
import uvicorn

from api.app import create_app
from api.kernel import auth
from api.settings import Settings
from chain.db import writing
from tests.bench.main import admit_carrier


def main(folder: Path) -> None:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    app = create_app(Settings(data_dir=folder))

    @app.post("/bare")
    async def bare(body: dict[str, Any]) -> dict[str, Any]:
        return body

    server = uvicorn.Server(
        uvicorn.Config(app, port=0, loop="uvloop", http="httptools", log_level="warning", access_log=False)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    house = app.state.house
    operator, first = auth.issue(
        party=None, scopes=("operate",), label="bench", now=int(time.time()), lifetime=3600
    )
    with writing(house.engine) as session:
        session.add(first)
    with httpx.Client(base_url=url, timeout=60) as client:
        signer = admit_carrier(client, {"authorization": f"Bearer {operator}"})
    token, row = auth.issue(
        party=1, scopes=("read", "write"), label="bench", now=int(time.time()), lifetime=3600
    )
    with writing(house.engine) as session:
        session.add(row)
    print(
        json.dumps(
            {
                "url": url,
                "token": token,
                "key": signer._key.secret.hex(),
                "chain_id": house.chain_id,
                "bills": house.address(house.rooms["bills"]),
            }
        ),
        flush=True,
    )
    thread.join()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
