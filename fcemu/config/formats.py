"""Which format a definition has, by its content."""

from collections.abc import Mapping
from enum import Enum
from typing import Final, NamedTuple

from fcemu.config.problems import Mark
from fcemu.config.tree import Entry, Node, Scalar, Table


class Format(Enum):
    """The formats that are read."""

    NATIVE = "fcemu.yaml"
    DEVS_3 = "Serverless Devs, edition 3.0.0"
    DEVS_1 = "Serverless Devs, edition 1.0.0"
    FUNCRAFT = "Funcraft"


class Stranger(NamedTuple):
    """A file of a format that is not read: what it looks like, where it gives itself away, and what now."""

    place: Mark
    looks_like: str
    hint: str


READ: Final = "fcemu reads fcemu.yaml, Serverless Devs files (s.yaml) and Funcraft templates (template.yml)"
_FUNCRAFT: Final = "Aliyun::Serverless"
_GIVEAWAYS: Final = (
    # what it looks like; keys of which all are there; what value the first of them has, if that matters
    ("an AWS SAM template", ("Transform",), "AWS::Serverless"),
    ("an AWS CloudFormation template", ("AWSTemplateFormatVersion",), ""),
    ("a plain ROS template", ("ROSTemplateFormatVersion",), ""),
    ("an OpenFaaS stack", ("provider", "functions", "version"), ""),
    ("a Serverless Framework file (serverless.yml)", ("provider", "functions"), ""),
    ("a Serverless Framework file (serverless.yml)", ("service", "provider"), ""),
    ("a Kubernetes manifest", ("apiVersion", "kind"), ""),
    ("an OpenAPI document", ("openapi",), ""),
    ("an OpenAPI document", ("swagger",), ""),
    ("a CI workflow", ("jobs",), ""),
    ("a CI workflow", ("stages",), ""),
    ("a Terraform file", ("resource",), ""),
    ("a Terraform file", ("terraform",), ""),
    ("a GitHub action", ("runs",), ""),
    ("an npm package", ("dependencies",), ""),
)


def format_of(tree: Table) -> Format | Stranger:
    """Which format a file has; the native one unless something else shows."""
    root = {entry.key.text: entry for entry in tree.entries}
    transforms = _texts(root["Transform"].value) if "Transform" in root else []
    if any(text.startswith(_FUNCRAFT) for text in transforms):
        return Format.FUNCRAFT
    if "edition" in root:
        return _edition(root["edition"].value)
    if _has(root, "resources", "component") or (
        "extend" in root
        and "resources" in root
        and isinstance(root["extend"].value, Scalar)
        and isinstance(root["resources"].value, Table)
    ):
        return Format.DEVS_3
    if _has(root, "services", "component"):
        return Format.DEVS_1
    return _stranger(tree, root, transforms) or Format.NATIVE


def _edition(edition: Node) -> Format | Stranger:
    text = edition.text if isinstance(edition, Scalar) else ""
    if text == "3.0.0":
        return Format.DEVS_3
    if text == "1.0.0":
        return Format.DEVS_1
    looks_like = f"a Serverless Devs file of edition {text!r}"
    return Stranger(edition.place, looks_like, "fcemu reads editions '1.0.0' and '3.0.0'")


def _stranger(tree: Table, root: Mapping[str, Entry], transforms: list[str]) -> Stranger | None:
    for looks_like, needed, value in _GIVEAWAYS:
        if not root.keys() >= set(needed):
            continue
        if not value or any(text.startswith(value) for text in transforms):
            return Stranger(root[needed[0]].key.place, looks_like, READ)
    parts = [entry.value for entry in tree.entries if isinstance(entry.value, Table)]
    if {entry.key.text for part in parts for entry in part.entries} >= {"Component", "Properties"}:
        return Stranger(tree.place, "a Serverless Devs file of its first form (Component, Properties)", READ)
    if _has(root, "services", "image") or _has(root, "services", "build"):
        return Stranger(root["services"].key.place, "a Docker Compose file", READ)
    if types := _has(root, "Resources", "Type"):
        platform = "an AWS CloudFormation" if types[0].startswith("AWS::") else "a plain ROS"
        return Stranger(root["Resources"].key.place, f"{platform} template", READ)
    return None


def _texts(node: Node) -> list[str]:
    nodes = (node,) if isinstance(node, Scalar | Table) else node.values
    return [each.text for each in nodes if isinstance(each, Scalar)]


def _has(root: Mapping[str, Entry], name: str, key: str) -> list[str]:
    """The texts of ``key`` in the maps below the map that has this name."""
    node = root[name].value if name in root else None
    parts = [entry.value for entry in node.entries] if isinstance(node, Table) else []
    values = [part.get(key) for part in parts if isinstance(part, Table)]
    return [value.text if isinstance(value, Scalar) else "" for value in values if value is not None]
