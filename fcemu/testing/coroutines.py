"""Methods that block, and their coroutines under ``.aio``: each is written once."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, Final, Generic, ParamSpec, Protocol, TypeVar

from fcemu.testing.access import Access
from fcemu.testing.waiting import loop_runs, run


class Handle(Protocol):
    """An emulator in the hand, or something of it."""

    @property
    def _access(self) -> Access: ...


H = TypeVar("H", bound=Handle)
P = ParamSpec("P")
T = TypeVar("T")


def blocking(method: Callable[Concatenate[H, P], Coroutine[Any, Any, T]]) -> Callable[Concatenate[H, P], T]:
    """The blocking form of a method that is written as a coroutine.

    It raises ``RuntimeError`` in a handler, which would wait for itself, and where an event loop runs, which it would
    block; the text names the coroutine.
    """

    @wraps(method)
    def blocks(handle: H, /, *args: P.args, **kwargs: P.kwargs) -> T:
        __tracebackhide__ = True
        handle._access.refuse_in_handler()
        if loop_runs():
            raise RuntimeError(
                "this call would block the event loop that runs here, and everything that a handler asks of that "
                f"loop; await its coroutine, {type(handle).__name__}.aio.{method.__name__}"
            )
        return run(method(handle, *args, **kwargs))

    return blocks


class Aio(Generic[H]):
    """``.aio`` of a handle: each method is the coroutine of the one with the same name, and raises the same.

    Cancelled, a coroutine stops the clock at the next due instant: what has happened until then stays.
    """

    def __init__(self, handle: H) -> None:
        self._handle: Final = handle


def coroutine_of(
    blocks: Callable[Concatenate[H, P], T],
) -> Callable[Concatenate[Aio[H], P], Coroutine[Any, Any, T]]:
    """The coroutine of a method that ``blocking`` has made. It raises ``RuntimeError`` in a handler."""
    method: Callable[Concatenate[H, P], Coroutine[Any, Any, T]] = vars(blocks)["__wrapped__"]

    @wraps(method)
    async def awaits(aio: Aio[H], /, *args: P.args, **kwargs: P.kwargs) -> T:
        __tracebackhide__ = True
        aio._handle._access.refuse_in_handler()
        return await method(aio._handle, *args, **kwargs)

    return awaits
