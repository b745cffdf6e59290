"""This module finds the file of a Node.js handler; it never runs the file."""

import os
from typing import Final

from fcemu.config.problems import closest, quoted
from fcemu.core.languages import is_modern_node

_LISTED: Final = 5


def wrong_node_handler(handler: str, directory: str, prefix: str, runtime: str) -> list[str]:
    """Why no file belongs to a handler: a message and hints; empty when all is well.

    The rule is that of runtimes §3.1: what is before the last dot is a file below the code directory, without its
    ending. ``prefix``: how the user wrote ``directory``, for messages.
    """
    module, _, function = handler.rpartition(".")
    folder, _, name = module.rpartition("/")
    if handler.startswith("/") or ".." in handler.split("/"):
        return [f"expected a path inside the code directory, got {quoted(handler)}"]
    if not function or not name or "/" in function:
        return [
            f"expected file.function, got {quoted(handler)}",
            "such as index.handler for exports.handler in index.js",
        ]
    files = [f"{module}{ending}" for ending in (".js", ".mjs", ".cjs")]
    found = next((file for file in files if os.path.isfile(os.path.join(directory, file))), None)
    if found is None:
        looked = " and ".join(f"{prefix}{file}" for file in files[:2])
        return [
            f"there is no file for {quoted(handler)}: fcemu looked for {looked}",
            *_close_by(handler, name, os.path.join(directory, folder)),
        ]
    if found.endswith(".mjs") and not is_modern_node(runtime):
        return [f"{prefix}{found} is an ES module, which {runtime} does not support", "choose nodejs18 or later"]
    real = os.path.realpath(os.path.join(directory, found))
    if os.path.commonpath([directory, real]) != directory:
        return [
            f"there is no file for {quoted(handler)}: {prefix}{found} is a link that leads out of the code directory"
        ]
    return []


def _close_by(handler: str, name: str, folder: str) -> list[str]:
    try:
        there = sorted(os.listdir(folder))
    except OSError:
        return ["there is no such directory"]
    files = [each for each in there if each.endswith((".js", ".mjs", ".cjs"))]
    near = closest(name, [each.rpartition(".")[0] for each in files])
    module, _, function = handler.rpartition(".")
    guess = [f"did you mean '{module.removesuffix(name)}{near}.{function}'?"] if near else []
    more = ", …" if len(files) > _LISTED else ""
    listed = ", ".join(files[:_LISTED])
    return [*guess, f"the directory has {listed}{more}" if files else "there are no JavaScript files"]
