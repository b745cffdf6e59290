"""Runs functions of each runtime, a data file and a server, and says what came of each."""

import asyncio
import json
import shutil
import sys
import textwrap
from pathlib import Path
from urllib.request import urlopen

from fcemu.testing import LocalEmulator

DEFINITION = """
functions:
  sleeps: {{handler: index.handler, runtime: python3.12, code: ., timeout: 600}}
  alone: {{handler: index.handler, runtime: python3.12, code: ., timeout: 600, python: {python}}}
  program:
    handler: index.handler
    runtime: custom.debian12
    code: .
    command: [{interpreter}, server.py]
"""
NODE = "  node: {handler: index.handler, runtime: nodejs20, code: ., timeout: 600}\n"
PYTHON = """
    import asyncio, threading, time

    def handler(event, context):
        begun = time.monotonic()
        thread = threading.Thread(target=time.sleep, args=(60,))
        thread.start()
        asyncio.run(asyncio.sleep(30))
        thread.join()
        print("woken")
        return str(time.monotonic() - begun)
    """
SERVER = """
    import os
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            print("served", flush=True)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

    HTTPServer(("0.0.0.0", int(os.environ["FC_SERVER_PORT"])), Answer).serve_forever()
    """
SCRIPT = """
exports.handler = (event, context, done) => setTimeout(() => { console.log('woken'); done(null, '60'); }, 60000);
"""


def main(directory: Path, python: str) -> None:
    has_node = shutil.which("node") is not None
    definition = DEFINITION.format(python=python, interpreter=sys.executable) + (NODE if has_node else "")
    for name, text in {
        "fcemu.yaml": definition,
        "index.py": textwrap.dedent(PYTHON),
        "server.py": textwrap.dedent(SERVER),
        "index.js": SCRIPT,
    }.items():
        (directory / name).write_text(text, encoding="utf-8")
    for runtime in ("inline", "process"):
        data = directory / f"{runtime}.db"
        with LocalEmulator(directory, runtime=runtime, data=str(data), strict=False) as emulator:
            for name in ("alone" if runtime == "process" else "sleeps", "program", *(["node"] if has_node else [])):
                reply = emulator.function(name).invoke(b"x")
                told = {"error": reply.error, "text": reply.text, "log": reply.logs}
                print(json.dumps({"runtime": runtime, "function": name, **told}))
            with urlopen(f"{emulator.url}/_fcemu/health") as answer:
                print(json.dumps({"server": answer.status, "loop": type(asyncio.new_event_loop()).__name__}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
