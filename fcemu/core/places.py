"""Where reports are posted besides the emulator: URLs by destination."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from fcemu.core.destinations import parse_destination, takes_mail

_SCHEMES: Final = ("http", "https")


def check_place(destination: str, url: object) -> str:
    """The address of ``destination`` (a short form or an ARN). Raises ``ValueError`` for what takes no messages, and
    for a ``url`` to which nothing can be posted."""
    there = parse_destination(destination)
    if not takes_mail(there):
        raise ValueError(
            f"{destination!r} is a function, which is invoked; write queue:NAME, topic:NAME or eventbus:NAME"
        )
    if not isinstance(url, str) or not _is_url(url):
        raise ValueError(f"{url!r} is not a URL; write it like http://127.0.0.1:8080/hook")
    return str(there)


def read_places(given: Mapping[str, object]) -> dict[str, str]:
    """URLs by the addresses of destinations; raises what ``check_place`` raises."""
    return {check_place(destination, url): str(url) for destination, url in given.items()}


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        good = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return good and url.isascii() and url.isprintable() and " " not in url
