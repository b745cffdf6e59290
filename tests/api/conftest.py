"""Fixtures of the API's tests."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from api.harness import Served
from api.plane import Plane
from fakes import make


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """``serve(**handlers)`` or ``serve(emulator)``: a server that is closed after the test."""
    opened: list[Served] = []

    def _serve(emulator: Any = None, server: dict[str, Any] | None = None, **options: Any) -> Served:
        served = Served(emulator or make(**options)[0], **(server or {}))
        opened.append(served)
        return served

    yield _serve
    for served in opened:
        served.close()


def echo(call: Any) -> bytes:
    return bytes(call.payload)


@pytest.fixture
def served(serve: Callable[..., Served]) -> Served:
    """A server with ``echo`` and ``media/echo`` on a paused clock."""
    return serve(echo=echo, media__echo=echo)


@pytest.fixture
def open_plane() -> Iterator[Callable[..., Plane]]:
    """``open_plane(version, settings)``: an empty control plane that is closed after the test."""
    opened: list[Plane] = []

    def _open(*of: Any) -> Plane:
        opened.append(Plane(*of))
        return opened[-1]

    yield _open
    for plane in opened:
        plane.close()


@pytest.fixture
def plane(open_plane: Callable[..., Plane], version: str) -> Plane:
    """One with the function ``resize``, asked in the words of ``version``."""
    plane = open_plane(version)
    plane.make()
    return plane
