"""This module has the tables of layers and their versions."""

from typing import Final

from fcemu.core.fields.kinds import FLAG, OBJECT, TEXT, WHOLE, Texts
from fcemu.core.fields.releases import NUMBERS
from fcemu.core.fields.rows import V2023, Named, Table, acts, said, shows
from fcemu.core.fields.shared import DESCRIPTION, NAME, code

LAYER_VERSION: Final = Table(
    "LayerVersion",
    "A version of a layer has files. A string in place of the map is its directory or zip.",
    code("Names the directory or zip with its files.", required=True),
    shows("layerName", NAME, "Names the layer."),
    shows("version", WHOLE, "Gives its number."),
    shows("arn", TEXT, "Gives its ARN.", names={V2023: "layerVersionArn"}),
    DESCRIPTION,
    acts("compatibleRuntime", Texts("runtimes"), "Lists the runtimes that the layer is for.", "runtimes", default=()),
    acts("license", TEXT, "Tells people the license.", "license", default=""),
    shows("code", OBJECT, "Gives the address of its content."),
    shows("codeSize", WHOLE, "Gives the size of its zip in bytes."),
    shows("codeChecksum", TEXT, "Gives the CRC-64 of its zip."),
    shows("acl", TEXT, "Tells whether other accounts may use the layer."),
    shows("createTime", TEXT, "Gives the time at which it was made."),
    source="wire-api §9",
)
LAYER: Final = Table(
    "Layer",
    "A layer holds shared files. Functions name it by the ARNs of its versions.",
    said(
        "versions", Named(LAYER_VERSION, "version", NUMBERS, "code"), "Lists its versions.", "versions", required=True
    ),
    said("public", FLAG, "Allows other accounts to use the layer.", "public", default=False),
    source="wire-api §9",
)
