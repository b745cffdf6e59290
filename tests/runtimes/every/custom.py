"""The handlers of the contract behind a program that serves HTTP, as somebody writes it who has only Python's own
library: a custom runtime in any other language looks the same from outside.

It knows no more of HTTP than it needs, so that a hundred of them start in a few seconds; programs over ``http.server``
are in ``runtimes/custom``.
"""

import sys

from runtimes.every.kinds import PYTHON

COMMAND = [sys.executable, "-I", "-S", "-u", "index.py"]
"""Starts a program in ``index.py`` in as little time as Python needs."""
SERVER = """

import os, socket, threading

def converse(connection, answer):
    with connection, connection.makefile("rb") as asked:
        while line := asked.readline():
            path, headers = line.decode().split()[1], {}
            while line := asked.readline().strip():
                name, _, text = line.decode().partition(": ")
                headers[name.lower()] = text
            status, body = answer(path, headers, asked.read(int(headers.get("content-length", 0))))
            head = f"HTTP/1.1 {status} Answer\\r\\nx-fc-status: {status}\\r\\nContent-Length: {len(body)}\\r\\n\\r\\n"
            connection.sendall(head.encode() + body)

def serve(answer):
    listening = socket.create_server(("0.0.0.0", int(os.environ["FC_CUSTOM_LISTEN_PORT"])))
    while True:
        connection, _ = listening.accept()
        threading.Thread(target=converse, args=(connection, answer), daemon=True).start()
"""
"""``serve(answer)`` serves for ever; ``answer(path, headers, body)`` returns a status and a body of bytes."""
_ANSWERS = """
import json, sys

class Context:
    def __init__(self, headers):
        self.request_id, self.region = headers["x-fc-request-id"], headers["x-fc-region"]
        self.account_id, self.function = headers["x-fc-account-id"], self
        self.name, self.handler = headers["x-fc-function-name"], headers["x-fc-function-handler"]
        self.memory, self.credentials = int(headers["x-fc-function-memory"]), self
        self.access_key_id, self.access_key_secret = headers["x-fc-access-key-id"], headers["x-fc-access-key-secret"]
        self.security_token = headers["x-fc-security-token"]

HOOKS = {
    "/initialize": "x-fc-function-initializer",
    "/pre-freeze": "x-fc-instance-lifecycle-pre-freeze-handler",
    "/pre-stop": "x-fc-instance-lifecycle-pre-stop-handler",
}

def answer(path, headers, event):
    context = Context(headers)
    try:
        if path in HOOKS:
            context.handler = headers[HOOKS[path]]
            answered = globals()[context.handler.partition(".")[2]](context)
        else:
            answered = handler(event, context)
    except SystemExit as ended:
        os._exit(ended.code)
    except Exception as error:
        text = json.dumps({"errorMessage": str(error), "errorType": type(error).__name__})
        if path not in HOOKS: print("[ERROR]", text)
        return 404, text.encode()
    return 200, b"" if answered is None else answered.encode() if isinstance(answered, str) else answered

sys.stdout.reconfigure(errors="surrogateescape")
serve(answer)
"""

CUSTOM = {name: text.replace("\n        ", "\n") + SERVER + _ANSWERS for name, text in PYTHON.items()}
