"""This module has the tables of custom domains and their routes."""

from typing import Final

from fcemu.core.domains import NO_ADDRESS
from fcemu.core.fields.fc_kinds import Methods
from fcemu.core.fields.kinds import OBJECT, TEXT, Choice
from fcemu.core.fields.rows import V2021, V2023, Named, Names, Table, acts, keeps, shows
from fcemu.core.fields.shared import (
    FUNCTION,
    FUNCTION_3_0,
    HOST_NAME,
    KEPT,
    NAME,
    PATH,
    QUALIFIER,
    ROUTE_QUALIFIER,
    TIMES,
)
from fcemu.core.names import LATEST

HOSTS: Final = Names(
    NO_ADDRESS + r"[A-Za-z0-9*_-][A-Za-z0-9.*_-]{0,254}", "a name is a host name, and neither an address nor localhost"
)
PATHS: Final = Names(PATH.pattern, "a path begins with '/', such as /* or /api/*")

ROUTE: Final = Table(
    "Route",
    "Where a path of a domain leads; a text alone is the function.",
    acts("path", PATH, "Which path; /a/* takes all below /a/.", "path", key=""),
    acts(
        "functionName",
        FUNCTION_3_0,
        "Name of the function, SERVICE/NAME in 2.0.",
        "function",
        key="function",
        written=FUNCTION,
        required=True,
    ),
    acts(
        "qualifier",
        ROUTE_QUALIFIER,
        "Which version or alias it is for.",
        "qualifier",
        default=LATEST,
        written=QUALIFIER,
    ),
    acts("serviceName", NAME, "The service of a function of 2.0.", "function", key=""),
    acts("methods", Methods(), "Which HTTP methods.", "methods", default="any", written=Methods(short=True)),
    acts("rewriteConfig", OBJECT, "FC's rules that change the path.", "rewrite", default={}),
    source="wire-api §9",
)
DOMAIN: Final = Table(
    "Domain",
    "A custom domain.",
    shows("domainName", HOST_NAME, "Its name."),
    shows("accountId", TEXT, "Whose it is."),
    shows("apiVersion", TEXT, "The API version in which it was asked for."),
    acts("protocol", Choice(("HTTP", "HTTPS", "HTTP,HTTPS")), "How it is reached.", "protocol", default="HTTP"),
    acts(
        "routes",
        Named(ROUTE, "path", PATHS, "function"),
        "Where its paths lead.",
        "routes",
        inside="routeConfig",
        default={},
    ),
    keeps("certConfig", OBJECT, "Its certificate; the private key is never shown."),
    keeps("authConfig", OBJECT, "How requests are authenticated.", versions=(V2023,)),
    keeps("corsConfig", OBJECT, "Which other sites may call it.", versions=(V2023,)),
    keeps("tlsConfig", OBJECT, "Versions and ciphers of TLS.", versions=(V2021, V2023)),
    keeps("wafConfig", OBJECT, "Whether the firewall is on.", versions=(V2021, V2023)),
    *TIMES,
    KEPT,
    source="wire-api §9",
)
