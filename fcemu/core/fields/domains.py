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
    "A route leads a path of a domain to a function. A string in place of the map is the function.",
    acts("path", PATH, "Names the path; /a/* stands for all paths below /a/.", "path", key=""),
    acts(
        "functionName",
        FUNCTION_3_0,
        "Names the function, as SERVICE/NAME in 2.0.",
        "function",
        key="function",
        written=FUNCTION,
        required=True,
    ),
    acts(
        "qualifier",
        ROUTE_QUALIFIER,
        "Names the version or alias to invoke.",
        "qualifier",
        default=LATEST,
        written=QUALIFIER,
    ),
    acts("serviceName", NAME, "Names the service of a function of 2.0.", "function", key=""),
    acts(
        "methods",
        Methods(),
        "Lists the HTTP methods that the route takes.",
        "methods",
        default="any",
        written=Methods(short=True),
    ),
    acts("rewriteConfig", OBJECT, "Holds FC's rules that rewrite the path.", "rewrite", default={}),
    source="wire-api §9",
)
DOMAIN: Final = Table(
    "Domain",
    "A custom domain leads requests to functions.",
    shows("domainName", HOST_NAME, "Names the domain."),
    shows("accountId", TEXT, "Names the account that owns it."),
    shows("apiVersion", TEXT, "Gives the API version of the request."),
    acts(
        "protocol",
        Choice(("HTTP", "HTTPS", "HTTP,HTTPS")),
        "Sets the protocols of the domain.",
        "protocol",
        default="HTTP",
    ),
    acts(
        "routes",
        Named(ROUTE, "path", PATHS, "function"),
        "Leads paths to functions.",
        "routes",
        inside="routeConfig",
        default={},
    ),
    keeps("certConfig", OBJECT, "Holds its certificate; answers never show the private key."),
    keeps("authConfig", OBJECT, "Decides how FC authenticates requests.", versions=(V2023,)),
    keeps("corsConfig", OBJECT, "Decides which other sites may call the domain.", versions=(V2023,)),
    keeps("tlsConfig", OBJECT, "Chooses versions and ciphers of TLS.", versions=(V2021, V2023)),
    keeps("wafConfig", OBJECT, "Switches the firewall on.", versions=(V2021, V2023)),
    *TIMES,
    KEPT,
    source="wire-api §9",
)
