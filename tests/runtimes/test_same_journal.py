"""The same code in two directories, twice in one process: the same journal, byte for byte, whatever it writes.

Each piece is one way by which a path of the machine, an address of its memory or a number of the process gets into a
log. Results are not touched.
"""

import json
import os
import random
import shutil
import sys
import threading
import warnings
from functools import partial

import pytest
from fakes import CREW, ask, s

from fcemu import host
from fcemu.core.catalog import Catalog
from fcemu.core.facts import to_json
from fcemu.core.functions import AsyncSettings, Function
from fcemu.core.names import FunctionRef
from fcemu.core.settings import Settings
from fcemu.engine.chance import Chance
from fcemu.engine.emulator import Emulator

FULL = os.environ.get("FCEMU_EFFORT") == "full"
MORE = 20 if FULL else 2
"""Handlers that are put together at random, for each runtime."""

PIECES = {
    "logging.exception": "try: helper.fail()\nexcept ValueError: logging.exception('oops')",
    "logging with a stack": "logging.info('here', stack_info=True)",
    "logging of a broken message": "logging.info('%d', 'x')",
    "logging of a place": "logging.warning('%s', __file__)",
    "print_exc": "try: helper.fail()\nexcept ValueError: traceback.print_exc()",
    "print_exc of the library": "try: json.loads('{')\nexcept ValueError: traceback.print_exc()",
    "print_stack": "traceback.print_stack()",
    "a trace of a cause": "try:\n    try: helper.fail()\n    except ValueError as e: raise KeyError(1) from e\n"
    "except KeyError: traceback.print_exc()",
    "a warning": "warnings.simplefilter('always')\nwarnings.warn('careful')",
    "a warning of another module": "warnings.simplefilter('always')\nhelper.warn()",
    "a thread that fails": "thread = threading.Thread(target=helper.fail)\nthread.start()\nthread.join()",
    "names of threads": "for _ in range(2):\n    thread = threading.Thread(target=lambda: "
    "print(threading.current_thread().name))\n    thread.start()\n    thread.join()",
    "names in a pool": "with concurrent.futures.ThreadPoolExecutor(1) as pool:\n"
    "    print(pool.submit(lambda: threading.current_thread().name).result())",
    "representations": "print(object(), helper.fail, lambda: 0, helper.Thing().method, [object()], helper)",
    "a representation of code": "print(helper.fail.__code__, sys._getframe())",
    "a representation with more": "print(concurrent.futures.Future(), threading.Lock())",
    "an address as bytes": "sys.stdout.buffer.write(repr(object()).encode())",
    "paths": "print(__file__, os.path.dirname(__file__), [os.path.join(os.path.dirname(__file__), 'data')])",
    "an environment variable": "print(os.environ['FC_FUNC_CODE_PATH'])",
    "written in two pieces": "head, tail = os.path.split(__file__)\nsys.stdout.write(head[:-1])\nsys.stdout.flush()\n"
    "sys.stdout.write(head[-1] + '/' + tail)",
    "a child process": "subprocess.run([sys.executable, '-c', 'print(__import__(\"os\").getcwd())'], "
    "cwd=os.path.dirname(__file__), stdout=None if inline else 1, check=True)",
    "uuid1": "print(uuid.uuid1(), uuid.uuid1())",
    "an error": "raise RuntimeError(f'{object()} {__file__}')",
}
PYTHON = """
import concurrent.futures, json, logging, os, subprocess, sys, threading, traceback, uuid, warnings
import helper
inline = __package__ != "" or "fcemu" in sys.modules
def handler(event, context):
    {body}
    return "done"
"""
HELPER = """
import warnings
def fail(): raise ValueError("no luck")
def warn(): warnings.warn("careful", DeprecationWarning)
class Thing:
    def method(self): pass
"""
NODE = """
exports.handler = (event, context, callback) => {
  console.log(new Error('no luck').stack.split('\\n').filter((line) => !line.includes('node:')).join('\\n'));
  console.error(__filename, __dirname);
  process.stdout.write(__dirname.slice(0, -1)); process.stdout.write(__dirname.slice(-1) + '/x\\n');
  callback(null, 'done');
};
"""
PROGRAM = """
import http.server, os, sys, traceback
class Server(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        try: json
        except NameError: traceback.print_exc()
        print(__file__, object(), self.do_POST, flush=True)
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"done")
    def log_message(self, *what): pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["FC_SERVER_PORT"])), Server).serve_forever()
"""
RUNTIMES = ("inline", "isolate", "process")


@pytest.fixture(scope="module")
def runtimes():
    made = host.Runtimes({"FCEMU_URL": "http://emulator"})
    yield made
    made.close()


def show(message, category, filename, lineno, file=None, line=None):
    """``warnings.showwarning`` as it is where pytest does not collect warnings."""
    (file or sys.stderr).write(warnings.formatwarning(message, category, filename, lineno, line))


@pytest.fixture
def journal(runtimes, monkeypatch):
    """``journal(directory, files, how="inline", **settings)``: of two attempts of a function over these files."""
    monkeypatch.setattr(warnings, "showwarning", show)
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)

    def journal(directory, files, how="inline", **settings):
        directory.mkdir(parents=True)
        for name, text in files.items():
            (directory / name).write_text(text)
        catalog, ref = Catalog(), FunctionRef("writes")
        given = {"handler": "index.handler", "timeout": s(600), "runtime": "python3.10", **settings}
        catalog.add(Function(ref=ref, code=str(directory), **given))
        catalog.set_async(ref, AsyncSettings(max_retries=0))
        kind = partial(runtimes, process=how == "process", isolate=how == "isolate")
        emulator = Emulator(settings=Settings(), catalog=catalog, runtimes=kind, chance=Chance(0), crew=CREW)
        try:
            for payload in (b"", b"once more"):
                emulator.accept(ask("writes", payload))
                emulator.wait(emulator.run_until_idle(None))
            return "\n".join(json.dumps(to_json(fact)) for fact in emulator.journal)
        finally:
            emulator.close()

    return journal


@pytest.fixture
def both(journal, tmp_path):
    """The journals of the same code in two directories; the second is reached by a link."""

    def both(files, how="inline", **settings):
        first = journal(tmp_path / "a", files, how, **settings)
        real = tmp_path / "there"
        real.mkdir()
        (tmp_path / "link").symlink_to(real)
        second = journal(tmp_path / "link" / "deep-er" / "b", files, how, **settings)
        assert str(tmp_path) not in first
        return first, second

    return both


def python(*pieces):
    return {"index.py": PYTHON.format(body="\n".join(pieces).replace("\n", "\n    ")), "helper.py": HELPER}


@pytest.mark.parametrize("how", RUNTIMES if FULL else ("inline", "process"))
@pytest.mark.parametrize("piece", PIECES)
def test_each_way_to_write_about_the_machine(both, how, piece):
    first, second = both(python(PIECES[piece]), how)
    assert first == second
    assert ("UnhandledInvocationError" in first) == (piece == "an error")


@pytest.mark.parametrize("seed", range(MORE))
@pytest.mark.parametrize("how", RUNTIMES)
def test_handlers_that_do_several_of_these(both, how, seed):
    draw = random.Random(seed)
    names = sorted(set(PIECES) - {"an error"})
    first, second = both(python(*(PIECES[name] for name in draw.sample(names, 6))), how)
    assert first == second


def test_uuid1_is_the_same_inline_and_in_a_process(journal, tmp_path):
    files = python(PIECES["uuid1"])
    first, second = (journal(tmp_path / how, files, how) for how in ("inline", "process"))
    assert first == second
    assert first.count("-11f0-") == 4


def test_results_are_not_touched(journal, tmp_path):
    body = "return json.dumps([__file__, '<object at 0x7f1234567890>'])"
    first = journal(tmp_path / "a", python(body))
    assert json.dumps(json.dumps([str(tmp_path / "a" / "index.py"), "<object at 0x7f1234567890>"]))[1:-1] in first


def test_what_code_writes_about_addresses_and_paths_of_its_own_stays(journal, tmp_path):
    written = "read at 0x7f1234567890, wrote at 0x10; /tmp/here and /codes, a < b at 0x20"
    assert written in journal(tmp_path / "a", python(f"print({written!r})"))


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_a_function_of_node(both):
    first, second = both({"index.js": NODE}, runtime="nodejs20")
    assert first == second
    assert "(/code/index.js:3:15)" in first


def test_a_program_of_a_custom_runtime(both):
    kept = {"customRuntimeConfig": {"command": [sys.executable, "/code/program.py"]}}
    first, second = both({"program.py": PROGRAM}, runtime="custom.debian12", kept=kept)
    assert first == second
    assert 'File \\"/code/program.py\\", line 5, in do_POST' in first
