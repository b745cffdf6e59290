"""The runtimes of FC that run their functions in a program of their own, by name."""

from collections.abc import Mapping
from typing import Final

RUNS_AS: Final[Mapping[str, str]] = {
    "python2.7": "python3",
    "python3.11": "python3.10",
    "python3.13": "python3.12",
    "python3.14": "python3.12",
    "nodejs4.4": "nodejs8",
    "nodejs6": "nodejs8",
    "nodejs22": "nodejs20",
    "nodejs24": "nodejs20",
}
"""Runtimes that FC does not offer any more, or not yet, and those as which their functions run here. ASSUMED: fcemu
gives FC's next versions of Python and Node.js the names that follow on those of today, and runs them as the newest of
today (runtimes §1)."""


def runs_as(runtime: str) -> str:
    """What is said of a function whose runtime runs as another; empty for any other."""
    other = RUNS_AS.get(runtime)
    language = "Python" if runtime.startswith("python") else "Node.js"
    return "" if other is None else f"runtime {runtime} runs here as {other} does, on the {language} that is installed"


NODE_RUNTIMES: Final = (
    *(runtime for runtime in RUNS_AS if runtime.startswith("node")),
    "nodejs8",
    "nodejs10",
    "nodejs12",
    "nodejs14",
    "nodejs16",
    "nodejs18",
    "nodejs20",
)
"""FC's Node.js runtimes (runtimes §3); all run on the Node.js of this machine."""
OLD_NODE: Final = ("nodejs4.4", "nodejs6")
"""Those whose process exits with an error that no handler catches. Source: an SDK's suite (wire-api §9), for
``nodejs6``. ASSUMED: fcemu lets a process of ``nodejs4.4`` exit with an error that no handler catches, as one of
``nodejs6`` does (runtimes §3.3)."""
CUSTOM_CONTAINER: Final = "custom-container"
CUSTOM_RUNTIMES: Final = ("custom", "custom.debian10", "custom.debian11", "custom.debian12", CUSTOM_CONTAINER)
"""A start command that serves HTTP (runtimes §4). Of a container the command alone is run, on this machine."""


def is_modern_node(runtime: str) -> bool:
    """Whether the value of an async handler counts, and ``.mjs`` files are taken (runtimes §3.1)."""
    name = RUNS_AS.get(runtime, runtime)
    return name in NODE_RUNTIMES and int(name.removeprefix("nodejs")) >= 18
