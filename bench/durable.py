"""The baseline of accepting with a file: aiohttp and SQLite, one commit for all requests of a turn of the loop."""

import asyncio
import sqlite3
import sys
from contextlib import closing

from aiohttp import web


class Rows:
    """Keeps bodies in a table."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []

    async def accept(self, request: web.Request) -> web.Response:
        """Answer once the body is committed."""
        body, loop = await request.read(), asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._commit)
        kept = loop.create_future()
        self._waiting.append((body, kept))
        await kept
        return web.Response(status=202)

    def _commit(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany("INSERT INTO facts (fact) VALUES (?)", [(body,) for body, _ in waiting])
        self._db.execute("COMMIT")
        for _, kept in waiting:
            kept.set_result(None)


async def ready(request: web.Request) -> web.Response:
    """It listens."""
    return web.Response()


def main() -> None:
    """Serve with a file, on a port: both are given, and how SQLite is to sync."""
    with closing(sqlite3.connect(sys.argv[1], isolation_level=None)) as db:
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", f"synchronous={sys.argv[2]}"):
            db.execute(f"PRAGMA {pragma}")
        db.execute("CREATE TABLE facts (n INTEGER PRIMARY KEY, fact BLOB NOT NULL)")
        app = web.Application()
        app.router.add_post("/accept", Rows(db).accept)
        app.router.add_get("/", ready)
        web.run_app(app, host="127.0.0.1", port=int(sys.argv[3]), print=None, access_log=None)


if __name__ == "__main__":
    main()
