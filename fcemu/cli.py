"""Commands: parse arguments, call the host or a running emulator, print."""

import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

import click

from fcemu.collecting import no_collector
from fcemu.commands.names import FUNCTION
from fcemu.commands.options import Duration, Main, as_json, content, examples, options_of, where
from fcemu.commands.printing import count, print_json, print_line
from fcemu.core.options import EXEC, SERVE, value_of
from fcemu.core.settings import settings_of

if TYPE_CHECKING:
    from fcemu.client import Client
    from fcemu.commands.log import Writer
    from fcemu.commands.serve import Plan
    from fcemu.config import Definition
    from fcemu.own_api.records import Fact


@click.group(
    cls=Main,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name="fcemu", message="fcemu %(version)s")
def main() -> None:
    """Emulate Alibaba Cloud Function Compute locally, on a virtual clock."""


@main.command(epilog=examples("fcemu demo"))
def demo() -> None:
    """Show within ten seconds what fcemu does; needs no files."""
    from fcemu.commands import demo as show

    try:
        show.run(click.echo)
    except ValueError as wrong:
        raise click.UsageError(str(wrong)) from None


# An emulator in this process.


_DEFINITION = click.Path(path_type=Path)


@main.command(
    epilog=examples(
        "fcemu serve",
        "fcemu serve fixtures/orders --rate 0",
        "fcemu serve orders/fcemu.yaml billing/s.yaml --watch",
        "fcemu serve --empty --port 0 --ready-file url.txt -q",
    ),
    params=[
        click.Argument(["definitions"], metavar="[DEFINITION]...", nargs=-1, type=_DEFINITION),
        *options_of(SERVE),
    ],
)
def serve(definitions: tuple[Path, ...], **said: object) -> None:
    """Run the emulator until SIGINT or SIGTERM.

    DEFINITION is a file, or a directory with fcemu.yaml. Several definitions form one application, whose functions can
    call each other. Without one, fcemu uses the definition of the working directory, if there is one, unless --empty is
    given. fcemu logs each request, attempt, retry and report as a line on stderr. The command line wins over FCEMU_*
    variables, and these win over the definition's "emulator:" block. With --intercept, the start names a file with the
    variables that lead programs to the emulator; "fcemu exec" sets them by itself.
    """
    with no_collector(), _in_the_form_of_the_log(said) as stderr:
        if not definitions and not said.get("empty"):
            definitions = _here()
        elif definitions and said.get("empty"):
            raise click.UsageError(
                "--empty starts without a definition, but a definition is named; leave one of them out"
            )
        plan = _plan(SERVE, definitions, said)
        from fcemu.commands import serve as serving

        with _refused_in_one_message():
            serving.run(plan, stderr)


def _here() -> tuple[Path, ...]:
    """The definition of the working directory, if there is one."""
    from fcemu.host import definition_in

    found = definition_in(Path())
    return () if found is None else (found,)


@contextmanager
def _in_the_form_of_the_log(said: Mapping[str, object]) -> "Iterator[Writer]":
    """The log, which writes to stderr; in JSON, an error that ends the program is a line of it."""
    from fcemu.commands.log import logging_to_stderr
    from fcemu.commands.serve import LOG

    form = value_of(_given(said), "log_format")
    with logging_to_stderr(form) as stderr:
        try:
            yield stderr
        except click.ClickException as refused:
            if form != "json":
                raise
            LOG.error("%s", refused.format_message())
            sys.exit(refused.exit_code)


def _given(said: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in said.items() if value is not None}


def _plan(command: str, definitions: tuple[Path, ...], params: Mapping[str, object]) -> "Plan":
    """What the options of ``serve`` or ``exec`` come to, with the warnings said. Exits for what is wrong."""
    said = _given(params)
    if "ready_file" in said:
        _make_way(Path(str(said["ready_file"])))
    from fcemu.commands import serve as serving
    from fcemu.config import EMPTY

    read = _read(definitions, said) if definitions else EMPTY
    with _refused_in_one_message():
        plan = serving.Plan.of(command, read, definitions, said)
        if plan["quiet"] and plan["verbose"]:
            raise ValueError("--quiet and --verbose contradict each other; leave one of them out")
    for warning in read.warnings:
        serving.LOG.warning("%s", warning)
    settings = settings_of(plan.options())
    if settings.autojump and settings.rate:
        serving.LOG.warning("autojump moves only a paused clock; add --rate 0")
    return plan


@contextmanager
def _refused_in_one_message() -> Iterator[None]:
    from fcemu.commands.serve import CannotListen
    from fcemu.host import StoreError

    try:
        yield
    except (CannotListen, StoreError) as refused:
        raise click.ClickException(str(refused)) from None
    except ValueError as wrong:
        raise click.UsageError(str(wrong)) from None


class _WithCommand(click.Command):
    """A command whose arguments end at ``--``; what follows is the parameter ``words``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ours, separator, words = list(args), "", []
        if "--" in args:
            at = args.index("--")
            ours, separator, words = args[:at], "--", args[at + 1 :]
        program = None if separator else next((at for at, word in enumerate(args) if _is_program(word)), None)
        if program is not None and not {"-h", "--help"} & set(args[:program]):
            meant = shlex.join([*args[:program], "--", *args[program:]])
            ctx.fail(f"there is no -- before the command; write: fcemu exec {meant}")
        rest = super().parse_args(ctx, ours)  # --help ends here
        if not words:
            what = "there is no command after --" if separator else "there is no --, and no command after it"
            ctx.fail(f"{what}; write: fcemu exec [DEFINITION] -- COMMAND…")
        ctx.params["words"] = words
        return rest

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [*super().collect_usage_pieces(ctx), "-- COMMAND…"]


def _is_program(word: str) -> bool:
    """Whether a word is the name of a program, and of nothing in the working directory."""
    return which(word) is not None and not Path(word).exists()


@main.command(
    "exec",
    cls=_WithCommand,
    epilog=examples(
        "fcemu exec -- pytest",
        "fcemu exec fixtures/orders --autojump -- npm test",
        "fcemu exec fixtures/orders --intercept -- ./run-tests.sh",
    ),
    params=[
        click.Argument(["definition"], metavar="[DEFINITION]", required=False, type=_DEFINITION),
        *options_of(EXEC),
    ],
)
def exec_(words: list[str], definition: Path | None, **said: object) -> None:
    """Run COMMAND with an emulator that stops when it ends.

    COMMAND finds the emulator through FC_ENDPOINT, FC_HOST, FC_ACCOUNT_ID, ALIBABA_CLOUD_ACCESS_KEY_ID and other
    variables or, with --intercept, through FC's own host names. The clock is paused; 'fcemu clock', --autojump or
    --rate move it. fcemu exits with the status of COMMAND, with 128 plus the number of the signal that ended it, or
    with 126 or 127 when it cannot be started. The options are those of serve.
    """
    with no_collector(), _in_the_form_of_the_log(said) as stderr:
        plan = _plan(EXEC, () if definition is None else (definition,), said)
        from fcemu.commands import exec as executing
        from fcemu.commands.command import NOT_FOUND, CannotStart

        execution = executing.Execution(plan, words)
        try:
            with _refused_in_one_message():
                sys.exit(executing.run(execution, stderr))
        except CannotStart as refused:
            raise (_NotFound if refused.status == NOT_FOUND else _NotExecutable)(str(refused)) from None


class _NotFound(click.ClickException):
    """The command of ``exec`` is not there."""

    exit_code = 127  # a shell's


class _NotExecutable(click.ClickException):
    """The command of ``exec`` cannot be started."""

    exit_code = 126  # a shell's


def _make_way(ready_file: Path) -> None:
    """A file that an earlier server left says nothing of this one."""
    directory = ready_file.absolute().parent
    if not directory.is_dir():
        raise click.UsageError(f"--ready-file: there is no directory {directory}")
    if not os.access(directory, os.W_OK):
        raise click.UsageError(f"--ready-file: the directory {directory} is not writable")
    try:
        ready_file.unlink(missing_ok=True)
    except OSError as refused:
        raise click.UsageError(f"--ready-file {ready_file}: {refused.strerror}") from None


def _read(paths: Sequence[Path], said: Mapping[str, Any]) -> "Definition":
    from fcemu.commands.serve import definition_of
    from fcemu.config import DefinitionError
    from fcemu.host import choices_of

    try:
        return definition_of(paths, choices_of(said))
    except DefinitionError as wrong:
        _tell(str(wrong), said)
        if said.get("limits") == "relaxed":
            _tell(
                "--limits relaxed applies to requests; to widen the limits of a definition, write 'emulator: "
                "{limits: relaxed}' in it",
                said,
            )
        named = ", ".join(map(str, paths))
        raise click.ClickException(f"{named} cannot be used: {count(len(wrong.problems), 'problem')}") from None


def _tell(text: str, said: Mapping[str, Any]) -> None:
    """Say it on stderr, in the form of the log."""
    if value_of(said, "log_format") == "json":
        from fcemu.commands.serve import LOG

        LOG.error("%s", text)
    else:
        click.echo(text, err=True)


# A running emulator.


@main.command(
    epilog=examples(
        "fcemu invoke hello --payload you",
        "fcemu invoke orders/charge --payload @order.json --async --delay 200",
        "fcemu invoke orders/charge --payload - < order.json",
    )
)
@click.argument("function", type=FUNCTION)
@click.option("--payload", default="", metavar="TEXT|@FILE|-", help="Send this event; - reads it from stdin.")
@click.option("--async", "asynchronous", is_flag=True, help="Return as soon as the invocation is accepted.")
@click.option("--delay", type=Duration(), help="With --async, run it only after this much time.")
@click.option("--qualifier", metavar="Q", help="Invoke this version or alias.")
@click.option(
    "--task-id", metavar="ID", help=("With --async, use this id for the task, if the function is in task mode.")
)
@where
@as_json
def invoke(
    emulator: "Client",
    function: str,
    payload: str,
    asynchronous: bool,
    delay: timedelta | None,
    qualifier: str | None,
    task_id: str | None,
    as_json: bool,
) -> None:
    """Invoke FUNCTION: a name (3.0), or service/name (2.0).

    fcemu prints the result byte for byte (on a terminal, it ends an unfinished line) or, with --async, the request id.
    The status is 1 if the function failed or the call was refused.
    """
    if delay is not None and not asynchronous:
        raise click.UsageError("--delay is for asynchronous invocations; add --async")
    if task_id is not None and not asynchronous:
        raise click.UsageError("--task-id is for asynchronous invocations; add --async")
    if delay is not None and delay % timedelta(seconds=1):
        raise click.UsageError(f"--delay: FC accepts whole seconds, not {delay.total_seconds():g}")
    reply = emulator.invoke(
        function,
        content("--payload", payload),
        asynchronous=asynchronous,
        delay=delay or 0,
        qualifier=qualifier,
        task_id=task_id,
    )
    if task_id is not None and not {"x-fc-async-task-id", "x-fc-stateful-async-invocation-id"} & reply.headers.keys():
        click.echo(f"{function} is not in task mode (asyncTask), so the emulator ignored the task id", err=True)
    if as_json:
        body = reply.body.decode("utf-8", "replace")
        print_json(
            {
                "status_code": reply.status_code,
                "request_id": reply.request_id,
                "error": reply.error,
                "body": body,
                "headers": dict(reply.headers),
            }
        )
    elif asynchronous:
        click.echo(reply.request_id)
        clock = emulator.clock()
        if not clock.rate and not clock.autojump:
            click.echo(
                "the clock is paused, so the invocation waits; move the clock with 'fcemu clock run-until-idle'",
                err=True,
            )
    else:
        click.echo(reply.body, nl=reply.body[-1:] not in (b"", b"\n") and sys.stdout.isatty())
    if reply.error is not None:
        raise click.ClickException(f"{function} failed: {reply.error} (request {reply.request_id})")


@main.command(epilog=examples("fcemu timeline", "fcemu timeline --follow"))
@click.option("--follow", is_flag=True, help="Also show what happens from now on.")
@where
@as_json
def timeline(emulator: "Client", follow: bool, as_json: bool) -> None:
    """Show what happened, one line per fact.

    With --json, print the facts of the journal, one object per line.
    """
    if not follow and not as_json:
        text = emulator.timeline()
        click.echo(text or "nothing happened yet", err=not text)
        return
    try:
        if as_json:
            for fact in emulator.journal(follow=follow):
                print_line(fact)
        else:
            _follow(emulator)
    except KeyboardInterrupt:
        return
    if follow:
        click.echo("the emulator was reset or has stopped", err=True)


def _follow(emulator: "Client") -> None:
    """In the words of the timeline; the columns of new lines widen as they need to."""
    import fcemu.mns.facts  # noqa: F401 (so that the facts of messages can be read, too)
    from fcemu.core.facts import RECORD, from_json
    from fcemu.core.timeline import Timeline
    from fcemu.own_api.codec import encode

    def known(facts: "Iterable[Fact]") -> list[Any]:
        return [from_json({name: fact[name] for name in RECORD}) for fact in encode(list(facts))]

    written = Timeline(emulator.clock().started)
    past = known(emulator.journal())
    for line in written.lines(past):
        click.echo(line)
    for fact in emulator.journal(after=len(past), follow=True):
        for line in written.lines(known([fact])):
            click.echo(line)


@main.command(epilog=examples("fcemu explain"))
@where
@as_json
def explain(emulator: "Client", as_json: bool) -> None:
    """Say why time is not moving."""
    found = emulator.explain()
    if as_json:
        print_json(found)
    else:
        click.echo(found.text)
