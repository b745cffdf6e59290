"""init: a new folder with a definition, a handler and a passing test; or tests for an existing definition."""

import json
import os
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from fcemu.commands.printing import count

if TYPE_CHECKING:
    from fcemu.config import Definition
    from fcemu.core.names import FunctionRef
    from fcemu.core.triggers import Trigger

TEMPLATE: Final = Path(__file__).parent.parent / "templates" / "init"
CREATED: Final = "ObjectCreated:PutObject"
"""What happens to an object, unless a test says otherwise."""
CONFTEST: Final = "conftest.py"
FILES: Final = ("fcemu.yaml", "handler.py", "test_handler.py")


@click.command()
@click.argument("directory", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--from", "source", type=click.Path(path_type=Path), help="Write a test for this definition.")
def init(directory: Path | None, source: Path | None) -> None:
    """Write a definition, a handler and a passing test.

    fcemu writes them into DIRECTORY, or into the working directory. With --from FILE, it writes a test for the
    functions of that definition, whatever its format, next to it or into DIRECTORY, and a conftest.py that names it,
    unless there is one. If a file already exists, fcemu writes nothing, and the status is 1.
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
    if os.path.lexists(into / CONFTEST):
        texts = {"test_functions.py": _tests(definition, where)}
    else:
        texts = {CONFTEST: _conftest(where), "test_functions.py": _tests(definition, None)}
    _write(into, texts)
    for warning in definition.warnings:
        click.echo(str(warning), err=True)
    click.echo("Give each test an event that its function understands. ", nl=False, err=True)
    _say_next(into)


def _conftest(where: str) -> str:
    """Options of the fixture for every test of the directory."""
    return f'''"""Every test of this directory has the fixture 'fcemu', with the functions of this definition."""

from pathlib import Path

import pytest


@pytest.fixture
def fcemu_options():
    return {{"definition": Path(__file__).parent / {json.dumps(where, ensure_ascii=False)}}}
'''


def _tests(definition: "Definition", where: str | None) -> str:
    """A module of tests: each function is called once, by HTTP where that is how it is called, and, where it has
    settings for that, asynchronously too; each timer is fired, and each trigger of OSS. ``where``: the definition,
    where no conftest names it.

    A function to which others report is not called: one of those ends, in the way that is reported.
    """
    heard = _hearers(definition)
    marked = f"pytestmark = pytest.mark.fcemu({json.dumps(where, ensure_ascii=False)})"
    pieces = [f"import pytest\n\n{marked}"] if where is not None else []
    by_http = {trigger.function for trigger in definition.extras.triggers if trigger.kind == "http"}
    words: list[str] = []
    for function in definition.functions:
        name = str(function.ref)
        word = re.sub(r"\W", "_", name)
        words.append(word)
        if words.count(word) > 1:  # such as a-b and a_b
            word = f"{word}_{words.count(word)}"
        if function.ref in heard and function.ref not in by_http:
            pieces.append(_hears(word, name, *heard[function.ref]))
        else:
            pieces.append((_ANSWERS if function.ref in by_http else _RETURNS).format(word=word, name=name))
        if (function.ref, "LATEST") in definition.async_settings:
            pieces.append(_LATER.format(word=word, name=name))
        timers = [each for each in definition.extras.triggers if each.function == function.ref and each.kind == "timer"]
        for trigger in timers:
            as_word = re.sub(r"\W", "_", trigger.name)
            pieces.append(_TIMER.format(word=word, name=name, timer=trigger.name, as_word=as_word))
        objects = [each for each in definition.extras.triggers if each.function == function.ref and each.kind == "oss"]
        for trigger in objects:
            as_word = re.sub(r"\W", "_", trigger.name)
            said = _object_for(trigger)
            pieces.append(_OBJECT.format(word=word, name=name, trigger=trigger.name, as_word=as_word, said=said))
    return "\n\n\n".join(piece.strip() for piece in pieces) + "\n"


_RETURNS: Final = """
def test_{word}_returns(fcemu):
    reply = fcemu.function("{name}").invoke({{}})

    assert reply.error is None, reply.text
"""
_ANSWERS: Final = """
def test_{word}_answers(fcemu):
    reply = fcemu.function("{name}").http("GET", "/")

    assert reply.status_code < 500, reply.text
"""
_LATER: Final = """
def test_{word}_succeeds_later(fcemu):
    invocation = fcemu.function("{name}").invoke_async({{}}, delay=200)
    fcemu.run_until_idle()

    assert invocation.status == "Succeeded", fcemu.timeline()
"""
_TIMER: Final = """
def test_{word}_runs_when_{as_word}_fires(fcemu):
    invocation = fcemu.timer("{name}/{timer}").fire()
    fcemu.run_until_idle()

    assert invocation.status == "Succeeded", fcemu.timeline()
"""


_HEARS: Final = """
def test_{word}_hears_of_{teller_word}(fcemu):
    teller = fcemu.function("{teller}")
    teller.stub({outcome})
    told = teller.invoke_async({{}})
    fcemu.run_until_idle()

    assert told.status == "{status}", fcemu.timeline()
    [heard, *_] = fcemu.function("{name}").invocations
    assert heard.status == "Succeeded", fcemu.timeline()
"""
_OBJECT: Final = """
def test_{word}_runs_when_{as_word}_fires(fcemu):
    invocation = fcemu.trigger("{name}/{trigger}").fire({said})
    fcemu.run_until_idle()

    assert invocation.status == "Succeeded", fcemu.timeline()
"""


def _hears(word: str, name: str, teller: "FunctionRef", succeeded: bool) -> str:
    """A test of a function to which another one reports; a stub decides how that one ends."""
    outcome, status = ('"done"', "Succeeded") if succeeded else ('Exception("failed")', "Failed")
    teller_word = re.sub(r"\W", "_", str(teller))
    return _HEARS.format(word=word, name=name, teller=teller, teller_word=teller_word, outcome=outcome, status=status)


def _hearers(definition: "Definition") -> dict["FunctionRef", tuple["FunctionRef", bool]]:
    """Functions to which others report: by which of them, and whether when that one has succeeded."""
    from fcemu.core.destinations import FunctionDestination

    heard: dict[FunctionRef, tuple[FunctionRef, bool]] = {}
    known = {function.ref for function in definition.functions}
    for (teller, qualifier), asked in definition.async_settings.items():
        for destination, succeeded in ((asked.on_success, True), (asked.on_failure, False)):
            if isinstance(destination, FunctionDestination) and teller in known and qualifier == "LATEST":
                heard.setdefault(destination.ref, (teller, succeeded))
    return {ref: told for ref, told in heard.items() if told[0] != ref}


def _object_for(trigger: "Trigger") -> str:
    """What a trigger of OSS lets through, as the arguments of ``fire``."""
    config = trigger.config
    key = (config.get("filter") or {}).get("key") or {}
    said = {"object": f"{key.get('prefix') or ''}object{key.get('suffix') or ''}"}
    events = [str(each).removeprefix("oss:") for each in config.get("events") or []]
    usual = any(fnmatchcase(CREATED, event) for event in events) or not events
    if not usual:
        said["event"] = events[0].replace("*", "")
    if not trigger.source_arn:
        said["bucket"] = "bucket"
    return ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in said.items())


def _write(into: Path, texts: dict[str, str]) -> None:
    """All of the files, or, if one is there already or cannot be written, none."""
    there = [str(into / name) for name in texts if os.path.lexists(into / name)]
    if there:
        raise click.ClickException(
            f"{' and '.join(there)} {'is' if len(there) == 1 else 'are'} already there; nothing was written"
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
