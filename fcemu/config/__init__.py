"""This package reads a definition, a file or a mapping, and makes core values of it; it writes one, too."""

from typing import TYPE_CHECKING, Any

from fcemu.config.definition import EMPTY, FILE_NAMES, Choices, Definition

if TYPE_CHECKING:
    from fcemu.config.archives import code_of
    from fcemu.config.compose import composed
    from fcemu.config.define import read_definition, read_function, read_mapping, written_settings
    from fcemu.config.parse import find_definition
    from fcemu.config.problems import DefinitionError, Problem
    from fcemu.config.write import document_of, native_form, native_text
    from fcemu.config.written import Change, Setting

__all__ = [
    "EMPTY",
    "FILE_NAMES",
    "Change",
    "Choices",
    "Definition",
    "DefinitionError",
    "Problem",
    "Setting",
    "code_of",
    "composed",
    "document_of",
    "find_definition",
    "native_form",
    "native_text",
    "read_definition",
    "read_function",
    "read_mapping",
    "written_settings",
]

_HOMES = {
    "Change": "written",
    "DefinitionError": "problems",
    "Problem": "problems",
    "Setting": "written",
    "code_of": "archives",
    "composed": "compose",
    "document_of": "write",
    "find_definition": "parse",
    "native_form": "write",
    "native_text": "write",
    "read_definition": "define",
    "read_function": "define",
    "read_mapping": "define",
    "written_settings": "define",
}


def __getattr__(name: str) -> Any:
    """What reads files is imported when it is first used: an emulator without a definition starts sooner."""
    if name not in _HOMES:
        raise AttributeError(f"module 'fcemu.config' has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(f"fcemu.config.{_HOMES[name]}"), name)
    return found
