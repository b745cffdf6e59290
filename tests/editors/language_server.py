"""yaml-language-server as an editor starts it: a child that speaks the Language Server Protocol on its pipes."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from clients.lines import CACHE, missing

PROGRAM = CACHE / "node_modules/yaml-language-server/bin/yaml-language-server"


class LanguageServer:
    """The child, with the settings that an editor has for ``yaml``. Every request gets its answer before the next."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        node = shutil.which("node")
        if node is None or not PROGRAM.exists():
            missing("there is no yaml-language-server")
        self._settings = settings
        self._asked = 0
        self._found: dict[str, list[dict[str, Any]]] = {}
        self._child = subprocess.Popen([node, str(PROGRAM), "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        capabilities = {"workspace": {"configuration": True}, "textDocument": {"publishDiagnostics": {}}}
        self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": capabilities})
        self._tell("initialized", {})

    def problems(self, path: Path, text: str) -> list[tuple[int, str]]:
        """Open a file with this text; the lines, from 1, that are underlined, and what is said about each."""
        document = {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": text}
        self._tell("textDocument/didOpen", {"textDocument": document})
        while path.as_uri() not in self._found:
            self._read()
        found = self._found.pop(path.as_uri())
        return [(each["range"]["start"]["line"] + 1, each["message"]) for each in found]

    def offers(self, path: Path, line: int, character: int) -> set[str]:
        """What is offered at a place of an open file; both count from 0, as the protocol has it."""
        position = {"line": line, "character": character}
        answer = self.ask("textDocument/completion", {"textDocument": {"uri": path.as_uri()}, "position": position})
        return {each["label"] for each in answer["items"]}

    def explains(self, path: Path, line: int, character: int) -> str:
        """What is shown when the pointer rests on a place of an open file."""
        position = {"line": line, "character": character}
        answer = self.ask("textDocument/hover", {"textDocument": {"uri": path.as_uri()}, "position": position})
        return str(answer["contents"]["value"])

    def ask(self, method: str, params: Mapping[str, Any]) -> Any:
        """Send a request, and return the result of its answer."""
        self._asked += 1
        number = f"editor {self._asked}"
        self._send({"id": number, "method": method, "params": params})
        while (message := self._read()).get("id") != number:
            pass
        assert "error" not in message, message
        return message["result"]

    def _tell(self, method: str, params: Mapping[str, Any]) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: Mapping[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._child.stdin is not None
        self._child.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._child.stdin.flush()

    def _read(self) -> dict[str, Any]:
        """The next message; what the server itself asks is answered."""
        assert self._child.stdout is not None
        length = 0
        while line := self._child.stdout.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        assert length, f"the language server ended with {self._child.poll()}"
        message: dict[str, Any] = json.loads(self._child.stdout.read(length))
        if message.get("method") == "textDocument/publishDiagnostics":
            self._found[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif message.get("method") == "workspace/configuration":
            asked = [item.get("section") for item in message["params"]["items"]]
            answer = [self._settings if section == "yaml" else {} for section in asked]
            self._send({"id": message["id"], "result": answer})
        elif "method" in message and "id" in message:
            self._send({"id": message["id"], "result": None})
        return message

    def __enter__(self) -> "LanguageServer":
        return self

    def __exit__(self, kind: type[BaseException] | None, raised: object, trace: TracebackType | None) -> None:
        self._child.kill()
        self._child.communicate()
