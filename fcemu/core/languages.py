"""The runtimes of FC that run their functions in a program of their own, by name."""

from typing import Final

NODE_RUNTIMES: Final = (
    "nodejs6",
    "nodejs8",
    "nodejs10",
    "nodejs12",
    "nodejs14",
    "nodejs16",
    "nodejs18",
    "nodejs20",
)
"""FC's Node.js runtimes (runtimes §3); all run on the Node.js of this machine."""
CUSTOM_CONTAINER: Final = "custom-container"
CUSTOM_RUNTIMES: Final = ("custom", "custom.debian10", "custom.debian11", "custom.debian12", CUSTOM_CONTAINER)
"""A start command that serves HTTP (runtimes §4). Of a container the command alone is run, on this machine."""


def is_modern_node(runtime: str) -> bool:
    """Whether the value of an async handler counts, and ``.mjs`` files are taken (runtimes §3.1)."""
    return runtime in NODE_RUNTIMES and int(runtime.removeprefix("nodejs")) >= 18
