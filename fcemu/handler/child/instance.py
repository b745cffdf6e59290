"""Runs the attempts of one function, one after the other, in a process of their own."""

from __future__ import annotations

import _thread
import faulthandler
import importlib
import io
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import Context, ContextVar
from datetime import timedelta
from types import ModuleType
from typing import Any, Final, NamedTuple

from fcemu.handler.calling import NotInitialized, call_handler, failure_of, initialize, pre_freeze, pre_stop
from fcemu.handler.child.channel import Channel, to_json
from fcemu.handler.child.debugger import wait_for_debugger
from fcemu.handler.child.dial import Dial
from fcemu.handler.child.keys import TABLE, Keys
from fcemu.handler.child.parking import HERE, Parking, Strand
from fcemu.handler.clock import Abandoned
from fcemu.handler.documents import library_here
from fcemu.handler.loading import PRELOADED, LoadFailed
from fcemu.handler.logs import Format
from fcemu.handler.system import DUMPS, LIMITS, PROC
from fcemu.handler.time.locks import forget_holders
from fcemu.handler.time.switch import CLOCK
from fcemu.handler.time.uuids import SOURCE, Source
from fcemu.handler.time.zones import ZONE, zone_named
from fcemu.handler.wsgi import Answer

if LIMITS:
    import resource

_WRITE_LIMIT_BYTES: Final = 128 * 1024
_MB: Final = 1024 * 1024
_ROOM_MB: Final = 512
"""Address space beyond ``memorySize``: stacks of threads and what libraries reserve but never touch."""
_STACK_MB: Final = 8
"""What a thread's stack has where nothing says more."""
_STARTS: Final = ("_start_new_thread", "_start_joinable_thread")
"""What starts a thread for ``threading``, up to Python 3.12 and from 3.13 on."""
_STATUS: Final = 1
_Frame = tuple[bytes, bytes]
"""What a frame begins with, and its body."""
OUT_OF_MEMORY: Final[_Frame] = (b'{"kind": "out of memory"}', b"")
_MARK: Final = "FCEMU_INSTANCE"
"""Marks what this process starts, where it was started by itself (``runtimes/child/guardian.py``)."""
_LINES_TOLD: Final = 32

_TZ: Final = os.fsencode("TZ") if hasattr(os, "environb") else "TZ"
_ABANDONED: Final = b'{"kind": "abandoned"}'
_RETURNED: Final = b'{"kind": "returned", "http": null}'


def prepare() -> None:
    """Import what nearly every handler needs; in the template, once."""
    for name in sorted(PRELOADED):
        importlib.import_module(name)


def run(channel: Channel, dial: Dial) -> None:
    """Be an instance until the emulator goes or kills it. Its stdout and stderr are what they are to be."""
    spec, _ = channel.receive()
    parking = Parking(channel, dial, spec["io_grace"])
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: _be_outside(channel))
    SOURCE.ask(_source)
    instance, most = _Instance(spec, parking), spec["result_bytes"] + 1
    channel.send({"kind": "started", "pid": os.getpid(), "lookout": _look_out(), "library": library_here()})
    while True:
        header, payload = channel.receive()
        if header["kind"] == "invoke":  # else a wake-up that came too late
            head, body = instance.attempt(header, payload)
            channel.send_frame(head, body[:most])


def _look_out() -> tuple[int, int] | None:
    """Let this process write where its threads are whenever a signal comes, whatever it does just then. Returns the
    signal, and the descriptor to which it writes; ``None`` where the system cannot do that."""
    if not DUMPS:
        return None
    import fcntl

    number = signal.SIGRTMAX - 3  # no handler's: programs use the first ones, if any
    lines = os.memfd_create("fcemu-lines")
    fcntl.fcntl(lines, fcntl.F_SETFL, os.O_APPEND)
    faulthandler.register(number, lines)
    return number, lines


def _be_outside(channel: Channel) -> None:
    """A process that a handler forks is no part of the instance: its time is real."""
    channel.close()
    HERE.clear()
    CLOCK.set(None)


# What the emulator tells of a function and its attempts, as the protocols of ``handler/call.py``.


class _Ref(NamedTuple):
    name: str
    service: str | None


class _Layer(NamedTuple):
    directory: str


class _Function(NamedTuple):
    ref: _Ref
    handler: str
    runtime: str
    code: str
    layers: tuple[_Layer, ...]
    memory_mb: int
    timeout: timedelta
    initializer: str
    initialization_timeout: timedelta
    pre_freeze: str
    pre_freeze_timeout: timedelta
    pre_stop: str
    pre_stop_timeout: timedelta


class _Account(NamedTuple):
    id: str
    region: str


class _Request(NamedTuple):
    method: str
    path: str
    target: str
    client_ip: str
    uri: str
    headers: list[tuple[str, str]]

    def passed_on(self) -> list[tuple[str, str]]:
        return self.headers


class _Told(NamedTuple):
    """What is the same in all attempts of an instance."""

    function: _Function
    account: _Account
    qualifier: str
    version: str


class _Call:
    """One attempt. ``told``: of its instance. ``header``: of the frame that began it."""

    def __init__(self, told: _Told, header: dict[str, Any], payload: bytes, clock: Strand) -> None:
        self.function, self.account, self.qualifier, self.version = told
        self.request_id: Final[str] = header["request_id"]
        self.attempt: Final[int] = header["attempt"]
        self.retry_count: Final[int] = header["retry_count"]
        self.credentials: Final[list[str]] = header["credentials"]
        self.hook: Final[str] = header.get("hook", "")
        self.http: Final = _Request(**header["http"]) if "http" in header else None
        self.payload: Final = payload
        self.clock: Final = clock
        self._source: Source | None = None

    def source(self) -> Source:
        """Where its ``uuid1`` come from."""
        if self._source is None:
            self._source = Source(self.request_id, self.attempt)
        return self._source


_CALL: Final[ContextVar[_Call | None]] = ContextVar("fcemu_call", default=None)
"""The attempt that runs in a context."""


def _source() -> Source | None:
    call = _CALL.get()
    return None if call is None else call.source()


def _function_of(told: dict[str, Any]) -> _Function:
    given = dict(told)
    given["ref"] = _Ref(given.pop("name"), given.pop("service"))
    for each in ("timeout", "initialization_timeout", "pre_freeze_timeout", "pre_stop_timeout"):
        given[each] = timedelta(seconds=given[each])
    return _Function(layers=(), **given)


class _Modules:
    """Implements ``Modules``: those of the process itself."""

    def __init__(self, directory: str) -> None:
        self.directory: Final = directory
        self._by_path: Final[dict[str, ModuleType]] = {}

    def ready(self, path: str) -> ModuleType | None:
        return self._by_path.get(path)

    def handler_module(self, path: str) -> ModuleType:
        directory, slash, name = path.rpartition("/")
        module = (
            _in_directory(os.path.join(self.directory, directory), name) if slash else importlib.import_module(name)
        )
        self._by_path[path] = module
        return module


def _in_directory(directory: str, name: str) -> ModuleType:
    """A module of a directory that is not on ``sys.path`` (runtimes §1.1)."""
    if name in sys.modules:
        return sys.modules[name]
    sys.path.insert(0, directory)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(directory)


class _Instance:
    def __init__(self, spec: dict[str, Any], parking: Parking) -> None:
        self._parking: Final = parking
        self._request_id = ""
        self._memory_mb: Final = spec["function"]["memory_mb"]
        self._keys: Final = Keys(spec["keys"])
        self._zone: str | bytes | None = None
        """``TZ`` when it was looked at last."""
        self._debug_port: int | None = spec["debug_port"]
        self._limits_memory: Final = self._debug_port is None  # a debugger needs some of its own
        self._initialized = not spec["function"]["initializer"]
        self._function: Final = _function_of(spec["function"])
        self._told: Final = _Told(self._function, _Account(**spec["account"]), spec["qualifier"], spec["version"])
        self._modules: Final = _Modules(self._function.code)
        self._set_up_process(spec)

    def _set_up_process(self, spec: dict[str, Any]) -> None:
        code = self._function.code
        mark = os.environ.get(_MARK)
        os.environ.clear()
        os.environ.update(spec["environment"])
        if mark is not None:
            os.environ[_MARK] = mark
        if hasattr(time, "tzset"):
            time.tzset()
        _let_code_replace_modules(code)
        sys.argv[:] = [""]
        more = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        sys.path[:0] = [code, *_of_layers(spec["layers"]), *(entry for entry in more if entry)]
        os.chdir(code)
        self._streams = (_stream(1), _stream(2))
        sys.stdout, sys.stderr = self._streams
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 (for as long as the process lives)
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(Format(lambda: self._request_id))
        logging.root.addHandler(handler)
        logging.root.setLevel(logging.INFO)
        if self._limits_memory:
            _limit_memory(self._memory_mb)

    def attempt(self, header: dict[str, Any], payload: bytes) -> _Frame:
        """Run one attempt; the frame that says what it came to."""
        if self._debug_port is not None:
            wait_for_debugger(self._debug_port, self._parking.channel)
            self._debug_port = None
        self._request_id = header["request_id"]
        strand = self._parking.begin()
        try:
            self._keys.renew(header["credentials"])
            return Context().run(self._run, _Call(self._told, header, payload, strand))
        finally:
            self._parking.finish(strand)
            forget_holders(HERE)
            if (sys.stdout, sys.stderr) != self._streams:
                self._flush()

    def _run(self, call: _Call) -> _Frame:
        CLOCK.set(call.clock)
        _CALL.set(call)
        zone = TABLE.get(_TZ)
        if zone != self._zone:
            self._zone = zone
            ZONE.fall_back_on(zone_named(zone and os.fsdecode(zone)))  # all code in this process is the handler's
        try:
            frame = self._called(call)
        except NotInitialized as failed:
            if isinstance(failed.__cause__, MemoryError):
                return OUT_OF_MEMORY
            return _json({"kind": "not initialized", "name": failed.name}), failed.document
        except Abandoned:
            return _ABANDONED, b""
        except BaseException as ended:  # SystemExit and its like end the process in FC: its parent does that
            self._flush()
            return _json({"kind": "exits", "lines": _lines_of(ended)}), b""
        if self._limits_memory and _most_kb() > self._memory_mb * 1024:
            return OUT_OF_MEMORY
        return frame

    def _called(self, call: _Call) -> _Frame:
        if not self._initialized:
            initialize(self._modules, call, _write)
            self._initialized = True
        if call.hook:
            if call.hook == "pre_stop":
                pre_stop(self._modules, call, _write)
            return _RETURNED, b""
        try:
            body, answer = call_handler(self._modules, call)
            frame = _RETURNED if answer is None else _returned(answer), body
        except Exception as error:
            if isinstance(error.__cause__ if isinstance(error, LoadFailed) else error, MemoryError):
                return OUT_OF_MEMORY
            name, document = failure_of(error, call)
            # The document of code that cannot be loaded does not say where.
            lines = _lines_of(error.__cause__) if isinstance(error, LoadFailed) else []
            frame = _json({"kind": "failed", "name": name, "lines": lines}), document
        if self._function.pre_freeze:
            pre_freeze(self._modules, call, _write)
        return frame

    def _flush(self) -> None:
        """The handler may have put other streams there, and closed them; ours keep nothing back."""
        for stream in (sys.stdout, sys.stderr):
            if stream not in self._streams:
                with suppress(Exception):
                    stream.flush()


def _returned(answer: Answer) -> bytes:
    return _json({"kind": "returned", "http": [answer.status, answer.headers]})


def _json(header: dict[str, Any]) -> bytes:
    return to_json(header).encode()


def _lines_of(error: BaseException | None) -> list[str]:
    """The lines that an exception has come through, as ``file:line in function``, the outermost first."""
    lines: list[str] = []
    trace = None if error is None else error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        lines.append(f"{code.co_filename}:{trace.tb_lineno} in {code.co_name}")
        trace = trace.tb_next
    return lines[-_LINES_TOLD:]


def _write(text: str) -> None:
    os.write(1, text.encode())


def _of_layers(directories: list[str]) -> Iterator[str]:
    """Where modules of layers are; in FC these are below ``/opt``, where the first layer wins (runtimes §1.7)."""
    packages = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    for directory in directories:
        yield os.path.join(directory, "python", packages)
    for directory in directories:
        yield os.path.join(directory, "python")


def _let_code_replace_modules(code: str) -> None:
    """A file of the code directory replaces a standard module unless FC's runtime has loaded that before."""
    own = {entry.partition(".")[0] for entry in os.listdir(code)} - PRELOADED
    for name in list(sys.modules):
        if name.partition(".")[0] in own and name != "__main__":
            del sys.modules[name]


def _limit_memory(memory_mb: int) -> None:
    """A single large request fails at once; the rest is for who watches this process's resident memory. Each thread
    raises the limit by its stack, which counts in full although it is hardly touched."""
    if LIMITS and PROC:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[5])
        limit = pages * resource.getpagesize() + (memory_mb + _ROOM_MB) * _MB
        _limit_data(limit)
        for name in _STARTS:
            start = getattr(threading, name, None)
            if start is not None:
                setattr(threading, name, _with_room(start, limit))


def _with_room(start: Callable[..., Any], limit: int) -> Callable[..., Any]:
    def start_with_room(*args: Any, **kwargs: Any) -> Any:
        _limit_data(limit + (_thread._count() + 1) * (_stack_bytes() + _MB))
        return start(*args, **kwargs)

    return start_with_room


def _stack_bytes() -> int:
    size = threading.stack_size()
    if LIMITS and not size:
        size = resource.getrlimit(resource.RLIMIT_STACK)[0]
        size = 0 if size == resource.RLIM_INFINITY else size
    return size or _STACK_MB * _MB


def _limit_data(limit: int) -> None:
    if LIMITS:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        if hard == resource.RLIM_INFINITY or limit <= hard:
            resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def _most_kb() -> int:
    """The most resident memory that this process ever had; 0 where the system does not tell in KB."""
    if LIMITS and PROC:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return 0


class _Raw(io.RawIOBase):
    """A standard stream without a buffer; one write is cut at 128 KB (runtimes §1.8)."""

    def __init__(self, fd: int) -> None:
        self._fd: Final = fd

    def fileno(self) -> int:
        return self._fd

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        rest = view[:_WRITE_LIMIT_BYTES]
        while rest:
            rest = rest[os.write(self._fd, rest) :]
        return len(view)


def _stream(fd: int) -> io.TextIOWrapper:
    return io.TextIOWrapper(_Raw(fd), "utf-8", "surrogateescape", newline="\n", write_through=True)  # type: ignore[arg-type]
