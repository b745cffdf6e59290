"""The baseline: a bare aiohttp handler that reads and returns the body."""

import sys

from aiohttp import web


async def echo(request: web.Request) -> web.Response:
    """Return the body."""
    return web.Response(body=await request.read())


def main() -> None:
    """Serve on the port that is given."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", echo)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


if __name__ == "__main__":
    main()
