"""2021-04-06: known, and not supported yet as a whole."""

from dataclasses import replace
from typing import Final

from fcemu.api import v2016_08_15
from fcemu.api.dialect import ANY_METHOD, REST, Operation, fc3_error

DIALECT: Final = replace(
    v2016_08_15.DIALECT,
    version="2021-04-06",
    operations=(Operation("API version 2021-04-06", ANY_METHOD, f"/{REST}"),),
    error_fields=fc3_error,
    extra_headers="",
)
