"""Code that is a zip: unpacked once for the process, into a directory that goes with it."""

import atexit
from functools import cache
from typing import TYPE_CHECKING

from fcemu.core.limits import STRICT

if TYPE_CHECKING:
    from fcemu.packages import UnpackedPackages


def unpacked(path: str) -> str:
    """The directory with the content of a zip. Raises ``OSError``, or ``ValueError`` for one that is unsafe or too
    large."""
    with open(path, "rb") as file:
        content = file.read(STRICT.package_bytes + 1)
    if len(content) > STRICT.package_bytes:
        raise ValueError(f"is larger than {STRICT.package_bytes // 1024 // 1024} MB")
    return _packages().unpack(content).directory


@cache
def _packages() -> "UnpackedPackages":
    from fcemu.packages import UnpackedPackages

    packages = UnpackedPackages()
    atexit.register(packages.close)
    return packages
