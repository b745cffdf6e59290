"""The page: HTML, CSS and ES modules, put together into one document that loads nothing else.

One document, because the modules of a page that is opened from a file could not be loaded, and because a browser sends
no token with what a page loads. Each module becomes a ``data:`` URL in an import map, by the name by which others import
it.
"""

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

_FOLDER: Final = Path(__file__).parent
_START: Final = "import 'fcemu/app.js';"


class Page(NamedTuple):
    """A whole document, and the policy that it is to be served with."""

    html: str
    policy: str


@cache
def live() -> Page:
    """The page of a running emulator, which reads all that it shows from fcemu's own API."""
    return _put_together("null")


def report(recorded: dict[str, Any]) -> str:
    """The page of an emulator that is gone, which shows what was ``recorded``: its journal and its invocations."""
    return _put_together(json.dumps(recorded, ensure_ascii=False, separators=(",", ":"))).html


def _put_together(recorded: str) -> Page:
    modules = {f"fcemu/{file.name}": _data_url(file) for file in sorted(_FOLDER.glob("*.js"))}
    scripts = {"IMPORTS": json.dumps({"imports": modules}), "START": _START}
    allowed = " ".join(f"'sha256-{_digest(text)}'" for text in scripts.values())
    pieces = {
        **scripts,
        "STYLE": (_FOLDER / "style.css").read_text(encoding="utf-8"),
        "RECORDED": recorded.replace("<", "\\u003c"),
    }
    html = (_FOLDER / "page.html").read_text(encoding="utf-8")
    for name, text in pieces.items():
        before, _, after = html.partition(f"<!--{name}-->")
        html = f"{before}{text}{after}"
    return Page(
        html,
        f"default-src 'none'; script-src {allowed} data:; style-src 'unsafe-inline'; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    )


def _data_url(file: Path) -> str:
    text = f"{file.read_text(encoding='utf-8')}\n//# sourceURL=fcemu/{file.name}\n"
    return f"data:text/javascript;base64,{base64.b64encode(text.encode()).decode()}"


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
