"""The document of OpenAPI 3.1 that describes fcemu's own API; made from the rows of ``routes.py``."""

import re
from types import NoneType
from typing import Any, Final

from fcemu.own_api.codec import Schema, kind_of, members_of
from fcemu.own_api.problems import PROBLEM_JSON, PROBLEMS
from fcemu.own_api.records import ProblemDocument
from fcemu.own_api.routes import JSON, PATH_PARAMETERS, PREFIX, ROUTES, Route

_LINK: Final = re.compile(r"\[([^]]+)\]\([^)]+\)")
"""A link from one page of the documents to another."""


def document(version: str) -> dict[str, Any]:
    """The whole document, for this version of fcemu."""
    schemas: dict[str, Schema] = {}
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(f"{PREFIX}{route.path}", {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "fcemu",
            "version": version,
            "summary": (
                "This is the own API of fcemu, a local emulator of Alibaba Cloud Function Compute on a virtual clock."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An emulator that is open to other machines requires this token.",
                }
            },
        },
    }


def _operation(route: Route[Any], schemas: dict[str, Schema]) -> dict[str, Any]:
    help_text = _LINK.sub(r"\1", route.help)
    made: dict[str, Any] = {"operationId": route.name, "description": f"{help_text[0].upper()}{help_text[1:]}."}
    if parameters := _parameters(route, schemas):
        made["parameters"] = parameters
    if route.takes is not None:
        made["requestBody"] = _body(route, schemas)
    made["responses"] = {**_answer(route, schemas), **_problems(route, schemas)}
    if route.tokenless:
        made["security"] = [{}]
    return made


def _parameters(route: Route[Any], schemas: dict[str, Schema]) -> list[dict[str, Any]]:
    in_path = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": PATH_PARAMETERS[name],
            "schema": {"type": "string", "minLength": 1},
        }
        for name in route.parameters
    ]
    in_query = [
        {"name": name, "in": "query", "required": member.required, "schema": member.kind.schema(schemas)}
        for name, member in members_of(route.query).items()
    ]
    return in_path + in_query


def _body(route: Route[Any], schemas: dict[str, Schema]) -> dict[str, Any]:
    """No body is an object without members."""
    if route.takes is dict:
        return {"required": False, "content": {JSON: {"schema": {"type": "object", "additionalProperties": True}}}}
    before = set(schemas)
    schema = kind_of(route.takes).schema(schemas)
    for name in schemas.keys() - before:  # a member that is not known is refused
        schemas[name]["additionalProperties"] = False
    if route.takes_one:
        schema |= {"minProperties": 1, "maxProperties": 1}
    required = route.takes_one or any(member.required for member in members_of(route.takes).values())
    return {"required": required, "content": {JSON: {"schema": schema}}}


def _answer(route: Route[Any], schemas: dict[str, Schema]) -> dict[str, Any]:
    if route.answers is NoneType:
        return {"204": {"description": "The request was carried out."}}
    schema = {} if route.answers is bytes else kind_of(route.answers).schema(schemas)
    if route.content == (JSON,):
        return {"200": {"description": "The answer.", "content": {JSON: {"schema": schema}}}}
    # A stream's content is text to OpenAPI 3.1; what each line or event tells is named beside it.
    if "$ref" in schema:
        schema = {"type": "string", "description": f"Each line or event is one {schema['$ref'].rpartition('/')[2]}."}
    by_content = {content: {"type": "object"} if content == JSON else schema for content in route.content}
    return {
        "200": {
            "description": "The answer.",
            "content": {content: {"schema": schema} for content, schema in by_content.items()},
        }
    }


def _problems(route: Route[Any], schemas: dict[str, Schema]) -> dict[str, Any]:
    """The problems by status; any other one is described by ``default``."""
    by_status: dict[int, list[str]] = {}
    for name in sorted(set(route.all_problems()), key=list(PROBLEMS).index):
        by_status.setdefault(PROBLEMS[name][0], []).append(name)
    content = {PROBLEM_JSON: {"schema": kind_of(ProblemDocument).schema(schemas)}}
    return {
        **{
            str(status): {"description": f"{', '.join(names)}.", "content": content}
            for status, names in by_status.items()
        },
        "default": {"description": "Another problem.", "content": content},
    }
