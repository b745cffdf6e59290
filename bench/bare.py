"""The baseline: bare aiohttp handlers that read the body, and return it or append it to a list."""

import sys

from aiohttp import web

KEPT: list[bytes] = []


async def accept(request: web.Request) -> web.Response:
    """Keep the body."""
    KEPT.append(await request.read())
    return web.Response(status=202)


async def echo(request: web.Request) -> web.Response:
    """Return the body."""
    return web.Response(body=await request.read())


def main() -> None:
    """Serve on the port that is given."""
    app = web.Application()
    app.router.add_route("*", "/accept", accept)
    app.router.add_route("*", "/{path:.*}", echo)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


if __name__ == "__main__":
    main()
