"""FastAPI and asyncpg: one prepared insert a request; uvicorn with uvloop and httptools runs two of these."""

import os
import time
import uuid
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import asyncpg
from fastapi import FastAPI, Header
from pydantic import BaseModel, ConfigDict

INSERT = """
INSERT INTO scan (id, person_id, venue_id, direction, at, received_at, companions, suspect, repeat, source)
VALUES ($1, $2, $3, 'in', $4, $5, 0, false, false, 'app')
"""


class Scan(BaseModel):
    model_config = ConfigDict(extra="forbid")
    venue_code: uuid.UUID
    client_scan_id: str


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.pool = await asyncpg.create_pool(
        host=os.environ["PEER_PG_SOCKET"],
        user="postgres",
        database=os.environ["PEER_PG_DATABASE"],
        min_size=8,
        max_size=8,
    )
    yield
    await app.state.pool.close()


app = FastAPI(lifespan=lifespan)


@app.post("/api/v1/scans", status_code=201)
async def record(scan: Scan, authorization: str = Header()):
    scan_id, now = uuid.uuid4(), int(time.time() * 1000)
    at = now - now % 1000
    person = uuid.UUID(authorization[7:])
    await app.state.pool.execute(INSERT, scan_id, person, scan.venue_code, at, now)
    return {
        "scan_id": scan_id,
        "venue": {"id": scan.venue_code, "name": "翠湖餐厅"},
        "direction": "in",
        "scanned_at": datetime.fromtimestamp(at / 1000, UTC).isoformat(),
        "health": None,
        "suspect": False,
    }
