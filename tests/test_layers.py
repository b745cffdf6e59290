"""Who may import whom, checked from the syntax tree; the table is that of docs/contributing.md."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "fcemu"
STANDARD = set(sys.stdlib_module_names)

# layer: (its own modules it may import, packages from elsewhere, standard modules it must not import)
ALLOWED: dict[str, tuple[set[str], set[str], set[str]]] = {
    "core": ({"core"}, {"cronsim"}, {"asyncio", "logging", "os", "random", "threading", "time", "uuid"}),
    "engine": ({"collecting", "core", "engine", "handler", "mns"}, set(), {"uuid"}),
    "mns": ({"core", "engine.ports", "mns"}, set(), {"asyncio", "logging", "os", "threading", "uuid"}),
    "mns/wire": ({"api", "core", "engine.emulator", "late", "mns", "own_api"}, set(), set()),
    "handler": ({"handler"}, {"debugpy", "psutil"}, set()),
    "backends": (set(), set(), set()),
    "collecting": (set(), set(), set()),
    "late": (set(), set(), set()),
    "runtimes": (
        {"backends", "core", "engine.ports", "guarding", "handler", "runtimes", "scratch"},
        {"freezegun", "psutil", "time_machine", "_time_machine"},
        set(),
    ),
    "own_api": ({"core", "own_api"}, set(), {"asyncio", "logging", "os", "random", "threading", "time", "uuid"}),
    "ui": (set(), set(), set()),
    "retelling": ({"core", "retelling"}, set(), set()),
    "api": (
        {"core", "engine", "api", "late", "own_api", "retelling", "ui", "handler.system"},
        {"aiohttp", "multidict", "opentelemetry", "prometheus_client"},
        set(),
    ),
    "endpoints": ({"core.names", "endpoints"}, {"aiohttp", "cryptography"}, set()),
    "config": ({"collecting", "core", "config", "late", "packages"}, {"yaml"}, set()),
    "search": ({"core", "search"}, set(), {"asyncio", "logging", "os", "threading", "time", "uuid"}),
    "testing": (
        {"backends", "core", "engine", "handler", "config", "host", "mns", "search", "testing", "ui"}
        | {"runtimes.last_words", "runtimes.timeshift"},
        set(),
        set(),
    ),
    "pytest_plugin": (
        {
            "backends",
            "collecting",
            "core.options",
            "pytest_explore",
            "pytest_mutate",
            "pytest_served",
            "search.tokens",
            "testing",
        },
        {"pytest"},
        set(),
    ),
    "pytest_mutate": ({"config", "engine.real", "pytest_orders", "testing"}, {"_pytest", "pytest"}, set()),
    "pytest_explore": ({"across", "core", "engine.real", "search", "testing"}, {"_pytest", "pytest"}, set()),
    "pytest_served": ({"pytest_explore", "pytest_orders", "search.recipes"}, {"pytest"}, set()),
    "across": ({"core", "engine.real", "pytest_orders", "search"}, set(), set()),
    "pytest_orders": (set(), set(), set()),
    "client": ({"own_api"}, set(), set()),
    "packages": ({"core", "scratch"}, {"fastcrc"}, set()),
    "scratch": ({"guarding", "handler.system"}, {"filelock"}, set()),
    "guarding": ({"handler"}, set(), set()),
    "server_loop": ({"engine.real", "handler.system"}, set(), set()),
    "senders": ({"core", "engine.ports"}, set(), set()),
    "stores": ({"core", "engine.ports", "stores"}, set(), set()),
    "runtime_set": ({"config", "core", "engine", "packages", "runtimes"}, set(), set()),
    "defining": ({"api.state", "config", "core", "engine", "runtime_set", "runtimes"}, set(), set()),
    "host": (
        {
            "collecting",
            "core",
            "defining",
            "engine",
            "late",
            "api",
            "config",
            "endpoints",
            "mns",
            "own_api.records",
            "packages",
            "runtime_set",
            "runtimes",
            "scratch",
            "senders",
            "server_loop",
            "stores",
            "host",
        },
        set(),
        set(),
    ),
    "cli": (
        {"host", "client", "cli", "collecting", "commands", "config", "core", "mns.facts", "own_api", "testing"},
        {"click"},
        set(),
    ),
    "commands": (
        {"host", "client", "commands", "config", "core", "engine.real", "own_api", "runtimes", "search", "testing"}
        | {"collecting", "guarding", "handler.system", "pytest_orders"},
        {"click", "watchfiles"},
        set(),
    ),
    "__main__": ({"backends", "cli"}, set(), set()),
    "__init__": (set(), set(), set()),
}
LONGEST = 600
"""How many lines a module may have."""
ONLY_HERE = {"random": {"engine/chance.py"}, "time": {"engine/real.py"}, "ctypes": {"engine/threads.py"}}
"""Inside core and engine: these modules may be imported in these files only."""
ONE_PLACE = {("engine", "mns"): "engine/emulator.py"}
"""Where a layer puts together what the rest of it knows by protocols only."""
SLOW_DATACLASSES = {"core/values.py"}
"""Which may use the standard library's."""


def layer_of(file: Path) -> str:
    parts = file.relative_to(PACKAGE).parts
    return "mns/wire" if parts[:2] == ("mns", "wire") else parts[0].removesuffix(".py")


def imports(file: Path):
    """The names that a file imports, with their lines; also those that ``late`` imports when they are called."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: relative import"
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "late":
            module, name = (ast.literal_eval(word) for word in node.args)
            yield f"{module}.{name}", node.lineno


def modules() -> dict[str, Path]:
    """The files of the package by their names without ``fcemu.``; what ``fcemu init`` copies is not code of ours."""
    found = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        if "templates" not in file.parts:
            parts = file.relative_to(PACKAGE).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imported_modules() -> dict[str, set[str]]:
    """By module, the modules that it imports; what is under ``TYPE_CHECKING`` or inside a function counts."""
    found = modules()
    graph: dict[str, set[str]] = {}
    for module, file in found.items():
        graph[module] = set()
        for name, _ in imports(file):
            inside = name.removeprefix("fcemu").removeprefix(".") if name.partition(".")[0] == "fcemu" else None
            if inside is not None:
                whole = inside if inside in found else inside.rpartition(".")[0]
                graph[module] |= {whole} & found.keys() - {module}
    return graph


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The modules that import each other, directly or through others, together; sorted."""
    reached: dict[str, set[str]] = {}
    for start in graph:
        reached[start], ahead = set(), [start]
        while ahead:
            for module in graph[ahead.pop()] - reached[start]:
                reached[start].add(module)
                ahead.append(module)
    together = {tuple(sorted(two for two in reached[one] if one in reached[two])) for one in graph}
    return sorted(list(circle) for circle in together if circle)


def wrong(layer: str, name: str, where: str) -> str | None:
    ours, others, never = ALLOWED[layer]
    top = name.partition(".")[0]
    if top == "fcemu":
        inside = name.removeprefix("fcemu").removeprefix(".")
        if ONE_PLACE.get((layer, inside.partition(".")[0]), where) != where:
            return f"{name} is for {ONE_PLACE[layer, inside.partition('.')[0]]}"
        own = inside == "__version__" or any(inside == one or inside.startswith(f"{one}.") for one in ours)
        return None if own else f"{layer} must not import {name}"
    if name == "dataclasses.dataclass" and where not in SLOW_DATACLASSES:
        return f"{layer} imports dataclass from fcemu.core.values: a start defines a hundred of them"
    if top in STANDARD:
        if top in never:
            return f"{layer} must not import {top}"
        if layer in {"core", "engine"} and top in ONLY_HERE and where not in ONLY_HERE[top]:
            return f"{top} is for {ONLY_HERE[top]}"
        return None
    return None if top in others else f"{layer} must not import {top}"


def faults(layer: str, name: str, where: str, line: int) -> list[str]:
    found = wrong(layer, name, where)
    return [f"{where}:{line}: {found}"] if found else []


def test_every_layer_is_in_the_table():
    found = {layer_of(file) for file in PACKAGE.rglob("*.py") if "templates" not in file.parts}
    assert found <= ALLOWED.keys()


def test_every_import_keeps_to_the_table():
    found = []
    for file in sorted(PACKAGE.rglob("*.py")):
        if "templates" in file.parts:
            continue
        where = file.relative_to(PACKAGE).as_posix()
        for name, line in imports(file):
            found += faults(layer_of(file), name, where, line)
    assert found == []


def test_modules_import_each_other_in_no_circle():
    assert circles(imported_modules()) == []


def test_a_circle_is_found_however_long_it_is():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set(), "e": {"a", "f"}, "f": {"e"}}
    assert circles(graph) == [["a", "b", "c"], ["e", "f"]]


def test_no_module_is_long():
    lengths = {
        file.relative_to(PACKAGE).as_posix(): len(file.read_text(encoding="utf-8").splitlines())
        for file in modules().values()
    }
    long = {where for where, lines in lengths.items() if lines > LONGEST}
    assert long == set()


def test_the_plugin_imports_fcemu_only_inside_functions():
    body = ast.parse((PACKAGE / "pytest_plugin.py").read_text(encoding="utf-8")).body
    names = [ast.unparse(node) for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not [name for name in names if "fcemu" in name]


@pytest.mark.parametrize(
    ("layer", "name", "where"),
    [
        ("core", "time", "core/retry.py"),
        ("core", "fcemu.engine.clock", "core/retry.py"),
        ("engine", "aiohttp", "engine/emulator.py"),
        ("engine", "random", "engine/emulator.py"),
        ("runtimes", "fcemu.engine.clock.Clock", "runtimes/running.py"),
        ("api", "fcemu.config", "api/own_routes.py"),
        ("api", "fcemu.mns.wire.routes", "api/server.py"),
        ("engine", "fcemu.mns.mail", "engine/deliveries.py"),
        ("mns", "fcemu.engine.baton", "mns/mail.py"),
        ("mns", "fcemu.api.wire", "mns/queues.py"),
        ("config", "fcemu.engine", "config/parse.py"),
        ("api", "dataclasses.dataclass", "api/shapes.py"),
    ],
)
def test_the_table_forbids_what_it_should(layer, name, where):
    assert wrong(layer, name, where) is not None
