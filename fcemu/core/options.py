"""The options of an emulator, a row each. All that reads, checks, shows or documents an option is derived from its row.

A row is imported where pytest starts, also where no test uses an emulator: this module imports next to nothing.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from fcemu.core.option_kinds import (
    Anything,
    Flag,
    Hosts,
    Instant,
    Kind,
    LimitsWord,
    Number,
    Places,
    Probabilities,
    Seconds,
    Secrets,
    Span,
    Text,
    Texts,
    Variables,
    Waits,
    Whole,
    WholeOr,
    Words,
)

FIXTURE, INI, BLOCK, SERVE, EXEC, VARIABLE = "fixture", "ini", "block", "serve", "exec", "variable"
PLACES: Final = (FIXTURE, INI, BLOCK, SERVE, EXEC, VARIABLE)
"""Where an option may be said. ``fixture``: a keyword of ``LocalEmulator`` and ``fcemu_factory``, the marker, the
fixture ``fcemu_options``. ``ini``: pytest's ini file. ``block``: the definition. ``serve`` and ``exec``: their command
lines. ``variable``: of both."""

_DAY: Final = 86_400
UNBOUNDED: Final = 1_000_000
"""A number of instances that no account reaches."""
FASTEST: Final = 1_000_000
"""The highest rate of a clock."""


class Option(NamedTuple):
    """One option. Its name is the keyword; the ini file has ``fcemu_`` before it.

    ``field``: the attribute of ``Settings`` that it sets; its default is there. Other options are read by the host, the
    test or the server, from what was said or else ``default``; ``otherwise`` tells of a default that is no value.
    ``of_serve`` and ``of_exec``: the default there, where it is another one. ``no_test``, ``no_ini``, ``no_block``,
    ``no_serve``, ``no_exec``, ``no_command``: why it cannot be said there; ``no_test`` is about the ini file, too,
    ``no_command`` about ``serve``, ``exec`` and the variable. ``path``: its key in the definition. ``long``: its name
    on the command line. ``page``: the part of the documents that tells more.
    """

    kind: Kind
    help: str
    name: str = ""
    field: str = ""
    default: Any = None
    otherwise: str = ""
    of_serve: Any = None
    of_exec: Any = None
    no_test: str = ""
    no_ini: str = ""
    no_block: str = ""
    no_serve: str = ""
    no_exec: str = ""
    no_command: str = ""
    path: str = ""
    long: str = ""
    short: str = ""
    page: str = ""
    of_pytest: bool = False
    """Whether pytest has it as ``--fcemu-NAME``, too."""

    @property
    def key(self) -> str:
        """Where it stands in a definition: the names of maps and keys, separated by dots."""
        first, *more = self.name.split("_")
        return self.path or "emulator." + first + "".join(word.capitalize() for word in more)

    @property
    def command(self) -> str:
        """Its name on the command line, without the dashes."""
        return self.long or self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """Its variable."""
        return "FCEMU_" + self.command.replace("-", "_").upper()

    def default_in(self, command: str) -> Any:
        """The default under ``serve`` or ``exec``, where it is another one; else ``None``."""
        return self.of_exec if command == EXEC else self.of_serve

    @property
    def not_in(self) -> dict[str, str]:
        """The places where it cannot be said, each with the reason."""
        of_commands = {
            SERVE: self.no_serve or self.no_command,
            EXEC: self.no_exec or self.no_command,
            VARIABLE: self.no_command,
        }
        reasons = {FIXTURE: self.no_test, INI: self.no_ini or self.no_test, BLOCK: self.no_block, **of_commands}
        return {place: why for place, why in reasons.items() if why}

    def may(self, place: str) -> bool:
        """Whether it can be said there."""
        return place not in self.not_in

    def check(self, value: object) -> Any:
        """The value in its plain form. Raises ``ValueError`` that names the option."""
        try:
            return self.kind.check(value)
        except ValueError as wrong:
            raise ValueError(f"option {self.name}: {wrong}") from None

    def read(self, text: str) -> Any:
        """The value that a text means; raises what ``check`` raises."""
        return self.check(self.kind.read(text))


_TESTS_ONLY: Final = "It is about a test, and a server has none."
_ONE_TEST: Final = "It repeats one run of one test."
_ITS_FILE: Final = "A definition may have several emulators, and each keeps a file of its own."
_OF_TESTS: Final = "The server of a test listens on a free port of 127.0.0.1, for this test alone."
_OF_SERVERS: Final = "A definition may have several servers, and each listens somewhere else."
_OF_LOOKING: Final = "A definition does not know who looks at its server."


_ROWS: Final = {
    "definition": Option(
        Anything(),
        "The functions: a file or a directory, in a test beside its file or above it up to the rootdir, or a mapping "
        "in native form; an empty text: none.",
        otherwise="the definition beside the test or above it, up to the rootdir, if any",
        no_block="It names the definition itself.",
        no_command="A command takes it as its argument, without a name.",
    ),
    "host": Option(
        Text("an address or a host name", r"\S+"),
        "The address to listen on.",
        default="127.0.0.1",
        no_test=_OF_TESTS,
        no_block=_OF_SERVERS,
    ),
    "port": Option(
        Whole(0, 65_535),
        "The port to listen on; 0: any free one.",
        default=9527,
        of_exec=0,
        no_test=_OF_TESTS,
        no_block=_OF_SERVERS,
    ),
    "rate": Option(
        Number(0, FASTEST),
        "How many virtual seconds pass in a real one; 0: the clock is paused.",
        field="rate",
        of_serve=1,
        of_exec=0,
        path="emulator.clock.rate",
    ),
    "autojump": Option(
        Flag(),
        "A paused clock jumps to what is due next while nothing runs and no request is served.",
        field="autojump",
        path="emulator.clock.autojump",
    ),
    "start": Option(
        Instant(),
        "The virtual time at the start.",
        field="start",
        of_serve="now",
        of_exec="now",
        path="emulator.clock.start",
    ),
    "clock": Option(
        Words("own", "follow"),
        "With follow, the clock shows the time of the test's freezegun or time-machine.",
        default="own",
        no_block=_TESTS_ONLY,
        no_command=_TESTS_ONLY,
        page="../explanation/time.md",
    ),
    "seed": Option(
        Whole(0, 2**63 - 1),
        "The seed decides ids and every draw: the same seed and requests give the same timeline.",
        field="seed",
        of_pytest=True,
    ),
    "chance": Option(
        Words("calm", "seeded"),
        "With seeded, the seed draws whatever FC leaves open: order, repeats, refusals, crashes.",
        field="chance",
        page="chance.md",
    ),
    "odds": Option(
        Probabilities(),
        "How often seeded chance draws what: these odds take the place of the usual ones of the same names.",
        field="odds",
        page="chance.md",
    ),
    "explore": Option(
        WholeOr(0, 1_000_000_000, "crashes", "calendar"),
        "A test is run at most so many times, each time with other answers of chance, until it fails; 0: once, calmly. "
        "With crashes, it is run once for each fact at which the emulator, or an instance, is killed; with calendar, "
        "once for each day and instant at which calendars are odd.",
        default=0,
        no_block=_TESTS_ONLY,
        no_command=_TESTS_ONLY,
        page="chance.md",
        of_pytest=True,
    ),
    "exhaustive": Option(
        Whole(0, 8),
        "A test is run with all answers of chance of which at most so many are not calm; 0: not all are tried.",
        default=0,
        no_block=_TESTS_ONLY,
        no_command=_TESTS_ONLY,
        page="chance.md",
    ),
    "explore_seconds": Option(
        Seconds(0, 30 * _DAY),
        "Real seconds after which a search makes no more runs; 0: no end but that of its runs.",
        default=0,
        no_block=_TESTS_ONLY,
        no_command=_TESTS_ONLY,
        page="chance.md",
    ),
    "exhaust_retries": Option(
        Flag(),
        "A search also tries answers that alone use up the retries or the age of an invocation.",
        default=False,
        no_block=_TESTS_ONLY,
        no_command=_TESTS_ONLY,
        page="chance.md",
    ),
    "repeat": Option(
        Text("a token that a search has printed", r"[\w-]*", "TOKEN"),
        "A run that a search has found is repeated: its seed, and its answers of chance.",
        default="",
        no_ini=_ONE_TEST,
        no_block=_ONE_TEST,
        no_command=_TESTS_ONLY,
        page="chance.md",
        of_pytest=True,
    ),
    "runtime": Option(
        Words("inline", "process"),
        "Python handlers run inline, in the emulator's process, or each instance in a process of its own.",
        default="inline",
        of_serve="process",
        of_exec="process",
        of_pytest=True,
        page="../explanation/runtimes.md",
    ),
    "python": Option(
        Text("the path of a program", ".*", "PROGRAM"),
        "The Python that runs handlers in processes, where a function's python says nothing.",
        default="",
        otherwise="this one",
    ),
    "isolate": Option(
        Flag(), "Each instance imports the modules of inline handlers anew and shares them with nothing.", default=False
    ),
    "account_id": Option(
        Text("digits", "[0-9]{1,32}", "ID"),
        "The account id in ARNs and contexts.",
        field="account.id",
        path="accountId",
        long="account",
    ),
    "region": Option(Text(), "The region in ARNs and contexts.", field="account.region", path="region"),
    "limits": Option(
        LimitsWord("strict", "relaxed"), "FC's quotas hold as documented, or wider for quick tests.", field="limits"
    ),
    "strict_runtimes": Option(
        Flag(),
        "Functions of runtimes that are not here and would run as others do, such as python2.7, are refused.",
        field="strict_runtimes",
        page="../howto/languages.md",
    ),
    "strict": Option(
        Flag("idle"),
        "What check() demands at the end of a test: nothing, no unnoticed failure, or also that nothing is unfinished.",
        default=True,
        no_block=_TESTS_ONLY,
        no_command=_TESTS_ONLY,
        page="fixture.md#check",
    ),
    "ready_file": Option(
        Text("the path of a file", ".+", "FILE"),
        "The server's URL is written to this file once it is listening.",
        no_test=_OF_TESTS,
        no_block=_OF_SERVERS,
    ),
    "token": Option(
        Text("text", ".*"),
        "Every request must carry this token; beyond loopback one is made if none is given.",
        default="",
        no_test=_OF_TESTS,
        no_block=_OF_SERVERS,
    ),
    "environment": Option(
        Variables(),
        "These variables are set for these functions, besides those of their definition.",
        default=MappingProxyType({}),
        otherwise="none",
        no_ini="It is about the functions of one definition, and the ini file is about all tests.",
        no_block="A definition says it of each function, as environmentVariables.",
        no_command="A command takes the variables from the definition.",
    ),
    "allow_host": Option(
        Hosts(),
        "The server answers under these host names besides those of this machine and FC's.",
        default=(),
        page="server.md#who-may-ask",
    ),
    "intercept": Option(
        Flag(),
        "FC's and MNS's own host names lead to the emulator: from the test's process, else from programs in its "
        "environment.",
        default=False,
        otherwise="no; the fixture intercepts unless another emulator does",
        page="../howto/interception.md",
    ),
    "intercept_only": Option(
        Flag(),
        "The same, and other hosts are refused.",
        default=False,
        no_test="A test may connect to other hosts; libraries that mock HTTP refuse them.",
        no_block="Which hosts the programs of this machine may reach is no matter of a definition.",
    ),
    "auth": Option(
        Flag(),
        "FC's signatures are verified; otherwise any key is accepted.",
        field="auth",
        path="emulator.auth.verify",
    ),
    "access_keys": Option(
        Secrets(),
        "The access keys that auth accepts, with their secrets.",
        field="access_keys",
        path="emulator.auth.accessKeys",
        long="access-key",
    ),
    "retry_seconds": Option(
        Waits(Seconds(0, 30 * _DAY)),
        "The waits before retry 1, 2, … of a function error; the last one repeats.",
        field="retry_seconds",
    ),
    "retry_server_errors": Option(Flag(), "FC's own errors 500 and 503 are retried.", field="retry_server_errors"),
    "age_excludes_delay": Option(
        Flag(), "The age of an event counts from the end of its delay.", field="age_excludes_delay"
    ),
    "destination_depth": Option(
        Whole(0, 1000), "How many destinations may follow each other.", field="destination_depth"
    ),
    "deliver_to": Option(Places(), "Reports are posted to these URLs besides, by destination.", field="deliver_to"),
    "delivery_retry_seconds": Option(
        Waits(Seconds(0, 30 * _DAY), none=True),
        "The waits before retry 1, 2, … of a report that could not be posted.",
        field="delivery_retry_seconds",
    ),
    "task_retention_seconds": Option(
        Seconds(0, 30 * _DAY), "How long FC's API shows a task that has ended.", field="task_retention"
    ),
    "throttle_mode": Option(
        Words("wait", "backoff"),
        "What an asynchronous invocation does while no instance can be had.",
        field="throttle_mode",
        page="instances.md",
    ),
    "idle_seconds": Option(
        Seconds(0, 365 * _DAY), "How long an instance without work is kept.", field="idle", page="instances.md"
    ),
    "cold_start_seconds": Option(
        Seconds(0, _DAY), "How long a new instance takes to start.", field="cold_start", page="instances.md"
    ),
    "instance_limit": Option(
        Whole(0, UNBOUNDED),
        "How many instances the account may have.",
        field="instance_limit",
        otherwise="300, with relaxed limits no limit",
        page="instances.md",
    ),
    "instances_per_minute": Option(
        Whole(0, UNBOUNDED),
        "How many instances may start within a minute.",
        field="instances_per_minute",
        page="instances.md",
    ),
    "watchdog": Option(
        Seconds(0, _DAY, above=True),
        "Real seconds without progress after which a running attempt ends as timed out.",
        field="watchdog",
        path="emulator.watchdogSeconds",
    ),
    "grace_seconds": Option(
        Seconds(0, _DAY), "Real seconds for which a call from outside waits for the running attempt.", field="grace"
    ),
    "io_grace_seconds": Option(
        Seconds(0, _DAY),
        "Real seconds for which an event loop, or a thread beside a sleeping handler, waits for its sockets.",
        field="io_grace",
    ),
    "data": Option(
        Text("the path of a file", ".*", "FILE"),
        "Everything is kept in this file, and nothing that was accepted is lost.",
        default="",
        no_block=_ITS_FILE,
        page="../explanation/persistence.md",
    ),
    "data_sync": Option(
        Words("normal", "full"),
        "What is kept survives a kill, or with full also a power cut.",
        default="normal",
        no_block=_ITS_FILE,
    ),
    "data_keep": Option(
        Span(), "What ended longer ago, by the virtual clock, is forgotten.", otherwise="never", no_block=_ITS_FILE
    ),
    "while_down": Option(
        Words("stand-still", "catch-up"),
        "What the clock of kept data does while no emulator has it.",
        default="stand-still",
        no_block=_ITS_FILE,
    ),
    "in_memory": Option(
        Whole(0, 1_000_000_000),
        "How many invocations that have ended stay in memory as a whole; older ones go to a temporary file, unless "
        "data names one, and are read from there.",
        field="in_memory",
        otherwise="all",
        of_serve=100_000,
        of_exec=100_000,
        page="../explanation/persistence.md#memory",
    ),
    "watch": Option(
        Flag(),
        "Changed code runs from the next attempt on, and a changed definition is read again.",
        default=False,
        no_test="The code does not change while a test runs.",
        no_block=_OF_LOOKING,
    ),
    "pass_env": Option(
        Texts(),
        "Handlers get these variables as well; * stands for any.",
        default=(),
        no_test="The handlers of a test get all variables that the test has.",
        no_block="What of a machine its handlers may see is decided there.",
    ),
    "debug": Option(
        Text("the name of a function", ".*", "FUNCTION"),
        "The instances of this function wait for a debugger before they run (debugpy, or Node's).",
        default="",
        no_test="A debugger stops in an inline handler as in the test.",
        no_block=_OF_LOOKING,
        page="../howto/debugging.md",
    ),
    "debug_port": Option(
        Whole(0, 65_535),
        "The port of 127.0.0.1 at which the debugger attaches.",
        otherwise="5678; Node.js: 9229",
        no_test="A debugger stops in an inline handler as in the test.",
        no_block=_OF_LOOKING,
    ),
    "log_format": Option(
        Words("text", "json"),
        "The form of what is written to stderr.",
        default="text",
        no_test="pytest collects the log of a test, and shows it.",
        no_block=_OF_LOOKING,
    ),
    "verbose": Option(
        Flag(),
        "Every fact is logged.",
        default=False,
        short="-v",
        no_test="pytest shows the timeline of a test that fails.",
        no_block=_OF_LOOKING,
    ),
    "quiet": Option(
        Flag(),
        "Nothing is logged but the address, warnings and failures.",
        default=False,
        short="-q",
        no_test="pytest shows the timeline of a test that fails.",
        no_block=_OF_LOOKING,
        no_exec="It says next to nothing; --timeline never keeps it from the rest.",
    ),
    "empty": Option(
        Flag(),
        "The server starts without the definition of the working directory.",
        default=False,
        no_test='An empty definition says so: LocalEmulator("").',
        no_block="It is about there being no definition.",
        no_exec="Where no definition is named, it starts without one.",
    ),
    "env": Option(
        Text("text", ".*", "NAME"),
        "The environment of an s.yaml, from its env.yaml.",
        default="",
        no_ini="fcemu_env of the ini file sets the variables that point a program at the emulator.",
        no_block="It chooses what the definition says.",
    ),
    "timeline": Option(
        Words("failed", "always", "never"),
        "When what happened is shown at the end, on stderr.",
        default="failed",
        no_test="pytest has --fcemu-timeline for all tests of a run.",
        no_block=_OF_LOOKING,
        no_serve="It runs no command that could fail.",
    ),
}

OPTIONS: Final = {name: row._replace(name=name) for name, row in _ROWS.items()}
"""All options by their names, in the order in which pages show them."""


EXPLORING: Final = ("explore", "exhaustive", "explore_seconds", "exhaust_retries")
"""Options by which a test runner runs a test again; an emulator by itself cannot."""


def options_in(place: str) -> dict[str, Option]:
    """The options that can be said in a place, by their names."""
    return {name: option for name, option in OPTIONS.items() if option.may(place)}


def option_named(name: str, place: str = "") -> Option:
    """The row of an option. Raises ``ValueError`` where there is none, or where it cannot be said in that place."""
    option = OPTIONS.get(name)
    if option is None:
        raise ValueError(_unknown_option(name))
    if not option.may(place):
        raise ValueError(f"option {name} cannot be said here. {option.not_in[place]}")
    return option


def checked(options: Mapping[str, object], place: str = "") -> dict[str, Any]:
    """Options with their values in plain form. Raises ``ValueError`` that names the option and says what is expected,
    also for options that do not exist or cannot be said in that place."""
    return {name: option_named(name, place).check(value) for name, value in options.items()}


def value_of(options: Mapping[str, Any], name: str) -> Any:
    """What options say, or the default of an option that is not one of ``Settings``."""
    return options.get(name, OPTIONS[name].default)


def _unknown_option(name: str) -> str:
    from difflib import get_close_matches

    known = sorted(options_in(FIXTURE))
    close = get_close_matches(name, known, 1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    return f"there is no option {name!r}{hint} Options: {', '.join(known)}"
