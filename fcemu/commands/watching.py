"""``serve --watch``: code that is changed runs from the next attempt on; a definition that is edited is read again."""

import asyncio
import logging
import os
import re
from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from contextlib import asynccontextmanager
from glob import escape
from pathlib import Path
from typing import Any, Final, Protocol

from fcemu.core.functions import Function

LOG: Final = logging.getLogger("fcemu.watch")
_ENDING: Final = ".py"
_ADDED: Final = 1
"""``watchfiles.Change.added``."""
_OF_EDITORS: Final = re.compile(
    r"""4913                        # vim, which tries whether it may write
      | \#.*\# | \.\#.*             # Emacs
      | .*~ | .*\.sw.              # backups, vim
      | .*\.(?:tmp|temp|bak)(?:\W.*)?
      | .*___jb_\w+___            # JetBrains
      | \.goutputstream-.* | sed\w{6} | \.fuse_hidden.*
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Names of files that editors and tools write beside the one that is edited."""


class Reloads(Protocol):
    """What lets changed code and changed definitions run."""

    def functions(self) -> Collection[Function]:
        """All functions that there are now."""

    def code_changed(self, directories: Collection[str]) -> Collection[str]:
        """New instances for the next attempts of the functions whose code is there; returns their names."""

    def redefine(self) -> list[str]:
        """Use what the definitions say now; returns what is odd about that. Raises ``ValueError`` where they cannot be
        used."""


@asynccontextmanager
async def watching(reloads: Reloads, definitions: Iterable[Path] = ()) -> AsyncIterator[None]:
    """Watch the code directories of the functions that there are, and the files of the definitions, for as long as the
    ``async with`` lasts. Definitions that are edited may bring other directories."""
    watcher = _Watcher(reloads, frozenset(map(os.path.realpath, definitions)))
    if not await watcher.begin():
        LOG.warning("there is no code to watch: the emulator started without functions")
        yield
        return
    try:
        yield
    finally:
        await watcher.end()


class _Watcher:
    """The tasks that watch, and what begins them anew. All of it is on the event loop."""

    def __init__(self, reloads: Reloads, definitions: Collection[str]) -> None:
        self._reloads: Final = reloads
        self._definitions: Final = definitions
        self._directories: list[str] = []
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._beginning_anew: asyncio.Task[None] | None = None

    async def begin(self) -> bool:
        """Watch what there is now; whether there is anything."""
        from watchfiles import awatch

        self._directories = directories = _directories(self._reloads)
        files = self._definitions
        if not directories and not files:
            return False
        self._stop = stop = asyncio.Event()
        changes = [awatch(*directories, stop_event=stop)] if directories else []
        beside = {os.path.dirname(file) for file in files if not any(_is_in(file, each) for each in directories)}
        if beside:  # without what is below: that may be all that the user has
            changes.append(
                awatch(*beside, stop_event=stop, recursive=False, watch_filter=lambda _, path: path in files)
            )
        self._tasks = [asyncio.create_task(self._watch(each), name="fcemu-watch") for each in changes]
        await asyncio.sleep(0)  # each task comes to its first wait, and by then the system watches for it
        LOG.info("watching %s", ", ".join(directories) or ", ".join(sorted(files)))
        return True

    async def end(self) -> None:
        """Watch no more."""
        if self._beginning_anew is not None:
            await self._beginning_anew
        await self._end_tasks()

    async def _end_tasks(self) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)

    async def _begin_anew(self) -> None:
        await self._end_tasks()
        await self.begin()

    async def _watch(self, changes: Any) -> None:
        async for found in changes:
            paths = edited(found)
            if changed := [path for path in paths if path in self._definitions]:
                await self._definition_changed(changed)
            await self._code_changed([path for path in paths if path not in self._definitions])

    async def _definition_changed(self, paths: list[str]) -> None:
        """Use what the definitions say now, if that can be used; the last good one stays otherwise."""
        try:
            odd = await asyncio.to_thread(self._reloads.redefine)
        except ValueError as wrong:
            LOG.error("%s\nfcemu keeps the previous definition", wrong)
            return
        for each in odd:
            LOG.warning("%s", each)
        LOG.info("read again: %s", ", ".join(paths))
        if _directories(self._reloads) != self._directories:
            self._beginning_anew = asyncio.create_task(self._begin_anew(), name="fcemu-watch-anew")

    async def _code_changed(self, paths: list[str]) -> None:
        directories = self._directories
        for path, error in await asyncio.to_thread(list, broken(paths)):
            LOG.error("%s:%s: %s; fcemu keeps the previous code", path, error.lineno, error.msg)
            paths = [each for each in paths if not _shares_directory(each, path, directories)]
        touched = {directory for directory in directories for path in paths if _is_in(path, directory)}
        if touched:
            forget_compiled(paths)
            names = await asyncio.to_thread(self._reloads.code_changed, touched)
            shown = ", ".join(_shown(path, directories) for path in paths)
            LOG.info("changed: %s; new instances for %s", shown, ", ".join(names))


def _directories(reloads: Reloads) -> list[str]:
    return sorted({os.path.realpath(function.code) for function in reloads.functions() if function.code})


def edited(found: Collection[tuple[int, str]]) -> list[str]:
    """The files that were changed, each once, of the changes that were seen at one time: without what Python compiles,
    what editors write beside the file, and what came and has gone again."""
    gone = {path for change, path in found if change == _ADDED and not os.path.exists(path)}
    paths = {path for _, path in found} - gone
    return sorted(
        path for path in paths if "__pycache__" not in path and not _OF_EDITORS.fullmatch(os.path.basename(path))
    )


def _shown(path: str, directories: list[str]) -> str:
    """The path below the code directory that it is in."""
    return os.path.relpath(path, max((each for each in directories if _is_in(path, each)), key=len))


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
    from fcemu.runtimes.node import SCRIPTS, syntax_error_of

    for path in filter(os.path.isfile, paths):
        if path.endswith(SCRIPTS) and "node_modules" not in path and (wrong := syntax_error_of(path)) is not None:
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
