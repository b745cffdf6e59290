"""Which format a definition has, by its content."""

from enum import Enum
from typing import Final, NamedTuple

from fcemu.config.problems import Mark
from fcemu.config.tree import Node, Scalar, Table


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
    transforms = _texts(tree.get("Transform"))
    if any(text.startswith(_FUNCRAFT) for text in transforms):
        return Format.FUNCRAFT
    if tree.get("edition") is not None:
        return _edition(tree)
    if _with(tree.get("resources"), "component") or (
        isinstance(tree.get("extend"), Scalar) and isinstance(tree.get("resources"), Table)
    ):
        return Format.DEVS_3
    if _with(tree.get("services"), "component"):
        return Format.DEVS_1
    return _stranger(tree, transforms) or Format.NATIVE


def _edition(tree: Table) -> Format | Stranger:
    edition = tree.get("edition")
    text = edition.text if isinstance(edition, Scalar) else ""
    if text == "3.0.0":
        return Format.DEVS_3
    if text == "1.0.0":
        return Format.DEVS_1
    place = edition.place if edition is not None else tree.place
    return Stranger(place, f"a Serverless Devs file of edition {text!r}", "fcemu reads editions '1.0.0' and '3.0.0'")


def _stranger(tree: Table, transforms: list[str]) -> Stranger | None:
    keys = {entry.key.text: entry.key.place for entry in tree.entries}
    for looks_like, needed, value in _GIVEAWAYS:
        if not keys.keys() >= set(needed):
            continue
        if not value or any(text.startswith(value) for text in transforms):
            return Stranger(keys[needed[0]], looks_like, READ)
    if _with(tree, "Component") and _with(tree, "Properties"):
        return Stranger(tree.place, "a Serverless Devs file of its first form (Component, Properties)", READ)
    services = tree.get("services")
    if _with(services, "image") or _with(services, "build"):
        return Stranger(keys["services"], "a Docker Compose file", READ)
    if types := _with(tree.get("Resources"), "Type"):
        platform = "an AWS CloudFormation" if types[0].startswith("AWS::") else "a plain ROS"
        return Stranger(keys["Resources"], f"{platform} template", READ)
    return None


def _texts(node: Node | None) -> list[str]:
    nodes = node.values if node is not None and not isinstance(node, Scalar | Table) else (node,)
    return [each.text for each in nodes if isinstance(each, Scalar)]


def _with(node: Node | None, key: str) -> list[str]:
    """The texts of ``key`` in the maps below a map."""
    parts = [entry.value for entry in node.entries] if isinstance(node, Table) else []
    values = [part.get(key) for part in parts if isinstance(part, Table)]
    return [value.text if isinstance(value, Scalar) else "" for value in values if value is not None]
