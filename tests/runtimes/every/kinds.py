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
            time.sleep(float(event))
            return json.dumps([before, read()])
        """,
    "meets": """
        def handler(event, context):
            path = event.decode()
            with open(path + ".here", "wb", buffering=0) as here: here.write(b".")
            with open(path + ".go", "rb", buffering=0) as go: return go.read(1)
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
    "swells": """
        def handler(event, context):
            how, size = event.decode().split(":")
            if how == "fails":
                raise ValueError("z" * int(size))
            return "z" * int(size)
        """,
    "yells": """
        import subprocess
        def handler(event, context):
            if event == b"start": subprocess.Popen(["yes"])
            return b"done"
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
            if event: time.sleep(float(event))
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

    ``hook_error``: the name of what a hook fails with; of a program FC hears no more than that it has failed.
    ``settings``: of its functions. ``rate``: of a clock on which its handlers sleep virtually; 0: a paused one.
    ``write_limit``: where FC's runtime cuts one write to the log, in bytes; ``None``: there is nothing of FC between a
    program and its log. ``keys_in_environment``: the temporary keys in the environment are those of the attempt that
    runs; a program gets them with each request, and its environment is that of its first attempt. ``takes_several``: an
    instance runs as many attempts side by side as its function says.
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
    hook_error: str = "LookupError"
    rate: float = 0.0
    write_limit: int | None = 128 * 1024
    keys_in_environment: bool = True
    takes_several: bool = False

    def __str__(self) -> str:
        return self.name


INLINE = Kind("inline", "python3.10", process=False, handlers=PYTHON)
PROCESS = Kind("process", "python3.10", process=True, handlers=PYTHON)
