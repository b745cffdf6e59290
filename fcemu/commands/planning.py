"""What serve and exec have in common: their log, and what their options come to."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from fcemu.commands.printing import count
from fcemu.core.options import value_of
from fcemu.core.settings import settings_of

if TYPE_CHECKING:
    from fcemu.commands.log import Writer
    from fcemu.commands.serve import Plan
    from fcemu.config import Definition

DEFINITION: Final = click.Path(path_type=Path)


@contextmanager
def in_the_form_of_the_log(said: Mapping[str, object]) -> "Iterator[Writer]":
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


def plan_of(command: str, definitions: tuple[Path, ...], params: Mapping[str, object]) -> "Plan":
    """What the options of ``serve`` or ``exec`` come to, with the warnings said. Exits for what is wrong."""
    said = _given(params)
    if "ready_file" in said:
        _make_way(Path(str(said["ready_file"])))
    from fcemu.commands import serve as serving
    from fcemu.config import EMPTY

    read = _read(definitions, said) if definitions else EMPTY
    with refused_in_one_message():
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
def refused_in_one_message() -> Iterator[None]:
    from fcemu.commands.serve import CannotListen
    from fcemu.host import StoreError

    try:
        yield
    except (CannotListen, StoreError) as refused:
        raise click.ClickException(str(refused)) from None
    except ValueError as wrong:
        raise click.UsageError(str(wrong)) from None


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
