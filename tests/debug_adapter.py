"""A debugger's client, as an editor has one, for debugpy."""

import json
import socket
import time
from typing import NamedTuple

from patience import CHILD_SECONDS, WAIT_SECONDS


class Stop(NamedTuple):
    reason: str
    thread_id: int
    name: str
    line: int
    frame_id: int


def connected(port):
    """A connection to the adapter of debugpy, which on a busy machine may begin to listen after it has said so."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=CHILD_SECONDS)
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise


class DebugAdapterClient:
    """As much of the Debug Adapter Protocol as an editor needs to stop at a line and look around."""

    def __init__(self, port):
        self._socket = connected(port)
        self._stream = self._socket.makefile("rwb")
        self._seq = 0
        self._events = []
        self._answers = {}

    def send(self, command, **arguments):
        self._seq += 1
        body = json.dumps({"seq": self._seq, "type": "request", "command": command, "arguments": arguments}).encode()
        self._stream.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._stream.flush()
        return self._seq

    def _read(self):
        length = 0
        while (line := self._stream.readline().strip()) or not length:
            assert line or not length
            name, _, value = line.partition(b":")
            if name == b"Content-Length":
                length = int(value)
        return json.loads(self._stream.read(length))

    def answer(self, seq):
        while seq not in self._answers:
            message = self._read()
            if message["type"] == "event":
                self._events.append(message)
            else:
                self._answers[message.get("request_seq")] = message
        assert self._answers[seq]["success"], self._answers[seq]
        return self._answers[seq].get("body")

    def ask(self, command, **arguments):
        return self.answer(self.send(command, **arguments))

    def event(self, name):
        while True:
            for message in self._events:
                if message["event"] == name:
                    self._events.remove(message)
                    return message.get("body", {})
            message = self._read()
            if message["type"] == "event":
                self._events.append(message)
            else:
                assert message.get("success", True), message
                self._answers[message.get("request_seq")] = message

    def close(self):
        self._stream.close()
        self._socket.close()

    def attach(self, path, text):
        """Attach with a breakpoint in the line of a file that is ``text``, but for its margin; the line's number."""
        self.ask("initialize", adapterID="test", pathFormat="path", linesStartAt1=True, columnsStartAt1=True)
        attached = self.send("attach", justMyCode=False)
        self.event("initialized")
        line = [each.strip() for each in path.read_text().splitlines()].index(text) + 1
        self.ask("setBreakpoints", source={"path": str(path)}, breakpoints=[{"line": line}])
        self.ask("configurationDone")
        self.answer(attached)
        return line

    def stop(self):
        """Where it stops next."""
        stopped = self.event("stopped")
        frame = self.ask("stackTrace", threadId=stopped["threadId"])["stackFrames"][0]
        return Stop(stopped["reason"], stopped["threadId"], frame["name"], frame["line"], frame["id"])

    def evaluate(self, stop, expression):
        """The value of an expression where it has stopped, as text."""
        return self.ask("evaluate", expression=expression, frameId=stop.frame_id, context="repl")["result"]

    def go_on(self, stop):
        self.ask("continue", threadId=stop.thread_id)
