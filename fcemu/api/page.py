"""Handler of /_fcemu/: the page; and of / for browsers, which are sent there."""

from typing import Final

from multidict import istr

from fcemu.api.wire import Answer, WireRequest, status_line

PATH: Final = "/_fcemu/"
POLICY: Final = (
    "default-src 'self' data: 'unsafe-inline' 'unsafe-eval'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""The page talks to its own server alone, and stands in no page of others. Scripts may be inline, as its own are: it
makes no elements of text, and tools that test pages, or read them to people, put scripts into them."""
_ACCEPT: Final = istr("Accept")
_MODE: Final = istr("Sec-Fetch-Mode")


async def show_page(request: WireRequest) -> Answer:
    """The page tells nothing; what it shows, it asks for by fcemu's own API."""
    from fcemu import ui  # the page itself

    head = (
        f"{status_line(200)}Content-Type: text/html; charset=utf-8\r\nContent-Security-Policy: {POLICY}\r\n"
        "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nCache-Control: no-cache\r\n"
    )
    return Answer(200, head, ui.live().encode())


def is_visit(request: WireRequest) -> bool:
    """Whether somebody opens an address in a browser, as by a link: no script learns what is answered then."""
    return request.method in ("GET", "HEAD") and request.headers.get(_MODE, "").strip().lower() == "navigate"


def wants_page(request: WireRequest) -> bool:
    """Whether a request for ``/`` comes from a browser."""
    return request.method in ("GET", "HEAD") and "text/html" in request.headers.get(_ACCEPT, "").lower()


async def lead_to_page(request: WireRequest) -> Answer:
    """Send a browser from ``/`` to the page."""
    return Answer(307, f"{status_line(307)}Location: {PATH}\r\nCache-Control: no-store\r\n")
