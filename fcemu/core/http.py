"""A request that came to an HTTP trigger, and the answer of the function that serves it."""

from collections.abc import Iterable, Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qsl, unquote

from fcemu.core.values import dataclass, value

NOT_PASSED_ON: Final = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})
"""Request headers that go no further than FC, like all that begin with ``x-fc-`` (http-triggers §1): those of the
connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """``path`` is decoded, ``target`` is what stood in the request line; ``headers`` as they came, names may repeat.
    The body is the payload of the invocation."""

    method: str
    path: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    queries: Mapping[str, str | list[str]] = field(default_factory=lambda: MappingProxyType({}))
    client_ip: str = "127.0.0.1"
    domain: str = ""
    """The host name that was called."""
    uri: str = ""
    """Path and query as they were called, where more stood in front of ``target``."""

    @classmethod
    def of(
        cls, method: str, target: str, headers: Iterable[tuple[str, str]], domain: str = "", uri: str = ""
    ) -> "HttpRequest":
        """A request by its ``target``: path and query, percent-encoded."""
        path, _, query = target.partition("?")
        queries: dict[str, str | list[str]] = {}
        for name, text in parse_qsl(query, keep_blank_values=True):
            there = queries.get(name)
            if there is None:
                queries[name] = text
            else:
                queries[name] = [*([there] if isinstance(there, str) else there), text]
        return cls(
            method=method,
            path=unquote(path) or "/",
            target=target or "/",
            headers=tuple(headers),
            queries=queries,
            domain=domain,
            uri=uri,
        )

    @property
    def base_path(self) -> str:
        """What stands in front of the function's own paths, a slash at its end (http-triggers §4)."""
        called, own = self.uri.partition("?")[0], self.target.partition("?")[0]
        return f"{called.removesuffix(own)}/"

    def passed_on(self) -> list[tuple[str, str]]:
        """The headers that a function gets."""
        return [
            (name, text)
            for name, text in self.headers
            if not name.lower().startswith("x-fc-") and name.lower() not in NOT_PASSED_ON
        ]


@value
class HttpAnswer:
    """Status and headers, names may repeat; the body is the payload of the outcome."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
