"""This module reads ``.env`` files, whose variables the tools add to those of the process, which win."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

MOST_BYTES: Final = 64 * 1024
_LINE: Final = re.compile(
    r"""^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*=\s*
        (?: '([^']*)' | "((?:[^"\\]|\\.)*)" | ([^#\r\n]*) )""",
    re.VERBOSE | re.MULTILINE,
)
_REFERENCE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$([A-Za-z_][A-Za-z0-9_]*)")


def environment(process: Mapping[str, str], root: Path, code: Iterable[Path]) -> Mapping[str, str]:
    """The variables of the process, then those of ``.env`` in the directories of code, then those beside the file
    (yaml-formats §1.5). What is set first wins."""
    known = dict(process)
    for directory in dict.fromkeys((*code, root)):
        for name, value in _read(directory / ".env", known):
            known.setdefault(name, value)
    return known


def _read(path: Path, known: Mapping[str, str]) -> list[tuple[str, str]]:
    try:
        if not path.is_file():
            return []
        with path.open("rb") as file:
            content = file.read(MOST_BYTES).decode("utf-8-sig", "replace")
    except (OSError, ValueError):
        return []
    read: dict[str, str] = {}
    for name, literal, quoted, bare in _LINE.findall(content):
        if literal:
            read[name] = literal
            continue
        value = re.sub(r"\\([\\\"$n])", lambda found: "\n" if found[1] == "n" else found[1], quoted) or bare.strip()
        read[name] = _expanded(value, {**read, **known})
    return list(read.items())


def _expanded(value: str, known: Mapping[str, str]) -> str:
    """``$NAME`` and ``${NAME}`` in a value; unknown ones are empty. Once: what is put in is not looked at again."""
    return _REFERENCE.sub(lambda found: known.get(found[1] or found[2], ""), value)
