"""This module tells which format a file has, by its content."""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

from fcemu.config.definition import Choices
from fcemu.config.problems import Mark, Report
from fcemu.config.tree import Items, Node, Scalar, Table
from fcemu.core.values import value


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


@value
class Source:
    """A file that is to be translated into native form."""

    tree: Table
    report: Report
    root: Path
    choices: Choices


READ: Final = "fcemu reads fcemu.yaml, Serverless Devs files (s.yaml) and Funcraft templates (template.yml)"


class Sign(NamedTuple):
    """What a file gives itself away by.

    ``means``: the format, what messages call one that is not read, or formats by what the first key says. ``keys``:
    keys of the root of which all are there. ``begins``: with what a text of the first of them begins, or, with
    ``below``, a text under that key in one of the maps inside of it.
    """

    means: Format | str | Mapping[str, Format]
    keys: tuple[str, ...]
    begins: str = ""
    below: str = ""


_SIGNS: Final = (
    Sign(Format.FUNCRAFT, ("Transform",), "Aliyun::Serverless"),
    Sign({"3.0.0": Format.DEVS_3, "1.0.0": Format.DEVS_1}, ("edition",)),
    Sign(Format.DEVS_3, ("resources",), below="component"),
    Sign(Format.DEVS_3, ("resources", "extend")),
    Sign(Format.DEVS_1, ("services",), below="component"),
    Sign("an AWS SAM template", ("Transform",), "AWS::Serverless"),
    Sign("an AWS CloudFormation template", ("AWSTemplateFormatVersion",)),
    Sign("a plain ROS template", ("ROSTemplateFormatVersion",)),
    Sign("an OpenFaaS stack", ("provider", "functions", "version")),
    Sign("a Serverless Framework file (serverless.yml)", ("provider", "functions")),
    Sign("a Serverless Framework file (serverless.yml)", ("service", "provider")),
    Sign("a Kubernetes manifest", ("apiVersion", "kind")),
    Sign("an OpenAPI document", ("openapi",)),
    Sign("an OpenAPI document", ("swagger",)),
    Sign("a CI workflow", ("jobs",)),
    Sign("a CI workflow", ("stages",)),
    Sign("a Terraform file", ("resource",)),
    Sign("a Terraform file", ("terraform",)),
    Sign("a GitHub action", ("runs",)),
    Sign("an npm package", ("dependencies",)),
    Sign("a Docker Compose file", ("services",), below="image"),
    Sign("a Docker Compose file", ("services",), below="build"),
    Sign("an AWS CloudFormation template", ("Resources",), "AWS::", below="Type"),
    Sign("a plain ROS template", ("Resources",), below="Type"),
)
"""The first of them that a file has says what it is."""


def format_of(tree: Table) -> Format | Stranger:
    """Which format a file has; the native one unless something else shows."""
    root = {entry.key.text: entry for entry in tree.entries}
    for means, keys, begins, below in _SIGNS:
        if not root.keys() >= {*keys}:
            continue
        first = root[keys[0]]
        if (begins or below) and not any(text.startswith(begins) for text in _texts(first.value, below)):
            continue
        match means:
            case Format():
                return means
            case str():
                return Stranger(first.key.place, means, READ)
        said = first.value.text if isinstance(first.value, Scalar) else ""
        looks_like = f"a Serverless Devs file of edition {said!r}"
        return means.get(said) or Stranger(first.value.place, looks_like, "fcemu reads editions '1.0.0' and '3.0.0'")
    parts = [entry.value for entry in tree.entries if isinstance(entry.value, Table)]
    if {entry.key.text for part in parts for entry in part.entries} >= {"Component", "Properties"}:
        return Stranger(tree.place, "a Serverless Devs file of its first form (Component, Properties)", READ)
    return Format.NATIVE


def _texts(node: Node, below: str) -> list[str]:
    """The texts of a value; with ``below``, those under this key in the maps inside of it."""
    if below:
        parts = [entry.value for entry in node.entries] if isinstance(node, Table) else []
        found = [value for part in parts if isinstance(part, Table) and (value := part.get(below)) is not None]
        return [value.text if isinstance(value, Scalar) else "" for value in found]
    return [each.text for each in (node.values if isinstance(node, Items) else [node]) if isinstance(each, Scalar)]
