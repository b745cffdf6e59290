"""Skips tests of what a system need not offer: they are run where ``fcemu/handler/system.py`` says that it does."""

import pytest

from fcemu.handler.system import FACILITIES

_BY_NAME = {facility.name: facility for facility in FACILITIES}


def needs(*names: str) -> pytest.MarkDecorator:
    """Skip a test where one of these facilities is missing or hidden."""
    missing = [_BY_NAME[name] for name in names if not _BY_NAME[name].offered]
    return pytest.mark.skipif(bool(missing), reason="; ".join(f"needs {each.what}" for each in missing))
