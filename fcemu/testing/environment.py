"""The environment variables of a function, which a test may change for itself."""

from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Final

from fcemu.core.names import FunctionRef
from fcemu.testing.access import Access


class Environment(MutableMapping[str, str]):
    """The variables that the definition gives to a function, as a mapping. A change holds for attempts that start from
    then on, in new instances, until the end of the test. Modules that inline instances share are not imported anew, so
    a variable that is read at import keeps its value (the option ``isolate``).
    """

    def __init__(self, access: Access, function: FunctionRef) -> None:
        self._access: Final = access
        self._function: Final = function

    def _there(self) -> Mapping[str, str]:
        return self._access.engine.function(self._function).environment

    def put(self, variables: Mapping[str, str]) -> None:
        """Let these be all variables of the function. Raises ``TypeError`` for what is no text."""
        for name, text in variables.items():
            if not isinstance(name, str) or not isinstance(text, str):
                raise TypeError(f"expected a name and a value that are strings, got {name!r}: {text!r}")
        before = dict(self._there())
        self._access.set_environment(self._function, before, variables)

    def __getitem__(self, name: str) -> str:
        return self._there()[name]

    def __setitem__(self, name: str, text: str) -> None:
        self.put({**self._there(), name: text})

    def __delitem__(self, name: str) -> None:
        there = dict(self._there())
        del there[name]
        self.put(there)

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._there()))

    def __len__(self) -> int:
        return len(self._there())

    def __repr__(self) -> str:
        return f"<environment of {self._function}: {dict(self._there())}>"


@contextmanager
def changed(environment: Environment, variables: Mapping[str, str]) -> Iterator[Environment]:
    """What ``Function.environ`` lasts for: its variables are set besides the others, and put back at the end."""
    before = dict(environment)
    environment.put({**before, **variables})
    try:
        yield environment
    finally:
        environment.put(before)
