"""``serve --debug``: whose instances wait for a debugger, checked before anything starts."""

import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from fcemu.config import Definition
from fcemu.core.functions import PYTHON_RUNTIMES, Function
from fcemu.core.languages import NODE_RUNTIMES
from fcemu.core.wording import did_you_mean

if TYPE_CHECKING:
    from fcemu.runtimes.debugging import Debugging

PYTHON_PORT: Final = 5678
"""Where debugpy's clients look first, by their own documentation."""
NODE_PORT: Final = 9229
"""Where clients of Node's inspector look first, by its own documentation."""
_FINDS_DEBUGPY: Final = "import sys; from importlib.util import find_spec; sys.exit(find_spec('debugpy') is None)"


def debugging_of(definition: Definition, name: str, port: int | None, *, process: bool, python: str) -> "Debugging":
    """How the function ``name`` is debugged; ``process`` and ``python`` as of ``Plan``. Raises ``ValueError``."""
    from fcemu.runtimes.debugging import Debugging

    function = _function_named(definition, name)
    if function.ref in definition.stubs:
        raise ValueError(f"--debug: {name} is a stub, which runs no code; remove it from the definition's 'stubs'")
    if function.runtime in PYTHON_RUNTIMES:
        if not process:
            text = "python -m debugpy --listen 5678 --wait-for-client -m fcemu serve --runtime inline …"
            raise ValueError(
                f"--debug works for handlers in processes of their own; with --runtime inline, run '{text}'"
            )
        _demand_debugpy(function, function.python or python or sys.executable)
        port = PYTHON_PORT if port is None else port
    elif function.runtime in NODE_RUNTIMES:
        port = NODE_PORT if port is None else port
    else:
        raise ValueError(
            f"--debug: {name} is a program of its own ({function.runtime}); let its command start it under a debugger, "
            "such as [python, -m, debugpy, --listen, '5678', app.py], and raise its timeout"
        )
    _demand_free(port)
    return Debugging(function.ref, port)


def _function_named(definition: Definition, name: str) -> Function:
    functions = {str(function.ref): function for function in definition.functions}
    if name not in functions:
        known = did_you_mean(name, functions) or f"the definition has {', '.join(functions) or 'none'}"
        raise ValueError(f"--debug: there is no function {name!r}; {known}")
    return functions[name]


def _demand_debugpy(function: Function, python: str) -> None:
    try:
        missing = subprocess.run([python, "-c", _FINDS_DEBUGPY], check=False, stderr=subprocess.DEVNULL).returncode
    except OSError as error:
        raise ValueError(f"--debug: {function.ref} cannot run on {python}: {error.strerror}") from None
    if missing:
        raise ValueError(
            f"--debug: {function.ref} runs on {python}, which has no debugpy; run '{python} -m pip install debugpy' "
            "(or install fcemu[debug], where that is fcemu's own Python)"
        )


def _demand_free(port: int) -> None:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError as refused:
            raise ValueError(
                f"--debug: port {port} of 127.0.0.1 is not available ({refused.strerror}); choose another --debug-port"
            ) from None
