"""How a handler runs: runtime name -> factory, the whole table."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fcemu.runtimes.python_inline import PythonInline

PYTHON: Final = ("python3", "python3.6", "python3.9", "python3.10", "python3.12")
"""FC's Python 3 runtimes; all run on the Python of this process."""


def runtime_named(name: str) -> "type[PythonInline]":
    """What runs functions whose ``runtime`` is ``name``; raises ``ValueError`` for one that the emulator lacks.

    It is made with variables that handlers get besides FC's, e.g. where the emulator listens. Imported when asked for.
    """
    if name not in PYTHON:
        raise ValueError(f"runtime {name!r} is not supported yet; expected one of {', '.join(PYTHON)}")
    from fcemu.runtimes.python_inline import PythonInline

    return PythonInline
