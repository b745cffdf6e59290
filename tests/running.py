"""The program as people run it: in this process for what ends by itself, else as a server beside the test."""

import os
import re
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager

from click.testing import CliRunner
from patience import CHILD_SECONDS

from fcemu.cli import main
from fcemu.client import Client


def fcemu(*args, **how):
    return CliRunner().invoke(main, args, **how)


def good(*args, **how):
    result = fcemu(*args, **how)
    assert result.exit_code == 0, result.output
    return result


def wrong(status, *args, **how):
    result = fcemu(*args, **how)
    assert result.exit_code == status, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.stderr


def free_port():
    """A port that only a server gets which asks for it by number, as all of ours do with ``SO_REUSEADDR``: it stays
    bound, and nothing listens there, until this process ends."""
    with socket.socket() as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        bound.detach()
        return port


@contextmanager
def running(*args, variables=None, stdin=False):
    process = subprocess.Popen(
        [sys.executable, "-m", "fcemu", *args],
        stdin=subprocess.PIPE if stdin else None,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ) | {"PYTHONUNBUFFERED": "1"} | (variables or {}),
    )
    timer = threading.Timer(CHILD_SECONDS, process.kill)
    timer.start()
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()
        if process.stdin is not None:
            process.stdin.close()
        timer.cancel()
        timer.join()


@contextmanager
def serving(*args, variables=None):
    """A server, its client, and the line of its URL."""
    with running("serve", "--port", "0", *args, variables=variables) as process:
        line = ""
        while "serves" not in line:
            line = process.stderr.readline()
            assert line, "the server ended"
        yield process, Client(re.search(r"http://[\w.:\[\]]+", line)[0]), line
