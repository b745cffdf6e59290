"""The handlers of the contract behind a program that serves HTTP, as somebody writes it who has only Python's own
library: a custom runtime in any other language looks the same from outside."""

from runtimes.every.kinds import PYTHON

_SERVER = """

import json, os, sys, traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Context:
    def __init__(self, headers):
        self.request_id, self.region = headers["x-fc-request-id"], headers["x-fc-region"]
        self.account_id, self.function = headers["x-fc-account-id"], self
        self.name, self.handler = headers["x-fc-function-name"], headers["x-fc-function-handler"]
        self.memory, self.credentials = int(headers["x-fc-function-memory"]), self
        self.access_key_id, self.access_key_secret = headers["x-fc-access-key-id"], headers["x-fc-access-key-secret"]
        self.security_token = headers["x-fc-security-token"]

class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        event = self.rfile.read(int(self.headers["Content-Length"]))
        status = "200"
        try:
            answer = handler(event, Context(self.headers))
        except SystemExit as ended:
            sys.stdout.flush()
            os._exit(ended.code)
        except Exception as error:
            status, answer = "404", json.dumps({"errorMessage": str(error), "errorType": type(error).__name__})
            print("[ERROR]", answer)
        answer = b"" if answer is None else answer.encode() if isinstance(answer, str) else answer
        self.send_response(int(status))
        self.send_header("x-fc-status", status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_): pass

sys.stdout.reconfigure(errors="surrogateescape")
ThreadingHTTPServer(("0.0.0.0", int(os.environ["FC_CUSTOM_LISTEN_PORT"])), Server).serve_forever()
"""

CUSTOM = {name: text.replace("\n        ", "\n") + _SERVER for name, text in PYTHON.items() if name != "initializes"}
