"""Other ways of moving the clock for a while: autojump and flowing."""

from collections.abc import Callable
from types import TracebackType
from typing import Final, Generic, TypeVar

from fcemu.core.option_kinds import Number
from fcemu.core.options import FASTEST
from fcemu.engine.emulator import Emulator
from fcemu.testing.access import Access
from fcemu.testing.waiting import loop_runs, reached

T = TypeVar("T")
_FLOWING: Final = Number(0, FASTEST, above=True)


class Mode(Generic[T]):
    """A ``with`` or ``async with`` block in which the clock moves by itself.

    At its end the clock stands still again and nothing is in flight; a plain ``with`` where an event loop runs does
    not wait for what is in flight, which may need the loop. ``reset()`` inside the block ends the mode.
    """

    def __init__(self, access: Access, target: T, begin: Callable[[Emulator], Callable[[], None]]) -> None:
        """``target`` is what the block gets. ``begin`` lets the clock move by itself, and returns what puts it back
        into the state that it had before."""
        self._access: Final = access
        self._target: Final = target
        self._begin: Final = begin
        self._engine: Emulator | None = None

    def __enter__(self) -> T:
        self._access.refuse_in_handler()
        engine = self._access.engine
        self._put_back = self._begin(engine)
        self._engine = engine
        return self._target

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        engine = self._ended()
        if engine is not None and not loop_runs():
            engine.wait(engine.stand_still())

    async def __aenter__(self) -> T:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        engine = self._ended()
        if engine is not None:
            await reached(engine, engine.stand_still())

    def _ended(self) -> Emulator | None:
        """The engine, if it is the one of the beginning and waiting for it makes sense."""
        engine = self._engine
        if engine is None or engine is not self._access.engine or self._access.closed:
            return None
        self._put_back()
        return None if engine.rate or engine.autojump else engine


def autojumping(engine: Emulator) -> Callable[[], None]:
    """Begins what ``LocalEmulator.autojump()`` lasts for."""
    before = engine.autojump
    engine.autojump = True

    def put_back() -> None:
        engine.autojump = before

    return put_back


def flowing(rate: float) -> Callable[[Emulator], Callable[[], None]]:
    """Begins what ``LocalEmulator.flowing(rate)`` lasts for. Raises ``ValueError``."""
    try:
        _FLOWING.check(rate)
    except ValueError as wrong:
        raise ValueError(f"flowing: rate: {wrong}; 1 is as fast as real time") from None

    def begin(engine: Emulator) -> Callable[[], None]:
        before = engine.rate
        engine.rate = float(rate)

        def put_back() -> None:
            engine.rate = before

        return put_back

    return begin
