"""Traces: where in a user's code attempts failed or were when they were ended, with the real paths of this machine.

The journal names files as FC would (``/code/…``). The real paths are computed when a trace is shown, from the code
directory of the function; what a runtime has of it, an exception or the lines of a thread, is kept beside the journal.
"""

import json
import os
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from itertools import dropwhile
from linecache import getline
from traceback import FrameSummary, StackSummary, TracebackException
from typing import Any, Final

from fcemu.core.catalog import Catalog
from fcemu.core.errors import FCError
from fcemu.core.functions import Function
from fcemu.core.invocation import Attempt, Invocation
from fcemu.core.names import FunctionRef
from fcemu.core.outcome import FunctionError, Outcome
from fcemu.core.values import value
from fcemu.engine.lines import is_inside, is_ours
from fcemu.engine.ports import Abandoned
from fcemu.engine.shown import shown

KEPT: Final = 1000
"""How many attempts have their exception or lines beside the journal: the newest ones, because each exception holds its
whole stack."""
_SHOWN_FRAMES: Final = 8
"""Frames of one exception that are shown: the outermost half and the innermost half of these."""
_INSTALLED: Final = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_LINE: Final = r"(?P<file>.+):(?P<line>\d+) in (?P<function>.*)"
"""A line as ``Strand.line`` tells it."""
_NODE_FRAME: Final = r"\((?P<file>[^()\s]+?):(?P<line>\d+)(?::\d+)?\)$|at (?P<bare>/\S+?):(?P<at>\d+)(?::\d+)?$"
_ADDRESS: Final = r" at 0x[0-9a-f]+(?=>)"


@value
class Frame:
    """One line of a user's code: the real path of its file, the line's number, the function that it belongs to."""

    file: str
    line: int
    function: str = ""


@value
class Trace:
    """Where an attempt failed, or was when it was ended.

    ``text``: the traceback for people, with paths as they are shown. ``location``: ``handlers.py:12``, the innermost
    line of the function's own code, else of the code that it calls; ``None`` where no line is known.
    """

    text: str
    location: str | None


class Traces:
    """Keeps what the runtimes know of failed attempts beside the journal, and makes traces of it.

    ``keep`` and ``keep_lines`` are called with the baton held, the rest may be called on any thread.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog: Final = catalog
        self._kept: Final[OrderedDict[tuple[str, int], BaseException | tuple[Frame, ...]]] = OrderedDict()

    def keep(self, request_id: str, attempt: int, error: BaseException) -> None:
        """Keep what a handler raised. Of what ended it, only where that was: the emulator's own exception holds the
        whole stack, and tells nothing else."""
        if not isinstance(error, Abandoned):
            self._put(request_id, attempt, error)
        elif (request_id, attempt) not in self._kept and (frames := tuple(_own_frames(_frames_of(error)))):
            self._put(request_id, attempt, frames)

    def keep_lines(self, request_id: str, attempt: int, lines: Sequence[str]) -> None:
        """Keep where an attempt was when it was ended: ``file:line in function``, the outermost first."""
        frames = tuple(
            Frame(found["file"], int(found["line"]), found["function"])
            for found in (re.fullmatch(_LINE, line) for line in lines)
            if found is not None
        )
        if frames:
            self._put(request_id, attempt, frames)

    def _put(self, request_id: str, attempt: int, known: BaseException | tuple[Frame, ...]) -> None:
        self._kept[request_id, attempt] = known
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def exception(self, request_id: str, attempt: int) -> BaseException | None:
        """What the handler raised in that attempt, if it is still kept."""
        known = self._kept.get((request_id, attempt))
        return known if isinstance(known, BaseException) else None

    def trace(self, invocation: Invocation, attempt: Attempt) -> Trace | None:
        """The trace of one attempt; ``None`` where it has returned, still runs or never ran, or where nothing is
        known."""
        outcome = attempt.outcome
        if outcome is None or not attempt.executed or outcome.word == "returned":
            return None
        function = self._function(invocation.function)
        known = self._kept.get((invocation.id, attempt.number))
        if isinstance(known, BaseException):
            return _of_exception(known, outcome, function)
        if known is not None:
            return _of_frames(known, outcome, function)
        return _of_document(outcome, function) if isinstance(outcome, FunctionError) else None

    def real_text(self, invocation: Invocation, text: str) -> str:
        """A text of the journal with the real paths of this machine."""
        return _real_text(text, self._function(invocation.function))

    def _function(self, ref: FunctionRef) -> Function | None:
        try:
            return self._catalog.function(ref)
        except FCError:
            return None


# From an exception.


def _of_exception(error: BaseException, outcome: Outcome, function: Function | None) -> Trace | None:
    if type(error).__module__.startswith("fcemu.") and isinstance(outcome, FunctionError):
        return _of_document(outcome, function)  # the emulator's own words for a handler that cannot be found
    told = TracebackException.from_exception(error)
    frames = _own_frames(_frames_of(error))
    if isinstance(error, SyntaxError) and error.filename:
        frames = [*frames, Frame(error.filename, error.lineno or 1)]
    location = _location(frames, function) or _definition(outcome, function)
    for each in _chain(told):
        each.stack = _shown_stack(each.stack)
        if (file := getattr(each, "filename", None)) is not None:  # of a module that is no Python
            each.filename = shown(file)
    text = re.sub(_ADDRESS, "", "".join(told.format())).rstrip()
    if isinstance(error, SystemExit):
        text += f"\nthe process of the instance exits with the code {error.code!r}"
    return Trace(text, location)


def _frames_of(error: BaseException) -> Iterator[Frame]:
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        yield Frame(code.co_filename, trace.tb_lineno, code.co_name)
        trace = trace.tb_next


def _chain(told: TracebackException) -> Iterator[TracebackException]:
    """An exception, those that caused it, and those of a group."""
    seen: TracebackException | None = told
    while seen is not None:
        yield seen
        for one in seen.exceptions or ():
            yield from _chain(one)
        seen = seen.__cause__ or seen.__context__


def _shown_stack(stack: StackSummary) -> StackSummary:
    theirs = (frame for frame in stack if not is_ours(frame.filename))
    frames = list(dropwhile(lambda frame: is_inside(frame.filename), theirs))
    made = [FrameSummary(shown(one.filename), one.lineno, one.name, lookup_line=False, line=one.line) for one in frames]
    left_out = _left_out([(frame.filename, frame.lineno) for frame in made])
    if left_out:
        last = made[left_out.start - 1]
        note = f"{last.line}\n    … {len(left_out)} more frames …"
        gap = FrameSummary(last.filename, last.lineno, last.name, lookup_line=False, line=note)
        made[left_out.start - 1 : left_out.stop] = [gap]
    return StackSummary.from_list(made)


def _left_out(frames: Sequence[object]) -> range:
    """Which frames in the middle of a stack are not shown: it is long, and they do not just repeat one line, which
    Python folds by itself."""
    different = sum(1 for place, frame in enumerate(frames) if not place or frame != frames[place - 1])
    half = _SHOWN_FRAMES // 2
    return range(half, len(frames) - half) if different > _SHOWN_FRAMES else range(0)


# From lines of threads, and from the document of a failure.


def _of_frames(frames: Iterable[Frame], outcome: Outcome, function: Function | None) -> Trace | None:
    found = _own_frames(frames)
    if not found:
        return _of_document(outcome, function) if isinstance(outcome, FunctionError) else None
    if isinstance(outcome, FunctionError):
        title, last = "Traceback", _Document(outcome, function).lines or [outcome.text]
    else:
        title, last = "Where the handler was", [outcome.text]
    lines = [f"{title} (most recent call last):", *_shown_frames([(each, _source(each)) for each in found])]
    return Trace("\n".join([*lines, *last]), _location(found, function))


def _source(frame: Frame) -> str:
    return getline(frame.file, frame.line).strip()


def _shown_frames(frames: Sequence[tuple[Frame, str]]) -> Iterator[str]:
    """Frames with their lines of source, as Python writes them."""
    summaries = [
        FrameSummary(frame.file, frame.line, frame.function, lookup_line=False, line=source) for frame, source in frames
    ]
    for text in _shown_stack(StackSummary.from_list(summaries)).format():
        yield from text.splitlines()


class _Document:
    """What FC's document of a failure tells: frames of Python as lists of parts, or the lines of an exception, or of a
    stack of Node. Its files are those of this machine."""

    def __init__(self, outcome: FunctionError, function: Function | None) -> None:
        try:
            document = json.loads(outcome.document)
        except ValueError:
            document = None
        told = document if isinstance(document, dict) else {}
        entries = told.get("stackTrace", [])
        self.kind: Final = str(told.get("errorType", outcome.name))
        self.message: Final = _real_text(str(told.get("errorMessage", "")), function)
        self.frames: Final[list[tuple[Frame, str]]] = []
        """The outermost first, with their lines of source, where those are told."""
        self.lines: Final[list[str]] = []
        for entry in entries.splitlines() if isinstance(entries, str) else entries if isinstance(entries, list) else []:
            self._read(entry, function)

    def _read(self, entry: Any, function: Function | None) -> None:
        if isinstance(entry, list) and len(entry) >= 3:
            file, line, where, *source = map(str, entry)
            path = _real_path(file.removeprefix('File "').removesuffix('"'), function)
            self.frames.append((Frame(path, _number(line), where.removeprefix("in ")), " ".join(source)))
            return
        text = str(entry)
        self.lines.append(_real_text(text, function))
        found = re.search(_NODE_FRAME, text)
        if found is not None:
            file, line = found["file"] or found["bare"], found["line"] or found["at"]
            self.frames.insert(0, (Frame(_real_path(file.removeprefix("file://"), function), int(line)), ""))
        elif text.startswith('File "'):  # of a module that is no Python: its line is the next entry
            self.frames.append((Frame(_real_path(text[6:].rstrip('"'), function), 0), ""))
        elif self.frames and not self.frames[-1][0].line and text.startswith("line "):
            self.frames[-1] = Frame(self.frames[-1][0].file, _number(text)), ""


def _of_document(outcome: FunctionError, function: Function | None) -> Trace | None:
    told = _Document(outcome, function)
    location = _location([frame for frame, _ in told.frames if frame.line], function) or _definition(outcome, function)
    if told.lines:
        is_said = any(told.message.split("\n")[0] in line for line in told.lines)
        lines = told.lines if is_said else [f"{told.kind}: {told.message}", *told.lines]
    elif told.frames:
        lines = ["Traceback (most recent call last):", *_shown_frames(told.frames), f"{told.kind}: {told.message}"]
    elif location is not None and told.message:
        lines = [f"{told.kind}: {told.message}"]
    else:
        return None
    return Trace(re.sub(_ADDRESS, "", "\n".join(lines)), location)


def _number(text: str) -> int:
    found = re.search(r"\d+", text)
    return int(found[0]) if found is not None else 0


def _real_path(path: str, function: Function | None) -> str:
    """The file of this machine that FC would call ``path``, where there is one."""
    for prefix, directory in _directories(function):
        if path.startswith(prefix + "/"):
            real = os.path.join(directory, *path[len(prefix) + 1 :].split("/"))
            if os.path.exists(real):
                return real
    return path


def _directories(function: Function | None) -> Iterator[tuple[str, str]]:
    if function is None:
        return
    yield "/code", function.code
    for layer in function.layers or ():
        if layer.directory:
            yield "/opt", layer.directory
    from sysconfig import get_path  # few attempts fail in a file that is looked for

    yield "/opt/python", get_path("purelib")


_IN_TEXT: Final = r"/(?:code|opt)/[^\s:'\"()]+"


def _real_text(text: str, function: Function | None) -> str:
    """A text in which FC's paths are those of this machine, as they are shown."""
    return re.sub(_IN_TEXT, lambda found: shown(_real_path(found[0], function)), text)


# Which line counts.


def _own_frames(frames: Iterable[Frame]) -> list[Frame]:
    """The frames from the first one on that is a user's, without those of the emulator: before it are Python's own,
    which the emulator has called."""
    return list(dropwhile(lambda frame: is_inside(frame.file), (one for one in frames if not is_ours(one.file))))


def _location(frames: Sequence[Frame], function: Function | None) -> str | None:
    """The innermost line of the function's own code; else of what is neither Python's nor an installed package; else
    the innermost of all."""
    code = "" if function is None else os.path.realpath(function.code) + os.sep
    own = [frame for frame in frames if code and _is_of(frame.file, code)]
    users = [frame for frame in frames if not any(part in frame.file for part in _INSTALLED)]
    for chosen in (own, users, frames):
        if chosen:
            return f"{shown(chosen[-1].file)}:{chosen[-1].line}"
    return None


def _is_of(file: str, code: str) -> bool:
    return os.path.realpath(file).startswith(code) and not any(part in file for part in _INSTALLED)


def _definition(outcome: Outcome, function: Function | None) -> str | None:
    """Where the handler itself is defined, for an error that no line of it raised: it is asynchronous, or takes other
    parameters; ``None`` where that is not found."""
    if function is None or not isinstance(outcome, FunctionError) or outcome.name in ("", "ProcessExited"):
        return None
    module, _, name = function.handler.rpartition(".")
    path = os.path.join(function.code, *module.replace(".", "/").split("/"))
    defined = re.compile(rf"\s*(?:async\s+)?def\s+{re.escape(name)}\b") if name else None
    for file in (f"{path}.py", os.path.join(path, "__init__.py")):
        try:
            with open(file, encoding="utf-8", errors="replace") as source:
                for number, line in enumerate(source, 1):
                    if defined is not None and defined.match(line):
                        return f"{shown(file)}:{number}"
        except OSError:
            continue
        return f"{shown(file)}:1"
    return None
