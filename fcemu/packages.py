"""Packages: uploaded zips are unpacked here, safely; a directory becomes a zip."""

import hashlib
import io
import lzma
import os
import shutil
import stat
import threading
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from fcemu.core.functions import Package
from fcemu.core.limits import STRICT, Limits
from fcemu.scratch import Scratch

_FIRST_DAY: Final = (1980, 1, 1, 0, 0, 0)
_LEFT_OUT: Final = frozenset({"__pycache__"})
_ENTRIES: Final = 100_000
_SMALL_BYTES: Final = 1024 * 1024
_SMALL_FILES: Final = 200
"""What is zipped within a moment."""
_PIECE: Final = 1024 * 1024
_LINK_BYTES: Final = 4096
_UNREADABLE: Final = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError)
"""What ``zipfile`` raises for what is no zip, or one in a form that it does not know."""


class UnpackedPackages:
    """Implements ``Packages``: each zip has a directory of its own below one that goes with ``close``.

    The same zip is unpacked once. What one has unpacked, all know, so that code that came with a definition is the same
    zip for FC's API. Methods may be called from any thread.
    """

    _zips: Final[dict[str, tuple[Package, bytes]]] = {}
    """What was uploaded, by the directory in which it is unpacked; shared."""
    _described: Final[dict[str, tuple[tuple[object, ...], Package]]] = {}
    """What directories looked like when their packages were made; shared."""

    def __init__(self, limits: Limits = STRICT) -> None:
        self._limits: Final = limits
        self._lock: Final = threading.Lock()
        self._scratch: Scratch | None = None

    def unpack(self, data: bytes) -> Package:
        """Raises ``ValueError``; then nothing is left behind."""
        name = hashlib.sha256(data).hexdigest()[:32]
        with self._lock:
            directory = os.path.join(self._made_root(), name)
            if directory not in self._zips:
                package = Package(self.checksum(data), len(data), directory)
                try:
                    _extract(data, directory, self._limits)
                except BaseException:
                    shutil.rmtree(directory, ignore_errors=True)
                    raise
                self._zips[directory] = (package, data)
            return self._zips[directory][0]

    def checksum(self, data: bytes) -> str:
        """The CRC-64 of ECMA-182 in its reflected form, as OSS has it (wire-api §2.8)."""
        import fastcrc

        return str(fastcrc.crc64.xz(data))

    def describe(self, directory: str) -> Package:
        """Made anew when a file of the directory was changed."""
        if directory in self._zips:
            return self._zips[directory][0]
        seen = tuple(_look(directory))
        known = self._described.get(directory)
        if known is None or known[0] != seen:
            data = _zip(directory)
            known = self._described[directory] = (seen, Package(self.checksum(data), len(data), directory))
        return known[1]

    def describe_small(self, directory: str) -> Package | None:
        """The same for a directory with few files; ``None`` for one that takes a while. Raises ``OSError``."""
        if directory in self._zips:
            return self._zips[directory][0]
        size = 0
        for count, (_, path) in enumerate(_files(directory), 1):
            size += os.stat(path, follow_symlinks=False).st_size
            if size > _SMALL_BYTES or count > _SMALL_FILES:
                return None
        return self.describe(directory)

    def zip_of(self, directory: str) -> bytes:
        """Byte for byte what was uploaded, or what ``describe`` describes."""
        uploaded = self._zips.get(directory)
        return _zip(directory) if uploaded is None else uploaded[1]

    def is_uploaded(self, directory: str) -> bool:
        """Whether the directory holds an uploaded zip."""
        return directory in self._zips

    def close(self) -> None:
        """Delete all that was unpacked; repeatable."""
        with self._lock:
            if self._scratch is not None:
                for directory in [each for each in self._zips if os.path.dirname(each) == self._scratch.path]:
                    del self._zips[directory]
                self._scratch.close()
                self._scratch = None

    def _made_root(self) -> str:
        if self._scratch is None:
            self._scratch = Scratch("fcemu-code-")
        return self._scratch.path


def _extract(data: bytes, directory: str, limits: Limits) -> None:
    """Files come first and links last, so that nothing is written through a link. Raises ``ValueError``."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > _ENTRIES:
                raise ValueError(f"the zip has {len(entries)} entries; at most {_ENTRIES} are allowed")
            left = limits.unpacked_bytes
            os.makedirs(directory)
            links = [entry for entry in entries if _is_link(entry)]
            for entry in entries:
                if not _is_link(entry):
                    left = _extract_one(archive, entry, directory, left, limits)
            for entry in links:
                _link(archive, entry, directory)
            _check_links(links, directory)
    except _UNREADABLE as wrong:
        raise ValueError(f"fcemu cannot unpack the code as a zip: {wrong}") from None
    except OSError as wrong:
        raise ValueError(f"the zip cannot be unpacked: {wrong.strerror or wrong}") from None


def _extract_one(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, directory: str, left: int, limits: Limits) -> int:
    """Unpack a file or directory; returns how many bytes may still come."""
    path = _path(entry, directory)
    if entry.is_dir():
        os.makedirs(path, exist_ok=True)
        return left
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with archive.open(entry) as source, open(path, "wb") as target:
        while piece := source.read(_PIECE):
            left -= len(piece)
            if left < 0:
                raise ValueError(f"the zip unpacks to more than {limits.unpacked_bytes} bytes")
            target.write(piece)
    os.chmod(path, 0o755 if (entry.external_attr >> 16) & 0o111 else 0o644)
    return left


def _link(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, directory: str) -> None:
    """Make a link, unless what it stands in leads out."""
    path = _path(entry, directory)
    if entry.file_size > _LINK_BYTES:
        raise ValueError(f"the zip has a link that is not a path: {entry.filename!r}")
    if _leads_out(os.path.dirname(path), directory):
        raise ValueError(f"the zip writes through a link that leads out of it: {entry.filename!r}")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.symlink(archive.read(entry).decode("utf-8", "surrogateescape"), path)


def _check_links(links: Iterable[zipfile.ZipInfo], directory: str) -> None:
    """Once all are there, for one link may change where another leads."""
    for entry in links:
        if _leads_out(_path(entry, directory), directory):
            raise ValueError(f"the zip has a link that leads out of it: {entry.filename!r}")


def _is_link(entry: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(entry.external_attr >> 16)


def _path(entry: zipfile.ZipInfo, directory: str) -> str:
    """Where an entry belongs."""
    parts = entry.filename.replace("\\", "/").split("/")
    if not parts[0] or ".." in parts or ":" in parts[0] or "\0" in entry.filename:
        raise ValueError(f"the zip has a path that leads out of it: {entry.filename!r}")
    return os.path.join(directory, *parts)


def _leads_out(path: str, directory: str) -> bool:
    return os.path.commonpath([directory, os.path.realpath(path)]) != directory


def _files(directory: str) -> Iterator[tuple[str, str]]:
    """Every file below a directory: its path there, with slashes, and where it is; in order."""
    for folder, folders, files in os.walk(directory):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT)
        for name in sorted(files):
            path = os.path.join(folder, name)
            yield os.path.relpath(path, directory).replace(os.sep, "/"), path


def _look(directory: str) -> Iterator[object]:
    for name, path in _files(directory):
        found = os.stat(path, follow_symlinks=False)
        yield name, found.st_size, found.st_mtime_ns, found.st_mode


def _zip(directory: str) -> bytes:
    """The same bytes for the same files, whenever they were written."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in _files(directory):
            if os.path.isfile(path):
                entry = zipfile.ZipInfo(name, _FIRST_DAY)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = (0o100755 if os.access(path, os.X_OK) else 0o100644) << 16
                with open(path, "rb") as file:
                    archive.writestr(entry, file.read())
    return buffer.getvalue()
