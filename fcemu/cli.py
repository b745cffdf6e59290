"""Commands: parse arguments, call the host or a running emulator, print."""

import sys
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fcemu.collecting import no_collector
from fcemu.commands.names import FUNCTION
from fcemu.commands.options import Duration, Main, as_json, content, examples, options_of, where
from fcemu.commands.planning import DEFINITION, in_the_form_of_the_log, plan_of, refused_in_one_message
from fcemu.commands.printing import print_json, print_line
from fcemu.core.options import SERVE

if TYPE_CHECKING:
    from fcemu.client import Client
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


@main.command(
    epilog=examples(
        "fcemu serve",
        "fcemu serve fixtures/orders --rate 0",
        "fcemu serve orders/fcemu.yaml billing/s.yaml --watch",
        "fcemu serve --empty --port 0 --ready-file url.txt -q",
    ),
    params=[
        click.Argument(["definitions"], metavar="[DEFINITION]...", nargs=-1, type=DEFINITION),
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
    with no_collector(), in_the_form_of_the_log(said) as stderr:
        if not definitions and not said.get("empty"):
            definitions = _here()
        elif definitions and said.get("empty"):
            raise click.UsageError(
                "--empty starts without a definition, but a definition is named; leave one of them out"
            )
        plan = plan_of(SERVE, definitions, said)
        from fcemu.commands import serve as serving

        with refused_in_one_message():
            serving.run(plan, stderr)


def _here() -> tuple[Path, ...]:
    """The definition of the working directory, if there is one."""
    from fcemu.host import definition_in

    found = definition_in(Path())
    return () if found is None else (found,)


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
