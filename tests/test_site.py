"""The site of the documents: it builds without a warning, all its links lead somewhere, it asks no other host."""

import os
import re
import shutil
import subprocess
import sys
import threading
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import griffe
import pytest
from clients.lines import CACHE, missing
from patience import CHILD_SECONDS, WAIT_SECONDS
from playwright.sync_api import sync_playwright

import fcemu.testing

ROOT = Path(__file__).parent.parent
HERE = "http://site.test/"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Where it was built, as ``.ci/run`` builds it."""
    if not (CACHE / "node_modules/@mermaid-js/tiny").is_dir():
        missing("what draws diagrams is not there")
    built = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(built)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=CHILD_SECONDS)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    return built


@pytest.fixture(scope="module")
def pages(site):
    """The text of each page, by its path below the site."""
    return {
        path.relative_to(site).as_posix(): path.read_text(encoding="utf-8")
        for path in site.rglob("*.html")
        if path.name != "404.html"
    }


def addresses(text):
    """What a page loads or links to, one after the other."""
    return [unescape(found) for found in re.findall(r'\b(?:href|src)="([^"]*)"', text)]


def test_every_link_of_the_site_leads_to_a_page_and_to_a_place_in_it(site, pages):
    places = {path: set(re.findall(r'\b(?:id|name)="([^"]*)"', text)) for path, text in pages.items()}
    lost = []
    for path, text in pages.items():
        for address in addresses(text):
            there = urlsplit(urljoin(HERE + path.removesuffix("index.html"), address))
            if f"{there.scheme}://{there.netloc}/" != HERE:
                continue
            target = unquote(there.path).lstrip("/")
            target = f"{target}index.html" if target.endswith("/") or not target else target
            anchor = unquote(there.fragment)
            found = (site / target).is_file() and (not anchor or anchor == "__skip" or anchor in places.get(target, ()))
            if not found:
                lost.append((path, address))
    assert len(pages) > 60
    assert lost == []


def test_no_page_loads_anything_from_another_host(pages):
    loaded = {
        (path, address)
        for path, text in pages.items()
        for tag in re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*>", text)
        for address in addresses(tag)
        if urlsplit(address).netloc
    }
    assert loaded == set()


def test_every_document_is_a_page(site):
    for path in (ROOT / "docs").rglob("*.md"):
        place = path.relative_to(ROOT / "docs").with_suffix("")
        page = site / (place.parent if place.name in ("index", "README") else place) / "index.html"
        assert page.is_file(), place


def test_an_example_to_which_a_page_links_is_a_page_with_its_files(pages):
    examples = [path for path in pages if re.fullmatch(r"repository/fixtures/\w+/index\.html", path)]
    assert len(examples) >= 3
    for path in examples:
        folder = ROOT / path.removeprefix("repository/").removesuffix("/index.html")
        named = {each.name for each in folder.iterdir() if each.suffix in (".py", ".yaml", ".js")}
        assert {name for name in named if f"<code>{name}</code>" not in pages[path]} == set()


def test_heads_of_blocks_show_a_file_name_and_not_what_tests_do_with_the_block(pages):
    tutorial = pages["tutorial/index.html"]
    assert '<span class="filename">bank.py</span>' in tutorial
    assert "sh step" not in tutorial
    assert "text output" not in tutorial


@pytest.mark.parametrize("name", fcemu.testing.__all__)
def test_every_public_name_is_described_in_the_python_api(pages, name):
    places = [path for path, text in pages.items() if f'id="fcemu.testing.{name}"' in text]
    assert len(places) == 1
    assert places[0].startswith("reference/api/")


@pytest.fixture(scope="module")
def read():
    """``fcemu.testing`` as the pages of the Python API are made of it."""
    return griffe.load("fcemu.testing", search_paths=[ROOT], resolve_aliases=True)


@pytest.mark.parametrize("name", fcemu.testing.__all__)
def test_every_public_member_has_a_docstring_or_stands_in_that_of_its_class(read, name):
    thing = read[name].final_target
    assert thing.docstring
    members = (
        [member.final_target if member.is_alias else member for member in thing.all_members.values()]
        if thing.is_class
        else []
    )
    public = [member for member in members if not member.name.startswith("_")]
    assert [member.path for member in public if not _described(member)] == []


def _described(member):
    """By a docstring of its own, or by name in that of the class that has it."""
    about = member.parent.docstring
    return bool(member.docstring) or (about is not None and f"``{member.name}``" in about.value)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *told):
        pass


@pytest.fixture(scope="module")
def served(site):
    """Where the site can be read."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def opened(served):
    """``opened(path)``: a page of the site in Chromium, which must ask no other host."""
    chromium = shutil.which("chromium")
    if chromium is None:
        missing("Chromium is not there")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        page = browser.new_page()
        page.set_default_timeout(WAIT_SECONDS * 1000)
        asked = []
        page.on("request", lambda request: asked.append(request.url))

        def visit(path):
            page.goto(served + path)
            return page

        yield visit
        browser.close()
    assert [url for url in asked if not url.startswith((served, "blob:", "data:"))] == []


def test_the_browser_draws_diagrams_without_another_host(opened):
    page = opened("explanation/states/")
    page.wait_for_function(
        "document.querySelector('div.mermaid')?.shadowRoot == null && !document.querySelector('pre.mermaid')"
    )
    assert page.locator("div.mermaid").count() == 1


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("call reply.result(), which raises it", "reference/messages/"),
        ("run_until_idle", "reference/api/emulator/"),
        ("消息最大存活时长", "zh/"),
    ],
)
def test_the_search_finds_a_part_of_a_message_a_method_and_chinese(opened, words, page):
    site = opened("")
    site.get_by_role("textbox", name="Search").fill(words)
    found = site.locator(".md-search-result__link")
    found.first.wait_for()
    assert any(page in (link.get_attribute("href") or "") for link in found.all())


def test_pages_in_chinese_say_so(pages):
    said = {path: re.search(r'<html lang="(\w+)"', text)[1] for path, text in pages.items()}
    assert {path for path, language in said.items() if language == "zh"} == {
        "zh/index.html",
        "zh/tutorial/index.html",
        "zh/faq/index.html",
    }
