"""This module has the tables of versions and aliases."""

from typing import Final

from fcemu.core.fields.fc_kinds import Weights
from fcemu.core.fields.kinds import OBJECT, TEXT
from fcemu.core.fields.rows import V2021, Field, Named, Names, Table, acts, keeps, said, shows
from fcemu.core.fields.shared import DESCRIPTION, KEPT, NAME, QUALIFIER, TIMES

NUMBERS: Final = Names(r"[1-9][0-9]{0,9}", "versions are numbered from '1'")
"""What versions are called, of functions, of services and of layers."""

VERSION: Final = Table(
    "Version",
    "A published version cannot be changed.",
    shows("versionId", TEXT, "Gives its number."),
    DESCRIPTION,
    *TIMES,
    source="wire-api §3",
)
ALIAS: Final = Table(
    "Alias",
    "An alias is a name for a version. A string in place of the map is the version.",
    shows("aliasName", NAME, "Names the alias."),
    acts(
        "versionId",
        TEXT,
        "Names the version, by its number or as LATEST.",
        "version",
        key="version",
        written=QUALIFIER,
        required=True,
    ),
    DESCRIPTION,
    acts(
        "additionalVersionWeight",
        Weights(),
        "Sets the share of the invocations that other versions get.",
        "weights",
        default={},
        written=Weights(checked=True),
    ),
    keeps("resolvePolicy", TEXT, "Decides how FC chooses a version.", versions=(V2021,)),
    keeps("routePolicy", OBJECT, "Decides which requests go to which version.", versions=(V2021,)),
    *TIMES,
    KEPT,
    source="wire-api §3",
)


def aliases(only: str = "") -> Field:
    """The aliases of an owner of versions, in a file."""
    return said(
        "aliases", Named(ALIAS, "alias", short="version"), "Gives names to versions.", "aliases", only=only, default={}
    )
