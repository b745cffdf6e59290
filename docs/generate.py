"""Writes the documents that are made from the code; ``--check`` only says whether they are as they should be."""

import ast
import json
import re
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from inspect import signature
from itertools import pairwise
from pathlib import Path
from types import NoneType
from typing import Any, get_args

import click

from fcemu.api.fc import DIALECTS, effect_of
from fcemu.api.paths import ANY_METHOD
from fcemu.cli import main as program
from fcemu.commands.options import told_default
from fcemu.config.emulator_block import OF_OPTIONS
from fcemu.config.json_schema import json_schema
from fcemu.config.reading import expected
from fcemu.config.schema import FILE, below
from fcemu.core.errors import CODES
from fcemu.core.fields.asynchronous import ASYNC
from fcemu.core.fields.capacity import TABLES
from fcemu.core.fields.domains import DOMAIN, ROUTE
from fcemu.core.fields.functions import FUNCTION, SERVICE
from fcemu.core.fields.layers import LAYER_VERSION
from fcemu.core.fields.releases import ALIAS, VERSION
from fcemu.core.fields.rows import ABSENT, ALL, Effect, Field, Table
from fcemu.core.fields.triggers import EVENT_SOURCE, TRIGGER
from fcemu.core.invocation import TERMINAL, TRANSITIONS, State
from fcemu.core.limits import STRICT
from fcemu.core.odds import ODDS
from fcemu.core.options import (
    BLOCK,
    EXEC,
    EXPLORING,
    FIXTURE,
    INI,
    OPTIONS,
    PLACES,
    SERVE,
    VARIABLE,
    Option,
    options_in,
)
from fcemu.core.questions import QUESTIONS, told_of
from fcemu.core.settings import default_of
from fcemu.engine.chance import AGAIN_AT_MOST, LATE_AT_MOST, SLOWER_AT_MOST
from fcemu.engine.reactions import reactions
from fcemu.handler.system import FACILITIES
from fcemu.mns.facts import Arrival
from fcemu.own_api import codec, openapi
from fcemu.own_api.problems import PROBLEMS
from fcemu.own_api.routes import EVENTS, JSON, LINES, PREFIX, ROUTES, Route
from fcemu.runtimes.known_programs import BLIND, FLOWING, NODE, PAUSED, Row
from fcemu.runtimes.timeshift.known import ALWAYS, TABLE

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "docs"), str(ROOT / "tests")]

import messages  # noqa: E402 (beside this one)
from rules import Mark  # noqa: E402 (a module of the tests)
from way import STEPS, WHERE_TIME_GOES  # noqa: E402 (beside this one)

REACTING = next(step for step in STEPS if step.name == "reaction")

NOTES = {path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs/fc").glob("[!R]*.md"))}
"""The pages on how FC behaves, by the names under which code and tests refer to them."""

MADE = {
    "docs/explanation/states.md": lambda: states(),
    "docs/explanation/way.md": lambda: way(),
    "docs/explanation/assumed.md": lambda: assumed(),
    "docs/reference/definition.md": lambda: definition(),
    "docs/reference/fcemu.schema.json": lambda: schema(),
    "fcemu/config/fcemu.schema.json": lambda: schema(),
    "docs/reference/cli.md": lambda: command_line(),
    "docs/reference/errors.md": lambda: errors(),
    "docs/reference/messages.md": lambda: messages.page(),
    "docs/reference/fixture.md": lambda: fixture(),
    "docs/reference/options.md": lambda: all_options(),
    "docs/reference/rules.md": lambda: rules(),
    "docs/reference/chance.md": lambda: chance(),
    "docs/reference/time.md": lambda: time_reads(),
    "docs/reference/operations.md": lambda: operations(),
    "docs/reference/server.md": lambda: server(),
    "docs/reference/systems.md": lambda: systems(),
    "docs/reference/fields.md": lambda: resources(),
}


def states() -> str:
    """The state machine as a diagram and as a table."""
    lines = [
        "# The states of an invocation",
        "",
        "`docs/generate.py` makes this page from `TRANSITIONS` in `fcemu/core/invocation.py`. The words are FC's; "
        "without task mode they are the same.",
        "",
        "```mermaid",
        "stateDiagram-v2",
        f"    [*] --> {State.ENQUEUED}: Accepted",
    ]
    lines += [
        f"    {state} --> {after}: {kind.__name__}" for state, row in TRANSITIONS.items() for kind, after in row.items()
    ]
    lines += [f"    {state} --> [*]" for state in State if state in TERMINAL]
    lines += ["```", "", "| in state | fact | then |", "| --- | --- | --- |"]
    lines += [
        f"| {state} | {kind.__name__} | {after} |" for state, row in TRANSITIONS.items() for kind, after in row.items()
    ]
    return "\n".join(lines) + "\n"


def way() -> str:
    """The way of an invocation, which ``tests/test_way.py`` follows."""
    lines = [
        "# The way of an invocation",
        "",
        "This page is for contributors. It shows how an invocation passes through the code, and where each step "
        "happens. Calls go in this direction only. The steps are in `docs/way.py`. `tests/test_way.py` sends an "
        "invocation along them that fails once and then succeeds, and `docs/generate.py` makes this page.",
        "",
        "```mermaid",
        "flowchart TD",
    ]
    lines += [f'    {step.name}["{step.name}<br/>{step.file}"]' for step in STEPS]
    first = [step for step in STEPS if step.file != REACTING.file]
    around = first.index(next(step for step in first if step.name == "retry"))
    lines += [f"    {one.name} --> {two.name}" for one, two in pairwise(first[:around])]
    lines += [f"    rule -->|record a fact| {REACTING.name}"]
    lines += [f"    {REACTING.name} --> {step.name}" for step in first[around:] if step.name != "mail"]
    lines += ["    report --> mail", "    retry --> agenda", "```", ""]
    lines += ["| step | where | what it does |", "| --- | --- | --- |"]
    lines += [f"| {step.name} | `{step.place}` {_function(step.function)}| {step.does} |" for step in STEPS]
    lines += [
        "",
        "## What follows from a fact",
        "",
        "`Journal.record` appends a fact, folds it in and runs its row of this table, depth first. "
        "`fcemu/engine/reactions.py` makes the table.",
        "",
        "| facts | what follows, in this order |",
        "| --- | --- |",
    ]
    rows: dict[tuple[str, ...], list[str]] = {}
    for fact, reacting in _reactions().items():
        rows.setdefault(reacting, []).append(fact)
    lines += [
        f"| {', '.join(f'`{fact}`' for fact in facts)} | {', '.join(f'`{one}`' for one in reacting)} |"
        for reacting, facts in rows.items()
    ]
    lines += [
        "",
        "## What comes first",
        "",
        "The agenda (`fcemu/engine/agenda.py`) holds everything that will happen at a later time of the clock. Entries "
        "of the same instant come in the order of these ranks, and entries of the same rank in the order of arrival.",
        "",
        "| rank | meaning |",
        "| --- | --- |",
    ]
    lines += [f"| {name} | {about} |" for name, about in _attributes(ROOT / "fcemu/engine/agenda.py", "Rank")]
    lines += ["", WHERE_TIME_GOES]
    return "\n".join(lines) + "\n"


def _function(name: str) -> str:
    return f"`{name}` " if name else ""


class _Named:
    """Stands for a part of the emulator where only the names of its methods matter."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> str:
        return f"{self._name}.{method}"


def _reactions() -> dict[str, tuple[str, ...]]:
    parts = {name: _Named(name) for name in signature(reactions).parameters}
    table = reactions(**parts | {"arrivals": Arrival.__args__})
    return {fact.__name__: tuple(reacting) for fact, reacting in table.items()}


SUBJECTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "Invoking": ("async-invocation", ("api/invocations.py",)),
    "Retries and reports": ("retry-and-destinations", ()),
    "Tasks": ("task-mode", ()),
    "Timers and instances": ("timers-and-instances", ()),
    "HTTP triggers": ("http-triggers", ()),
    "Runtimes": ("runtimes", ("runtimes/",)),
    "Errors and limits": ("errors-and-limits", ()),
    "Wire and control plane": ("wire-api", ("api/", "core/fields/", "core/layers.py", "engine/control.py")),
    "Definitions": ("yaml-formats", ("config/",)),
    "MNS and other products": (
        "",
        ("mns/", "core/events.py", "core/event_filters.py", "core/triggers.py", "engine/triggers.py"),
    ),
    "fcemu's own": ("", ("api/history.py", "core/odds.py", "engine/")),
}
"""What assumptions are about: the page on FC to which the first reference of one leads or, for one that refers to none,
the place in ``fcemu/`` where it stands. The longest place counts."""


def assumed() -> str:
    """Every guess in the code by subject, with its place."""
    lines = [
        "# What fcemu assumes",
        "",
        "This page lists what fcemu does where FC's documents are silent or disagree. `docs/generate.py` collects "
        "these sentences from the comments marked `ASSUMED:` in the code. It groups them by the page on [how FC "
        "behaves](../fc/README.md) to which they refer, or, if they refer to none, by their package.",
    ]
    found = [
        (subject_of(text, place), text, place)
        for file in sorted((ROOT / "fcemu").rglob("*.py"))
        for place in [file.relative_to(ROOT / "fcemu").as_posix()]
        for text in assumptions(file.read_text(encoding="utf-8"))
    ]
    for subject in SUBJECTS:
        lines += ["", f"## {subject}", "", "| assumption | place |", "| --- | --- |"]
        lines += [f"| {_linked(text)} | `fcemu/{place}` |" for about, text, place in found if about == subject]
    return "\n".join(lines) + "\n"


def subject_of(text: str, place: str) -> str:
    """Under which heading an assumption stands. Raises ``LookupError`` for one that has none."""
    reference = re.search(rf"\b({'|'.join(NOTES)}) §\d", text)
    if reference is not None:
        return next(subject for subject, (page, _) in SUBJECTS.items() if page == reference[1])
    fitting = [
        (len(beginning), subject)
        for subject, (_, places) in SUBJECTS.items()
        for beginning in places
        if place.startswith(beginning)
    ]
    if not fitting:
        raise LookupError(f"{place}: the assumption {text!r} refers to no page on FC, and no subject has this place")
    return max(fitting)[1]


def systems() -> str:
    """What fcemu uses of the operating system, and what it uses where that is missing."""
    lines = [
        "# Operating systems",
        "",
        "| system | state |",
        "| --- | --- |",
        "| Linux | All tests run here, with all that Linux offers. The core of the tests also runs in portable mode. |",
        "| macOS | fcemu is written for it, but has not been run there yet. |",
        "| Windows | fcemu is written for it, but has not been run there yet. |",
        "",
        "fcemu uses some facilities that not every system has, and has a way around each of them. The table is made "
        "from `fcemu/handler/system.py` by `docs/generate.py`.",
        "",
        "| facility | what fcemu uses it for | what happens if it is missing |",
        "| --- | --- | --- |",
    ]
    lines += [f"| {each.what} | {each.used_for} | {each.instead} |" for each in FACILITIES]
    lines += [
        "",
        "`fcemu doctor` lists what the system of this machine does not offer; with `--json`, `system` has all rows.",
        "",
        "## Portable mode",
        "",
        "With the variable `FCEMU_SYSTEM=portable`, fcemu on Linux hides all of these facilities from itself and from "
        "the Python processes that it starts, and uses the alternatives in the last column. The tests use it, and so "
        "can you, to see what your tests do on another system. It needs two packages that fcemu installs on other "
        "systems by itself: `pip install psutil filelock`.",
        "",
        "The inline runtime, the fixture and the server do the same in this mode as in the other. Functions with "
        "runtime `process`, Node.js functions and custom runtimes run as well, with the differences that the table "
        "names. Tests of the facilities themselves are skipped.",
        "",
        "Type checks for macOS and Windows find uses of functions that these systems do not have "
        "(`tests/test_systems.py`).",
        "",
        "## What differs on Windows and macOS",
        "",
        "- The server uses asyncio's selector loop on every system. On Windows, this loop waits for at most 512 "
        "sockets.",
        "- On Windows up to Python 3.12, `time.monotonic` moves in steps of 16 ms, and so does a flowing clock.",
        "- Handlers run on Windows' proactor loop in virtual time, as on the selector loop.",
        "- Windows has no `time.tzset`, `time.clock_gettime` and `signal.alarm`, so handlers do not find them there "
        "either.",
        "- A killed process of an emulator may leave small files in the directory for temporary files: "
        "`fcemu-clock-…`, and files that end in `.lock`.",
        "- A debugger (`--debug`) does not work reliably with children that the emulator cannot fork: in portable "
        "mode, it sometimes waits forever.",
        "- `fcemu exec` on Windows: Ctrl-C reaches the program from the terminal, and the third Ctrl-C kills it.",
        "- A console with another encoding than UTF-8 may be unable to show all that a command prints; set "
        "`PYTHONUTF8=1`.",
    ]
    return "\n".join(lines) + "\n"


def errors() -> str:
    """Every code with which a request is refused."""
    lines = [
        "# Errors",
        "",
        "This page lists every code with which fcemu refuses a request to FC's API, with its HTTP status and its text. "
        "If a row has no text, the text depends on the request. The form of the body differs between the versions of "
        "the API. In a test, an `FCError` has all three as `code`, `status` and `message`. `docs/generate.py` collects "
        "the codes from `fcemu/core/errors.py`; the source is errors-and-limits §2.1 unless the last column says "
        "otherwise.",
        "",
        "| code | status | text | not a rule of FC, or a guess |",
        "| --- | --- | --- | --- |",
    ]
    for name, code in CODES.items():
        text = code.text and f"`{code.text}`"
        lines.append(f"| `{name}` | {code.status} | {text} | {code.guess.removeprefix('ASSUMED: ')} |")
    return _linked("\n".join(lines)) + "\n"


def rules() -> str:
    """Every rule of FC that a test has as its name."""
    lines = [
        "# Rules of FC, and the tests that check them",
        "",
        "`docs/generate.py` collects these rules from the tests that are marked with `rule` (`tests/rules.py`), and "
        "groups them by the pages on [how FC behaves](../fc/README.md). A rule is *documented* if an official page "
        "states it, *from SDK* if an official SDK or tool follows it, *inferred* if it follows from several sources, "
        "and *assumed* if no source states it, so that it is a guess. [What fcemu assumes](../explanation/assumed.md) "
        "lists all guesses of the code.",
    ]
    of_page = None
    for page, section, mark, name, place in sorted(_rules(), key=_by_section):
        if page != of_page:
            title = NOTES[page].partition("\n")[0].removeprefix("# ")
            lines += ["", f"## {title}", "", "| rule | source | mark | test |", "| --- | --- | --- | --- |"]
            of_page = page
        text = name.removeprefix("test_").replace("_", " ")
        lines.append(f"| {text[0].upper()}{text[1:]} | {_linked(f'{page} §{section}')} | {mark} | `{place}` |")
    return "\n".join(lines) + "\n"


def _linked(text: str) -> str:
    """Text in which references to sections of the pages on FC are links."""
    return re.sub(
        rf"\b({'|'.join(NOTES)}) §(\d+(?:\.\d+)*)",
        lambda found: f"[{found[0]}](../fc/{found[1]}.md{_anchor(NOTES[found[1]], found[2])})",
        text,
    )


def _anchor(page: str, section: str) -> str:
    """Where a section begins, as a browser addresses it; the section itself may be a numbered point of another."""
    number = re.escape(section)
    heading = re.search(rf"^#+ ({number}\b.*)$", page, re.MULTILINE)
    return "" if heading is None else "#" + re.sub(r"[^\w -]", "", heading[1].lower()).replace(" ", "-")


def chance() -> str:
    """What a seeded chance draws, and how often."""
    lines = [
        "# Chance: what FC leaves open",
        "",
        "By default, everything that FC leaves open is calm: messages are delivered first in, first out, once, at "
        'their exact time and without faults. With `chance="seeded"` (`fcemu serve --chance seeded`), the seed draws '
        "it: the same seed and requests give the same journal, byte for byte, and every draw that changes something "
        "is a fact (`FaultStruck`, for a timer `Deviated`, and the facts that follow from it). Faults that a test "
        "makes with `faults` come first. `docs/generate.py` makes this table from `Odds` in `fcemu/core/odds.py`. FC "
        "publishes no numbers, so these are guesses.",
        "",
        'The option `odds` sets other odds by the names in this table: `odds={"repeat": 0.2, "crash": 0}` in a marker '
        "or as an option of `LocalEmulator`, `fcemu_odds = repeat=0.2 crash=0` in the ini file, `odds: {repeat: 0.2}` "
        "in the `emulator:` block, `--odds repeat=0.2` on the command line. A draw that it does not name keeps its "
        "odds.",
        "",
        "| draw | how often | meaning |",
        "| --- | --- | --- |",
    ]
    bounds = {"LATE_AT_MOST": LATE_AT_MOST, "AGAIN_AT_MOST": AGAIN_AT_MOST, "SLOWER_AT_MOST": SLOWER_AT_MOST}
    for name, about in _attributes(ROOT / "fcemu/core/odds.py", "Odds"):
        for bound, duration in bounds.items():
            about = about.replace(f"``{bound}``", _plain_seconds(duration))
        lines.append(f"| {name} | {getattr(ODDS, name):.0%} | {about} |")
    lines += [
        "",
        "## Searching",
        "",
        "pytest runs a test with the marker `fcemu` and one of these options many times, each time with different "
        "answers of chance. [How to search](../howto/search.md) shows how, and [what a search "
        "proves](../explanation/search.md) explains the result.",
        "",
        "| option | default | meaning |",
        "| --- | --- | --- |",
    ]
    for name in (*EXPLORING, "repeat"):
        option = OPTIONS[name]
        lines.append(f"| `{name}` | {f'`{option.default!r}`' if option.default != '' else 'none'} | {option.help} |")
    lines += [
        "",
        "## The questions",
        "",
        "To each of these questions, a search may give other answers than the calm one. The table is made from "
        "`fcemu/core/questions.py`. Unless `exhaust_retries` is set, the search asks no question whose answer alone "
        "would use up the retries or the age of an invocation, and none about a synchronous invocation, which has no "
        "retries.",
        "",
        "| question | what FC leaves open | what FC says | answers other than the calm one |",
        "| --- | --- | --- | --- |",
    ]
    for question in QUESTIONS.values():
        answers = [told_of(question.name, number, "…", "…") for number, _ in enumerate(question.answers, 1)]
        lines.append(f"| {question.name} | {question.about} | {question.source} | {'; '.join(answers)} |")
    return "\n".join(lines) + "\n"


def definition() -> str:
    """Every key of the native file."""
    smallest = (ROOT / "fixtures/hello/fcemu.yaml").read_text(encoding="utf-8").strip()
    larger = (ROOT / "fixtures/orders/fcemu.yaml").read_text(encoding="utf-8").strip()
    lines = [
        "# The definition: `fcemu.yaml`",
        "",
        "A definition uses FC's own key names with less nesting. `docs/generate.py` makes this page from the tables of "
        "`fcemu/core/fields/` and `fcemu/config/schema.py`. `fcemu check FILE` names all problems of a file at once, "
        "with their places and the closest correct words.",
        "",
        "`fixtures/hello`:",
        "",
        "```yaml",
        smallest,
        "```",
        "",
        "`fixtures/orders`:",
        "",
        "```yaml",
        larger,
        "```",
        "",
        "Destinations are `function:NAME` (`function:SERVICE/NAME` in 2.0, `:QUALIFIER` may follow), `queue:NAME` and "
        "`topic:NAME` of MNS, `topic:INSTANCE/TOPIC` of RocketMQ, `eventbus:NAME` of EventBridge, or FC's ARNs. A "
        "test can read the messages that they receive. With `deliverTo: {'queue:declined': "
        "'http://127.0.0.1:8080/hook'}`, fcemu also posts them to that URL "
        "as JSON, and the clock waits for the answer: "
        "any 2xx is a success, and everything else is a failed delivery. The `clock` of the `emulator:` block applies "
        "to `fcemu serve`; in a test, the clock starts paused, at the time of the option `start`.",
        "",
        "In any value, `${vars.NAME}` stands for a value of `vars`, and "
        "`${env('NAME', default)}` for a variable of the "
        "environment. A value that consists of one variable keeps its type; inside a string, the variable becomes part "
        "of the string.",
        "",
        "Editors complete and check the file by [its JSON Schema](fcemu.schema.json), which is also in the package: "
        "`fcemu check --schema > fcemu.schema.json`, then `# yaml-language-server: $schema=fcemu.schema.json` as the "
        "first line of the file.",
        "",
        "FC's API shows the settings that fcemu keeps, but they have no effect; `fcemu check` reports them once for "
        "each file.",
        "",
        "A definition can express everything that FC's API makes, and `GET /_fcemu/definition` writes such a "
        "definition. It holds uploaded code as `code: {zipFile: BASE64}`, up "
        "to 512 KB. For larger code, and for a layer "
        "that was deleted while a function used it, it names the directory in which the server keeps the files. A "
        "version says what differs from its function as it is now; with `whole: true`, only handler and code come from "
        "there. The definition has no ids, times, numbers of deleted versions, or references to deleted versions and "
        "aliases, and of the server's options only account, region and limits. FC's API accepts handlers that are not "
        "in the code; the definition then has `{…, unchecked: true}`, and fcemu only warns of them. With `expand: "
        "false`, strings that look like variables stay strings. Settings of a trigger that FC's API accepts and files "
        "do not are in `kept`. `fixtures/everything` has an example of everything.",
    ]
    ways: dict[Table, list[str]] = {FILE: []}
    for way, _, table in below(FILE):
        ways.setdefault(table, []).append(way)
    for table, places in ways.items():
        lines += ["", f"## {_heading(places)}", ""]
        if len(places) > 1:
            lines += ["Also " + ", ".join(f"`{place}`" for place in places[1:]) + ".", ""]
        lines += _table(table)
    return "\n".join(lines) + "\n"


def schema() -> str:
    """The shape of the native file as JSON Schema."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


COMPLETION = [
    "",
    "## Completion",
    "",
    "A shell completes commands, options and their words, and asks the running emulator (`--url`, else `FCEMU_URL`, "
    "else port 9527) for names of functions, queues, topics, timers and triggers, for request ids and numbers of "
    "faults. It is installed by a line in the shell's start-up file:",
    "",
    "| shell | file | line |",
    "| --- | --- | --- |",
    '| bash | `~/.bashrc` | `eval "$(_FCEMU_COMPLETE=bash_source fcemu)"` |',
    '| zsh | `~/.zshrc` | `eval "$(_FCEMU_COMPLETE=zsh_source fcemu)"` |',
    r"| fish | `~/.config/fish/completions/fcemu.fish` | `_FCEMU_COMPLETE=fish_source fcemu \| source` |",
]


def command_line() -> str:
    """Every command with its arguments, options and variables."""
    lines = [
        "# The command line",
        "",
        "`docs/generate.py` makes this page from `fcemu/cli.py`. A command "
        "exits with status 0 for success, 1 if it ran "
        "and found something wrong, and 2 for wrong usage. Results go to stdout, everything else goes to stderr.",
        "",
        "A variable can set every option of `serve` and `exec`; the command line wins over the variable, and the "
        "variable wins over the definition's `emulator:` block. The page [options](options.md) lists all places where "
        "you can set an option.",
        *COMPLETION,
    ]
    for way, command in _commands("fcemu", program):
        arguments = [param.make_metavar(click.Context(command)) for param in command.params if not _named(param)]
        lines += ["", f"## `{' '.join([way, *arguments])}`", "", *_help(command)]
        del lines[-1]
        options = [param for param in command.params if _named(param)]
        if options:
            lines += ["", "| option | variable | meaning |", "| --- | --- | --- |", *map(_option, options)]
    return "\n".join(lines) + "\n"


def fixture() -> str:
    """The page of the fixture, which is written by hand but for the table of its options."""
    page = (ROOT / "docs/reference/fixture.md").read_text(encoding="utf-8")
    begin, end = "| option | default | meaning |\n| --- | --- | --- |\n", "\n\n"
    before, _, rest = page.partition(begin)
    after = rest.partition(end)[2]
    rows = [f"| `{row.name}` | {_keyword(row)} | {_meaning(row)} |" for row in options_in(FIXTURE).values()]
    return before + begin + "\n".join(rows) + end + after


def all_options() -> str:
    """All options, and where each can be said."""
    lines = [
        "# Options",
        "",
        "This page lists the options of an emulator and the places where you can set them. `docs/generate.py` makes it "
        "from `fcemu/core/options.py`.",
        "",
        "In a test, an option is a keyword of the marker, of the dictionary that `fcemu_options` returns, of "
        "`fcemu_factory` and of `LocalEmulator`; in the ini file, `fcemu_` precedes its name. For each option, the "
        "first of these places that sets it wins: pytest's command line ("
        + ", ".join(f"`--fcemu-{row.name}`" for row in OPTIONS.values() if row.of_pytest)
        + "), "
        "the closest marker, outer markers, `fcemu_options`, the ini file, the definition, the default. For `serve` "
        "and `exec`, they are the command line, the variable, the definition, the default. The `clock` of a definition "
        "applies to `serve` and `exec`; the clock of a test starts paused.",
        "",
        "In an ini file and in a variable, spaces or commas separate the items of a list (`1 2 4`, `LTAI1:s1 "
        "LTAI2:s2`), and spaces separate the pairs of a map "
        "(`queue:declined=http://127.0.0.1:8080/hook`). On the command "
        "line, such an option may also be repeated. A flag is true, yes, on or 1, or false, no, off or 0; on the "
        "command line, it also has a form with `--no-`.",
        "",
        "| option | takes | default | in the definition | `serve` and `exec` | variable | meaning |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in OPTIONS.values():
        commands = [command for command in (SERVE, EXEC) if row.may(command)]
        command = f"`--{row.command}`" + (f" (`{commands[0]}`)" if len(commands) == 1 else "")
        places = [
            f"`{row.name}`" + ("" if row.may(FIXTURE) else " (not in tests)"),
            _cell(row.kind.expected),
            _defaults(row),
            f"`{row.key}`" if row.may(BLOCK) else "",
            command if commands else "",
            f"`{row.variable}`" if row.may(VARIABLE) else "",
            _meaning(row),
        ]
        lines.append(f"| {' | '.join(places)} |")
    lines += [
        "",
        "## Where an option cannot be set",
        "",
        "| options | where not | why |",
        "| --- | --- | --- |",
    ]
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in OPTIONS.values():
        for why in dict.fromkeys(row.not_in.values()):
            places_without = ", ".join(_PLACES[place] for place in PLACES if row.not_in.get(place) == why)
            reasons.setdefault((places_without, why), []).append(f"`{row.name}`")
    lines += [f"| {', '.join(names)} | {where} | {why} |" for (where, why), names in reasons.items()]
    return "\n".join(lines) + "\n"


_PLACES = {
    FIXTURE: "keyword of a test",
    INI: "ini file",
    BLOCK: "definition",
    SERVE: "`serve`",
    EXEC: "`exec`",
    VARIABLE: "variable",
}


def _meaning(row: Option) -> str:
    return _cell(row.help) + (f" [More]({row.page})" if row.page else "")


def _keyword(row: Option) -> str:
    """The default of an option in a test, as Python writes it."""
    default = default_of(row)
    if row.otherwise or default in (None, "", ()):
        return row.otherwise or "none"
    if isinstance(default, datetime):
        return default.isoformat().replace("+00:00", "Z")
    return f"`{default if isinstance(default, bool) else json.dumps(default)}`"


def _defaults(row: Option) -> str:
    """The default of an option everywhere."""
    told = {told_default(row): "a test"}
    for command in (SERVE, EXEC):
        if row.may(command):
            there = told_default(row, command)
            told[there] = f"{told[there]}, `{command}`" if there in told else f"`{command}`"
    usual, *others = told
    return (
        usual
        if not row.may(FIXTURE) or not others
        else "; ".join(f"{value} ({where})" for value, where in told.items())
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def time_reads() -> str:
    """What does not give virtual time in a handler, for each backend."""
    lines = [
        "# Which time reads are virtual",
        "",
        "In a Python handler, all reads of time are virtual, except these. `docs/generate.py` makes this page from "
        "`fcemu/runtimes/timeshift/known.py` and `fcemu/runtimes/known_programs.py`. The contract test for Python "
        "reads the same table. It fails for a read that is in the table but virtual, and for one that is real but not "
        "in it.",
        "",
        "| read | where | inline, with freezegun | inline, with time-machine | in a process | why |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in TABLE:
        marks = " | ".join("real" if backend in row.backends else "virtual" for backend in ALWAYS)
        lines.append(f"| {row.what} | {row.where} | {marks} | {row.why} |")
    lines += [
        "",
        '"Before" means before the time functions were replaced. Under pytest, fcemu replaces them after all tests '
        "are collected, so test modules and `conftest.py` import names before. In the modules of handlers, below "
        "their code directory, names that are imported at the top are always virtual. In a process, nothing is loaded "
        "before.",
        "",
        "Outside of handlers, every read of time is real and uses the zone of the process.",
        "",
        "## Node.js handlers",
        "",
        *_program_rows(NODE),
        "",
        "## Programs of custom runtimes",
        "",
        "On a paused clock, programs see the following:",
        "",
        *_program_rows(PAUSED),
        "",
        "On a clock that flowed when the program started, at any rate, they see the following:",
        "",
        *_program_rows(FLOWING),
        "",
        "These programs always see real time:",
        "",
        *_program_rows(BLIND),
    ]
    return "\n".join(lines) + "\n"


def _program_rows(rows: Iterable[Row]) -> list[str]:
    return ["| read or program | time | why |", "| --- | --- | --- |"] + [
        f"| {row.what} | {'real' if row.why else 'virtual'} | {row.why} |" for row in rows
    ]


def operations() -> str:
    """Which operation of FC's API is there in which version."""
    lines = [
        "# Operations of FC's API",
        "",
        "This page lists every operation that an SDK of each version can send. `docs/generate.py` makes it from the "
        "tables in `fcemu/api/v*.py`, which are also the routes.",
        "",
        "- **acts**: fcemu does what FC does, as far as these documents describe it.",
        "- **keeps**: fcemu accepts, checks, stores and shows the resource, but nothing follows from it yet.",
        "- **refused**: fcemu answers 501 `NotImplemented` and names the operation.",
    ]
    versions = [dialect for dialect, _ in DIALECTS.values()]
    known = [{each.name: effect_of(each) for each in dialect.operations} for dialect in versions]
    lines += ["", "| operation | " + " | ".join(dialect.version for dialect in versions) + " |"]
    lines.append("| --- |" + " --- |" * len(versions))
    for name in sorted({name for there in known for name in there}):
        lines.append(f"| {name} | " + " | ".join(there.get(name, "") for there in known) + " |")
    lines += ["", "Where a cell is empty, that version has no such operation, or has another name for it."]
    for dialect in versions:
        effects = [effect_of(operation) for operation in dialect.operations]
        counts = ", ".join(f"{effects.count(effect)} {effect}" for effect in ("acts", "keeps", "refused"))
        lines += ["", f"## {dialect.version}", "", f"{len(effects)} operations: {counts}.", ""]
        lines += ["| operation | request |", "| --- | --- |"]
        lines += [
            f"| {operation.name} | `{_method(operation.method)} /{dialect.version}{operation.path}` |"
            for operation in sorted(dialect.operations, key=lambda each: each.name)
        ]
    return "\n".join(lines) + "\n"


def server() -> str:
    """The page of the server, with its tables of fcemu's own API made anew; all else in it is written by hand."""
    page = (ROOT / "docs/reference/server.md").read_text(encoding="utf-8")
    for name, lines in (("routes", _routes()), ("records", _records()), ("problems", _problems())):
        begin, end = f"<!-- {name}: made by docs/generate.py -->\n", f"<!-- end of {name} -->\n"
        before, _, rest = page.partition(begin)
        _, found, after = rest.partition(end)
        assert found, f"docs/reference/server.md has no {begin!r} … {end!r}"
        table = "".join(f"{line}\n" for line in lines)
        page = f"{before}{begin}\n{table}\n{end}{after}"
    return page


def _routes() -> Iterator[str]:
    yield "| request | takes | answers | what |"
    yield "| --- | --- | --- | --- |"
    for route in ROUTES:
        names = [f"`{name}`" for name in codec.members_of(route.query)]
        takes = f"parameters {', '.join(names)}" if names else _taken(route)
        yield f"| `{route.method} {PREFIX}{route.path}` | {takes} | {_answered(route)} | {route.help} |"


def _taken(route: Route[Any]) -> str:
    if route.takes is None:
        return ""
    if route.takes is dict:
        return "an object"
    members = _members(route.takes)
    return f"one of {', '.join(f'`{name}`' for name in codec.members_of(route.takes))}" if route.takes_one else members


def _members(record: Any) -> str:
    named = (f'"{name}"{"" if each.required else "?"}' for name, each in codec.members_of(record).items())
    return f"`{{{', '.join(named)}}}`"


def _answered(route: Route[Any]) -> str:
    if route.answers is NoneType:
        return "204"
    if {LINES, EVENTS} & set(route.content):
        return f"`{route.answers.__name__}` by `{route.answers.__name__}`"
    if route.content != (JSON,):
        return f"`{route.content[0]}`"
    inside = get_args(route.answers)
    if route.answers == dict[str, Any]:
        return "an object"
    return f"list of `{inside[0].__name__}`" if inside else f"`{route.answers.__name__}`"


def _records() -> Iterator[str]:
    """The records that are answered, and those inside of what is taken; what a route takes stands in its row."""
    from fcemu.own_api import records

    yield "| record | members | what |"
    yield "| --- | --- | --- |"
    taken = {route.takes for route in ROUTES if route.takes is not records.Stub}
    for name in openapi.document("")["components"]["schemas"]:
        record = getattr(records, name, None)
        if record is not None and record not in taken:
            about = " ".join(record.__doc__.replace("``", "`").split())
            yield f"| `{name}` | {_members(record)} | {about} |"


def _problems() -> Iterator[str]:
    yield "| status | `type` | when |"
    yield "| --- | --- | --- |"
    rows: dict[tuple[int, str], list[str]] = {}
    for kind, row in PROBLEMS.items():
        rows.setdefault(row, []).append(f"`{kind}`")
    yield from (f"| {status} | {', '.join(kinds)} | {when} |" for (status, when), kinds in rows.items())


RESOURCES = {
    "Services": SERVICE,
    "Functions": FUNCTION,
    "Versions": VERSION,
    "Aliases": ALIAS,
    "Triggers": TRIGGER,
    "Asynchronous settings": ASYNC,
    "Custom domains": DOMAIN,
    "Routes of custom domains": ROUTE,
    "Versions of layers": LAYER_VERSION,
    **{f"Capacity: {kind}": table for kind, table in TABLES.items()},
    "Event sources": EVENT_SOURCE,
}


def resources() -> str:
    """What the API versions have of each resource, by its rows."""
    lines = [
        "# Fields of resources",
        "",
        "This page lists the fields that each API version accepts and shows of a resource. `docs/generate.py` makes it "
        "from the tables in `fcemu/core/fields/`. A field *acts*, or fcemu only *keeps* it, so that FC's API shows it "
        "and nothing follows from it, or FC's API only *shows* it. A version ignores fields that it does not have. In "
        "`fcemu.yaml`, settings that fcemu only keeps are below `kept`.",
    ]
    for title, table in RESOURCES.items():
        lines += ["", f"## {title}", ""]
        if table.source:
            lines += [f"Source: {_linked(table.source)}.", ""]
        lines += ["| field | API versions | what it may be | does | |", "| --- | --- | --- | --- | --- |"]
        lines += [_row(field) for field in table.fields if field.versions]
    return "\n".join(lines) + "\n"


def _row(field: Field) -> str:
    """A field with its other names, and where it stands."""
    inside = f"{field.inside}." if field.inside else ""
    names = dict.fromkeys(field.name_in(version) for version in field.versions)
    called = " or ".join(f"`{inside}{name}`" for name in names)
    versions = "all" if field.versions == ALL else ", ".join(field.versions)
    what = "" if field.effect is Effect.SHOWS else expected(field.kind, STRICT).replace("|", "\\|")
    does = "is shown" if field.effect is Effect.SHOWS else field.effect.value
    return f"| {called} | {versions} | {what} | {does} | {field.about} |"


def _method(method: str) -> str:
    return "ANY" if method == ANY_METHOD else method


def _commands(way: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield way, command
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for name in command.list_commands(ctx):
            each = command.get_command(ctx, name)
            assert each is not None, name
            yield from _commands(f"{way} {name}", each)


def _named(param: click.Parameter) -> bool:
    return isinstance(param, click.Option)


def _help(command: click.Command) -> Iterator[str]:
    for paragraph in (command.help or "").split("\n\n"):
        yield from [" ".join(paragraph.split()), ""]


def _option(option: click.Option) -> str:
    value = "" if option.is_flag else f" {option.make_metavar(click.Context(program))}"
    names = ", ".join(f"`{name}{value}`".replace("|", "\\|") for name in [*option.opts, *option.secondary_opts])
    variable = f"`{option.envvar}`" if option.envvar else ""
    if option.hidden:
        return f"| {names} | {variable} | *not supported yet* |"
    about = (option.help or "").replace("|", "\\|")
    if option.show_default and option.default is not None:
        shown = option.show_default if isinstance(option.show_default, str) else option.default
        about = f"{about}  [default: {shown}]"
    return f"| {names} | {variable} | {' '.join(about.split())} |"


def _heading(places: list[str]) -> str:
    return f"`{places[0]}`" if places else "The whole file"


def _table(table: Table) -> Iterator[str]:
    yield "| key | what | default | meaning |"
    yield "| --- | --- | --- | --- |"
    for field in table.keys.values():
        default = "required" if field.required else "" if field.default is ABSENT else f"`{_plain(field.default)}`"
        if default == "" and table in OF_OPTIONS and field.attribute in OPTIONS:
            default = _defaults(OPTIONS[field.attribute])
        about = field.about + (" fcemu keeps it, but it has no effect yet." if field.inert else "")
        yield f"| `{field.key}` | {expected(field.in_file, STRICT)} | {default} | {about} |"


def _by_section(rule: tuple[str, str, str, str, str]) -> tuple[object, ...]:
    page, section, *rest = rule
    return page, [int(number) for number in re.findall(r"\d+", section)], *rest


def _rules() -> Iterator[tuple[str, str, str, str, str]]:
    """Page, section, mark, name and place of each test that is marked as a rule."""
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for mark in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
                match mark:
                    case ast.Call(
                        func=ast.Name(id="rule"), args=[ast.Constant(value=source), ast.Constant(value=known)]
                    ):
                        page, _, section = str(source).partition(" §")
                    case _:
                        continue
                if known not in get_args(Mark):
                    raise ValueError(f"{file}:{node.lineno}: {known!r} is not one of {get_args(Mark)}")
                yield page, section, known, node.name, f"{file.relative_to(ROOT).as_posix()}"


def _attributes(file: Path, name: str) -> Iterator[tuple[str, str]]:
    """The attributes of a class, each with the text below it."""
    module = ast.parse(file.read_text(encoding="utf-8"))
    body = next(node.body for node in ast.walk(module) if isinstance(node, ast.ClassDef) and node.name == name)
    for attribute, text in pairwise(body):
        match attribute, text:
            case (
                ast.AnnAssign(target=ast.Name(id=each)) | ast.Assign(targets=[ast.Name(id=each)]),
                ast.Expr(value=ast.Constant(value=str(about))),
            ):
                yield each, " ".join(about.split())


def _plain_seconds(duration: timedelta) -> str:
    return f"{duration.total_seconds():g} s"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(list(value)) if isinstance(value, tuple) else str(value) or '""'


def assumptions(source: str) -> Iterator[str]:
    """The texts that are marked ``ASSUMED:`` in a module's comments, docstrings and texts."""
    texts = [
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    comments = [
        " ".join(line.strip().lstrip("# ") for line in block.splitlines())
        for block in re.findall(r"(?:^ *#.*\n)+", source, re.MULTILINE)
    ]
    for text in [*texts, *comments]:
        for found in re.finditer(r"ASSUMED:\s*(.*?)(?=\n\s*\n|ASSUMED:|$)", text, re.DOTALL):
            yield " ".join(found[1].split()).replace("|", "\\|")


def main() -> int:
    """Write, or check; the exit status."""
    stale = []
    for name, make in MADE.items():
        path, text = ROOT / name, make()
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    print(
        "\n".join(f"{name} {'is stale' if '--check' in sys.argv else 'written'}" for name in stale)
        or "all as it should be"
    )
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
