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
    "engine": ({"core", "engine", "handler"}, set(), {"uuid"}),
    "handler": ({"handler"}, set(), set()),
    "backends": (set(), set(), set()),
    "runtimes": (
        {"backends", "core", "engine.ports", "guarding", "handler", "runtimes", "scratch"},
        {"debugpy", "freezegun", "time_machine", "_time_machine"},
        set(),
    ),
    "api": ({"core", "engine", "api"}, {"aiohttp", "multidict", "prometheus_client"}, set()),
    "endpoints": ({"core.names", "endpoints"}, {"aiohttp", "cryptography"}, set()),
    "config": ({"core", "config", "packages"}, {"yaml"}, set()),
    "testing": ({"backends", "core", "engine", "handler", "config", "host", "testing"}, set(), set()),
    "client": (set(), set(), set()),
    "options": ({"core", "engine.chance"}, set(), set()),
    "packages": ({"core", "scratch"}, {"fastcrc"}, set()),
    "scratch": ({"guarding"}, set(), set()),
    "guarding": ({"handler"}, set(), set()),
    "server_loop": ({"engine.real"}, set(), set()),
    "senders": ({"core", "engine.ports"}, set(), set()),
    "stores": ({"core", "engine.ports", "stores"}, set(), set()),
    "runtime_set": ({"config", "core", "engine", "packages", "runtimes"}, set(), set()),
    "defining": ({"api.setup", "config", "core", "engine", "options", "runtime_set", "runtimes"}, set(), set()),
    "host": (
        {
            "core",
            "defining",
            "engine",
            "api",
            "config",
            "endpoints",
            "options",
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
    "cli": ({"host", "client", "cli", "commands", "config", "core", "testing"}, {"click"}, set()),
    "commands": ({"host", "client", "commands", "config", "core", "testing"}, {"click", "watchfiles"}, set()),
    "__main__": ({"cli"}, set(), set()),
    "__init__": (set(), set(), set()),
}
ONLY_HERE = {"random": {"engine/chance.py"}, "time": {"engine/real.py"}, "ctypes": {"engine/strands.py"}}
"""Inside core and engine: these modules may be imported in these files only."""
SLOW_DATACLASSES = {"core/values.py", "core/names.py"}
"""Which may use the standard library's: the second for a class that is compared and sorted all the time."""


def layer_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(file: Path):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: relative import"
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def wrong(layer: str, name: str, where: str) -> str | None:
    ours, others, never = ALLOWED[layer]
    top = name.partition(".")[0]
    if top == "fcemu":
        inside = name.removeprefix("fcemu").removeprefix(".")
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


def test_the_plugin_imports_fcemu_only_inside_functions():
    body = ast.parse((ROOT / "pytest_plugin.py").read_text(encoding="utf-8")).body
    names = [ast.unparse(node) for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not [name for name in names if "fcemu" in name]


@pytest.mark.parametrize(
    ("layer", "name", "where"),
    [
        ("core", "time", "core/retry.py"),
        ("core", "fcemu.engine.clock", "core/retry.py"),
        ("engine", "aiohttp", "engine/emulator.py"),
        ("engine", "random", "engine/emulator.py"),
        ("runtimes", "fcemu.engine.clock.Clock", "runtimes/context.py"),
        ("api", "fcemu.config", "api/control.py"),
        ("config", "fcemu.engine", "config/load.py"),
        ("api", "dataclasses.dataclass", "api/shapes.py"),
    ],
)
def test_the_table_forbids_what_it_should(layer, name, where):
    assert wrong(layer, name, where) is not None
