"""The program of Python children: a Python that may be older or newer than the emulator's, and need not have fcemu.

It imports ``fcemu.handler``, and nothing else of fcemu, from where this file is, whatever is on the path; then it takes
these modules out of ``sys.modules``, so that a handler may have a module of its own by that name. It must not have
threads, so that forking is safe.
"""

import os
import sys
from types import ModuleType

OLDEST = (3, 9)


def main() -> None:
    """Be the template, and in the forked processes an instance."""
    if sys.version_info < OLDEST:
        sys.exit(f"fcemu: {sys.executable} is Python {sys.version.split()[0]}; handlers need 3.9 or later")
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if entry != here]
    package = ModuleType("fcemu")
    package.__path__ = [os.path.dirname(os.path.dirname(here))]
    sys.modules["fcemu"] = package
    from fcemu.handler.child import template

    for name in [name for name in sys.modules if name.partition(".")[0] == "fcemu"]:
        del sys.modules[name]
    template.run(int(sys.argv[1]))


if __name__ == "__main__":
    main()
