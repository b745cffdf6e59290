"""This module makes the JSON Schema by which editors complete and check fcemu.yaml while it is written.

It says what the loader says, but for what no JSON Schema can say: files, names that belong together, sums, which of two
numbers is larger, and whether a timer ever fires.
"""

from collections.abc import Iterable
from typing import Any, Final

from fcemu.config.schema import FILE, STEP
from fcemu.core.fields.functions import FUNCTION, SERVICE
from fcemu.core.fields.kinds import Duration, Kind, Whole
from fcemu.core.fields.rows import ABSENT, Field, Named, Nested, Table, Value
from fcemu.core.functions import DEFAULT_RUNTIME
from fcemu.core.limits import RELAXED, STRICT
from fcemu.core.names import LATEST
from fcemu.core.stubs import REFUSALS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_ANYWHERE: Final = r"\$\{"
_VARIABLE: Final = {"type": "string", "pattern": _ANYWHERE}
"""In place of any value may stand ``${vars.NAME}`` or ``${env('NAME')}``."""


def json_schema() -> dict[str, Any]:
    """The whole document. Bounds are the wider ones of relaxed limits; where the file does not choose these, the
    narrower ones hold besides."""
    schema = _Schema()
    whole = schema.document(FILE, "3.0")
    relaxed = {
        "properties": {"emulator": {"properties": {"limits": {"const": "relaxed"}}, "required": ["limits"]}},
        "required": ["emulator"],
    }
    whole.setdefault("allOf", []).append({"if": relaxed, "else": _strict(FILE)})
    return {
        "$schema": DIALECT,
        **whole,
        "title": "fcemu.yaml",
        "description": (
            "This file describes what a local emulator of Function Compute runs: functions, services, triggers, "
            "settings."
        ),
        "$defs": dict(sorted(schema.tables.items())),
    }


class _Schema:
    """Collects the tables; one whose keys depend on the generation is there once for each."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, Any]] = {}

    def reference(self, table: Table, generation: str) -> dict[str, Any]:
        """Where a table stands in the document."""
        differs = table is FUNCTION or any(field.only for field in table.keys.values())
        name = table.name + (f"-{generation}" if differs else "")
        if name not in self.tables:
            self.tables[name] = {}
            self.tables[name] = self.document(table, generation)
        return {"$ref": f"#/$defs/{name}"}

    def document(self, table: Table, generation: str) -> dict[str, Any]:
        """A map by its table, in functions of one generation."""
        if table is SERVICE:
            generation = "2.0"
        fields = [field for field in table.keys.values() if field.only in ("", generation)]
        document: dict[str, Any] = {
            "type": "object",
            "description": " ".join(table.about.replace("``", "").split()),
            "properties": {field.key: self._property(field, generation) for field in fields},
            "additionalProperties": False,
        }
        if required := [field.key for field in fields if field.required and not field.not_for]:
            document["required"] = required
        rules = [_unless_excused(field) for field in fields if field.not_for]
        rules += _of_runtimes(fields, is_default=table is FUNCTION)
        if table.one_of:
            rules.append({"oneOf": [{"required": [name]} for name in table.one_of]})
            document["dependentRequired"] = {name: [needed] for name, needed in table.only_with.items()}
        if table is not FUNCTION or generation == "2.0":
            rules += _CONTRADICTIONS.get(table, [])
        if rules:
            document["allOf"] = rules
        return document

    def _property(self, field: Field, generation: str) -> dict[str, Any]:
        value = field.in_file
        document: dict[str, Any] = {
            "description": field.about + (" fcemu keeps it, but it has no effect yet." if field.inert else "")
        }
        if field.default is not ABSENT and field.default != "now":
            document["default"] = list(field.default) if isinstance(field.default, tuple) else field.default
        if isinstance(value, Kind) and value.examples:
            document["examples"] = list(value.examples)
        choices = self._choices(value, generation)
        return {**({"anyOf": [*choices, _VARIABLE]} if choices != [{}] else {}), **document}

    def _choices(self, value: Value, generation: str) -> list[dict[str, Any]]:
        match value:
            case Nested(table, short, by, many):
                return self._nested(table, short, bool(by) or many, generation)
            case Named(table, _, names, short):
                inner = {"anyOf": [*self._nested(table, short, False, generation), _VARIABLE]}
                pattern = {f"^({names.pattern})$": inner}
                return [{"type": "object", "patternProperties": pattern, "additionalProperties": False}]
        return [*map(_or_variables, (value.in_service() if generation == "2.0" else value).schemas())]

    def _nested(self, table: Table, short: str, listed: bool, generation: str) -> list[dict[str, Any]]:
        reference = self.reference(table, generation)
        choices: list[dict[str, Any]] = [reference]
        if short:
            choices += self._choices(table.keys[short].in_file, generation)
        if listed:
            choices.append({"type": "array", "items": reference})
        return choices


def _or_variables(schema: dict[str, Any]) -> dict[str, Any]:
    """With a variable in place of each part of a value."""
    made = dict(schema)
    for word in ("items", "additionalProperties"):
        if isinstance(made.get(word), dict):
            made[word] = {"anyOf": [made[word], _VARIABLE]}
    if "patternProperties" in made:
        made["patternProperties"] = {
            name: {"anyOf": [inner, _VARIABLE]} for name, inner in made["patternProperties"].items()
        }
    return made


def _unless_excused(field: Field) -> dict[str, Any]:
    """A key that must be there but for some runtimes."""
    pattern = "^(" + "|".join(field.not_for) + ")"
    excused = {"properties": {"runtime": {"type": "string", "pattern": pattern}}, "required": ["runtime"]}
    return {"if": {"not": excused}, "then": {"required": [field.key]}}


def _of_runtimes(fields: Iterable[Field], *, is_default: bool) -> list[dict[str, Any]]:
    """Keys that mean something in some runtimes only. ``is_default``: without a runtime, the usual one holds."""
    rules: list[dict[str, Any]] = []
    bound: dict[str, list[str]] = {}
    for field in fields:
        if field.runs_in:
            bound.setdefault(field.runs_in, []).append(field.key)
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
_CONTRADICTIONS: Final[dict[Table, list[dict[str, Any]]]] = {
    STEP: [
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
    FUNCTION: [
        {
            "not": {
                "properties": {"onDemandConfig": {"anyOf": [_USUAL, {"type": "array", "contains": _USUAL}]}},
                "required": ["onDemandConfig", "reservedConcurrency"],
            }
        }
    ],
}
"""What ``schema.CONTRADICTIONS`` says of stubs, and the ``Definer`` of a bound that is said twice."""


def _strict(table: Table) -> dict[str, Any]:
    """What strict limits bound more narrowly than relaxed ones, at its places."""
    found: dict[str, Any] = {}
    for key, field in table.keys.items():
        match field.in_file:
            case Whole(_, bounds, step) if bounds and (step > 1 or bounds(STRICT) != bounds(RELAXED)):
                least, most = bounds(STRICT)
                found[key] = {"minimum": least, "maximum": most} | ({"multipleOf": step} if step > 1 else {})
            case Duration(bounds) if bounds(STRICT) != bounds(RELAXED):
                found[key] = dict(zip(("minimum", "maximum"), bounds(STRICT), strict=True))
            case Nested(inner, by=by, many=many) if below := _strict(inner):
                found[key] = {**below, "items": below} if by or many else below
            case Named(inner) if below := _strict(inner):
                found[key] = {"additionalProperties": below}
    return {"properties": found} if found else {}
