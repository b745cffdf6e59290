"""This module has the tables of layers and their versions."""

from typing import Final

from fcemu.core.fields.kinds import FLAG, OBJECT, TEXT, WHOLE, Texts
from fcemu.core.fields.releases import NUMBERS
from fcemu.core.fields.rows import V2023, Named, Table, acts, said, shows
from fcemu.core.fields.shared import DESCRIPTION, NAME, code

LAYER_VERSION: Final = Table(
    "LayerVersion",
    "One version of a layer; a text alone is its directory, or the zip.",
    code("Directory or zip of its files.", required=True),
    shows("layerName", NAME, "The name of the layer."),
    shows("version", WHOLE, "Its number."),
    shows("arn", TEXT, "Its ARN.", names={V2023: "layerVersionArn"}),
    DESCRIPTION,
    acts("compatibleRuntime", Texts("runtimes"), "For which runtimes it is.", "runtimes", default=()),
    acts("license", TEXT, "For people.", "license", default=""),
    shows("code", OBJECT, "Where its content can be fetched."),
    shows("codeSize", WHOLE, "The size of its zip in bytes."),
    shows("codeChecksum", TEXT, "The CRC-64 of its zip."),
    shows("acl", TEXT, "Whether other accounts may use the layer."),
    shows("createTime", TEXT, "When it was made."),
    source="wire-api §9",
)
LAYER: Final = Table(
    "Layer",
    "A layer, which functions name by the ARNs of its versions.",
    said("versions", Named(LAYER_VERSION, "version", NUMBERS, "code"), "Its versions.", "versions", required=True),
    said("public", FLAG, "Whether other accounts may use it.", "public", default=False),
    source="wire-api §9",
)
