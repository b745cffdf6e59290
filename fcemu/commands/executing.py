"""exec: its command line."""

import shlex
import sys
from pathlib import Path
from shutil import which

import click

from fcemu.collecting import no_collector
from fcemu.commands.options import examples, options_of
from fcemu.commands.planning import DEFINITION, in_the_form_of_the_log, plan_of, refused_in_one_message
from fcemu.core.options import EXEC


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


@click.command(
    "exec",
    cls=_WithCommand,
    epilog=examples(
        "fcemu exec -- pytest",
        "fcemu exec fixtures/orders --autojump -- npm test",
        "fcemu exec fixtures/orders --intercept -- ./run-tests.sh",
    ),
    params=[
        click.Argument(["definition"], metavar="[DEFINITION]", required=False, type=DEFINITION),
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
    with no_collector(), in_the_form_of_the_log(said) as stderr:
        plan = plan_of(EXEC, () if definition is None else (definition,), said)
        from fcemu.commands.command import NOT_FOUND, CannotStart
        from fcemu.commands.exec import Execution, run

        try:
            with refused_in_one_message():
                sys.exit(run(Execution(plan, words), stderr))
        except CannotStart as refused:
            raise (_NotFound if refused.status == NOT_FOUND else _NotExecutable)(str(refused)) from None


class _NotFound(click.ClickException):
    """The command of ``exec`` is not there."""

    exit_code = 127  # a shell's


class _NotExecutable(click.ClickException):
    """The command of ``exec`` cannot be started."""

    exit_code = 126  # a shell's
