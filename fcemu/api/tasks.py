"""Task mode on the wire: its headers, its records, and the handlers that get, list and stop tasks."""

from dataclasses import dataclass
from typing import Final

from multidict import CIMultiDictProxy, istr

from fcemu.core.errors import InvalidArgument


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskWords:
    """How one API version writes the id of a task, and its switch for one request, ``None`` where it has none."""

    id_header: istr
    enable_header: istr | None = None

    def read(self, headers: CIMultiDictProxy[str]) -> tuple[str, bool]:
        """The id that an asynchronous request gives, and whether it asks for task mode. Raises ``InvalidArgument``.

        ASSUMED: where the function is not in task mode the id is not looked at, so that it may be anything.
        ASSUMED: ``false`` is the same as no switch: it does not make a task of a function in task mode a plain one.
        """
        switch = headers.get(self.enable_header, "").strip() if self.enable_header else ""
        if switch.lower() not in ("", "true", "false"):
            raise InvalidArgument.choice("StatefulAsyncInvocationEnable", "true | false", switch)
        return headers.get(self.id_header, "").strip(), switch.lower() == "true"


_FC2: Final = TaskWords(id_header=istr("X-Fc-Stateful-Async-Invocation-Id"))
TASK_WORDS: Final = {
    "2016-08-15": _FC2,
    "2021-04-06": TaskWords(id_header=_FC2.id_header, enable_header=istr("X-Fc-Stateful-Async-Invocation-Enable")),
    "2023-03-30": TaskWords(id_header=istr("X-Fc-Async-Task-Id")),
}
"""By API version. Source: async-invocation §1.2."""
