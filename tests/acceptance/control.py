"""The control plane of 2023-03-30, and fcemu's own API, in short, over a socket."""

import base64
import io
import json
import zipfile
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

from fcemu.testing import LocalEmulator


def zipped(**files: str) -> str:
    """A zip as base64; ``__`` in a name stands for a slash, ``_py`` for ``.py``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/").replace("_py", ".py"), text)
    return base64.b64encode(buffer.getvalue()).decode()


class Api:
    """2023-03-30 over a socket."""

    def __init__(self, emulator: LocalEmulator) -> None:
        self._emulator = emulator

    def __call__(self, method: str, path: str, document: Any = None) -> Any:
        return self._ask(method, f"/2023-03-30{path}", document)

    def own(self, method: str, path: str, document: Any = None) -> Any:
        """fcemu's own API."""
        return self._ask(method, f"/_fcemu{path}", document)

    def _ask(self, method: str, path: str, document: Any) -> Any:
        body = None if document is None else json.dumps(document)
        with closing(HTTPConnection(self._emulator.host, self._emulator.port, timeout=10)) as connection:
            connection.request(method, path, body)
            response = connection.getresponse()
            text = response.read()
        assert response.status < 300, text
        return json.loads(text) if text else None

    def function(self, name: str, code: str, **settings: Any) -> Any:
        """Create a function whose module is ``index``."""
        head = {"functionName": name, "runtime": "python3.10", "handler": "index.handler"}
        return self("POST", "/functions", head | {"code": {"zipFile": zipped(index_py=code)}} | settings)

    def update(self, name: str, code: str) -> Any:
        return self("PUT", f"/functions/{name}", {"code": {"zipFile": zipped(index_py=code)}})
