"""What pyproject.toml declares, and what the installed program needs of it."""

import ast
import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from urllib.request import urlopen

import pytest
from patience import CHILD_SECONDS, wait_until

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
FOR_CONTRIBUTORS = {"docs", "test"}
"""Extras for work on fcemu itself: its own code may need none of what they bring."""
OF_USERS = [
    *PROJECT["dependencies"],
    *(one for name, some in EXTRAS.items() if name not in FOR_CONTRIBUTORS for one in some),
]
NEVER_IMPORTED = {
    "libfaketime",  # a library that fcemu finds and preloads into programs
    "tzdata",  # data that zoneinfo reads
}


def distribution(requirement: str) -> str:
    """The name of a requirement, as packages are compared."""
    (name,) = re.findall(r"^[\w.-]+", requirement)
    return plain(name)


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def imported(*, by_name: bool = False) -> dict[str, set[str]]:
    """The distributions that the package imports, with the files that do; a function's own imports count. ``by_name``:
    also what it imports with ``import_module``, such as SDKs that only users have."""
    owners = packages_distributions()
    found: dict[str, set[str]] = {}
    for file in sorted((ROOT / "fcemu").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif by_name and isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
                names = [one.value for one in node.args if isinstance(one, ast.Constant)]
            for module in {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) - {"fcemu"}:
                assert module in owners, f"{file}: no installed distribution has {module!r}"
                names_of_module = sorted({plain(name) for name in owners[module]})
                found.setdefault("/".join(names_of_module), set()).add(str(file.relative_to(ROOT)))
    return found


def declared() -> set[str]:
    return {distribution(one) for one in OF_USERS}


def test_all_that_is_imported_is_declared():
    undeclared = {names: sorted(files) for names, files in imported().items() if not set(names.split("/")) & declared()}
    assert undeclared == {}


def test_all_that_is_declared_is_imported():
    used = {name for names in imported(by_name=True) for name in names.split("/")}
    assert declared() - used - NEVER_IMPORTED == set()


def test_every_requirement_of_a_user_has_a_lower_bound():
    assert [one for one in OF_USERS if ">=" not in one] == []


def test_the_tests_have_what_every_extra_brings():
    of_extras = {distribution(one) for one in OF_USERS} - {distribution(one) for one in PROJECT["dependencies"]}
    assert of_extras <= {distribution(one) for one in EXTRAS["test"]}


def test_no_address_is_made_up():
    assert "urls" not in PROJECT, "the project has no published address; the release script takes it as --home"


def test_the_pythons_that_are_claimed_are_those_that_the_build_runs():
    build = (ROOT / ".ci/run").read_text(encoding="utf-8")
    run = {"3.11", *re.findall(r"^(?:suite|core)_on (3\.\d+)", build, re.MULTILINE)}
    claimed = {one.rpartition(" ")[2] for one in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", one)}
    assert claimed == run


# What the commands import.

REFUSING = """
import sys

class Refuses:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("_pytest", "freezegun", "pytest"):
            raise AssertionError(f"a command imports {name}")

sys.meta_path.insert(0, Refuses())
from fcemu.__main__ import run
run()
"""


@pytest.mark.parametrize(
    "words",
    [
        ["analyse", "fixtures/orders"],
        ["check", "fixtures/orders"],
        ["demo"],
        ["doctor", "--port", "0"],
        ["event", "oss", "--object", "a.png", "--bucket", "in"],
        ["exec", "fixtures/orders", "--", sys.executable, "-m", "fcemu", "invoke", "orders/receipt", "--async"],
        ["exec", "fixtures/orders", "--runtime", "inline", "--", sys.executable, "-m", "fcemu", "functions"],
        ["openapi"],
    ],
    ids=lambda words: " ".join(word for word in words if word != sys.executable),
)
def test_no_command_imports_pytest_or_freezegun(words):
    done = subprocess.run(
        [sys.executable, "-c", REFUSING, *words], cwd=ROOT, capture_output=True, text=True, timeout=CHILD_SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


WITHOUT_FREEZEGUN = """
import sys

class Hides:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "freezegun":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hides())
import time
from fcemu.testing import LocalEmulator

def naps(event, context):
    time.sleep(2)
    return time.time()

with LocalEmulator() as emulator:
    began = emulator.now.timestamp()
    assert emulator.add("naps", naps).invoke().json() == began + 2
"""


@pytest.mark.parametrize("backend", ["freezegun", "time-machine"])
def test_virtual_time_is_whole_where_freezegun_is_not_installed(backend, monkeypatch):
    monkeypatch.setenv("FCEMU_BACKEND", backend)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_FREEZEGUN], cwd=ROOT, capture_output=True, text=True, timeout=CHILD_SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr


# What is not imported before it is needed.

LOADED = """
import sys
from fcemu.testing import LocalEmulator

with LocalEmulator("fixtures/orders") as emulator:
    charged = emulator.function("orders/charge").invoke_async({{"card": "good"}}, delay=200)
    emulator.advance(200)
    assert charged.status == "Succeeded"
    {then}
print(*sys.modules)
"""
REQUEST = """
    from http.client import HTTPConnection
    connection = HTTPConnection("127.0.0.1", emulator.port)
    connection.request("GET", {path!r})
    assert connection.getresponse().status == 200
"""
NOT_FOR_A_NATIVE_FILE = {
    *("fcemu.config.funcraft", "fcemu.config.serverless_devs_1", "fcemu.config.serverless_devs_3"),
    *("fcemu.config.hints", "fcemu.config.written"),
}
FOR_HTTP = {"aiohttp", "fcemu.api.server", "fcemu.api.fc", "fcemu.own_api.records", "fcemu.mns.wire.routes"}
NOT_FOR_HEALTH = {
    *("fcemu.api.fc", "fcemu.api.v2016_08_15", "fcemu.api.v2021_04_06", "fcemu.api.v2023_03_30"),
    *("fcemu.api.history", "fcemu.api.moves", "fcemu.api.setup", "fcemu.api.metrics", "fcemu.api.otlp", "fcemu.ui"),
    *("fcemu.mns.wire.routes", "fcemu.mns.wire.own_routes", "fcemu.core.spans", "fcemu.core.moments"),
}
ELSEWHERE = {"click", "cryptography", "prometheus_client", "opentelemetry", "watchfiles", "psutil", "filelock"}


def loaded(then: str) -> set[str]:
    """The modules of a process in which a test's emulator has run one invocation, and done ``then``."""
    text = LOADED.format(then=then)
    done = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, timeout=CHILD_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    return set(done.stdout.split())


def test_an_emulator_without_clients_imports_nothing_that_speaks_http():
    assert loaded("pass") & (FOR_HTTP | NOT_FOR_A_NATIVE_FILE | ELSEWHERE) == set()


def test_the_first_client_brings_the_server_and_the_api_that_it_asks():
    found = loaded(REQUEST.format(path="/_fcemu/health"))
    assert {"aiohttp", "fcemu.api.server"} <= found
    assert found & (NOT_FOR_HEALTH | ELSEWHERE) == set()


def test_a_part_of_an_api_is_imported_for_its_first_request():
    found = loaded(REQUEST.format(path="/_fcemu/timeline"))
    assert found & NOT_FOR_HEALTH >= {"fcemu.api.history", "fcemu.core.moments"}
    assert found & {"fcemu.api.fc", "fcemu.api.setup", "fcemu.api.metrics", "fcemu.mns.wire.routes"} == set()


def test_a_server_without_a_definition_imports_no_reader_and_no_api_before_it_is_asked(tmp_path):
    ready = tmp_path / "url.txt"
    words = ["serve", "--empty", "--port", "0", "--ready-file", str(ready), "--quiet"]
    with (tmp_path / "imported").open("w") as imported:
        serving = subprocess.Popen([sys.executable, "-X", "importtime", "-m", "fcemu", *words], stderr=imported)
        try:
            wait_until(lambda: ready.exists() and ready.read_text())
            with urlopen(f"{ready.read_text()}/_fcemu/health") as reply:
                assert reply.status == 200
        finally:
            serving.terminate()
            serving.wait(CHILD_SECONDS)
    found = {line.rpartition("|")[2].strip() for line in (tmp_path / "imported").read_text().splitlines()}
    assert {"aiohttp", "click", "fcemu.api.server"} <= found
    never = {"yaml", "freezegun", "time_machine", "dateutil", "unittest", "sqlite3", "zoneinfo", "fcemu.config.define"}
    never |= {"fcemu.runtimes.running", "fcemu.runtimes.timeshift", "fcemu.handler.context", "fcemu.commands.watching"}
    assert found & (NOT_FOR_HEALTH | never | ELSEWHERE - {"click"}) == set()
