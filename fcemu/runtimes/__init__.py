"""How a handler runs: runtime name -> factory, the whole table."""

from typing import TYPE_CHECKING

from fcemu.core.functions import PYTHON_RUNTIMES

if TYPE_CHECKING:
    from fcemu.runtimes.python_inline import PythonInline


def runtime_named(name: str) -> "type[PythonInline]":
    """What runs functions whose ``runtime`` is ``name``; raises ``ValueError`` for one that the emulator lacks.

    It is made with variables that handlers get besides FC's, e.g. where the emulator listens. Imported when asked for.
    """
    if name not in PYTHON_RUNTIMES:
        raise ValueError(f"runtime {name!r} is not supported yet; expected one of {', '.join(PYTHON_RUNTIMES)}")
    from fcemu.runtimes.python_inline import PythonInline

    return PythonInline
