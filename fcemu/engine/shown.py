"""How files of this machine are shown to people: relative to the directory in which they work."""

import os
from typing import Final


class _Base:
    """The directory of this process to which shown paths are relative; ``None``: they are shown as absolute paths."""

    directory: str | None = None
    asked: str | os.PathLike[str] | None = None
    """The same as the caller named it, links included."""


_BASE: Final = _Base()


def relative_to(directory: str | os.PathLike[str] | None) -> None:
    """Show files below ``directory`` relative to it from now on: pytest's rootdir, or where ``serve`` was started."""
    if directory is not _BASE.asked:  # the plugin of pytest says it for each test
        _BASE.asked = directory
        _BASE.directory = None if directory is None else os.path.realpath(directory)


def shown(file: str) -> str:
    """The path of ``file`` as people see it; it never stands in a journal."""
    base = _BASE.directory
    if base is None or not os.path.isabs(file):
        return file
    real = os.path.realpath(file)
    return real[len(base) + 1 :].replace(os.sep, "/") if real.startswith(base + os.sep) else file
