"""The program of Python children: a Python that may be older or newer than the emulator's, and need not have fcemu.

It imports ``fcemu.handler``, and nothing else of fcemu, from where this file is, whatever is on the path; then it takes
these modules out of ``sys.modules``, so that a handler may have a module of its own by that name. With one argument, a
descriptor, it is a template, which must not have threads, so that forking is safe; with two, a port and the name of the
dial, an instance that was started by itself.
"""

import os
import sys
from functools import partial
from types import ModuleType

OLDEST = (3, 9)


def main() -> None:
    """Be the template, and in the forked processes an instance; or be one instance alone."""
    if sys.version_info < OLDEST:
        sys.exit(f"fcemu: {sys.executable} is Python {sys.version.split()[0]}; handlers need 3.9 or later")
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if entry != here]
    package = ModuleType("fcemu")
    package.__path__ = [os.path.dirname(os.path.dirname(here))]
    sys.modules["fcemu"] = package
    if len(sys.argv) > 2:
        from fcemu.handler.child import alone

        job = partial(alone.run, int(sys.argv[1]), sys.argv[2])
    else:
        from fcemu.handler.child import template

        job = partial(template.run, int(sys.argv[1]))
    for name in [name for name in sys.modules if name.partition(".")[0] == "fcemu"]:
        del sys.modules[name]
    job()


if __name__ == "__main__":
    main()
