"""Plane: an empty emulator behind a real socket whose control plane is asked in the words of one API version."""

import base64
import io
import json
import zipfile
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from api.harness import Reply, Served
from fakes import CREW, FakeRuntime

from fcemu.core.catalog import Catalog
from fcemu.core.settings import Settings
from fcemu.engine.chance import Chance
from fcemu.engine.emulator import Emulator
from fcemu.packages import UnpackedPackages

VERSIONS = ("2016-08-15", "2021-04-06", "2023-03-30")
FC3 = "2023-03-30"
SERVICE = "shop"
EACH_VERSION = pytest.mark.parametrize("version", VERSIONS)
IN_SERVICES = pytest.mark.parametrize("version", VERSIONS[:2])


def zipped(source: str = "def handler(event, context):\n    return event\n", **more: str) -> bytes:
    """A zip with ``index.py``, and what else is given, byte for byte the same each time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in {"index.py": source, **more}.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return buffer.getvalue()


def code(data: bytes | None = None) -> dict[str, str]:
    """A zip as it stands in a body."""
    return {"zipFile": base64.b64encode(zipped() if data is None else data).decode()}


class Words(ABC):
    """Asks a control plane in the words of one API version; ``ask`` and what follows from it need ``request``."""

    version: str

    @abstractmethod
    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """One request; ``_`` in a header's name stands for ``-``."""

    # Paths.

    @property
    def in_services(self) -> bool:
        return self.version != FC3

    def at(self, *segments: str, qualifier: str = "", **query: object) -> str:
        """A path of this version; the qualifier goes where the version has it: behind the service, or in the query."""
        named = [quote(segment, safe="") for segment in segments]
        if qualifier and self.version == VERSIONS[0]:
            named[1] += f".{qualifier}"
        elif qualifier:
            query["qualifier"] = qualifier
        text = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in query.items())
        return "/".join(["", self.version, *named]) + (f"?{text}" if text else "")

    def functions(self, *more: str, **query: Any) -> str:
        """``functions()``: all of them; ``functions("resize", "triggers")``: what belongs to one."""
        service = ("services", SERVICE) if self.in_services else ()
        return self.at(*service, "functions", *more, **query)

    def owned(self, *more: str, **query: Any) -> str:
        """What belongs to the owner of versions and aliases: the service, or the function ``resize``."""
        return self.at(*(("services", SERVICE) if self.in_services else ("functions", "resize")), *more, **query)

    # Asking.

    def ask(self, method: str, path: str, document: object = None, **headers: str) -> Reply:
        body = None if document is None else json.dumps(document).encode()
        return self.request(method, path, body, **headers)

    def ok(self, method: str, path: str, document: object = None, **headers: str) -> Any:
        """The document of an answer that must be good."""
        reply = self.ask(method, path, document, **headers)
        assert 200 <= reply.status < 300, (method, path, reply.body)
        return reply.json() if reply.body else None

    # What is needed often.

    def make(self, name: str = "resize", **fields: object) -> Any:
        """A function, and its service where it needs one."""
        if self.in_services and self.ask("GET", self.at("services", SERVICE)).status == 404:
            self.ok("POST", self.at("services"), {"serviceName": SERVICE})
        basic = {"functionName": name, "runtime": "python3.10", "handler": "index.handler", "code": code()}
        return self.ok("POST", self.functions(), {**basic, **fields})

    def publish(self, description: str = "") -> str:
        """The id of the next version."""
        version: str = self.ok("POST", self.owned("versions"), {"description": description})["versionId"]
        return version

    def invoke(self, name: str = "resize", payload: bytes = b"", qualifier: str = "", **headers: str) -> Reply:
        path = self.functions(name, "invocations", qualifier=qualifier)
        return self.request("POST", path, payload, **headers)

    def pages(self, key: str, field: str, path: str) -> Iterator[list[str]]:
        """What stands on each page of a list, to its end."""
        token = ""
        while True:
            document = self.ok("GET", path + (f"&nextToken={quote(token)}" if token else ""))
            yield [one[field] for one in document[key]]
            token = document.get("nextToken", "")
            if not token:
                return


class Plane(Served, Words):
    """``version``: in whose words it is asked; ``catalog``: what is defined."""

    def __init__(self, version: str = FC3, settings: Settings | None = None) -> None:
        self.version = version
        self.packages = UnpackedPackages()
        self._settings = settings or Settings()
        super().__init__(self._made())

    def _made(self) -> Emulator:
        self.catalog = Catalog()
        self.runtime = FakeRuntime(defaultdict(lambda: lambda call: call.payload))
        return Emulator(
            settings=self._settings,
            catalog=self.catalog,
            runtimes=lambda _: self.runtime,
            chance=Chance(self._settings.seed),
            crew=CREW,
            packages=lambda: self.packages,
        )

    def renew(self) -> None:
        """An empty emulator behind the same socket."""
        old, self.emulator = self.emulator, self._made()
        self.api.state.put(self.emulator, None)
        if old is not None:
            old.close()

    def close(self) -> None:
        super().close()
        self.packages.close()

    def refused(self, method: str, path: str, document: object = None, **headers: str) -> tuple[int, str, str]:
        """Status, code and message of an answer that must be a refusal; nothing may have changed."""
        before = self.state()
        reply = self.ask(method, path, document, **headers)
        assert reply.status >= 400, (method, path, reply.body)
        assert self.state() == before
        return told(reply)

    def state(self) -> object:
        """All that is defined, to be compared."""
        return state(self.catalog)


def told(reply: Reply) -> tuple[int, str, str]:
    """Status, code and message of an error in either form."""
    document = reply.json()
    upper = "ErrorCode" in document
    return (reply.status, document["ErrorCode" if upper else "Code"], document["ErrorMessage" if upper else "Message"])


def state(catalog: Catalog) -> object:
    """All that is defined, and the numbers that were given, to be compared; tags of which there are none left out."""
    return {
        name: ([repr(one) for one in shelf.items() if one[1]], dict(shelf.numbers))
        for name, shelf in catalog.shelves.items()
    }
