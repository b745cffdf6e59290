"""FakeRuntime: handlers are plain functions of (call); no time functions are patched, no code is loaded."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from fcemu.core import outcome as outcomes
from fcemu.core.catalog import Catalog
from fcemu.core.functions import AsyncSettings, Function
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import FunctionError, Halted, Refusal, Returned
from fcemu.core.settings import Settings
from fcemu.engine.chance import Chance
from fcemu.engine.crew import Crew
from fcemu.engine.emulator import Asked, Emulator
from fcemu.engine.ports import Abandoned, Call, Finish, Post, Store

Handler = Callable[[Call], Any]
CREW = Crew("fcemu-test")


class FakeInstance:
    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.stopped = False
        self.has_debugger = False

    def run(self, call: Call) -> Finish:
        try:
            with call.user_code:
                value = self._handler(call)
        except Abandoned:
            return Finish(Halted("abandoned"), broken=True)
        except SystemExit:
            return Finish(call.clock.exited(), broken=True)
        except Exception as error:
            document = outcomes.error_document(str(error))
            return Finish(FunctionError(outcomes.UNHANDLED, document, type(error).__name__), exception=error)
        if isinstance(value, Returned):
            return Finish(value, "".join(call.output))
        return Finish(Returned(value if isinstance(value, bytes) else str(value).encode()), "".join(call.output))

    def begin(self, call: Call, soon: Callable[[], object], long: Callable[[], object]) -> bool:
        """It waits for its handlers itself."""
        return False

    def initialize(self, call: Call) -> Finish:
        return self.run(call)

    def pre_stop(self, call: Call) -> Finish:
        return self.run(call)

    def stop(self) -> None:
        self.stopped = True

    def answers_beside(self) -> bool:
        return False

    def line(self) -> None:
        pass

    def held_up(self) -> bool:
        return False

    def debugged(self) -> bool:
        return self.has_debugger

    def interrupt(self) -> bool:
        return False


class FakeRuntime:
    def __init__(self, handlers: dict[str, Handler]) -> None:
        self.handlers = handlers
        self.started: list[FakeInstance] = []
        self.refusals: list[Refusal] = []

    def start(self, function: Function, instance_id: str) -> FakeInstance | Refusal:
        if self.refusals:
            return self.refusals.pop(0)
        instance = FakeInstance(self.handlers[str(function.ref)])
        self.started.append(instance)
        return instance

    def close(self) -> None:
        pass


def s(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def make(
    asynchronous: dict[str, AsyncSettings] | None = None,
    settings: Settings | None = None,
    timeout: float = 60,
    chance: Chance | None = None,
    store: Store | None = None,
    post: Post = lambda url, body, headers: None,
    **handlers: Handler,
) -> tuple[Emulator, FakeRuntime]:
    """An emulator whose functions are named like the keywords; ``__`` stands for the slash of a 2.0 name."""
    named = {name.replace("__", "/"): handler for name, handler in handlers.items()}
    catalog = Catalog()
    for name in named:
        ref = FunctionRef.parse(name)
        catalog.add(Function(ref=ref, handler="index.handler", code="/nowhere", timeout=s(timeout)))
        if asynchronous and name in asynchronous:
            catalog.set_async(ref, asynchronous[name])
    runtime = FakeRuntime(named)
    settings = settings or Settings()
    emulator = Emulator(
        settings=settings,
        catalog=catalog,
        runtimes=lambda _: runtime,
        chance=chance or Chance(settings.seed),
        crew=CREW,
        post=post,
        store=store,
    )
    return emulator, runtime


def ask(name: str, payload: bytes = b"", delay: float = 0, **more: Any) -> Asked:
    return Asked(FunctionRef.parse(name), payload, delay=s(delay), **more)
