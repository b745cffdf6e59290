"""``Files`` looks for the files that a definition names: code, layers, programs, handlers."""

import os
import shutil
from pathlib import Path
from typing import Final

from fcemu.config.archives import package_of, unpacked, unpacked_text
from fcemu.config.handlers import names_in, odd_handler, wrong_handler
from fcemu.config.node_handlers import wrong_node_handler
from fcemu.config.problems import Report, quoted
from fcemu.config.reading import Said
from fcemu.config.tree import Scalar
from fcemu.core.functions import DEFAULT_RUNTIME, HOOKS, PYTHON_RUNTIMES, Package
from fcemu.core.languages import NODE_RUNTIMES
from fcemu.core.names import FunctionRef

OSS: Final = "oss://"
"""How code begins that is not on this machine."""


PACKED: Final = (".zip", ".jar")
"""How the names of files end that hold code."""


class Files:
    """Looks for files, each once. Paths count from ``root``. ``thorough``: whether a handler's function must be in its
    file, too."""

    def __init__(self, report: Report, root: Path, *, thorough: bool) -> None:
        self._report = report
        self._thorough = thorough
        self._directories: dict[int, str | None] = {}
        self._from_zips: set[str] = set()
        self._looked: dict[tuple[str, str, str], list[str]] = {}
        self._root = root
        self.root = os.path.realpath(root)

    def directory(self, code: Said | None, whose: FunctionRef | None = None) -> str | None:
        """Where files are, absolute, links resolved; ``None`` after a problem. ``whose``: for messages."""
        if code is None:
            return self.root
        if id(code) not in self._directories:
            self._directories[id(code)] = self._look(code, f" of function {whose}" if whose else "")
        return self._directories[id(code)]

    def package(self, directory: str) -> Package | None:
        """The zip that a definition has in place of a directory, ``None`` where it has the directory itself."""
        return package_of(directory) if directory in self._from_zips else None

    def path(self, text: str) -> str:
        """A path of the definition, absolute, links resolved."""
        return os.path.realpath(self._root / text)

    def _look(self, code: Said, of: str) -> str | None:
        if "src" not in code:
            return self._unpacked(code)
        src = code.text("src")
        text, path = src.text, self.path(src.text)
        if text.startswith(OSS):
            self._report.add(src.place, f"the code{of} is only in OSS", "write a directory or a zip", key="code")
            return None
        if os.path.isdir(path):
            return path
        if os.path.isfile(path):
            if path.endswith(PACKED):
                return self._unpacked(code)
            message = f"expected a directory or a zip, got the file {quoted(text)}"
            self._report.add(src.place, message, key="code")
            return None
        beside, name = os.path.split(path)
        folders = [each for each in names_in(beside) if os.path.isdir(os.path.join(beside, each))]
        near = self._report.closest(name, folders)
        hints = [f"did you mean {os.path.join(os.path.dirname(text), near)!r}?"] if near else []
        message = f"there is no directory {quoted(text)}" + (f" for the code{of}" if of else "")
        self._report.add(src.place, message, *hints, key="code")
        return None

    def _unpacked(self, code: Said) -> str | None:
        scalar = code.text("src" if "src" in code else "zipFile")
        try:
            directory = unpacked_text(scalar.text) if "src" not in code else unpacked(self.path(scalar.text))
        except (OSError, ValueError) as wrong:
            self._report.add(scalar.place, f"{quoted(scalar.text)}: {wrong}", key="code")
            return None
        self._from_zips.add(directory)
        return directory

    def program(self, program: Scalar) -> str | None:
        """Where a program is: a path from here, or a name that is looked for as a shell does; ``None`` after a problem.

        Links are not resolved: by its place a Python knows its environment.
        """
        path = os.path.abspath(self._root / program.text) if os.sep in program.text else shutil.which(program.text)
        if path is not None and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
        inside = os.path.join(program.text, "bin", "python")
        hints = [f"did you mean {inside!r}?"] if os.path.isfile(self._root / inside) else []
        self._report.add(program.place, f"there is no program {quoted(program.text)}", *hints, key="python")
        return None

    def has_handlers(self, said: Said, directory: str, code: Said | None) -> bool:
        """Whether the files of all handlers are there, those of the hooks too, or need not be."""
        runtime = said.get("runtime", DEFAULT_RUNTIME)
        if runtime not in (*PYTHON_RUNTIMES, *NODE_RUNTIMES):
            return True
        good = True
        for each in (said, *(said[hook] for hook in HOOKS if hook in said)):
            if "handler" not in each and "handler" not in each.kept:
                continue
            scalar = each.text("handler")
            if found := self._wrong_handler(scalar.text, directory, code, runtime):
                message, *hints = found
                may_lack = code is not None and code.get("unchecked", False)
                say = self._report.warn if may_lack else self._report.add
                say(scalar.place, message, *hints, key="handler")
                good = good and may_lack
            elif self._thorough and runtime in PYTHON_RUNTIMES:
                odd = odd_handler(scalar.text, directory, _prefix(code), 2 if each is said else 1)
                if odd:
                    self._report.warn(scalar.place, *odd, key="handler")
        return good

    def _wrong_handler(self, handler: str, directory: str, code: Said | None, runtime: str) -> list[str]:
        key = (handler, directory, runtime)
        if key not in self._looked:
            self._looked[key] = wrong(handler, directory, runtime, _prefix(code), thorough=self._thorough)
        return self._looked[key]


def _prefix(code: Said | None) -> str:
    """How the user wrote the code directory, for messages."""
    return os.path.join(code["src"], "") if code and "src" in code else ""


def wrong(handler: str, directory: str, runtime: str, prefix: str = "", *, thorough: bool = False) -> list[str]:
    """Why no file belongs to a handler of a runtime: a message and hints; empty when all is well, and for runtimes that
    call no handler by its name."""
    if runtime in NODE_RUNTIMES:
        return wrong_node_handler(handler, directory, prefix, runtime)
    if runtime in PYTHON_RUNTIMES:
        return wrong_handler(handler, directory, prefix, thorough=thorough)
    return []
