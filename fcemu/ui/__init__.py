"""The page: HTML, CSS and ES modules, put together into one document that loads nothing else.

One document, because a page that is opened from a file cannot load modules, and because a browser sends no token with
what a page loads. Each module becomes a ``data:`` URL in an import map, by the name by which others import it.
"""

import base64
import json
from functools import cache
from pathlib import Path
from typing import Any, Final

_FOLDER: Final = Path(__file__).parent


@cache
def live() -> str:
    """The page of a running emulator, which reads all that it shows from fcemu's own API."""
    return _put_together("null")


def report(recorded: dict[str, Any]) -> str:
    """The page of an emulator that is gone, which shows what was ``recorded``: its journal and its invocations."""
    return _put_together(json.dumps(recorded, ensure_ascii=False, separators=(",", ":")))


def _put_together(recorded: str) -> str:
    modules = {f"fcemu/{file.name}": _data_url(file) for file in sorted(_FOLDER.glob("*.js"))}
    pieces = {
        "STYLE": (_FOLDER / "style.css").read_text(encoding="utf-8"),
        "IMPORTS": json.dumps({"imports": modules}),
        "RECORDED": recorded.replace("<", "\\u003c"),
    }
    html = (_FOLDER / "page.html").read_text(encoding="utf-8")
    for name, text in pieces.items():
        before, _, after = html.partition(f"<!--{name}-->")
        html = f"{before}{text}{after}"
    return html


def _data_url(file: Path) -> str:
    text = f"{file.read_text(encoding='utf-8')}\n//# sourceURL=fcemu/{file.name}\n"
    return f"data:text/javascript;base64,{base64.b64encode(text.encode()).decode()}"
