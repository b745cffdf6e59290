"""schema -> JSON Schema, so that editors complete and check fcemu.yaml while it is written.

It says what the loader says, but for what no JSON Schema can say: files, names that belong together, sums, which of two
numbers is larger, and whether a timer ever fires.
"""

from collections.abc import Iterable
from typing import Any, Final

from fcemu.config.function_shapes import FunctionShape, ServiceShape
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
from fcemu.config.schema import FileShape, StepShape
from fcemu.core.cron import LONGEST_EXPRESSION
from fcemu.core.destinations import DESTINATION, MAIL_DESTINATION
from fcemu.core.functions import DEFAULT_RUNTIME, RESERVED_IN_2_0, RUNTIMES
from fcemu.core.limits import RELAXED, STRICT
from fcemu.core.names import FUNCTION, LATEST
from fcemu.core.stubs import REFUSALS
from fcemu.core.triggers import METHODS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_ANYWHERE: Final = r"\$\{"
_VARIABLE: Final = {"type": "string", "pattern": _ANYWHERE}
"""In place of any value may stand ``${vars.NAME}`` or ``${env('NAME')}``."""
_PRINTABLE: Final = r"^[^\u0000-\u001f]+$"
_URL: Final = r"^[Hh][Tt][Tt][Pp][Ss]?://[!-~]+$"
_INSTANT: Final = (
    r"^[0-9]{4}-?([0-9]{2}-?[0-9]{2}|W[0-9]{2}(-?[0-9])?)."  # the date, and one character before the time
    r"[0-9]{2}(:?[0-9]{2}){0,2}([.,][0-9]+)?(Z|[+-][0-9]{2}(:?[0-9]{2}){0,2}(\.[0-9]+)?)$"
)
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
    """The whole document. Bounds are the wider ones of relaxed limits; where the file does not choose these, the
    narrower ones hold besides."""
    schema = _Schema()
    whole = schema.document(FileShape, "3.0")
    relaxed = {
        "properties": {"emulator": {"properties": {"limits": {"const": "relaxed"}}, "required": ["limits"]}},
        "required": ["emulator"],
    }
    whole.setdefault("allOf", []).append({"if": relaxed, "else": _strict(FileShape)})
    return {
        "$schema": DIALECT,
        **whole,
        "title": "fcemu.yaml",
        "description": "What a local emulator of Function Compute runs: functions, services, triggers, settings.",
        "$defs": dict(sorted(schema.shapes.items())),
    }


class _Schema:
    """Collects the shapes; one whose keys depend on the generation is there once for each."""

    def __init__(self) -> None:
        self.shapes: dict[str, dict[str, Any]] = {}

    def reference(self, shape: type[Shape], generation: str) -> dict[str, Any]:
        """Where a shape stands in the document."""
        differs = any(key.only for key in keys_of(shape).values())
        name = shape.__name__.removesuffix("Shape") + (f"-{generation}" if differs else "")
        if name not in self.shapes:
            self.shapes[name] = {}
            self.shapes[name] = self.document(shape, generation)
        return {"$ref": f"#/$defs/{name}"}

    def document(self, shape: type[Shape], generation: str) -> dict[str, Any]:
        """A map by its shape, in functions of one generation."""
        if shape is ServiceShape:
            generation = "2.0"
        keys = [key for key in keys_of(shape).values() if key.only in ("", generation)]
        document: dict[str, Any] = {
            "type": "object",
            "description": _plain(shape.__doc__ or ""),
            "properties": {key.name: self._property(key, generation) for key in keys},
            "additionalProperties": False,
        }
        if required := [key.name for key in keys if key.required and not key.not_for]:
            document["required"] = required
        rules = [_unless_excused(key) for key in keys if key.not_for]
        rules += _of_runtimes(keys, is_default=shape is FunctionShape)
        if shape.one_of:
            rules.append({"oneOf": [{"required": [name]} for name in shape.one_of]})
            document["dependentRequired"] = {name: [needed] for name, needed in shape.only_with.items()}
        if shape is not FunctionShape or generation == "2.0":
            rules += _CONTRADICTIONS.get(shape, [])
        if rules:
            document["allOf"] = rules
        return document

    def _property(self, key: Key, generation: str) -> dict[str, Any]:
        document: dict[str, Any] = {"description": key.about + (" Kept, but without effect yet." if key.inert else "")}
        if key.default is not None and key.default != "now":
            document["default"] = list(key.default) if isinstance(key.default, tuple) else key.default
        if examples := _EXAMPLES.get(key.value):
            document["examples"] = examples
        choices = [] if key.value is Plain.FREE else [*self._choices(key.value, generation), _VARIABLE]
        return {**({"anyOf": choices} if choices else {}), **document}

    def _choices(self, kind: Value, generation: str) -> list[dict[str, Any]]:
        match kind:
            case Nested(shape, short, by, many):
                return self._nested(shape, short, bool(by) or many, generation)
            case Named(shape, _, names, short):
                inner = {"anyOf": [*self._nested(shape, short, False, generation), _VARIABLE]}
                return [_map(inner, f"^({names.pattern})$")]
            case Plain.VARIABLES:
                reserved = "|".join(f"{name}$" for name in sorted(RESERVED_IN_2_0)) if generation == "2.0" else ""
                variables = f"^(?!FC_{'|' if reserved else ''}{reserved})[A-Za-z][A-Za-z0-9_]*$"
                return [_map({"type": ["string", "number", "boolean"], "pattern": r"^[^\u0000]*$"}, variables)]
            case Plain.WEIGHTS:
                return [_map({"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, _VARIABLE]})]
            case Plain.PLACES:
                return [_map({"anyOf": [{"type": "string", "pattern": _URL}, _VARIABLE]}, f"^({MAIL_DESTINATION})$")]
            case Plain.SECRETS:
                return [_map({"type": "string", "pattern": _PRINTABLE})]
            case Plain.TAGS:
                return [_map({"type": "string"})]
            case Plain.METHODS:
                return [_words((*METHODS, "any")), {"type": "array", "items": _words(METHODS), "minItems": 1}]
            case Numbers(each):
                return [{"type": "array", "items": {"anyOf": [_scalar(each), _VARIABLE]}, "minItems": 1}]
            case Texts(free=free):
                return [{"type": "array", "items": {"type": "string"} | ({} if free else {"pattern": _PRINTABLE})}]
            case scalar:
                return [_scalar(scalar)]

    def _nested(self, shape: type[Shape], short: str, listed: bool, generation: str) -> list[dict[str, Any]]:
        reference = self.reference(shape, generation)
        choices: list[dict[str, Any]] = [reference]
        if short:
            choices += self._choices(keys_of(shape)[short].value, generation)
        if listed:
            choices.append({"type": "array", "items": reference})
        return choices


def _unless_excused(key: Key) -> dict[str, Any]:
    """A key that must be there but for some runtimes."""
    pattern = "^(" + "|".join(key.not_for) + ")"
    excused = {"properties": {"runtime": {"type": "string", "pattern": pattern}}, "required": ["runtime"]}
    return {"if": {"not": excused}, "then": {"required": [key.name]}}


def _of_runtimes(keys: Iterable[Key], *, is_default: bool) -> list[dict[str, Any]]:
    """Keys that mean something in some runtimes only. ``is_default``: without a runtime, the usual one holds."""
    rules: list[dict[str, Any]] = []
    bound: dict[str, list[str]] = {}
    for key in keys:
        if key.runs_in:
            bound.setdefault(key.runs_in, []).append(key.name)
    for begins, names in bound.items():
        taken = {"type": "string", "not": {"pattern": f"^({begins}|micro-sandbox$)|{_ANYWHERE}"}}
        other: dict[str, Any] = {"properties": {"runtime": taken}, "required": ["runtime"]}
        if is_default and not DEFAULT_RUNTIME.startswith(begins):
            other = {"anyOf": [other, {"not": {"required": ["runtime"]}}]}
        rules.append({"if": other, "then": {"properties": dict.fromkeys(names, False)}})
    return rules


_SAID: Final = {"not": {"type": "null"}}
_REFUSED: Final = {"properties": {"status": {"enum": [*REFUSALS]}}, "required": ["status"]}
_USUAL: Final = {
    "type": "object",
    "anyOf": [{"not": {"required": ["qualifier"]}}, {"properties": {"qualifier": {"const": LATEST}}}],
}
_CONTRADICTIONS: Final[dict[type[Shape], list[dict[str, Any]]]] = {
    StepShape: [
        {"not": {"properties": {"returns": _SAID, "raises": _SAID}, "required": ["returns", "raises"]}},
        {"properties": {"status": {"anyOf": [{"enum": [200, *REFUSALS]}, _VARIABLE]}}},
        {
            "if": _REFUSED,
            "then": {
                "properties": {
                    "returns": {"type": "null"},
                    "raises": {"type": "null"},
                    "seconds": {"const": 0},
                    "logs": {"const": ""},
                }
            },
        },
    ],
    FunctionShape: [
        {
            "not": {
                "properties": {"onDemandConfig": {"anyOf": [_USUAL, {"type": "array", "contains": _USUAL}]}},
                "required": ["onDemandConfig", "reservedConcurrency"],
            }
        }
    ],
}
"""What ``Shape.contradiction`` says of them."""


def _strict(shape: type[Shape]) -> dict[str, Any]:
    """What strict limits bound more narrowly than relaxed ones, at its places."""
    found: dict[str, Any] = {}
    for key in keys_of(shape).values():
        match key.value:
            case Whole(_, bounds, step) if bounds(STRICT) != bounds(RELAXED) or step > 1:
                least, most = bounds(STRICT)
                found[key.name] = {"minimum": least, "maximum": most} | ({"multipleOf": step} if step > 1 else {})
            case Duration(bounds) if bounds(STRICT) != bounds(RELAXED):
                found[key.name] = dict(zip(("minimum", "maximum"), bounds(STRICT), strict=True))
            case Nested(inner, by=by, many=many) if below := _strict(inner):
                found[key.name] = {**below, "items": below} if by or many else below
            case Named(inner) if below := _strict(inner):
                found[key.name] = {"additionalProperties": below}
    return {"properties": found} if found else {}


def _map(inner: dict[str, Any], names: str = "") -> dict[str, Any]:
    if not names:
        return {"type": "object", "additionalProperties": inner}
    return {"type": "object", "patternProperties": {names: inner}, "additionalProperties": False}


def _any_case(word: str) -> str:
    return "".join(f"[{letter.upper()}{letter.lower()}]" for letter in word)


def _words(words: tuple[str, ...]) -> dict[str, Any]:
    """One of these, in any case."""
    return {"type": "string", "pattern": f"^({'|'.join(map(_any_case, words))})$"}


def _field(value: str, also: str = "") -> str:
    """A field of a cron expression: values, ranges and steps of them."""
    one = rf"(\*|({value})(-({value}))?)(/0*[1-9][0-9]*)?"
    return f"({one}(,{one})*{also})"


_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS: Final = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_FIELDS: Final = (
    *[_field("0*[1-5]?[0-9]")] * 2,
    _field("0*(1?[0-9]|2[0-3])"),
    _field("0*([1-9]|[12][0-9]|3[01])", r"|\?"),
    _field("|".join(["0*([1-9]|1[0-2])", *map(_any_case, _MONTHS)])),
    _field(f"0*([0-7]|{'|'.join(map(_any_case, _DAYS))})", r"|\?"),
)
_SPACES: Final = r"\s+"
_CRON: Final = rf"^\s*(@every\s+(?=.*[1-9])([0-9]+[hms])+|(CRON_TZ=\S+\s+)?{_SPACES.join(_FIELDS)})\s*$"


def _scalar(kind: Value) -> dict[str, Any]:
    match kind:
        case Text(_, pattern):
            return {"type": "string", "pattern": _PRINTABLE if pattern == ".+" else f"^({pattern})$"}
        case Plain.PAYLOAD:
            return {"type": "string"}
        case Plain.FUNCTION:
            return {"type": "string", "pattern": f"^({FUNCTION})$"}
        case Plain.TARGET:
            most = max(STRICT.destination_arn_characters, RELAXED.destination_arn_characters)
            return {"type": "string", "pattern": f"^({DESTINATION})$", "maxLength": most}
        case Plain.CRON:
            return {"type": "string", "pattern": _CRON, "maxLength": LONGEST_EXPRESSION}
        case Plain.INSTANT:
            return {"type": "string", "pattern": _INSTANT}
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
