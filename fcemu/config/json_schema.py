"""schema -> JSON Schema, so that editors complete and check fcemu.yaml while it is written.

It says what the loader says, but for what needs more than one value: files, names that belong together, sums.
"""

from typing import Any, Final

from fcemu.config.kinds import (
    Choice,
    Duration,
    Key,
    Named,
    Nested,
    Number,
    Numbers,
    Plain,
    Shape,
    Text,
    Texts,
    Value,
    Whole,
    expected,
    keys_of,
)
from fcemu.config.schema import FileShape
from fcemu.core.functions import RUNTIMES
from fcemu.core.limits import RELAXED, STRICT
from fcemu.core.names import FUNCTION
from fcemu.core.triggers import METHODS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE: Final = {"type": "string", "pattern": r"\$\{"}
"""In place of any value may stand ``${vars.NAME}`` or ``${env('NAME')}``."""
_PRINTABLE: Final = r"^[^\u0000-\u001f]+$"
_EXAMPLES: Final[dict[Value, list[Any]]] = {
    Plain.CRON: ["@every 5m", "0 30 2 * * *", "CRON_TZ=Asia/Shanghai 0 0 4 1 * *"],
    Plain.TARGET: ["queue:failed", "function:shop/receipt", "topic:news", "eventbus:orders"],
    Plain.METHODS: ["any", ["GET", "POST"]],
    Plain.QUALIFIER: ["LATEST", "1", "prod"],
    Plain.FUNCTION: ["hello", "shop/charge"],
    Plain.INSTANT: ["2026-01-01T00:00:00Z"],
    Plain.VARIABLES: [{"LEVEL": "INFO"}],
    Plain.WEIGHTS: [{"2": 0.1}],
    Plain.TAGS: [{"team": "media"}],
    Plain.SECRETS: [{"LTAIexample": "secret"}],
    Plain.PLACES: [{"queue:failed": "http://127.0.0.1:8080/hook"}],
}


def json_schema() -> dict[str, Any]:
    """The whole document. Bounds are the wider ones of relaxed limits, because the file itself chooses."""
    shapes: dict[type[Shape], dict[str, Any]] = {}
    _define(FileShape, shapes)
    return {
        "$schema": DIALECT,
        **shapes.pop(FileShape),
        "title": "fcemu.yaml",
        "description": "What a local emulator of Function Compute runs: functions, services, triggers, settings.",
        "$defs": {_name(shape): shapes[shape] for shape in sorted(shapes, key=_name)},
    }


def _name(shape: type[Shape]) -> str:
    return shape.__name__.removesuffix("Shape")


def _define(shape: type[Shape], shapes: dict[type[Shape], dict[str, Any]]) -> None:
    if shape in shapes:
        return
    keys = keys_of(shape)
    shapes[shape] = {}
    document: dict[str, Any] = {
        "type": "object",
        "description": _plain(shape.__doc__ or ""),
        "properties": {key.name: _property(key, shapes) for key in keys.values()},
        "additionalProperties": False,
    }
    if required := [key.name for key in keys.values() if key.required and not key.not_for]:
        document["required"] = required
    rules = [_unless_excused(key) for key in keys.values() if key.not_for]
    if shape.one_of:
        rules.append({"oneOf": [{"required": [name]} for name in shape.one_of]})
        document["dependentRequired"] = {name: [needed] for name, needed in shape.only_with.items()}
    if rules:
        document["allOf"] = rules
    shapes[shape] = document


def _unless_excused(key: Key) -> dict[str, Any]:
    """A key that must be there but for some runtimes."""
    pattern = "^(" + "|".join(key.not_for) + ")"
    excused = {"properties": {"runtime": {"type": "string", "pattern": pattern}}, "required": ["runtime"]}
    return {"if": {"not": excused}, "then": {"required": [key.name]}}


def _property(key: Key, shapes: dict[type[Shape], dict[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {"description": key.about + (" Kept, but without effect yet." if key.inert else "")}
    if key.default is not None and key.default != "now":
        document["default"] = list(key.default) if isinstance(key.default, tuple) else key.default
    if examples := _EXAMPLES.get(key.value):
        document["examples"] = examples
    return {**_value(key.value, shapes), **document}


def _value(kind: Value, shapes: dict[type[Shape], dict[str, Any]]) -> dict[str, Any]:
    """What is allowed, or a variable."""
    return {} if kind is Plain.FREE else {"anyOf": [*_choices(kind, shapes), _VARIABLE]}


def _choices(kind: Value, shapes: dict[type[Shape], dict[str, Any]]) -> list[dict[str, Any]]:
    match kind:
        case Nested(shape, short, by, many):
            return _nested(shape, short, bool(by) or many, shapes)
        case Named(shape, _, names, short):
            return [_map({"anyOf": [*_nested(shape, short, False, shapes), _VARIABLE]}, f"^({names.pattern})$")]
        case Plain.VARIABLES:
            return [_map({"type": ["string", "number", "boolean"]}, "^[A-Za-z][A-Za-z0-9_]*$")]
        case Plain.WEIGHTS:
            return [_map({"type": "number", "minimum": 0, "maximum": 1})]
        case Plain.PLACES | Plain.SECRETS | Plain.TAGS:
            return [_map({"type": "string"})]
        case Plain.METHODS:
            return [_words((*METHODS, "any")), {"type": "array", "items": _words(METHODS), "minItems": 1}]
        case Numbers(each, none):
            return [{"type": "array", "items": _scalar(each), "minItems": 0 if none else 1}]
        case Texts(free=free):
            return [{"type": "array", "items": {"type": "string"} | ({} if free else {"pattern": _PRINTABLE})}]
        case scalar:
            return [_scalar(scalar)]


def _nested(
    shape: type[Shape], short: str, listed: bool, shapes: dict[type[Shape], dict[str, Any]]
) -> list[dict[str, Any]]:
    _define(shape, shapes)
    reference = {"$ref": f"#/$defs/{_name(shape)}"}
    choices: list[dict[str, Any]] = [reference]
    if short:
        choices += _choices(keys_of(shape)[short].value, shapes)
    if listed:
        choices.append({"type": "array", "items": reference})
    return choices


def _map(inner: dict[str, Any], names: str = "") -> dict[str, Any]:
    if not names:
        return {"type": "object", "additionalProperties": inner}
    return {"type": "object", "patternProperties": {names: inner}, "additionalProperties": False}


def _words(words: tuple[str, ...]) -> dict[str, Any]:
    """One of these, in any case."""
    either = ("".join(f"[{letter.upper()}{letter.lower()}]" for letter in word) for word in words)
    return {"type": "string", "pattern": f"^({'|'.join(either)})$"}


def _scalar(kind: Value) -> dict[str, Any]:
    match kind:
        case Text(_, pattern):
            return {"type": "string", "pattern": _PRINTABLE if pattern == ".+" else f"^({pattern})$"}
        case Plain.PAYLOAD:
            return {"type": "string"}
        case Plain.FUNCTION:
            return {"type": "string", "pattern": f"^({FUNCTION})$"}
        case Choice(words):
            return {"enum": list(words)}
        case Whole(_, bounds) | Duration(bounds):
            least, most = bounds(RELAXED)
            strict = expected(kind, STRICT)
            return {"type": "integer", "minimum": least, "maximum": most, "$comment": f"with strict limits {strict}"}
        case Number(_, least, most, above):
            return {"type": "number", "exclusiveMinimum" if above else "minimum": least, "maximum": most}
        case Plain.FLAG:
            return {"type": "boolean"}
        case Plain.RUNTIME:
            return {"enum": list(RUNTIMES)}
        case Plain.QUALIFIER:
            text = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,128}$"}
            return {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 999_999_999}, text]}
        case _:
            return {"type": "string", "pattern": _PRINTABLE}


def _plain(text: str) -> str:
    """A docstring as text for people."""
    return " ".join(text.replace("``", "").split())
