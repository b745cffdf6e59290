"""The handle of a stub: steps that a test puts in place of a function's code."""

from collections.abc import Callable

from fcemu.core.names import FunctionRef
from fcemu.core.stubs import StubCall
from fcemu.engine.ports import StandIn
from fcemu.testing.access import Access


class Stub:
    """Steps that run instead of a function's code until they are removed; a context manager removes them at its end.

    A later stub of the same function covers an earlier one.
    """

    def __init__(self, function: FunctionRef, stand_in: StandIn, remove: Callable[[], None]) -> None:
        self._function = function
        self._stand_in = stand_in
        self._remove = remove

    @classmethod
    def place(cls, access: Access, function: FunctionRef, steps: tuple[object, ...]) -> "Stub":
        """Let ``steps`` run the attempts of ``function`` that start from now on. Raises ``FCError``, ``ValueError``."""
        setup, stand_in = access.engine.setup, access.stub(steps)
        setup.stub(function, stand_in)
        return cls(function, stand_in, lambda: setup.unstub(function, stand_in))

    @property
    def calls(self) -> list[StubCall]:
        """The attempts that ran its steps, in the order in which they started; refused ones did not. A new list each
        time."""
        return list(self._stand_in.calls)

    def remove(self) -> None:
        """Let the function's own code, or the stub before, run what starts from now on; ``calls`` stay."""
        self._remove()

    def __enter__(self) -> "Stub":
        return self

    def __exit__(self, *raised: object) -> None:
        self.remove()

    def __repr__(self) -> str:
        return f"<Stub of {self._function}, {len(self._stand_in.calls)} calls>"
