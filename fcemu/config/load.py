"""Which file is meant, and the tree in it."""

from pathlib import Path
from typing import Final

from fcemu.config.definition import FILE_NAMES
from fcemu.config.parse import parse, place_at
from fcemu.config.problems import DefinitionError, Place, Problem, Report
from fcemu.config.tree import Table

MAPPING: Final = "definition"
"""What messages call a definition that is a mapping."""
MOST_BYTES: Final = 1024 * 1024


def shown(path: Path) -> str:
    """A path as the user gave it, shorter if it is absolute and below the working directory."""
    try:
        return str(path.relative_to(Path.cwd())) if path.is_absolute() else str(path)
    except ValueError:
        return str(path)


def find_definition(where: Path) -> Path:
    """The file that ``where`` means: itself, or the first of ``FILE_NAMES`` in the directory ``where``.

    Raises ``DefinitionError`` with one problem when there is none.
    """
    if where.is_dir():
        for name in FILE_NAMES:
            if (where / name).is_file():
                return where / name
        looked_for = "looked for " + ", ".join(FILE_NAMES)
        raise DefinitionError([Problem(shown(where), "no definition in this directory", hints=(looked_for,))])
    if where.exists():
        return where
    raise DefinitionError([Problem(shown(where), "no such file or directory")])


def read_file(path: Path, report: Report) -> tuple[Table, bool]:
    """The tree of a file, and whether it may have variables. Raises ``DefinitionError`` when it cannot be read or is no
    YAML; lesser problems go into ``report``."""
    text = read_text(path, report)
    return parse(text, report), "${" in text or "\\" in text


def read_text(path: Path, report: Report, at: Place | None = None, file: str = "") -> str:
    """What is in a file. Raises ``DefinitionError``, whose place is ``at`` where another file names this one."""
    name = f"{file} " if file else ""
    try:
        with path.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        report.stop(at, f"{name}cannot be read: {error.strerror}")
    if len(content) > MOST_BYTES:
        report.stop(at, f"{name}is larger than {MOST_BYTES // 1024} KB, so it is hardly a definition")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        report.stop(place_at(content[: error.start].decode("latin-1"), file), "not UTF-8 text")
