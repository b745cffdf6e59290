"""How the program of a custom runtime is started, where it listens, and how one knows that it does."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fcemu.core.functions import Function
from fcemu.core.languages import CUSTOM_CONTAINER
from fcemu.core.values import dataclass

DEFAULT_PORT: Final = 9000
"""Where a program listens, if nothing else is said. Source: runtimes §4.1."""
DEFAULT_COMMAND: Final = ("./bootstrap",)
"""How it is started, if nothing else is said. Source: runtimes §4.1."""
RUNTIME_KEY: Final = "customRuntimeConfig"
CONTAINER_KEY: Final = "customContainerConfig"


@dataclass(frozen=True, slots=True)
class Start:
    """``command`` is empty for a container that has none: images are not run. ``health``: the path that is asked until
    it answers well, ``""`` where a connection is enough."""

    command: tuple[str, ...]
    port: int
    health: str = ""


def config_key(runtime: str) -> str:
    """FC's name for the settings of such a program."""
    return CONTAINER_KEY if runtime == CUSTOM_CONTAINER else RUNTIME_KEY


def config_of(runtime: str, command: Sequence[str], port: int | None) -> dict[str, Any]:
    """These settings as FC writes them, what is not said left out."""
    said: dict[str, Any] = {"command": list(command)} if command else {}
    if port is not None:
        said["port"] = port
    return {config_key(runtime): said} if said else {}


def start_of(function: Function) -> Start:
    """What the settings of a function come to, in whatever version of the API or file they were written.

    What does not have the form that FC documents counts as not said.
    """
    is_container = function.runtime == CUSTOM_CONTAINER
    config = function.kept.get(config_key(function.runtime))
    config = config if isinstance(config, Mapping) else {}
    command = (*_words(config.get("entrypoint")), *_words(config.get("command")), *_words(config.get("args")))
    if not command and not is_container:
        command = DEFAULT_COMMAND
    ports = (config.get("port"), function.kept.get("caPort"), DEFAULT_PORT)
    port = next(each for each in ports if isinstance(each, int) and each)
    health = config.get("healthCheckConfig")
    path = health.get("httpGetUrl") if isinstance(health, Mapping) else None
    return Start(command, port, path if isinstance(path, str) else "")


def _words(given: Any) -> tuple[str, ...]:
    """A command as a list; 2016-08-15 and 2021-04-06 write it as JSON text for containers."""
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            given = [given] if given else []
    return tuple(map(str, given)) if isinstance(given, list | tuple) else ()
