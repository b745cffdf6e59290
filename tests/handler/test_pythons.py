"""Handlers run on other Pythons than the emulator's: from the oldest that works on, newer ones as well."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from handler.pythons import VERSIONS, python
from systems import needs

from fcemu.testing import LocalEmulator

OLDEST = (3, 9)
HANDLERS = """
    import asyncio, datetime, json, logging, queue, signal, sys, threading, time
    from concurrent.futures import ThreadPoolExecutor

    kept = datetime.datetime.now

    class Moment(datetime.datetime):
        pass

    class NoLuck(Exception):
        pass

    def initialize(context):
        time.sleep(2)

    def version(event, context):
        return list(sys.version_info[:2])

    def waits(event, context):
        started, items = time.monotonic(), queue.Queue()
        time.sleep(3600)
        asyncio.run(asyncio.sleep(60))
        threading.Timer(5, items.put, ["x"]).start()
        items.get(timeout=60)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(time.sleep, [10, 20, 30]))
        try:
            queue.SimpleQueue().get(timeout=7)
        except queue.Empty:
            pass
        return time.monotonic() - started

    def reads(event, context):
        naive, aware = datetime.datetime.now(), datetime.datetime.now(datetime.timezone.utc)
        local = time.localtime()
        return [naive.isoformat(), aware.isoformat(), kept().isoformat(), Moment.now().isoformat(),
            datetime.date.today().isoformat(), datetime.datetime.fromtimestamp(time.time()).isoformat(),
            [local.tm_hour, local.tm_gmtoff], datetime.datetime(2026, 1, 1).timestamp(), type(Moment.now()).__name__]

    def alarms(event, context):
        def strike(number, frame):
            raise NoLuck("struck")
        signal.signal(signal.SIGALRM, strike)
        signal.alarm(30)
        try:
            time.sleep(3600)
        except NoLuck:
            return "struck"

    def fails(event, context):
        logging.getLogger().warning("about to fail")
        raise NoLuck("not today")

    def imports(event, context):
        import fcemu
        found = [name for name in sys.modules if name.partition(".")[0] in ("fcemu", "aiohttp", "freezegun")]
        return [fcemu.WHOSE, sorted(found)]

    def context(event, context):
        return json.loads(context.to_json())["function"]["name"]

    def web(environ, start_response):
        start_response("200 OK", [("x-uri", environ["fc.request_uri"])])
        return [environ["HTTP_X_MARK"].encode(), environ["wsgi.input"].read()]
"""
NAMES = ("version", "waits", "reads", "alarms", "fails", "imports", "context")


def interpreter(version):
    """Its path; skips the test where this machine does not have it."""
    return python(version) or pytest.skip("this machine does not have it")


@pytest.fixture(scope="module", params=[each for each in VERSIONS if each >= OLDEST], ids="{0[0]}.{0[1]}".format)
def version(request):
    interpreter(request.param)
    return request.param


@pytest.fixture(scope="module")
def code(tmp_path_factory):
    directory = tmp_path_factory.mktemp("code")
    lines = HANDLERS.splitlines()
    (directory / "index.py").write_text("\n".join(line[4:] for line in lines))
    (directory / "fcemu.py").write_text("WHOSE = 'the function'")
    # The code around a handler has modules of these names, too.
    for name in ("strands", "channel", "template", "clock", "context"):
        (directory / f"{name}.py").write_text("raise ImportError('of the function')")
    return directory


@pytest.fixture(scope="module")
def definition(code):
    def function(name, **more):
        return {"handler": f"index.{name}", "code": str(code), "timeout": 7200, "runtime": "python3.9", **more}

    zone = {"environmentVariables": {"TZ": "Asia/Tokyo"}}
    functions = {name: function(name, **(zone if name == "reads" else {})) for name in NAMES}
    functions["initialized"] = function("version", initializer="index.initialize")
    web = function("web", triggers={"http": {"http": ["POST"], "authType": "anonymous"}})
    return {"functions": functions, "services": {"site": {"functions": {"web": web}}}}


def emulated(definition, version):
    options = {"start": "2026-01-01T00:00:00Z", "runtime": "process", "python": interpreter(version)}
    return LocalEmulator(definition, **options, strict=False)


@pytest.fixture(scope="module")
def emulator(definition, version):
    with emulated(definition, version) as emulator:
        yield emulator


@pytest.mark.parametrize("old", [each for each in VERSIONS if each < OLDEST], ids="{0[0]}.{0[1]}".format)
def test_older_ones_are_refused_with_the_reason(definition, old):
    with emulated(definition, old) as emulator:
        document = emulator.function("version").invoke().json()
    assert "it must be Python 3.9 or later" in document["errorMessage"]


def test_it_is_that_python_which_runs_the_handler(emulator, version):
    assert tuple(emulator.function("version").invoke().json()) == version
    assert tuple(emulator.function("initialized").invoke().json()) == version


def test_waits_take_virtual_time(emulator):
    assert emulator.function("waits").invoke().json() == 3600 + 60 + 5 + 40 + 7


@needs("ALARMS")
def test_alarms_strike_virtual_sleeps(emulator):
    assert emulator.function("alarms").invoke().text == "struck"


def test_the_readers_of_datetime_give_virtual_time_in_the_handlers_zone(emulator):
    before = emulator.now
    *moments, today, again, parts, naive_timestamp, name = emulator.function("reads").invoke().json()
    local = (before + timedelta(hours=9)).replace(tzinfo=None)
    naive, aware, of_kept, of_subclass = moments
    assert naive == of_kept == of_subclass == again == local.isoformat()
    assert (aware, today) == (before.isoformat(), local.date().isoformat())
    assert parts == [local.hour, 9 * 3600]
    assert (naive_timestamp, name) == (1767193200.0, "Moment")


def test_an_error_reads_the_same(emulator):
    reply = emulator.function("fails").invoke()
    assert reply.json()["errorMessage"] == "not today"
    assert reply.json()["stackTrace"][0][0] == 'File "/code/index.py"'
    assert "[WARNING] about to fail" in reply.logs


def test_a_handler_sees_nothing_of_the_emulator_and_its_own_modules_of_the_same_names(emulator):
    assert emulator.function("imports").invoke().json() == ["the function", ["fcemu"]]
    assert emulator.function("context").invoke().text == "context"


def test_a_wsgi_application_is_asked(emulator):
    reply = emulator.function("site/web").http("POST", "/a?b=1", data=b"body", headers={"x-mark": "M"})
    assert (reply.status_code, reply.body) == (200, b"Mbody")
    assert "/a?b=1" in reply.headers["x-uri"]


def test_the_code_around_a_handler_imports_nothing_but_the_standard_library(version):
    """Also without the packages of the interpreter, and with nothing else of fcemu."""
    program = (
        "import sys, types, pkgutil, importlib\n"
        "package = types.ModuleType('fcemu'); package.__path__ = [sys.argv[1]]; sys.modules['fcemu'] = package\n"
        "import fcemu.handler\n"
        "for each in pkgutil.walk_packages(fcemu.handler.__path__, 'fcemu.handler.'):\n"
        "    importlib.import_module(each.name)\n"
        "names = {name for name in sys.modules if name.startswith('fcemu.')}\n"
        "print(all(name.startswith('fcemu.handler') for name in names), len(names) > 30)\n"
    )
    import fcemu

    command = [python(version), "-I", "-S", "-W", "error", "-c", program, os.path.dirname(fcemu.__file__)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("True True\n", "")


def test_this_python_is_among_them():
    assert python(sys.version_info[:2]) is not None
