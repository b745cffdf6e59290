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
from fcemu.core.wording import did_you_mean

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


_TESTS_ONLY: Final = "It concerns a test, and a server runs none."
_ONE_TEST: Final = "It repeats one run of one test."
_ITS_FILE: Final = "Several emulators may use one definition, and each keeps a file of its own."
_OF_TESTS: Final = "The server of a test listens on a free port of 127.0.0.1, for this test alone."
_OF_SERVERS: Final = "Several servers may use one definition, and each listens somewhere else."
_OF_LOOKING: Final = "A definition does not decide how people watch its server."


_ROWS: Final = {
    "definition": Option(
        Anything(),
        "Take the functions from this definition: a file or a directory, which a test looks for next to its own file "
        "and above it up to the rootdir, or a mapping in native form. An empty string stands for no functions.",
        otherwise="the definition next to the test or above it, up to the rootdir, if there is one",
        no_block="It names the definition itself.",
        no_command="A command takes the definition as an argument without a name.",
    ),
    "host": Option(
        Text("an address or a host name", r"\S+"),
        "Listen on this address.",
        default="127.0.0.1",
        no_test=_OF_TESTS,
        no_block=_OF_SERVERS,
    ),
    "port": Option(
        Whole(0, 65_535),
        "Listen on this port; 0 chooses any free one.",
        default=9527,
        of_exec=0,
        no_test=_OF_TESTS,
        no_block=_OF_SERVERS,
    ),
    "rate": Option(
        Number(0, FASTEST),
        "Let this many virtual seconds pass in each real second; 0 pauses the clock.",
        field="rate",
        of_serve=1,
        of_exec=0,
        path="emulator.clock.rate",
    ),
    "autojump": Option(
        Flag(),
        "Let a paused clock jump to the next due instant while nothing runs and no request is being served.",
        field="autojump",
        path="emulator.clock.autojump",
    ),
    "start": Option(
        Instant(),
        "Start the clock at this virtual time.",
        field="start",
        of_serve="now",
        of_exec="now",
        path="emulator.clock.start",
    ),
    "clock": Option(
        Words("own", "follow"),
        (
            "Choose whose time the clock shows; with follow, it is the time that freezegun or time-machine sets in the "
            "test."
        ),
        default="own",
        no_block=_TESTS_ONLY,
        no_command=_TESTS_ONLY,
        page="../explanation/time.md",
    ),
    "seed": Option(
        Whole(0, 2**63 - 1),
        "Draw ids and every random choice from this seed: the same seed and requests give the same timeline.",
        field="seed",
        of_pytest=True,
    ),
    "chance": Option(
        Words("calm", "seeded"),
        "Choose what decides whatever FC leaves open, such as order, repeats, refusals and crashes; with seeded, the "
        "seed decides.",
        field="chance",
        page="chance.md",
    ),
    "odds": Option(
        Probabilities(),
        "Make seeded chance draw these answers with these probabilities instead of its usual ones.",
        field="odds",
        page="chance.md",
    ),
    "explore": Option(
        WholeOr(0, 1_000_000_000, "crashes", "calendar"),
        "Run a test at most this many times, each time with other answers of chance, until it fails; 0 runs it once, "
        "with calm answers. With crashes, run it once for each fact at which the emulator or an instance can be "
        "killed; with calendar, once for each day and instant at which calendars are irregular.",
        default=0,
        no_block=_TESTS_ONLY,
        no_command=_TESTS_ONLY,
        page="chance.md",
        of_pytest=True,
    ),
    "exhaustive": Option(
        Whole(0, 8),
        (
            "Run a test with every set of answers of chance in which at most this many are not calm; 0 does not try "
            "them all."
        ),
        default=0,
        no_block=_TESTS_ONLY,
        no_command=_TESTS_ONLY,
        page="chance.md",
    ),
    "explore_seconds": Option(
        Seconds(0, 30 * _DAY),
        "Let a search start no more runs after this many real seconds; 0 sets no time limit.",
        default=0,
        no_block=_TESTS_ONLY,
        no_command=_TESTS_ONLY,
        page="chance.md",
    ),
    "exhaust_retries": Option(
        Flag(),
        "Let a search also try answers that by themselves use up the retries or the age of an invocation.",
        default=False,
        no_block=_TESTS_ONLY,
        no_command=_TESTS_ONLY,
        page="chance.md",
    ),
    "repeat": Option(
        Text("a token that a search has printed", r"[\w-]*", "TOKEN"),
        "Repeat a run that a search has found, or a failed run with seeded chance, with its seed and its answers of "
        "chance.",
        default="",
        no_ini=_ONE_TEST,
        no_block=_ONE_TEST,
        no_command=_TESTS_ONLY,
        page="chance.md",
        of_pytest=True,
    ),
    "runtime": Option(
        Words("inline", "process"),
        "Run Python handlers inline, in the emulator's process, or run each instance in a process of its own.",
        default="inline",
        of_serve="process",
        of_exec="process",
        of_pytest=True,
        page="../explanation/runtimes.md",
    ),
    "python": Option(
        Text("the path of a program", ".*", "PROGRAM"),
        "Run handlers in processes with this Python, unless the function names its own.",
        default="",
        otherwise="the emulator's own",
    ),
    "isolate": Option(
        Flag(),
        "Let each instance import the modules of inline handlers again and share them with nothing.",
        default=False,
    ),
    "account_id": Option(
        Text("digits", "[0-9]{1,32}", "ID"),
        "Use this account id in ARNs and contexts.",
        field="account.id",
        path="accountId",
        long="account",
    ),
    "region": Option(Text(), "Use this region in ARNs and contexts.", field="account.region", path="region"),
    "limits": Option(
        LimitsWord("strict", "relaxed"),
        "Apply FC's quotas as documented, or wider ones for quick tests.",
        field="limits",
    ),
    "strict_runtimes": Option(
        Flag(),
        "Refuse functions whose runtime is not available here and that would otherwise run on another one, such as "
        "python2.7.",
        field="strict_runtimes",
        page="../howto/languages.md",
    ),
    "strict": Option(
        Flag("idle"),
        "Choose what check() demands at the end of a test: nothing, that no failure went unnoticed, or also that "
        "nothing is unfinished.",
        default=True,
        no_block=_TESTS_ONLY,
        no_command=_TESTS_ONLY,
        page="fixture.md#check",
    ),
    "ready_file": Option(
        Text("the path of a file", ".+", "FILE"),
        "Write the server's URL to this file once it is listening.",
        no_test=_OF_TESTS,
        no_block=_OF_SERVERS,
    ),
    "token": Option(
        Text("text", ".*"),
        "Require this token in every request; a server that listens beyond loopback makes a token if none is given.",
        default="",
        no_test=_OF_TESTS,
        no_block=_OF_SERVERS,
    ),
    "environment": Option(
        Variables(),
        "Set these variables for these functions, in addition to those of their definition.",
        default=MappingProxyType({}),
        otherwise="none",
        no_ini="It concerns the functions of one definition, and the ini file applies to all tests.",
        no_block="A definition sets environmentVariables in each function.",
        no_command="A command takes the variables from the definition.",
    ),
    "allow_host": Option(
        Hosts(),
        "Answer requests to these host names, in addition to those of this machine and of FC.",
        default=(),
        page="server.md#who-may-ask",
    ),
    "intercept": Option(
        Flag(),
        "Lead connections to FC's and MNS's own host names to the emulator: those of the test's process, or of "
        "programs that run in the emulator's environment.",
        default=False,
        otherwise="no; the fixture intercepts unless another emulator does",
        page="../howto/interception.md",
    ),
    "intercept_only": Option(
        Flag(),
        "Intercept in the same way, and refuse connections to other hosts.",
        default=False,
        no_test="A test may connect to other hosts; libraries that mock HTTP refuse them.",
        no_block="A definition does not decide which hosts the programs of a machine may reach.",
    ),
    "auth": Option(
        Flag(),
        "Verify FC's signatures; otherwise the emulator accepts any key.",
        field="auth",
        path="emulator.auth.verify",
    ),
    "access_keys": Option(
        Secrets(),
        "Accept these access keys, with their secrets, where signatures are verified.",
        field="access_keys",
        path="emulator.auth.accessKeys",
        long="access-key",
    ),
    "retry_seconds": Option(
        Waits(Seconds(0, 30 * _DAY)),
        "Wait this long before retry 1, 2, … of a function error; the last value repeats.",
        field="retry_seconds",
    ),
    "retry_server_errors": Option(Flag(), "Retry FC's own errors 500 and 503.", field="retry_server_errors"),
    "age_excludes_delay": Option(
        Flag(), "Count the age of an event from the end of its delay.", field="age_excludes_delay"
    ),
    "destination_depth": Option(
        Whole(0, 1000), "Let at most this many destinations follow each other.", field="destination_depth"
    ),
    "deliver_to": Option(Places(), "Also post the reports for these destinations to these URLs.", field="deliver_to"),
    "delivery_retry_seconds": Option(
        Waits(Seconds(0, 30 * _DAY), none=True),
        "Wait this long before retry 1, 2, … of a report that could not be posted.",
        field="delivery_retry_seconds",
    ),
    "task_retention_seconds": Option(
        Seconds(0, 30 * _DAY), "Let FC's API show a task for this long after its end.", field="task_retention"
    ),
    "throttle_mode": Option(
        Words("wait", "backoff"),
        "Choose what an asynchronous invocation does while no instance is available.",
        field="throttle_mode",
        page="instances.md",
    ),
    "idle_seconds": Option(
        Seconds(0, 365 * _DAY), "Keep an instance without work for this long.", field="idle", page="instances.md"
    ),
    "cold_start_seconds": Option(
        Seconds(0, _DAY), "Let a new instance take this long to start.", field="cold_start", page="instances.md"
    ),
    "instance_limit": Option(
        Whole(0, UNBOUNDED),
        "Let the account have at most this many instances.",
        field="instance_limit",
        otherwise="300, or no limit with relaxed limits",
        page="instances.md",
    ),
    "instances_per_minute": Option(
        Whole(0, UNBOUNDED),
        "Let at most this many instances start within a minute.",
        field="instances_per_minute",
        page="instances.md",
    ),
    "watchdog": Option(
        Seconds(0, _DAY, above=True),
        "End a running attempt as timed out after this many real seconds without progress.",
        field="watchdog",
        path="emulator.watchdogSeconds",
    ),
    "grace_seconds": Option(
        Seconds(0, _DAY),
        "Let a call from outside wait for the running attempt for this many real seconds.",
        field="grace",
    ),
    "io_grace_seconds": Option(
        Seconds(0, _DAY),
        "Let an event loop, or a thread that runs while its handler sleeps, wait for its sockets for this many real "
        "seconds.",
        field="io_grace",
    ),
    "data": Option(
        Text("the path of a file", ".*", "FILE"),
        "Keep everything in this file, so that nothing that was accepted is lost.",
        default="",
        no_block=_ITS_FILE,
        page="../explanation/persistence.md",
    ),
    "data_sync": Option(
        Words("normal", "full"),
        "Choose what kept data survives: a kill, or with full also a power cut.",
        default="normal",
        no_block=_ITS_FILE,
    ),
    "data_keep": Option(
        Span(), "Forget what ended longer ago than this, by the virtual clock.", otherwise="never", no_block=_ITS_FILE
    ),
    "while_down": Option(
        Words("stand-still", "catch-up"),
        "Choose what the clock of kept data does while no emulator uses the data.",
        default="stand-still",
        no_block=_ITS_FILE,
    ),
    "in_memory": Option(
        Whole(0, 1_000_000_000),
        "Keep this many ended invocations in memory as a whole; older ones go to a temporary file, unless data names "
        "one, and are read from there.",
        field="in_memory",
        otherwise="all",
        of_serve=100_000,
        of_exec=100_000,
        page="../explanation/persistence.md#memory",
    ),
    "watch": Option(
        Flag(),
        "Run changed code from the next attempt on, and read a changed definition again.",
        default=False,
        no_test="The code does not change while a test runs.",
        no_block=_OF_LOOKING,
    ),
    "pass_env": Option(
        Texts(),
        "Pass these variables to handlers as well; * stands for any characters.",
        default=(),
        no_test="The handlers of a test get all variables that the test has.",
        no_block="Each machine decides which of its variables handlers may see.",
    ),
    "debug": Option(
        Text("the name of a function", ".*", "FUNCTION"),
        "Let the instances of this function wait for a debugger (debugpy, or Node's own) before they run.",
        default="",
        no_test="A debugger stops in an inline handler as it does in the test.",
        no_block=_OF_LOOKING,
        page="../howto/debugging.md",
    ),
    "debug_port": Option(
        Whole(0, 65_535),
        "Let the debugger attach at this port of 127.0.0.1.",
        otherwise="5678, or 9229 for Node.js",
        no_test="A debugger stops in an inline handler as it does in the test.",
        no_block=_OF_LOOKING,
    ),
    "log_format": Option(
        Words("text", "json"),
        "Write the log to stderr in this form.",
        default="text",
        no_test="pytest collects the log of a test, and shows it.",
        no_block=_OF_LOOKING,
    ),
    "verbose": Option(
        Flag(),
        "Log every fact.",
        default=False,
        short="-v",
        no_test="pytest shows the timeline of a test that fails.",
        no_block=_OF_LOOKING,
    ),
    "quiet": Option(
        Flag(),
        "Log only the address, warnings and failures.",
        default=False,
        short="-q",
        no_test="pytest shows the timeline of a test that fails.",
        no_block=_OF_LOOKING,
        no_exec="It logs next to nothing; --timeline never silences the rest.",
    ),
    "empty": Option(
        Flag(),
        "Start without the definition of the working directory.",
        default=False,
        no_test='An empty definition does the same: LocalEmulator("").',
        no_block="Without a definition, there is no block.",
        no_exec="exec starts without a definition unless its argument names one.",
    ),
    "env": Option(
        Text("text", ".*", "NAME"),
        "Use this environment of an s.yaml, from its env.yaml.",
        default="",
        no_ini="fcemu_env of the ini file sets the variables that point a program at the emulator.",
        no_block="It chooses how the definition is read.",
    ),
    "timeline": Option(
        Words("failed", "always", "never"),
        "Choose when the timeline is shown on stderr at the end.",
        default="failed",
        no_test="pytest has --fcemu-timeline for all tests of a run.",
        no_block=_OF_LOOKING,
        no_serve="serve runs no command that could fail.",
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
        raise ValueError(f"option {name} cannot be set here. {option.not_in[place]}")
    return option


def checked(options: Mapping[str, object], place: str = "") -> dict[str, Any]:
    """Options with their values in plain form. Raises ``ValueError`` that names the option and says what is expected,
    also for options that do not exist or cannot be said in that place."""
    return {name: option_named(name, place).check(value) for name, value in options.items()}


def value_of(options: Mapping[str, Any], name: str) -> Any:
    """What options say, or the default of an option that is not one of ``Settings``."""
    return options.get(name, OPTIONS[name].default)


def _unknown_option(name: str) -> str:
    known = sorted(options_in(FIXTURE))
    question = did_you_mean(name, known)
    hint = f"; {question}" if question else "."
    return f"there is no option {name!r}{hint} Options: {', '.join(known)}"
