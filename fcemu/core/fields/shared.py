"""This module has the kinds and rows that several resources use."""

from typing import Final

from fcemu.core import names
from fcemu.core.domains import NO_ADDRESS
from fcemu.core.fields.fc_kinds import Function, Qualifier
from fcemu.core.fields.kinds import FLAG, OBJECT, TAGS, TEXT, Duration, Text, Texts, Whole, always
from fcemu.core.fields.rows import Field, Nested, Table, acts, said, shows
from fcemu.core.names import LATEST
from fcemu.core.options import UNBOUNDED

NAME: Final = Text(
    "a name", "1-128 letters, digits, '_' and '-', beginning with a letter or '_'", names.NAME, empty=False
)
FUNCTION_3_0: Final = Text(
    "a name", "1-128 letters, digits, '_', '-' and '$', beginning with a letter or '_'", names.FUNCTION_3_0, empty=False
)
HOST_NAME: Final = Text(
    "a host name",
    "a domain name that is no address",
    NO_ADDRESS + r"(?=.{1,253}\Z)(?:\*\.)?[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+",
)
PATH: Final = Text("a path that begins with '/'", "a path that begins with /", r"/[!-~]{0,255}")
ROUTE_QUALIFIER: Final = Text("a version or an alias", "a version, an alias or LATEST", "[A-Za-z0-9_-]{0,128}")
ANY_QUALIFIER: Final = Text("a version or an alias", "a version, an alias or LATEST")
"""Which versions and aliases there are says the emulator."""
QUALIFIER: Final = Qualifier()
FUNCTION: Final = Function()
HANDLER: Final = Text("module.function", "a printable string", printable=True)
"""An empty text says that there is none. ASSUMED: fcemu refuses a handler whose name cannot be printed."""
SAID_HANDLER: Final = Text("module.function", printable=True, empty=False)
"""A handler in a file, which leaves out the key of one that is not there."""
COUNT: Final = Whole("", always(0, UNBOUNDED))
HOOK_TIMEOUT: Final = Duration(lambda limits: (1, limits.hook_timeout_max_seconds))

DESCRIPTION: Final = acts("description", TEXT, "Describes it to people.", "description", default="")
TIMES: Final = (
    shows("createdTime", TEXT, "Gives the time at which it was made."),
    shows("lastModifiedTime", TEXT, "Gives the time of its last change."),
)
KEPT: Final = said(
    "kept",
    OBJECT,
    "Holds settings of FC that have no effect here, under FC's names; FC's API shows them.",
    "kept",
    default={},
)


def tags(only: str = "") -> Field:
    """Tags of a service, or of a function of 3.0."""
    return said("tags", TAGS, "Holds tags by their keys, which FC's API shows.", "tags", only=only, default={})


def vpcs(only: str = "") -> Field:
    """VPC bindings of a service, or of a function of 3.0."""
    about = "Lists VPCs bound to it, which FC's API shows."
    return said("vpcBindings", Texts("ids of VPCs"), about, "vpcs", only=only, default=())


def qualifier() -> Field:
    """For which version or alias settings are, where FC has that beside them."""
    return said(
        "qualifier", QUALIFIER, "Names the version or alias that the settings are for.", "qualifier", default=LATEST
    )


CODE: Final = Table(
    "Code",
    "This map says where files are. A string in its place is the directory or the zip.",
    said(
        "src",
        Text("the path of a directory or a zip", printable=True, empty=False),
        "Names a directory or a zip, absolute or relative to this file.",
        "src",
    ),
    said(
        "zipFile",
        Text("a zip in base64", printable=True, empty=False),
        "Holds a zip in base64, as FC's API takes it.",
        "zip_file",
    ),
    said(
        "unchecked",
        FLAG,
        "Allows handlers to be missing until FC calls them.",
        "unchecked",
        default=False,
    ),
    one_of=("src", "zipFile"),
    none_says="nothing says where the files are",
)


def code(about: str, **more: object) -> Field:
    """Where the files of a resource are, in a file."""
    return said("code", Nested(CODE, "src"), about, "code", **more)
