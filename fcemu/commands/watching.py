"""``serve --watch``: code that is changed runs from the next attempt on."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from glob import escape
from pathlib import Path
from typing import Any, Final, Protocol

from fcemu.core.functions import Function

LOG: Final = logging.getLogger("fcemu.watch")
_ENDING: Final = ".py"


class Reloads(Protocol):
    """What lets changed code run."""

    def functions(self) -> Collection[Function]:
        """All functions that there are now."""

    def code_changed(self, directories: Collection[str]) -> Collection[str]:
        """New instances for the next attempts of the functions whose code is there; returns their names."""


@asynccontextmanager
async def watching(reloads: Reloads) -> AsyncIterator[None]:
    """Watch the code directories of the functions that there are at the start, for as long as the ``async with``
    lasts."""
    from watchfiles import awatch

    directories = _directories(reloads)
    if not directories:
        LOG.warning("there is no code to watch: the emulator started without functions")
        yield
        return
    stop = asyncio.Event()
    task = asyncio.create_task(_watch(awatch(*directories, stop_event=stop), directories, reloads), name="fcemu-watch")
    LOG.info("watching %s", ", ".join(directories))
    try:
        yield
    finally:
        stop.set()
        await task


def _directories(reloads: Reloads) -> list[str]:
    return sorted({os.path.realpath(function.code) for function in reloads.functions() if function.code})


async def _watch(changes: Any, directories: list[str], reloads: Reloads) -> None:
    async for found in changes:
        paths = sorted(path for _, path in found if "__pycache__" not in path)
        for path, error in await asyncio.to_thread(list, broken(paths)):
            LOG.error("%s:%s: %s; the code before it stays", path, error.lineno, error.msg)
            paths = [each for each in paths if not _shares_directory(each, path, directories)]
        touched = {directory for directory in directories for path in paths if _is_in(path, directory)}
        if touched:
            forget_compiled(paths)
            names = await asyncio.to_thread(reloads.code_changed, touched)
            LOG.info("changed: %s; new instances for %s", ", ".join(map(os.path.basename, paths)), ", ".join(names))


def forget_compiled(paths: list[str]) -> None:
    """Remove what Python has compiled of these files: it tells by size and whole seconds whether that is of the same
    text, so that a second edit within a second may go unnoticed."""
    for path in paths:
        folder, name = os.path.split(path)
        if name.endswith(_ENDING):
            for compiled in Path(folder, "__pycache__").glob(f"{escape(name.removesuffix(_ENDING))}.*.pyc"):
                compiled.unlink(missing_ok=True)


def broken(paths: list[str]) -> Iterator[tuple[str, SyntaxError]]:
    """The files of Python and JavaScript among ``paths`` that cannot be read as such."""
    from fcemu.assembly import syntax_error_of

    for path in filter(os.path.isfile, paths):
        if "node_modules" not in path and (wrong := syntax_error_of(path)) is not None:
            yield path, wrong
        if path.endswith(_ENDING):
            try:
                with open(path, "rb") as file:
                    compile(file.read(), path, "exec", dont_inherit=True)
            except (SyntaxError, ValueError) as error:
                yield path, error if isinstance(error, SyntaxError) else SyntaxError(str(error))


def _shares_directory(one: str, other: str, directories: list[str]) -> bool:
    return any(_is_in(one, directory) and _is_in(other, directory) for directory in directories)


def _is_in(path: str, directory: str) -> bool:
    return path.startswith(os.path.join(directory, ""))
