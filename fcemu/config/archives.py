"""Code that is a zip is unpacked once for the process, into a directory that is deleted when the process ends."""

import atexit
import base64
import binascii
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from fcemu.core.functions import Package
from fcemu.core.limits import STRICT

if TYPE_CHECKING:
    from fcemu.packages import UnpackedPackages

MOST_INLINE: Final = 512 * 1024
"""How many bytes of zips a definition has: in base64, with the rest, it still is a file of less than 1 MiB."""
_WRITTEN: Final[dict[str, Any]] = {}
"""What a definition may say in place of a directory that goes with the process."""


def unpacked(path: str) -> str:
    """The directory with the content of a zip. Raises ``OSError``, or ``ValueError`` for one that is unsafe or too
    large."""
    with open(path, "rb") as file:
        content = file.read(STRICT.package_bytes + 1)
    if len(content) > STRICT.package_bytes:
        raise ValueError(f"is larger than {STRICT.package_bytes // 1024 // 1024} MB")
    return _unpacked(content, path)


def unpacked_text(text: str) -> str:
    """The same for a zip in base64."""
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error as wrong:
        raise ValueError(f"is not base64: {wrong}") from None
    return _unpacked(content, inline(content))


def inline(content: bytes) -> dict[str, str]:
    """A zip as a definition has it."""
    return {"zipFile": base64.b64encode(content).decode("ascii")}


def written(directory: str) -> Any:
    """How a definition names a directory: that itself, or the zip that was unpacked there."""
    return _WRITTEN.get(directory, directory)


def code_of(packages: "UnpackedPackages") -> Callable[[str], Any]:
    """How the definition of a running emulator names directories. What was uploaded to it is a part of the definition,
    which then needs no file; beyond ``MOST_INLINE`` it is where it was unpacked, as long as the emulator runs."""
    left = MOST_INLINE

    def name(directory: str) -> Any:
        nonlocal left
        if directory in _WRITTEN or not packages.is_uploaded(directory):
            return written(directory)
        content = packages.zip_of(directory)
        if len(content) > left:
            return directory
        left -= len(content)
        return inline(content)

    return name


def package_of(directory: str) -> Package:
    """What a directory would be as a zip."""
    return _packages().describe(directory)


def _unpacked(content: bytes, written: object) -> str:
    directory = _packages().unpack(content).directory
    if isinstance(written, str) or directory not in _WRITTEN:
        _WRITTEN[directory] = written
    return directory


@cache
def _packages() -> "UnpackedPackages":
    from fcemu.packages import UnpackedPackages

    packages = UnpackedPackages()
    atexit.register(packages.close)
    return packages
