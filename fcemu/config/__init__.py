"""The YAML file: read, checked, turned into definitions."""

from fcemu.config.define import EMPTY, Definition, read_definition, read_mapping
from fcemu.config.load import find_definition
from fcemu.config.problems import DefinitionError, Problem

__all__ = ["EMPTY", "Definition", "DefinitionError", "Problem", "find_definition", "read_definition", "read_mapping"]
