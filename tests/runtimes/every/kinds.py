"""What the contract of all runtimes needs of each: its name, and one handler for each thing that it checks.

Another runtime joins by another ``Kind`` in ``KINDS`` of ``conftest.py``. Each handler is called ``handler`` in a file
of its own, and does what ``PYTHON`` says in Python.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PYTHON = {
    "echo": "def handler(event, context): return event",
    "fails": """
        class NoLuck(Exception): pass
        def handler(event, context):
            print("before")
            raise NoLuck("not today")
        """,
    "sleeps": """
        import time
        def handler(event, context):
            time.sleep(float(event))
            return b"woken"
        """,
    "clock": """
        import json, time
        def read(): return [time.time(), time.monotonic()]
        def handler(event, context):
            before = read()
            time.sleep(90)
            return json.dumps([before, read()])
        """,
    "spins": """
        def handler(event, context):
            print("spinning")
            while event != b"stop": pass
            return b"stopped"
        """,
    "exits": """
        import sys
        def handler(event, context):
            print("leaving")
            if event == b"stay": return b"stayed"
            sys.exit(3)
        """,
    "eats": """
        def handler(event, context):
            eaten = [bytes(b"x" * (1 << 20)) for _ in range(int(event))]
            return str(len(eaten))
        """,
    "says": """
        import os, sys
        def handler(event, context):
            print("one")
            print("two", file=sys.stderr)
            sys.stdout.buffer.write(event)
            print()
        """,
    "writes": """
        import sys
        def handler(event, context):
            sys.stdout.write("x" * int(event))
        """,
    "fills": """
        def handler(event, context):
            for _ in range(int(event)): print("y" * 999)
        """,
    "context": """
        import json
        def handler(event, context):
            function = context.function
            return json.dumps([context.request_id, function.name, function.handler, function.memory, context.region,
                context.account_id])
        """,
    "keys": """
        import json
        def handler(event, context):
            keys = context.credentials
            return json.dumps([keys.access_key_id, keys.access_key_secret, keys.security_token])
        """,
    "environment": """
        import json, os
        def handler(event, context):
            names = json.loads(event)
            return json.dumps([os.environ.get(name) for name in names])
        """,
    "initializes": """
        import time
        ready = 0
        def initialize(context):
            global ready
            print("as", context.function.handler)
            time.sleep(2)
            ready += 1
        def fail(context):
            raise LookupError("no database")
        def sleep(context):
            time.sleep(100)
        def leave(context):
            print("leaving")
        def handler(event, context):
            print("handling")
            return str(ready)
        """,
    "counts": """
        count = 0
        def handler(event, context):
            global count
            count += 1
            return str(count)
        """,
}


@dataclass(frozen=True)
class Kind:
    """One runtime. ``error_type``: FC's name for what ``fails`` does; ``file``: where a handler's code stands.

    ``settings``: of its functions. ``sleeps_virtually``: whether its handlers sleep virtually on a paused clock.
    ``starts``: real seconds that a new instance takes at most, also on a busy machine. ``cuts_writes``: one write to
    the log is cut by FC's runtime. ``keys_in_environment``: the temporary keys in the environment are those of the
    attempt that runs. ``hooks``: its handlers have hooks as ``initializes`` has; others are tested by themselves.
    """

    name: str
    runtime: str
    process: bool
    handlers: Mapping[str, str]
    file: str = "index.py"
    error_type: str = "UnhandledInvocationError"
    error_name: str = "NoLuck"
    exit_text: str = "Process exited unexpectedly before completing request (duration: "
    exit_type: str = "UnhandledInvocationError"
    settings: Mapping[str, Any] = field(default_factory=dict)
    sleeps_virtually: bool = True
    starts: float = 0.5
    cuts_writes: bool = True
    keys_in_environment: bool = True
    hooks: bool = True

    def __str__(self) -> str:
        return self.name


INLINE = Kind("inline", "python3.10", process=False, handlers=PYTHON)
PROCESS = Kind("process", "python3.10", process=True, handlers=PYTHON, starts=4)
