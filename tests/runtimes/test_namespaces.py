"""Modules of functions are kept apart, and shared with the test where the test has them."""

import importlib
import json
import queue
import sys
import threading
from pathlib import Path

import pytest
from runtimes.fake_clock import FakeClock

from fcemu.testing import LocalEmulator

REPOSITORY = Path(__file__).parents[2]
ASK = """
    import {module}
    def handler(event, context):
        return {module}.WHO
"""
LATE = """
    def handler(event, context):
        import {module}
        from {module} import WHO
        assert {module}.WHO == WHO
        return WHO
"""


@pytest.fixture(autouse=True)
def _modules_of_the_test(tmp_path):
    """What a test imports from its own files is gone after it."""
    yield
    for name in [name for name, module in sys.modules.items() if str(tmp_path) in repr(module)]:
        del sys.modules[name]


@pytest.fixture
def two(define):
    """Two functions with equally named files; ``utils.WHO`` says whose it is."""

    def two(text, **files):
        made = []
        for who in ("first", "second"):
            code = define(text)
            code.write("utils.py", f"WHO = {who!r}")
            for name, content in files.items():
                code.write(name.replace("__", "/") + ".py", content.replace("WHO?", repr(who)))
            made.append(code)
        return made

    return two


@pytest.mark.parametrize("text", [ASK, LATE])
def test_equal_names_are_different_modules(two, text):
    first, second = two(text.format(module="utils"))
    assert [code.returned() for code in (first, second, first, second)] == ["first", "second"] * 2


@pytest.mark.parametrize(
    "statement",
    [
        "import pkg.deep.who\n    return pkg.deep.who.WHO",
        "import pkg.deep.who as who\n    return who.WHO",
        "from pkg.deep import who\n    return who.WHO",
        "from pkg.deep.who import WHO\n    return WHO",
        "from pkg.relative import WHO\n    return WHO",
        "from pkg.relative import above\n    return above.WHO",
        "from pkg.star import WHO\n    return WHO",
        "import importlib\n    return importlib.import_module('pkg.deep.who').WHO",
        "import importlib\n    return importlib.import_module('.who', 'pkg.deep').WHO",
        "import importlib.util\n    assert not importlib.util.find_spec('pkg.nope')\n"
        "    return importlib.util.find_spec('pkg.deep.who') and __import__('pkg.deep.who').deep.who.WHO",
        "import sys, pkg.deep.who\n    return sys.modules['pkg.deep.who'].WHO",
        "import bare.who\n    return bare.who.WHO",
        "import pickle, models\n    return pickle.loads(pickle.dumps(models.Order())).who",
        "import typing, models\n    return typing.get_type_hints(models.Order)['other'].who",
    ],
)
def test_every_way_to_import_finds_the_functions_own(two, statement):
    first, second = two(
        f"def handler(event, context):\n    {statement}",
        pkg____init__="",
        pkg__deep____init__="",
        pkg__deep__who="WHO = WHO?",
        pkg__relative="from .deep.who import WHO\nfrom .deep import who as above\nfrom . import deep",
        pkg__star="from .deep import *\nfrom .deep.who import *",
        bare__who="WHO = WHO?",
        models="class Order:\n    who = WHO?\n    other: 'Order'",
    )
    assert [code.returned() for code in (first, second, first)] == ["first", "second", "first"]


def test_attempts_that_are_parked_keep_theirs(two):
    first, second = two("""
        import pickle, sys, time
        class Mark: pass
        def handler(event, context):
            time.sleep(1)
            import utils
            assert type(pickle.loads(pickle.dumps(Mark()))) is Mark
            return utils.WHO + sys.modules["utils"].WHO
    """)

    class Meanwhile(FakeClock):
        def sleep(self, seconds):
            super().sleep(seconds)
            assert second.returned() == "secondsecond"

    assert first.returned(clock=Meanwhile()) == "firstfirst"


def test_a_handler_that_waits_for_another_keeps_its_own(two):
    first, second = two("""
        import pickle
        class Mark: pass
        def handler(event, context):
            call_other(event)
            return type(pickle.loads(pickle.dumps(Mark()))) is Mark
        call_other = print
    """)
    first.runtime.module_of(first.function, FakeClock()).call_other = lambda _event: second.returned()
    assert first.returned() == "true"


def test_attempts_at_the_same_time_keep_theirs(two):
    first, second = two("""
        def handler(event, context):
            arrived.put("here")
            awaited.get()  # in real time
            import utils
            return utils.WHO
    """)
    queues = [queue.SimpleQueue(), queue.SimpleQueue()]
    for code, (arrived, awaited) in ((first, queues), (second, queues[::-1])):
        module = code.runtime.module_of(code.function, FakeClock())
        module.arrived, module.awaited = arrived, awaited
    found = []
    threads = [threading.Thread(target=lambda code=code: found.append(code.returned())) for code in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == ["first", "second"]


def test_a_thread_that_a_handler_starts_gets_its_modules(two):
    first, second = two("""
        import threading
        def handler(event, context):
            found = []
            def look():
                import utils
                found.append(utils.WHO)
            thread = threading.Thread(target=look)
            thread.start()
            thread.join()
            return found[0]
    """)
    assert [second.returned(), first.returned()] == ["second", "first"]


def test_functions_of_one_directory_share_modules(define):
    counter = define("import state\ndef handler(event, context):\n    state.n += 1\n    return state.n")
    counter.write("state.py", "n = 0")
    other = define(at=counter.directory, handler="other.handler")
    other.write("other.py", "import state\ndef handler(event, context): return state.n")
    assert [counter.returned(), counter.returned(), other.returned()] == ["1", "2", "2"]


def test_a_function_does_not_find_what_only_another_has(define):
    owner = define(ASK.format(module="only_here"))
    owner.write("only_here.py", "WHO = 'owner'")
    other = define(LATE.format(module="only_here"))
    assert owner.returned() == "owner"
    assert "ModuleNotFoundError" in other.run().outcome.document.decode()
    assert owner.returned() == "owner"
    with pytest.raises(ModuleNotFoundError):
        import only_here  # noqa: F401
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("only_here")


def test_a_failed_module_leaves_nothing_behind(define):
    code = define(ASK.format(module="half"))
    code.write("half.py", "WHO = 1\n1 / 0")
    for _ in range(2):
        assert "division by zero" in code.run().outcome.document.decode()
    assert "half" not in sys.modules


def test_the_tests_own_modules_are_back_after_an_attempt(two, monkeypatch, tmp_path):
    (tmp_path / "utils.py").write_text("WHO = 'the test'")
    monkeypatch.syspath_prepend(tmp_path)
    first, second = two(LATE.format(module="utils"))
    assert first.returned() == "first"
    import utils

    assert utils.WHO == "the test"
    assert second.returned() == "second"
    assert sys.modules["utils"] is utils


def test_standard_modules_stay_the_processes(define):
    code = define("""
        import json, queue
        def handler(event, context):
            import sys
            return [json.dumps([]), queue.WHO, sys.modules["queue"].__name__, hasattr(sys.modules["queue"], "Queue")]
    """)
    code.write("json.py", "")
    code.write("queue.py", "WHO = 'a file named like a standard module'")
    expected = ["[]", "a file named like a standard module", "queue", True]
    assert json.loads(code.returned()) == expected
    assert sys.modules["queue"] is queue


def test_what_code_adds_to_the_path_is_its_own(define):
    text = """
        import os, sys
        sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))
        import vendored
        def handler(event, context):
            import vendored_too
            return vendored.WHO + vendored_too.WHO
    """
    first, second = define(text), define(text)
    for code, who in ((first, "first"), (second, "second")):
        code.write("lib/vendored.py", f"WHO = {who!r}")
        code.write("lib/vendored_too.py", f"WHO = {who!r}")
    before = list(sys.path)
    assert [first.returned(), second.returned(), first.returned()] == ["firstfirst", "secondsecond", "firstfirst"]
    assert sys.path == before


def test_a_module_may_replace_itself(define):
    code = define("import lazy\ndef handler(event, context): return lazy.WHO")
    code.write("lazy.py", "import sys\nclass It:\n    WHO = 'replaced'\nsys.modules[__name__] = It()")
    assert code.returned() == "replaced"


def test_modules_that_import_each_other(define):
    code = define("import one\ndef handler(event, context): return one.two.one.WHO")
    code.write("one.py", "import two\nWHO = 'round'")
    code.write("two.py", "import one")
    assert code.returned() == "round"


def test_a_thread_that_sleeps_beside_its_handler_does_not_disturb(two):
    first, second = two("""
        import asyncio, sys, time
        async def main():
            await asyncio.gather(asyncio.to_thread(time.sleep, 1), asyncio.to_thread(time.sleep, 2))
        def handler(event, context):
            asyncio.run(main())
            import utils
            return utils.WHO
    """)
    assert [first.returned(), second.returned()] == ["first", "second"]
    from fcemu.runtimes import views

    assert views._active == []


def test_the_emulator_is_never_a_part_of_a_code_directory(define):
    import fcemu

    code = define("import fcemu.engine.real\ndef handler(event, context): return str(id(fcemu))")
    (code.directory / "fcemu").symlink_to(REPOSITORY / "fcemu")
    assert code.returned() == str(id(fcemu))
    assert not hasattr(fcemu.engine.real.monotonic, "fcemu_original")


def test_third_party_modules_are_the_processes(define):
    code = define("import dateutil.parser as p\ndef handler(event, context): return str(id(p))")
    import dateutil.parser

    assert code.returned() == str(id(dateutil.parser))


def test_forgotten_code_is_loaded_anew(runtime, define):
    code = define(ASK.format(module="utils"))
    code.write("utils.py", "WHO = 'old'")
    assert code.returned() == "old"
    code.write("utils.py", "WHO = 'new and longer'")
    assert code.returned() == "old"
    runtime.forget(str(code.directory))
    assert code.returned() == "new and longer"


def test_a_module_that_the_test_imported_is_the_one_that_runs(define, monkeypatch):
    code = define(
        "import helper_x\nimport time\ndef handler(event, context): return greet()\ndef greet(): return 'real'"
    )
    code.write("helper_x.py", "")
    monkeypatch.syspath_prepend(code.directory)
    module = importlib.import_module("index")
    monkeypatch.setattr(module, "greet", lambda: "patched")
    assert code.returned() == "patched"
    assert code.runtime.module_of(code.function, FakeClock()) is module
    assert sys.modules["index"] is module


def test_a_module_that_the_test_imported_under_another_name_too(define, monkeypatch, tmp_path):
    directory = tmp_path / "functions" / "greet"
    directory.mkdir(parents=True)
    code = define("import other\ndef handler(event, context): return other.WHO", at=directory)
    code.write("other.py", "WHO = 'real'")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(directory)
    module = importlib.import_module("functions.greet.index")
    monkeypatch.setattr("functions.greet.index.other.WHO", "patched")
    assert code.returned() == "patched"
    assert code.runtime.module_of(code.function, FakeClock()) is module


def test_a_test_finds_the_right_one_of_equal_names(two, monkeypatch):
    first, second = two(ASK.format(module="utils"))
    assert [first.returned(), second.returned()] == ["first", "second"]
    monkeypatch.syspath_prepend(second.directory)
    index = importlib.import_module("index")
    assert index is second.runtime.module_of(second.function, FakeClock())
    assert first.returned() == "first"


def test_a_test_that_imports_later_gets_the_functions_module(define, monkeypatch):
    code = define("import helper_y\ndef handler(event, context): return helper_y.WHO")
    code.write("helper_y.py", "WHO = 'real'")
    assert code.returned() == "real"
    monkeypatch.syspath_prepend(code.directory)
    monkeypatch.setattr("helper_y.WHO", "patched")
    assert code.returned() == "patched"
    import index

    assert index is code.runtime.module_of(code.function, FakeClock())
    assert (index.__spec__.name, index.__spec__.loader) == ("index", index.__loader__)
    monkeypatch.delitem(sys.modules, "index")
    again = importlib.import_module("index")
    assert again is not index
    assert code.runtime.module_of(code.function, FakeClock()) is again


def test_names_bound_before_the_first_load_become_virtual(define, python):
    code = define("from time import time\nfrom datetime import datetime\ndef handler(event, context): return time()")
    python(f"""
        import sys
        sys.path.insert(0, {str(code.directory)!r})
        import index                                   # before anything is patched
        from runtimes.fake_clock import FakeClock
        from fcemu.core.functions import Function
        from fcemu.core.names import Account, FunctionRef
        from fcemu.engine.ports import Call
        from fcemu.runtimes.python_inline import PythonInline
        function = Function(ref=FunctionRef("f"), handler="index.handler", code={str(code.directory)!r})
        runtime = PythonInline()
        call = Call(function, "LATEST", "LATEST", Account(), "i", "r", 1, 0, b"", FakeClock())
        assert runtime.start(function, "i").run(call).outcome.payload == b"1767225600.0"
        assert index.time() > 1767225600 and runtime.module_of(function, FakeClock()) is index
        runtime.close()
    """)


def test_a_second_instance_waits_for_a_module_that_loads_and_sleeps(define):
    code = define("""
        import time
        time.sleep(5)
        def handler(event, context): return "loaded"
    """)
    parked, go_on = threading.Event(), threading.Event()

    class Held(FakeClock):
        def sleep(self, seconds):
            parked.set()
            go_on.wait(60)
            super().sleep(seconds)

    class Moving(FakeClock):
        def sleep(self, seconds):
            super().sleep(seconds)
            go_on.set()

    found = []
    thread = threading.Thread(target=lambda: found.append(code.returned(clock=Held())))
    thread.start()
    parked.wait(60)
    other = code.runtime.start(code.function, "i-2")
    assert other.run(code.call(clock=Moving())).outcome.payload == b"loaded"
    thread.join()
    assert found == ["loaded"]


def test_everything_is_undone_when_the_last_runtime_closes(python, define):
    code = define("import utils_z\ndef handler(event, context): return 'ok'")
    code.write("utils_z.py", "")
    python(f"""
        import builtins, importlib, logging, os, subprocess, sys

        def state():
            return [
                builtins.__import__, importlib.import_module, list(sys.meta_path), list(sys.path), sys.stdout,
                sys.stderr, type(os.environ), subprocess.Popen.__init__, type(logging.root), dict(os.environ),
                logging.Logger.isEnabledFor, logging.Logger.callHandlers, vars(logging.root)["level"],
            ]

        before = state()
        from runtimes.fake_clock import FakeClock
        from fcemu.core.functions import Function
        from fcemu.core.names import Account, FunctionRef
        from fcemu.engine.ports import Call
        from fcemu.runtimes.python_inline import PythonInline
        function = Function(ref=FunctionRef("f"), handler="index.handler", code={str(code.directory)!r})
        for _ in range(2):
            one, two = PythonInline(), PythonInline()
            call = Call(function, "LATEST", "LATEST", Account(), "i", "r", 1, 0, b"", FakeClock())
            assert one.start(function, "i").run(call).outcome.payload == b"ok"
            one.close()
            assert two.start(function, "i").run(call).outcome.payload == b"ok" and "utils_z" in sys.modules
            two.close()
            assert state() == before, (state(), before)
            assert "utils_z" not in sys.modules and "index" not in sys.modules
    """)


def test_a_stopped_instance_leaves_the_modules_of_the_process_as_they_were(define):
    code = define("import utils_left\ndef handler(event, context): return 'ok'")
    code.write("utils_left.py", "")
    assert code.returned() == "ok"
    assert "utils_left" in sys.modules
    code.instance.stop()
    assert "utils_left" not in sys.modules
    assert code.returned() == "ok"


def test_an_instance_that_is_stopped_while_its_handler_runs_leaves_the_modules_as_they_were(define):
    code = define("""
        import utils_late
        def handler(event, context):
            INSTANCE.stop()
            return "ok"
    """)
    code.write("utils_late.py", "")
    code.runtime.module_of(code.function, FakeClock()).INSTANCE = code.instance
    assert code.returned() == "ok"
    assert "utils_late" not in sys.modules


def test_an_emulator_that_is_closed_while_a_handler_sleeps_leaves_the_modules_as_they_were(tmp_path):
    def emulator(name):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index_of_one.py").write_text("import time\ndef handler(event, context): time.sleep(5)")
        function = {"handler": "index_of_one.handler", "code": str(tmp_path / name)}
        return LocalEmulator({"functions": {"f": function}}, strict=False)

    with emulator("first") as other:
        other.function("f").invoke()
        with emulator("second") as closed:
            closed.function("f").invoke_async(delay=1)
            closed.advance(1)
        assert "second" not in str(sys.modules.get("index_of_one"))
