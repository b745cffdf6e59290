"""Who gets the page, and what the page gets: over a socket, and from pages of other origins in a browser."""

import http.server
import json
import re
import threading
from contextlib import contextmanager
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect
from running import serving

VISIT = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}
LOADED = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def guarded():
    """The address of a server that wants a token."""
    with serving("fixtures/orders", "--rate", "0", "--runtime", "inline", "--token", "open") as (_, client, _):
        yield client.url


def get(url, path, **headers):
    connection = HTTPConnection(urlsplit(url).netloc)
    try:
        connection.request("GET", path, headers=headers)
        reply = connection.getresponse()
        return reply.status, dict(reply.getheaders()), reply.read()
    finally:
        connection.close()


@contextmanager
def page_of_another_origin(text):
    """A web server with one page, as any site has; its address has another port, and so another origin."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_whoever_opens_it_gets_the_page_and_nothing_else(guarded):
    for path in ("/_fcemu/", "/_fcemu"):
        status, headers, body = get(guarded, path, **VISIT)
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert b"orders" not in body
    for path in ("/_fcemu/journal", "/_fcemu/clock", "/_fcemu/definition"):
        assert get(guarded, path, **VISIT)[0] == 403
        assert get(guarded, path, **LOADED)[0] == 403
    assert get(guarded, "/_fcemu/")[0] == 403
    assert get(guarded, "/_fcemu/", **LOADED)[0] == 403
    assert get(guarded, "/_fcemu/", **{"X-Fcemu-Token": "open"})[0] == 200


def test_the_root_leads_only_browsers_elsewhere(guarded):
    status, headers, _ = get(guarded, "/", Accept="text/html,*/*", **VISIT)
    assert (status, headers["Location"]) == (307, "/_fcemu/")
    assert get(guarded, "/", Accept="application/json")[0] == 403
    assert get(guarded, "/", Accept="application/json", **{"X-Fcemu-Token": "open"})[0] == 400


def test_the_page_loads_nothing_from_elsewhere(guarded):
    text = get(guarded, "/_fcemu/", **VISIT)[2].decode()
    assert re.findall(r"""(?:src|href)=["'](?!data:|#)([^"']+)""", text) == []
    assert "https://" not in text


def test_it_asks_for_the_token(guarded, visit, browser):
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{guarded}/_fcemu/")
    field = page.get_by_label("token")
    field.fill("open")
    field.press("Enter")
    expect(page.get_by_label("address")).to_contain_text("queue:declined")
    expect(field).not_to_be_visible()
    page.get_by_role("button", name="+1 s", exact=True).click()
    expect(page.locator("#since")).to_contain_text("+1 s")
    context.close()


def test_a_page_of_another_origin_cannot_drive_it(browser):
    with serving("fixtures/orders", "--rate", "0", "--runtime", "inline") as (_, client, _):
        with page_of_another_origin(f"<iframe src='{client.url}/_fcemu/'></iframe>") as elsewhere:
            context = browser.new_context()
            page = context.new_page()
            page.goto(elsewhere)
            answered = page.evaluate(
                """async url => {
                  const sent = [['GET', 'cors'], ['POST', 'cors'], ['POST', 'no-cors']].map(([method, mode]) =>
                    fetch(url, {method, mode, body: method === 'POST' ? '{"by": "1h"}' : undefined})
                      .then(reply => reply.status, () => 'refused'));
                  return Promise.all(sent);
                }""",
                f"{client.url}/_fcemu/clock/advance",
            )
            assert answered[:2] == ["refused", "refused"]
            framed = page.frames[1]
            assert framed.locator("#moment").count() == 0
            context.close()
        status, _, clock = get(client.url, "/_fcemu/clock")
        assert status == 200
        read = json.loads(clock)
        assert read["now"] == read["started"]
