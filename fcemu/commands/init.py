"""init: a new folder with a definition, a handler and a passing test; or a test for an existing definition."""

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from fcemu.commands.printing import count

if TYPE_CHECKING:
    from fcemu.config import Definition
    from fcemu.core.names import FunctionRef

TEMPLATE: Final = Path(__file__).parent.parent / "templates" / "init"
FILES: Final = ("fcemu.yaml", "handler.py", "test_handler.py")


@click.command()
@click.argument("directory", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--from", "source", type=click.Path(path_type=Path), help="Write a test for this definition.")
def init(directory: Path | None, source: Path | None) -> None:
    """Write a definition, a handler and a passing test into DIRECTORY (here, without one).

    With --from FILE, write a test for the functions of that definition, beside it or into DIRECTORY. Files that are
    there already stay as they are: then nothing is written, and the status is 1.
    """
    if source is None:
        into = directory or Path()
        _write(into, {name: (TEMPLATE / name).read_text(encoding="utf-8") for name in FILES})
        _say_next(into)
    else:
        _test_of(source, directory)


def _test_of(source: Path, directory: Path | None) -> None:
    from fcemu.config import DefinitionError, find_definition, read_definition

    try:
        path = find_definition(source)
        definition = read_definition(path)
    except DefinitionError as wrong:
        click.echo(str(wrong), err=True)
        raise click.ClickException(f"{source} cannot be used: {count(len(wrong.problems), 'problem')}") from None
    if not definition.functions:
        raise click.ClickException(f"{source} defines no functions, so there is nothing to test")
    into = directory or path.parent
    where = Path(os.path.relpath(path.resolve(), into.resolve())).as_posix()
    _write(into, {"test_functions.py": _tests(definition, where)})
    click.echo("Give each test an event that its function understands. ", nl=False, err=True)
    _say_next(into)


def _tests(definition: "Definition", where: str) -> str:
    """A module of tests: each function is called once, and, where it has settings for that, asynchronously too.

    Functions to which others report run after those; they are called only if there are no others.
    """
    called = [each for each in definition.functions if each.ref not in _hearers(definition)] or definition.functions
    lines = ["import pytest", "", f"pytestmark = pytest.mark.fcemu({json.dumps(where, ensure_ascii=False)})"]
    words: list[str] = []
    for function in called:
        name = str(function.ref)
        word = re.sub(r"\W", "_", name)
        words.append(word)
        if words.count(word) > 1:  # such as a-b and a_b
            word = f"{word}_{words.count(word)}"
        lines += [
            "",
            "",
            f"def test_{word}_returns(fcemu):",
            f'    reply = fcemu.function("{name}").invoke({{}})',
            "",
            "    assert reply.error is None, reply.text",
        ]
        if (function.ref, "LATEST") in definition.async_settings:
            lines += [
                "",
                "",
                f"def test_{word}_succeeds_later(fcemu):",
                f'    invocation = fcemu.function("{name}").invoke_async({{}}, delay=200)',
                "    fcemu.run_until_idle()",
                "",
                '    assert invocation.status == "Succeeded", fcemu.timeline()',
            ]
    return "\n".join(lines) + "\n"


def _hearers(definition: "Definition") -> set["FunctionRef"]:
    from fcemu.core.destinations import FunctionDestination

    return {
        destination.ref
        for asked in definition.async_settings.values()
        for destination in (asked.on_success, asked.on_failure)
        if isinstance(destination, FunctionDestination)
    }


def _write(into: Path, texts: dict[str, str]) -> None:
    """All of the files, or, if one is there already or cannot be written, none."""
    there = [str(into / name) for name in texts if os.path.lexists(into / name)]
    if there:
        raise click.ClickException(
            f"{' and '.join(there)} {'is' if len(there) == 1 else 'are'} there already; nothing was written"
        )
    written: list[Path] = []
    try:
        into.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            with (into / name).open("x", encoding="utf-8") as file:
                written.append(into / name)
                file.write(text)
    except OSError as refused:
        for path in written:
            path.unlink(missing_ok=True)
        raise click.ClickException(
            f"cannot write {refused.filename or into}: {refused.strerror}; nothing was written"
        ) from None
    for path in written:
        click.echo(path)


def _say_next(into: Path) -> None:
    here = into.resolve() == Path.cwd()
    click.echo(f"Next: {'' if here else f'cd {into} && '}python -m pytest", err=True)
