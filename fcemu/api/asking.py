"""``Asking`` is one request to an operation of the control plane; it reads each part with good error messages."""

import gzip
import json
import zlib
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from multidict import istr

from fcemu.api.dialect import Dialect
from fcemu.api.json_body import SHOWN, Body, label, read_json, shown
from fcemu.api.shapes import Shape
from fcemu.api.wire import Answer, WireRequest, status_line
from fcemu.core.errors import EntityTooLarge, InvalidArgument, Unreadable
from fcemu.core.limits import Limits
from fcemu.core.names import LATEST, Account, FunctionRef
from fcemu.core.paging import DEFAULT_LIMIT, MAX_LIMIT, Page, Wanted, read_token, write_token
from fcemu.core.releases import Owner
from fcemu.core.stamps import etag_of
from fcemu.engine.control import Control

IF_MATCH: Final = istr("If-Match")
_CONTENT_ENCODING: Final = istr("Content-Encoding")


class Asking:
    """One request: the parameters of its path, its query, its body, and who answers it. Raises ``InvalidArgument`` for
    an id that a request cannot have."""

    __slots__ = ("_chosen_id", "_data", "dialect", "path", "query", "request")

    def __init__(
        self, request: WireRequest, dialect: Dialect, path: Mapping[str, str], query: Mapping[str, str], data: bytes
    ) -> None:
        self.request = request
        self.dialect = dialect
        self.path = path
        self.query = query
        self._data = data
        self._chosen_id = dialect.chosen_id(request.headers)

    # Who answers.

    @property
    def control(self) -> Control:
        return self.request.emulator.control

    @property
    def account(self) -> Account:
        return self.request.emulator.settings.account

    @property
    def limits(self) -> Limits:
        return self.request.emulator.settings.limits

    @property
    def version(self) -> str:
        """The API version in which the caller asks."""
        return self.dialect.version

    @property
    def base_url(self) -> str:
        """Where the caller reaches this server."""
        return self.request.base_url

    # What is asked about.

    @property
    def owner(self) -> Owner:
        """Whose versions and aliases the path is about."""
        return self.dialect.read_owner(self.path)

    @property
    def qualifier(self) -> str:
        """``LATEST`` where none is given."""
        return self.dialect.read_qualifier(self.path, self.query)

    @property
    def ref(self) -> FunctionRef:
        """The function that the path is about."""
        return self.dialect.read_target(self.path, self.query).ref

    @property
    def if_match(self) -> str:
        """The ETag that the caller has seen, quoted or not (wire-api §2.6); ``""``: any."""
        etag = self.request.headers.get(IF_MATCH, "").strip().removeprefix("W/").strip('"')
        return "" if etag == "*" else etag

    def many(self, name: str) -> list[str]:
        """All values of a query parameter."""
        query = self.request.target.partition("#")[0].partition("?")[2]
        return [value for given, value in parse_qsl(query, keep_blank_values=True) if given == name]

    def whole(self, name: str) -> int | None:
        """A query parameter that is a whole number. Raises ``InvalidArgument``."""
        text = self.query.get(name, "")
        if not text:
            return None
        try:
            return int(text)
        except ValueError:
            raise InvalidArgument.choice(label(name), "a whole number", text) from None

    def flag(self, name: str) -> bool | None:
        """A query parameter that is true or false, in any letter case. Raises ``InvalidArgument``."""
        text = self.query.get(name, "")
        if text.lower() not in ("", "true", "false"):
            raise InvalidArgument.choice(label(name), "true | false", text)
        return text.lower() == "true" if text else None

    def json_list(self, name: str) -> list[Any]:
        """A query parameter that holds a list as JSON; empty where it is not there. Raises ``InvalidArgument``."""
        text = self.query.get(name, "")
        try:
            value = read_json(text) if text else []
        except ValueError:
            value = None
        if not isinstance(value, list):
            raise InvalidArgument.choice(label(name), "a list as JSON", text)
        return value

    @property
    def wanted(self) -> Wanted:
        """Which page of a list. Raises ``InvalidArgument``."""
        return self.wanted_page("limit", "nextToken")

    def wanted_page(self, limit_name: str, token_name: str) -> Wanted:
        """The same with other names. A token wins over a start key, and the prefix holds with both (wire-api §2.7)."""
        limit, token = self.whole(limit_name), self.query.get(token_name, "")
        if limit is not None and not 1 <= limit <= MAX_LIMIT:
            raise InvalidArgument.choice("Limit", f"[1, {MAX_LIMIT}]", str(limit))
        start = read_token(token) if token else self.query.get("startKey", "")
        return Wanted(self.query.get("prefix", ""), start, limit or DEFAULT_LIMIT)

    @property
    def body(self) -> Body:
        """The JSON object that was sent; empty when nothing was, or ``null``. Raises ``InvalidArgument``."""
        data = self._data
        if self.request.headers.get(_CONTENT_ENCODING, "").strip().lower() == "gzip":
            data = _unzipped(data, self.limits.request_bytes)
        if not data.strip():
            return Body({})
        try:
            document = read_json(data)
        except ValueError as wrong:
            raise Unreadable(f"the request body is not valid JSON: {str(wrong)[:SHOWN]}") from None
        if document is None:
            return Body({})
        if not isinstance(document, dict):
            raise Unreadable(f"the request body must be a JSON object, got {shown(document)}")
        return Body(document)

    # Answers.

    def answer(self, document: Mapping[str, Any] | None = None, etag: str = "", request_id: str = "") -> Answer:
        """200 with a JSON object, or 204 without a body."""
        head = f"X-Fc-Request-Id: {request_id or self._new_id()}\r\n"
        if etag:
            head += f"ETag: {etag}\r\n"
        head += self.dialect.extra_headers
        if document is None:
            return Answer(204, status_line(204) + head)
        data = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
        return Answer(200, f"{status_line(200)}Content-Type: application/json\r\n{head}", data)

    def resource(self, shape: Shape, resource: object) -> Answer:
        """200 with a resource and its ETag."""
        return self.answer(shape.write(resource, self), etag_of(resource))

    def identified(self, name: str, document: Mapping[str, Any]) -> Answer:
        """200 with a JSON object that has the request id under ``name``."""
        request_id = self._new_id()
        return self.answer({name: request_id, **document}, request_id=request_id)

    def page(self, key: str, shape: Shape, page: Page[Any], **more: Any) -> Answer:
        """200 with a list of resources."""
        return self.plain_page(key, Page([shape.write(each, self) for each in page.items], page.next), **more)

    def plain_page(self, key: str, page: Page[dict[str, Any]], **more: Any) -> Answer:
        """200 with a list; the token is left out on the last page (wire-api §2.7)."""
        document: dict[str, Any] = {key: page.items, **more}
        if page.next:
            document["nextToken"] = write_token(page.next)
        return self.answer(document)

    def _new_id(self) -> str:
        return self._chosen_id or self.request.emulator.new_request_id(self.dialect.generation)


def qualifier_of(text: str | None) -> str:
    """ASSUMED: fcemu reads an empty qualifier as ``LATEST`` (wire-api §8, 12)."""
    return text or LATEST


def _unzipped(data: bytes, at_most: int) -> bytes:
    try:
        unzip = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        whole = unzip.decompress(data, at_most + 1)
    except (gzip.BadGzipFile, zlib.error, EOFError) as wrong:
        raise Unreadable(f"the headers say that the request body is gzip, but it is not: {wrong}") from None
    if len(whole) > at_most:
        raise EntityTooLarge(at_most)
    return whole
