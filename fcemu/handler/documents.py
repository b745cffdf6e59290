"""The bytes that a caller gets: a returned value as JSON, an exception as FC's error document with FC's paths."""

from __future__ import annotations

import inspect
import json
import linecache
import os
import re
import sys
import sysconfig
import traceback
from datetime import date
from decimal import Decimal
from functools import lru_cache
from types import CodeType, FrameType, TracebackType
from typing import Any, Final

from fcemu.handler.call import Function
from fcemu.handler.loading import INSTALLED

_HERE: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_JSON: Final = os.path.dirname(json.__file__) + os.sep
_ADDRESS: Final = re.compile(r" at 0x[0-9a-f]+")
_SAME_ADDRESS: Final = " at 0x7f0000000000"
_OF_OBJECT: Final = re.compile(r"(<[\w.][^<>\n]*) at 0x[0-9a-f]+| at 0x[0-9a-f]+(?=>)")
"""An address in a representation; what code writes about addresses otherwise is its own."""
_LINE_OF_TRACE: Final = re.compile(r'(File ")(/[^"\n]+)(", line \d)')
_LINE_OF_WARNING: Final = re.compile(r"^()(/[^:\n]+\.py)(:\d+: )", re.MULTILINE)
_LIBRARY: Final = ("stdlib", "platstdlib", "purelib", "platlib")
_FRAMES_KEPT: Final = 4096
_quote: Final = json.encoder.encode_basestring_ascii
_OWN_VERSION: Final = f"{sys.version_info.major}.{sys.version_info.minor}"


def payload_of(value: Any) -> bytes:
    """The body for a handler's return value, by the rules of runtimes §1.4. Raises what makes it a function error."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    if value is None:
        return b"null"
    return _JSON_TEXT.encode(value).encode()


def _serializable(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date):
        return value.isoformat()
    if hasattr(value, "to_json"):
        return value.to_json()
    if inspect.iscoroutine(value):
        value.close()  # FC's Python knows no async handlers; this one will never be awaited
    raise TypeError(f"{value!r} is not JSON serializable")


_JSON_TEXT: Final = json.JSONEncoder(indent=4, sort_keys=True, default=_serializable)


class Paths:
    """Files of this machine under the names they have in FC, so that a report is the same on every machine.

    Code lies in ``/code``, content of layers in ``/opt``. ASSUMED: fcemu shows installed packages, and what the test
    has put on ``sys.path``, as content of a layer below ``/opt/python``, and its own programs as FC's runtime in
    ``/var/fc/runtime`` (runtimes §1.6).
    """

    def __init__(
        self, code: str, runtime: str, entries: tuple[str, ...], layers: tuple[str, ...], library: tuple[str, ...]
    ) -> None:
        """``library``: where the interpreter has what ``_LIBRARY`` names."""
        self._code: Final = os.path.realpath(code)
        self._is_code: Final[dict[str, bool]] = {}
        self._frames: Final[dict[tuple[int, int], tuple[CodeType, str, bool]]] = {}
        """By the ``id`` of the code and the instruction: the code, so that it keeps its ``id``; the frame as the
        document has it, ``""`` for one that is left out; and whether it is the emulator's, or JSON's."""
        version = runtime.removeprefix("python")
        own = f"/usr/local/lib/python{version if version[:1].isdigit() and '.' in version else _OWN_VERSION}"
        standard = dict(zip(library, (own, own, "/opt/python", "/opt/python")))
        standard |= {_HERE.rstrip(os.sep): "/var/fc/runtime"}
        standard |= {shown: "/opt" for layer in layers for shown in (os.path.abspath(layer), os.path.realpath(layer))}
        standard |= {os.path.abspath(code): "/code", self._code: "/code"}
        standard.pop(os.sep, None)
        others = {entry: "/opt/python" for entry in entries if os.path.isabs(entry) and entry != os.sep}
        others = {entry: shown for entry, shown in others.items() if entry not in standard and not self.is_code(entry)}
        self._shown: Final = _longest_first(standard | others)
        self._names: Final = dict(self._shown)
        self._in_text: Final = re.compile(
            "|".join(
                re.escape(real) + (r"(?![\w-])" if real in standard else r"(?=/[^\s:'\"]+\.py)")
                for real, _ in self._shown
            )
        )

    def is_code(self, file: str) -> bool:
        """Whether ``file`` is the function's own, not an installed package's below its directory."""
        known = self._is_code.get(file)
        if known is None:
            inside = os.path.realpath(file).startswith(self._code + os.sep)
            known = self._is_code[file] = inside and not any(part in file for part in INSTALLED)
        return known

    def frames(self, error: BaseException) -> list[str]:
        """One entry per frame, outermost first, without frames of the emulator and of Python's import system, and
        without those of JSON, which writes the answer, that it begins with. A handler that fails, fails again at the
        same place: each is rendered once."""
        entries: list[str] = []
        trace, is_ours, known = error.__traceback__, True, self._frames
        while trace is not None:
            code, place = trace.tb_frame.f_code, trace.tb_lasti
            frame = known.get((id(code), place)) or self._frame(trace, code, place)
            is_ours = is_ours and frame[2]
            if frame[1] and not is_ours:
                entries.append(frame[1])
            trace = trace.tb_next
        return entries

    def _frame(self, trace: TracebackType, code: CodeType, place: int) -> tuple[CodeType, str, bool]:
        if len(self._frames) >= _FRAMES_KEPT:
            self._frames.clear()
        file = code.co_filename
        is_ours = file.startswith((_HERE, _JSON)) and not self.is_code(file)
        self._frames[id(code), place] = frame = code, self._render(trace.tb_frame, trace.tb_lineno), is_ours
        return frame

    def _render(self, frame: FrameType, line: int) -> str:
        file = frame.f_code.co_filename
        if file.startswith("<frozen ") or (file.startswith(_HERE) and not self.is_code(file)):
            return ""
        linecache.checkcache(file)
        source = linecache.getline(file, line, frame.f_globals).strip()
        head = f'File "{self.shown(file)}", line {line}, in {frame.f_code.co_name}'
        parts = [*(part.strip() for part in head.split(",")), *([source] if source else [])]
        inside = ",\n            ".join(map(_quote, parts))
        return f"[\n            {inside}\n        ]"

    def shown(self, file: str) -> str:
        """The name of one file."""
        for real, shown in self._shown:
            if file.startswith(real + os.sep):
                return shown + file[len(real) :].replace(os.sep, "/")
        return f"/opt/python/{os.path.basename(file)}" if os.path.isabs(file) else file

    def in_text(self, text: str) -> str:
        """A message with the paths and memory addresses in it made the same everywhere."""
        text = self._with_shown_paths(text)
        return _ADDRESS.sub(_SAME_ADDRESS, text) if " at 0x" in text else text

    def in_log(self, text: str) -> str:
        """The same for what an attempt has written: also files that only traces and warnings name, and only addresses
        that stand in representations."""
        for line, part in ((_LINE_OF_TRACE, 'File "/'), (_LINE_OF_WARNING, ".py:")):
            if part in text:
                text = line.sub(self._line_shown, text)
        text = self._with_shown_paths(text)
        return _OF_OBJECT.sub(_with_same_address, text) if " at 0x" in text else text

    def _line_shown(self, found: re.Match[str]) -> str:
        return f"{found[1]}{self.shown(found[2])}{found[3]}"

    def _with_shown_paths(self, text: str) -> str:
        return self._in_text.sub(lambda found: self._names[found[0]], text) if os.sep in text else text


def _with_same_address(found: re.Match[str]) -> str:
    return f"{found[1] or ''}{_SAME_ADDRESS}"


def _longest_first(paths: dict[str, str]) -> list[tuple[str, str]]:
    return sorted(paths.items(), key=lambda pair: len(pair[0]), reverse=True)


_paths: Final = lru_cache(maxsize=64)(Paths)


@lru_cache(maxsize=1)
def library_here() -> tuple[str, ...]:
    """Where this interpreter has its standard library and packages."""
    real = sysconfig.get_paths()
    return tuple(real[name] for name in _LIBRARY)


class _Latest:
    """What was asked for last, and the answer: most attempts are of the same function as the one before, and a handler
    that fails, fails again in the same way."""

    found: tuple[Function, list[str], tuple[str, ...], Paths] | None = None
    document: tuple[tuple[str, str, list[str]], bytes] | None = None
    in_log: tuple[Paths, bytes, str] | None = None


def _paths_for(function: Function, library: tuple[str, ...] = ()) -> Paths:
    found = _Latest.found
    if found is not None and found[0] is function and found[1] == sys.path and found[2] == library:
        return found[3]
    layers = tuple(layer.directory for layer in function.layers if layer.directory)
    paths = _paths(function.code, function.runtime, tuple(sys.path), layers, library or library_here())
    _Latest.found = function, sys.path.copy(), library, paths
    return paths


def log_text(text: str, function: Function, library: tuple[str, ...] = ()) -> str:
    """What an attempt of ``function`` has written, the same on every machine. Results are not touched.

    ``library``: of the interpreter that ran it, ``library_here`` there, where that is another one.
    """
    return _paths_for(function, library).in_log(text) if os.sep in text or " at 0x" in text else text


def document_in_log(document: bytes, function: Function) -> str:
    """The document of an error as an attempt's log has it, the same on every machine."""
    paths, known = _paths_for(function), _Latest.in_log
    if known is not None and known[0] is paths and known[1] == document:
        return known[2]
    text = paths.in_log(document.decode())
    _Latest.in_log = paths, document, text
    return text


def error_document(error: Exception, function: Function) -> bytes:
    """The JSON document for an exception that left a handler (runtimes §1.6)."""
    paths = _paths_for(function)
    return _document(paths.in_text(_text(error)), type(error).__name__, paths.frames(error))


def load_error_document(name: str, message: str, cause: BaseException | None, function: Function) -> bytes:
    """The same for code that could not be loaded (runtimes §1.1); its trace is the exception's lines."""
    paths = _paths_for(function)
    lines = [f"{name}: {message}"] if cause is None else traceback.format_exception_only(type(cause), cause)
    first, *rest = [paths.in_text(line.strip()) for line in lines]
    trace = [*(part.strip() for part in first.split(",")), *rest]
    return _document(paths.in_text(message), name, [_quote(one) for one in trace])


def _document(message: str, name: str, trace: list[str]) -> bytes:
    """A function error body: JSON with indent 4 and sorted keys, written out because ``json`` takes ten times as long
    for indented text. ``trace``: its entries, in JSON."""
    told, known = (_quote(message), _quote(name), trace), _Latest.document
    if known is not None and known[0] == told:
        return known[1]
    entries = ",\n        ".join(trace)
    stack = f',\n    "stackTrace": [\n        {entries}\n    ]' if trace else ""
    document = f'{{\n    "errorMessage": {told[0]},\n    "errorType": {told[1]}{stack}\n}}'.encode()
    _Latest.document = told, document
    return document


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return f"<unprintable {type(error).__name__} object>"
