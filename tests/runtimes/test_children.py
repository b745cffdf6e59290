"""What is read from a child, in whatever portions it arrives."""

import json
import os
import struct
from types import SimpleNamespace

import pytest
from runtimes.fake_clock import FakeClock

from fcemu.core.output import Output
from fcemu.handler.system import INHERITS
from fcemu.runtimes.children import Child, pipes
from fcemu.runtimes.outputs import PIPE_BYTES


class Hasty:
    """A channel from which frames are read a moment after they were noticed: until then the child goes on."""

    def __init__(self, channel, *meanwhile):
        self._channel = channel
        self._meanwhile = list(meanwhile)

    def recv(self, most):
        if self._meanwhile:
            self._meanwhile.pop(0)()
        return self._channel.recv(most)

    def __getattr__(self, name):
        return getattr(self._channel, name)


def frame(kind, **members):
    head = json.dumps({"kind": kind, **members}).encode()
    return struct.pack("!II", len(head), 0) + head


def test_what_a_child_writes_between_two_frames_that_arrive_together_is_output_of_its_attempt():
    here, there, reading, writing = pipes()

    def go_on():
        os.write(writing, b"written before the answer\n")
        there.sendall(frame("returned"))

    child = Child(Hasty(here, go_on), reading, lambda: None)
    call = SimpleNamespace(payload=b"", clock=FakeClock(), output=Output())
    try:
        there.sendall(frame("held up", held_up=False))
        assert child.attempt(call, "{}").kind == "returned"
        assert call.output.text() == "written before the answer\n"
    finally:
        child.close()
        there.close()
        os.close(writing)


@pytest.mark.skipif(INHERITS, reason="a pipe holds little")
def test_a_child_is_heard_before_all_is_read_of_a_file_that_grows_faster_than_it_is_read():
    here, there, reading, writing = pipes()
    child = Child(here, reading, lambda: None)
    try:
        os.truncate(writing, 64 * PIPE_BYTES)
        there.sendall(frame("returned"))
        assert child.receive(Output()).kind == "returned"
        assert os.lseek(reading, 0, os.SEEK_CUR) <= PIPE_BYTES
    finally:
        child.close()
        there.close()
        os.close(writing)
