"""A FastAPI application that does nothing, served as the gateway is: what the framework leaves at most.

``python -m tests.bench.bare PORT DATABASE``: ``POST /bare`` checks a body of an act's shape and answers;
``POST /evidence`` and ``POST /inclusion`` the same with the log's shapes; ``POST /row`` also writes one
durable row, as any service must that promises to keep what it took.
"""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI
from sqlmodel import Field, SQLModel

from api.kernel.schemas import EvidenceIn, InclusionIn, SubmitIn
from chain.db import open_engine, writing


class Row(SQLModel, table=True):
    """Something to keep."""

    id: int | None = Field(default=None, primary_key=True)
    act: str


def main(port: int, database: str) -> None:
    """Serve."""
    app = FastAPI()
    engine = open_engine(f"sqlite:///{database}")
    SQLModel.metadata.create_all(engine, tables=[SQLModel.metadata.tables["row"]])

    @app.post("/bare")
    async def bare(body: SubmitIn) -> dict[str, str]:
        return {"room": body.room, "act": body.act}

    @app.post("/evidence")
    async def evidence(body: EvidenceIn) -> dict[str, str]:
        return {"type": body.type, "digest": body.digest}

    @app.post("/inclusion")
    async def inclusion(body: InclusionIn) -> dict[str, int]:
        return {"leaf": body.leaf, "size": body.size}

    @app.post("/row")
    def row(body: SubmitIn) -> dict[str, str]:
        with writing(engine) as session:
            session.add(Row(act=body.act))
        return {"room": body.room, "act": body.act}

    uvicorn.run(
        app, port=port, loop="uvloop", http="httptools", ws="none", log_level="warning", access_log=False
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
