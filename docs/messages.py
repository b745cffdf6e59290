"""The texts of errors in the code, each with the section of ``docs/troubleshooting.md`` that helps.

``docs/generate.py`` makes ``docs/reference/messages.md`` of them. A text is found by its place in the code, so that a
changed wording needs no change here; a new place needs a row of ``HELP`` only where none fits yet.
"""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Final, NamedTuple

PACKAGE: Final = Path(__file__).parent.parent / "fcemu"

GAP: Final = "…"
"""Stands for what differs from one error to the next."""
_FEWEST_WORDS: Final = 3
"""A text of fewer words is a part of another one, such as the name of a parameter."""


class Message(NamedTuple):
    """A text of an error: the module and the function that have it, what is raised or called with it."""

    module: str
    function: str
    by: str
    text: str


class Row(NamedTuple):
    """Which texts one section helps with: patterns of ``Message.module``, ``function`` and ``by``."""

    section: str
    module: str = "*"
    function: str = "*"
    by: str = "*"


BUG: Final = "An internal error of fcemu"
HELP: Final[tuple[Row, ...]] = (
    # By what is raised.
    Row("A property or a law does not hold", module="testing/laws.py", by="AssertionError"),
    Row("A property or a law does not hold", module="testing/properties.py", by="AssertionError"),
    Row(BUG, by="AssertionError"),
    Row(BUG, by="ImpossibleMove"),
    Row(BUG, by="dataclasses.FrozenInstanceError"),
    Row(BUG, module="core/catalog_json.py"),
    Row(BUG, module="api/*", by="LookupError"),
    Row("A token does not fit", by="WrongToken"),
    Row("A token does not fit", module="search/recipes.py"),
    Row("A search cannot run", module="across.py"),
    Row("A search cannot run", module="pytest_plugin.py", function="_hear"),
    Row("The data file cannot be used", by="StoreError"),
    Row("The data file cannot be used", by="*damaged"),
    Row("A name is not known", module="testing/records.py", function="of"),
    Row("A name is not known", module="own_api/problems.py", function="not_found"),
    Row("An invocation has no reply, attempt or message yet", by="NotEnded"),
    Row("An invocation has no reply, attempt or message yet", function="who_moves"),
    Row("What fcemu does not emulate", by="NotImplementedYet"),
    Row("What fcemu does not emulate", by="not_yet"),
    Row("An invocation cannot be copied as a test", by="NotRetold"),
    Row("The emulator was closed", by="ClosedError"),
    Row("The emulator was closed", by="self._closing.refusal"),
    Row("The emulator was closed", module="engine/*", by="ResourceThrottled"),
    Row("A variable of `s.yaml` cannot be resolved", by="UnresolvedError"),
    Row("A queue or topic refuses", by="MNSError"),
    Row("A queue or topic refuses", module="mns/*", by="invalid"),
    # By where.
    Row("A web page or another machine is refused", module="api/guard.py"),
    Row("A signature is refused", module="api/signatures.py"),
    Row("No emulator answers", module="client.py"),
    Row("The server does not start", module="commands/serve.py"),
    Row("The server does not start", module="commands/planning.py", by="click.ClickException"),
    Row("A handler cannot be debugged", module="commands/debugging.py"),
    Row("A program cannot be started", module="commands/command.py"),
    Row("A program cannot be started", module="host.py"),
    Row("A command does not take its options", module="commands/*"),
    Row("A command does not take its options", module="cli.py"),
    Row("A failure went unnoticed", module="testing/checking.py"),
    Row("The clock does not get there", function="run_until"),
    Row("A call would block an event loop or a handler", module="testing/coroutines.py"),
    Row("A call would block an event loop or a handler", function="refuse_in_handler"),
    Row("The test's time is frozen", module="testing/clocks.py"),
    Row("The test's time is frozen", function="_restart"),
    Row("freezegun or time-machine is missing", module="backends.py"),
    Row("A function has no module to patch", function="module_of"),
    Row("A definition has problems", module="runtimes/__init__.py"),
    Row("An invocation fails", module="runtimes/*", by="*Error"),
    Row("An invocation fails", module="runtimes/*", by="NotStarted"),
    Row("An invocation fails", module="core/http_events.py"),
    Row("An invocation fails", module="handler/*"),
    Row("Time does not pass while code is loaded", module="engine/at_rest.py"),
    Row("Time does not go back", module="engine/emulator.py", by="ValueError"),
    Row("A duration or an instant is not understood", module="core/times.py"),
    Row("A cron expression is wrong", module="core/cron.py"),
    Row("An event of a trigger is wrong", module="core/event*"),
    Row("An event of a trigger is wrong", module="engine/triggers.py"),
    Row("An event of a trigger is wrong", module="engine/timers.py"),
    Row("A web page or another machine is refused", module="endpoints/*"),
    Row("An option is wrong", module="core/option*"),
    Row("An option is wrong", module="core/places.py"),
    Row("An option is wrong", module="testing/*"),
    Row("An option is wrong", module="defining.py"),
    Row("A definition has problems", module="config/*"),
    Row("A definition has problems", module="core/destinations.py"),
    Row("A definition has problems", module="core/names.py"),
    Row("A definition has problems", module="core/triggers.py"),
    Row("A definition has problems", module="packages.py"),
    Row("A stub or a fault is wrong", module="core/stubs.py"),
    Row("A stub or a fault is wrong", module="engine/faults.py"),
    Row("A stub or a fault is wrong", module="runtime_set.py"),
    Row("A request to fcemu's own API is wrong", module="own_api/*"),
    Row("A request to fcemu's own API is wrong", by="Problem"),
    Row("A request to fcemu's own API is wrong", module="core/members.py"),
    # What is left of these is refused with a code of FC's.
    Row("FC refuses a request", module="api/*"),
    Row("FC refuses a request", module="core/*"),
    Row("FC refuses a request", module="engine/*"),
)
"""The first row that fits counts."""

_CALLS: Final = {"config": {"add", "warn", "refuse", "stop"}, "testing": {"_demand_none"}}
"""Functions that take the text of an error and do not stand after ``raise``, by package."""
_RETURNING: Final = {
    "commands/serve.py": {"_why"},
    "core/errors.py": {"choice"},
    "own_api/problems.py": {"not_found", "not_yet", "unknown"},
    "testing/access.py": {"who_moves"},
    "testing/records.py": {"of"},
}
"""Functions that return the text of an error."""
_WORDS: Final = ("*.choice",)
"""What is called with the words that a parameter may be, of which it makes a text."""
_USERS_OWN: Final = ("templates/*", "endpoints/child/*")
"""Code that is not fcemu's when its errors appear."""


def messages() -> Iterator[Message]:
    """Every text of an error in the code, in the order of modules and lines."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE).as_posix()
        if any(fnmatch(module, pattern) for pattern in _USERS_OWN):
            continue
        found: dict[str, Message] = {}
        for node, function in _inside(ast.parse(path.read_text(encoding="utf-8")), ""):
            for by, value in _said(module, function, node):
                text = " ".join(_text(value).split())
                if len([word for word in text.split() if word.strip(f"{GAP}'\",.:;()")]) >= _FEWEST_WORDS:
                    found.setdefault(text, Message(module, function, by, text))
        yield from found.values()


def section_of(message: Message) -> str:
    """The section of ``docs/troubleshooting.md`` that helps with it."""
    row = row_of(message)
    return BUG if row is None else row.section


def row_of(message: Message) -> Row | None:
    """The row for it; ``None`` where none fits, which the tests do not allow."""
    for row in HELP:
        if all(fnmatch(getattr(message, name), getattr(row, name)) for name in ("module", "function", "by")):
            return row
    return None


def page() -> str:
    """``docs/reference/messages.md``: all of them, by section."""
    by_section: dict[str, set[str]] = {}
    for message in messages():
        by_section.setdefault(section_of(message), set()).add(message.text)
    lines = [
        "# Messages",
        "",
        f"Search this page for a part of the text that an error shows. `{GAP}` stands for what differs each time, "
        "such as a name or a number. Each section links to what you can do. For FC's error codes see "
        "[errors](errors.md), which [troubleshooting](../troubleshooting.md#fc-refuses-a-request) explains. "
        "`docs/generate.py` collects these texts from the code.",
    ]
    for section in sorted(by_section):
        anchor = re.sub(r"[^\w -]", "", section.lower()).replace(" ", "-")
        lines += ["", f"## {section}", "", f"[What to do](../troubleshooting.md#{anchor})", ""]
        lines += [f"- {_code(text)}" for text in sorted(by_section[section])]
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _inside(node: ast.AST, function: str) -> Iterator[tuple[ast.AST, str]]:
    """All nodes, each with the name of the function that it is in."""
    for child in ast.iter_child_nodes(node):
        yield child, function
        named = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
        yield from _inside(child, named)


def _said(module: str, function: str, node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """What is raised or called there, and each value that it is told."""
    match node:
        case ast.Raise(exc=ast.Call() as call):
            by = ast.unparse(call.func)
            if not any(fnmatch(by, pattern) for pattern in _WORDS):
                yield from ((by, value) for value in _values(call))
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) as call:
            if name in _CALLS.get(module.partition("/")[0], ()):
                yield from ((name, value) for value in _values(call))
        case ast.Return(value=ast.expr() as value) if function in _RETURNING.get(module, ()):
            yield from ((function, each) for each in (_values(value) if isinstance(value, ast.Call) else [value]))


def _values(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def _text(value: ast.expr) -> str:
    """The text of an expression, with ``GAP`` for what is computed; ``""`` where it is no text."""
    match value:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(part.value if isinstance(part, ast.Constant) else GAP for part in values)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return (_text(left) or GAP) + (_text(right) or GAP)
        case ast.IfExp(body=body):
            return _text(body)
    return ""
