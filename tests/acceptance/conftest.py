"""An empty emulator, and the control plane as programs reach it."""

from collections.abc import Iterator

import pytest
from acceptance.control import Api

from fcemu.testing import LocalEmulator


@pytest.fixture
def emulator() -> Iterator[LocalEmulator]:
    with LocalEmulator("", strict=False) as emulator:
        yield emulator


@pytest.fixture
def api(emulator: LocalEmulator) -> Api:
    return Api(emulator)
